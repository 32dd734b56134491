"""python3 -m soak: visits, reloads and kills for some minutes; a table, and exit status 1 where something was wrong."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from support import environment

from soak import document, memory, report, sites
from soak.server import Server

_SAMPLE_SECONDS = 2
_ended = False


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    # where scripts/soak has put the module and the client
    directory = Path(os.environ["CFAOP_SOAK_DIRECTORY"])
    try:
        return _report(options, _soak(options, directory)) if not options.from_results else _document(options)
    finally:
        if not environment.keep_files():
            shutil.rmtree(directory, ignore_errors=True)


def _document(options: argparse.Namespace) -> int:
    document.write(options.document, options.from_results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="how long (2)")
    parser.add_argument("--mpm", choices=("event", "worker", "prefork"), default="event", help="httpd's process model (event)")
    parser.add_argument("--servers", nargs="+", choices=tuple(sites.KINDS), default=["mixed", "plain"], metavar="KIND",
                        help="which servers run side by side: " + "; ".join(f"{kind}: {what}" for kind, what in sites.KINDS.items())
                        + " (mixed plain)")
    parser.add_argument("--visitors", type=int, default=4, help="client processes for each server (4)")
    parser.add_argument("--reload-every", type=float, default=4, metavar="SECONDS", help="0: never (4)")
    parser.add_argument("--kill-every", type=float, default=30, metavar="SECONDS", help="0: never (30)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the visits and kills; a run's is printed")
    parser.add_argument("--results", type=Path, help="a file for all that was measured, as JSON; written each minute")
    parser.add_argument("--table", type=Path, help="a file for the table; it is printed, too")
    parser.add_argument("--from-results", type=Path, nargs="+", metavar="FILE", help="run nothing, write such files into the document")
    parser.add_argument("--document", type=Path, default=Path("docs/reliability.md"), help="the document (docs/reliability.md)")
    return parser.parse_args()


def _end(*_: object) -> None:
    global _ended
    _ended = True


def _soak(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    print(f"soak: {options.mpm}, {options.minutes:g} minutes, seed {options.seed}, in {directory}", flush=True)
    trust = sites.Trust(directory / "pki")
    servers = [Server(kind, options.mpm, directory / kind, trust) for kind in options.servers]
    run = Run(options, trust, servers)
    try:
        for number, server in enumerate(servers):
            server.start()
            plan = sites.plan(server.kind, trust)
            server.invite(options.visitors, directory / "visitor", options.seed + 1000 * number, plan)
        run.until_the_end()
    finally:
        for server in servers:
            server.send_away()
        run.read()
        for server in servers:
            server.stop()
    return run.results()


class Run:
    """The same happens to all servers at the same moments."""

    def __init__(self, options: argparse.Namespace, trust: sites.Trust, servers: list[Server]) -> None:
        self._options, self._trust, self._servers = options, trust, servers
        self._samples: dict[str, list[memory.Sample]] = {server.kind: [] for server in servers}
        self._alive: dict[str, bool] = {}
        self._dice = random.Random(options.seed)
        self._begin = time.monotonic()
        self._seconds = 0.0

    def until_the_end(self) -> None:
        every = {self._sample: _SAMPLE_SECONDS, self._reload: self._options.reload_every, self._kill: self._options.kill_every,
                 self._keep: 60}
        due = {what: self._begin + seconds for what, seconds in every.items() if seconds}
        end = self._begin + 60 * self._options.minutes
        while time.monotonic() < end and not _ended and self._all_well():
            for what in due:
                if time.monotonic() >= due[what]:
                    what()
                    due[what] = time.monotonic() + every[what] * self._dice.uniform(0.8, 1.2)
            time.sleep(0.1)
        self._seconds = time.monotonic() - self._begin

    def _all_well(self) -> bool:
        return all(server.is_alive() and not server.is_stuck and not server.visitors_ended() for server in self._servers)

    def _sample(self) -> None:
        for server in self._servers:
            server.read_logs()
            taken = memory.sample(server.pid, time.monotonic() - self._begin, server.generation)
            if taken:
                self._samples[server.kind].append(taken)

    def _reload(self) -> None:
        self._trust.turn(self._servers[0].generation + 1)
        for server in self._servers:
            server.reload()

    def _kill(self) -> None:
        choice = self._dice.randrange(1000)
        for server in self._servers:
            server.kill_child(choice)

    def _keep(self) -> None:
        if self._options.results:
            self._options.results.write_text(json.dumps(self.results()))

    def read(self) -> None:
        """What can be said only before the servers end."""
        self._alive = {server.kind: server.is_alive() and not server.visitors_failed() for server in self._servers}

    def results(self) -> dict[str, Any]:
        seconds = self._seconds or time.monotonic() - self._begin
        return {"mpm": self._options.mpm, "minutes": seconds / 60, "seed": self._options.seed, "machine": document.describe(),
                "sanitized": environment.sanitizing(),
                "servers": [self._results_of(server) for server in self._servers]}

    def _results_of(self, server: Server) -> dict[str, Any]:
        return {
            "kind": server.kind,
            "counts": dict(server.counts()),
            "reloads": server.generation,
            "kills": server.kills,
            "alive": self._alive.get(server.kind, True),
            "signals": server.signals,
            "alarms": server.log.alarms,
            "tags": dict(server.log.tags),
            "segments": memory.segments_of(server.pid),
            "complaints": server.complaints()[:100],
            "samples": [asdict(each) for each in self._samples[server.kind]],
        }


def _report(options: argparse.Namespace, results: dict[str, Any]) -> int:
    for path, text in ((options.results, json.dumps(results)), (options.table, _tables(results))):
        if path:
            path.write_text(text)
    print(_tables(results))
    for server in results["servers"]:
        for line in [*server["complaints"][:20], *server["signals"], *server["alarms"]]:
            print(f"{server['kind']}: {line}")
    failures, seconds = report.verdict(results), 60 * results["minutes"]
    for failure in failures:
        print(f"soak: {failure}", file=sys.stderr)
    # as pytest sums up, for scripts/test
    print(f"{len(failures)} failed in {seconds:.1f}s" if failures else f"1 passed in {seconds:.1f}s")
    return 1 if failures else 0


def _tables(results: dict[str, Any]) -> str:
    return report.table(results) + "\n" + report.memory_table(results)


if __name__ == "__main__":
    sys.exit(main())
