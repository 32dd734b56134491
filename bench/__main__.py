"""python3 -m bench: measures, prints tables, and writes them into the documents where it is told to."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Iterable, Iterator

from support import environment

from bench import report
from bench.callgrind import count_requests, count_starts
from bench.certificates import Certificates, make_certificates
from bench.machine import describe, missing, system
from bench.requests import measure_requests
from bench.scenarios import SCENARIOS, Scenario
from bench.startup import COUNTS, DECISIVE, Series, measure_starts

PARTS = ("requests", "instructions", "starts")
# Rounds of requests are made of so many shorter ones: the machine's mood changes within seconds.
TURNS = 3
_DOCUMENTS = environment.TOP / "docs"


def main() -> int:
    options = _options()
    lacking = missing()
    if lacking:
        print(f"The benchmark needs {', '.join(lacking)}. On Debian: apt-get install {' '.join(lacking)}", file=sys.stderr)
        return 1
    if options.from_results:
        _write(options, _merged(json.loads(path.read_text()) for path in options.from_results))
        return 0
    if options.output and not report.has_place(system(), options.output):
        print(f"performance.md has no tables of {system()}: leave --output out", file=sys.stderr)
        return 1
    directory = Path(tempfile.mkdtemp(prefix="cfaop-bench-"))
    # servers that gave up root read here
    directory.chmod(0o755)
    try:
        results = _measure(options, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    _write(options, results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (5)")
    parser.add_argument("--only", metavar="PART", help=f"one of {', '.join(PARTS)}, or a scenario: "
                        + ", ".join(scenario.key for scenario in SCENARIOS))
    parser.add_argument("--smoke", action="store_true", help="small counts: does everything work?")
    parser.add_argument("--vhosts", type=int, default=COUNTS[-1], help=f"the most virtual hosts ({COUNTS[-1]})")
    parser.add_argument("--all-bundles", action="store_true",
                        help="1,000 virtual hosts with a bundle of CAs for nginx and mod_ssl, too: some ten minutes more")
    parser.add_argument("--output", type=Path, help="the directory of performance.md, whose tables and plots are replaced")
    parser.add_argument("--results", type=Path, help="a file for all that was measured, as JSON; written after each part")
    parser.add_argument("--from-results", type=Path, nargs="+", help="measure nothing, report such files, together")
    options = parser.parse_args()
    if options.only and options.only not in {*PARTS, *(scenario.key for scenario in SCENARIOS)}:
        parser.error(f"no such part: {options.only}")
    return options


def _measure(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    certificates = make_certificates(directory / "pki")
    scenarios = [one for one in SCENARIOS if options.only in (None, *PARTS, one.key)]
    parts = PARTS if options.only is None else (options.only,) if options.only in PARTS else PARTS[:2]
    results: dict[str, Any] = {"system": system(), "machine": describe(1 if options.smoke else options.rounds)}
    if "requests" in parts:
        print("processor time per request", flush=True)
        rounds, scale = (1, 0.02) if options.smoke else (TURNS * options.rounds, 1 / TURNS)
        results["requests"] = measure_requests(directory, certificates, scenarios, rounds, scale)
        _keep(options, results)
    if "instructions" in parts:
        print("instructions", flush=True)
        results |= _instructions(options, directory, certificates, scenarios)
        _keep(options, results)
    if "starts" in parts:
        print("starts", flush=True)
        for results["starts"] in _starts(options, directory, certificates):
            _keep(options, results)
    return results


def _instructions(
    options: argparse.Namespace, directory: Path, certificates: Certificates, scenarios: list[Scenario]
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    if options.smoke:
        scenarios = [one for one in scenarios if one.key == "full-1.3"]
        counted = count_requests(directory, certificates, scenarios, 1, 2)
    else:
        counted = count_requests(directory, certificates, scenarios)
        if len(scenarios) > 1:
            results["start_instructions"] = count_starts(directory, certificates)
    results["instructions"] = {
        key: {server: asdict(cost) for server, cost in costs.items()} for key, costs in counted.items()
    }
    return results


def _starts(options: argparse.Namespace, directory: Path, certificates: Certificates) -> Iterator[dict[str, Any]]:
    counts = (1, 10) if options.smoke else [count for count in COUNTS if count <= options.vhosts]

    def rounds(count: int, series: Series) -> int:
        if options.smoke:
            return 1
        is_long = series.trusted == "bundle" or count >= 10000 and series.key not in DECISIVE
        return min(options.rounds, 3) if is_long else options.rounds

    for found in measure_starts(directory, certificates, rounds, counts, all_bundles=options.all_bundles):
        yield {key: {str(n): [asdict(one) for one in starts] for n, starts in series.items()} for key, series in found.items()}


def _keep(options: argparse.Namespace, results: dict[str, Any]) -> None:
    """What was measured shall outlast what goes wrong later."""
    if options.results:
        options.results.write_text(json.dumps(results, indent=1))


def _merged(files: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Later files add to earlier ones, and have the last word."""
    merged: dict[str, Any] = {}
    for results in files:
        for key, value in results.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = _merged([merged[key], value]) if both else value
    return merged


def _write(options: argparse.Namespace, results: dict[str, Any]) -> None:
    for text in report.sections(results).values():
        print("\n" + text, end="")
    if options.output:
        report.write(results, options.output)
    if options.smoke and report.has_place(system(), _DOCUMENTS):
        _rehearse(results)


def _rehearse(results: dict[str, Any]) -> None:
    """Write the report into a copy: is there something to say, and a place for it?"""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copy(_DOCUMENTS / "performance.md", copy)
        report.write(results, Path(copy))


def _end(*_: object) -> None:
    """Leave as after an error, so that the servers are stopped; make may send the signal a second time."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
