"""Processor time of the servers for each request, taken in turns, so that the machine's mood is the same for all."""

from __future__ import annotations

from pathlib import Path

from bench.certificates import Certificates
from bench.load import send
from bench.measure import settled_cpu
from bench.scenarios import Scenario
from bench.servers import KINDS, Server

# scenario -> server -> microseconds, one for each round
Requests = dict[str, dict[str, list[float]]]


def measure_requests(
    directory: Path, certificates: Certificates, scenarios: list[Scenario], rounds: int, scale: float = 1
) -> Requests:
    scenarios = [scenario for scenario in scenarios if scenario.count]
    if not scenarios:
        return {}
    keys = sorted({key for scenario in scenarios for key in scenario.servers})
    servers = {key: Server(KINDS[key], directory / key, certificates.server, [certificates.ca]) for key in keys}
    found: Requests = {scenario.key: {key: [] for key in scenario.servers} for scenario in scenarios}
    try:
        for server in servers.values():
            server.start()
        for scenario in scenarios:
            for key in scenario.servers:
                send(servers[key], scenario, _at_least_ten(scenario.count * scale / 10), certificates)
        for turn in range(rounds):
            print(f"  round {turn + 1} of {rounds}", flush=True)
            for scenario in scenarios:
                shift = turn % len(scenario.servers)
                for key in scenario.servers[shift:] + scenario.servers[:shift]:
                    count = _at_least_ten(scenario.count * scale)
                    found[scenario.key][key].append(_one(servers[key], scenario, count, certificates))
    finally:
        for server in servers.values():
            server.stop()
    return found


def _at_least_ten(count: float) -> int:
    return max(10, int(count))


def _one(server: Server, scenario: Scenario, count: int, certificates: Certificates) -> float:
    before = settled_cpu(server.pids)
    send(server, scenario, count, certificates)
    return (settled_cpu(server.pids) - before) / count
