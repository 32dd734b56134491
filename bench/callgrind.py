"""Instructions per request, counted by valgrind's callgrind: the same on every machine, however busy it is.

Each server runs as one process. The instructions of a few requests are subtracted from those of many more, so that what is
done once does not count; and those of a few virtual hosts from those of many. Not counted either: what the kernel does.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Callable, Sequence

from bench.certificates import Certificates
from bench.load import send
from bench.scenarios import SCENARIOS, Scenario
from bench.servers import KINDS, Server
from bench.startup import ALL_SERIES, Series

FEW, MANY = 5, 25
FEW_VHOSTS, MANY_VHOSTS = 50, 300

# small requests need many of them, or what else the server does would show
_EACH = {"full": 1, "resumed": 1, "returning": 1, "h1": 25, "h1-address": 25, "h2": 25}
# not worth an hour more: the refusals of TLS 1.2
_LEFT_OUT = ("none-1.2", "bad-1.2")


@dataclass
class Cost:
    """Instructions: all; those of httpd's threads; those of serving connections; by function those in it and below it; of these,
    those in functions that Debian has taken the names from, mod_ssl's hooks for instance; and how often it is called.

    httpd's threads also wake up from time to time, the more often the longer a run takes. nginx does not: all of it serves."""

    total: float = 0
    threads: float = 0
    served: float = 0
    inclusive: dict[str, float] = field(default_factory=dict)
    nameless: dict[str, float] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)


def count_requests(
    directory: Path, certificates: Certificates, scenarios: list[Scenario], few: int = FEW, many: int = MANY
) -> dict[str, dict[str, Cost]]:
    """Scenario -> server -> cost of one request."""
    wanted = [(scenario, key) for scenario in scenarios for key in _counted(scenario)]
    places = _Places(directory)

    def one(pair: tuple[Scenario, str]) -> Cost:
        scenario, key = pair
        each = _EACH[scenario.work]

        def run(requests: int) -> Cost:
            server = Server(KINDS[key], places.next(), certificates.servers[scenario.server_key], [certificates.ca])
            return _run(server, scenario, requests, certificates)

        return _difference(run, few * each, many * each)

    found: dict[str, dict[str, Cost]] = {}
    for (scenario, key), cost in zip(wanted, _side_by_side(one, wanted)):
        found.setdefault(scenario.key, {})[key] = cost
    return found


def _counted(scenario: Scenario) -> tuple[str, ...]:
    """The servers whose instructions are counted. Where the module may be Off, it is compared with httpd without it."""
    if scenario.driver != "client" or scenario.key in _LEFT_OUT:
        return ()
    return (*scenario.servers, "httpd-cfaop-off") if scenario.count and "httpd-none" in scenario.servers else scenario.servers


def count_starts(
    directory: Path, certificates: Certificates, few: int = FEW_VHOSTS, many: int = MANY_VHOSTS
) -> dict[str, float]:
    """Series -> instructions for each virtual host, from the start until the server serves."""
    counted = [series for series in ALL_SERIES if series.server.startswith("httpd") and series.trusted != "bundle"]
    places = _Places(directory)
    certificates.own_cas(many)

    def one(series: Series) -> float:
        def run(vhosts: int) -> Cost:
            cas = series.cas(vhosts, certificates)
            server = Server(KINDS[series.server], places.next(), certificates.server, cas)
            return _run(server, _scenario("none-1.3"), 1, certificates)

        cost = _difference(run, few, many)
        # what the main process does once it serves, and when it ends, is below this
        return cost.total - cost.threads - cost.inclusive.get("ap_run_mpm", 0)

    return {series.key: cost for series, cost in zip(counted, _side_by_side(one, counted))}


class _Places:
    """Directories, a new one at each call; of several threads. Their names are of one length, since longer paths cost more."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._numbers = directory, count(100)

    def next(self) -> Path:
        return self._directory / f"callgrind-{next(self._numbers)}"


def _scenario(key: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.key == key)


def _side_by_side(function: Callable, arguments: Sequence) -> list:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        try:
            return list(pool.map(function, arguments))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run(server: Server, scenario: Scenario, requests: int, certificates: Certificates) -> Cost:
    out = server.directory / "callgrind.out"
    server.start_in_debugger("valgrind", "--quiet", "--vgdb=no", "--tool=callgrind", f"--callgrind-out-file={out}")
    try:
        send(server, scenario, requests, certificates)
    finally:
        server.stop()
    return read_callgrind(out)


def _difference(run: Callable[[int], Cost], few: int, many: int) -> Cost:
    less, more = run(few), run(many)

    def each(what: str) -> dict[str, float]:
        some = getattr(less, what)
        return {name: (all_ - some.get(name, 0)) / (many - few) for name, all_ in getattr(more, what).items()}

    return Cost(
        (more.total - less.total) / (many - few),
        (more.threads - less.threads) / (many - few),
        (more.served - less.served) / (many - few),
        each("inclusive"),
        each("nameless"),
        each("calls"),
    )


# The C library's name for what every thread but the first runs.
_THREAD = "start_thread"
# httpd's: all that a connection costs but accepting and closing it, which is the same for all.
_SERVING = "ap_run_process_connection"
_NAME = re.compile(r"c?fn=\((\d+)\)(?: (.*))?")


def read_callgrind(path: Path) -> Cost:
    """Sums up a file of callgrind's. The inclusive cost of a function is that of the calls to it by others."""
    names: dict[str, str] = {}
    inclusive: Counter[str] = Counter()
    nameless: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    total, caller, callee, called = 0, "", "", 0

    def name_of(line: str) -> str:
        number, name = _NAME.fullmatch(line).groups()  # type: ignore[union-attr]
        if name is not None:
            names[number] = name.split("'")[0]  # 'N marks the Nth level of a recursion
        return names[number]

    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("fn="):
            caller = name_of(line)
        elif line.startswith("cfn="):
            callee = name_of(line)
        elif line.startswith("calls="):
            called = int(line[6:].split()[0])
        elif called:
            if caller != callee:
                calls[callee] += called
                inclusive[callee] += int(line.split()[-1])
                if callee.startswith("0x"):
                    nameless[caller] += int(line.split()[-1])
            called = 0
        elif line.startswith(("summary:", "totals:")):
            total = int(line.split()[1])
    served = inclusive.get(_SERVING, total)
    return Cost(total, inclusive.get(_THREAD, total), served, dict(inclusive), dict(nameless), dict(calls))
