"""From what was counted to the verdict and the tables."""

from __future__ import annotations

from statistics import median
from typing import Any, Callable, Sequence

from soak import memory
from soak.memory import Sample
from soak.sites import KINDS

Results = dict[str, Any]

_UNGUARDED = ("plain", "asking")
# How much more than plain httpd's the memory may grow in a run, of the parent and of a child in the mean, in KiB.
BOUNDS = {"parent": 512, "child": 2048}


def verdict(results: Results) -> list[str]:
    """What failed, a sentence each; empty: nothing did."""
    failures = []
    for server in results["servers"]:
        failures += [f"{server['kind']}: {what}" for what in _failures_of(server)]
    return failures + _growth_failures(results)


def _failures_of(server: Results) -> list[str]:
    counts = server["counts"]
    checks = {
        "a client without permission got content": counts.get("wrong", 0),
        "a client with permission was refused": counts.get("refused", 0),
        "a process ended by a signal, or a sanitizer reported": len(server["signals"]),
        "a line at level crit or above in the error log": len(server["alarms"]),
        "a shared-memory segment was left": server["segments"],
        "more shared mappings in the parent at the end": max(0, int(_of_samples(server, memory.growth, "shared_mappings"))),
        "more descriptors in the parent at the end": max(0, int(_of_samples(server, memory.growth, "descriptors"))),
        "it did not run to the end": int(not server["alive"]),
        "no visit at all": int(not counts.get("requests", 0)),
    }
    # what httpd does without the guard is there to compare with: it is in the table
    needed = checks if server["kind"] not in _UNGUARDED else list(checks)[-2:]
    return [f"{what}: {checks[what]}" for what in needed if checks[what]]


def _growth_failures(results: Results) -> list[str]:
    # with a server that asks for certificates, too, where there is one
    others = {server["kind"]: server for server in results["servers"] if server["kind"] in _UNGUARDED}
    plain = others.get("asking") or others.get("plain")
    # a sanitizer keeps for a while what was freed
    if plain is None or results.get("sanitized"):
        return []
    failures = []
    for field, bound in BOUNDS.items():
        allowed = max(0.0, _of_samples(plain, memory.growth, field)) + bound
        for server in results["servers"]:
            grown = _of_samples(server, memory.growth, field)
            if server["kind"] not in others and grown > allowed:
                failures.append(f"{server['kind']}: memory of a {field} grew by {grown:.0f} KiB, where {allowed:.0f} are allowed")
    return failures


def _of_samples(server: Results, measure: Callable[[Sequence[Sample], str], float], field: str) -> float:
    samples = [Sample(**each) for each in server["samples"]]
    return measure(samples, field) if samples else 0.0


# ---- the table ----


def table(results: Results) -> str:
    servers = results["servers"]
    lines = [[_title(results), *(KINDS[server["kind"]] for server in servers)], ["---", *("---:" for _ in servers)]]
    lines += [[what, *(cell(server) for server in servers)] for what, cell in _ROWS.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _title(results: Results) -> str:
    return f"{results['mpm']}, {round(results['minutes'], 1):g} minutes"


def _count(name: str) -> Callable[[Results], str]:
    return lambda server: f"{server['counts'].get(name, 0):,}"


def _from_to(field: str) -> Callable[[Results], str]:
    def cell(server: Results) -> str:
        samples = [Sample(**each) for each in server["samples"]]
        first, last = memory.ends(samples, field)
        return f"{first / 1024:.1f} → {last / 1024:.1f}"

    return cell


_ROWS: dict[str, Callable[[Results], str]] = {
    "full handshakes": _count("full"),
    "resumed handshakes": _count("resumed"),
    "requests": _count("requests"),
    "of them over HTTP/2": _count("h2"),
    "connections broken or garbage": _count("broken"),
    "graceful reloads": lambda server: f"{server['reloads']:,}",
    "children killed": lambda server: f"{server['kills']:,}",
    "visits without an answer, and tried again": _count("lost"),
    "visits without an answer for a minute": _count("hung"),
    "content to a stranger": _count("wrong"),
    "edges refused": _count("refused"),
    "signals but the kills": lambda server: str(len(server["signals"])),
    "shared-memory segments left": lambda server: str(server["segments"]),
    "memory of the parent, MiB": _from_to("parent"),
    "KiB for each reload": lambda server: f"{_of_samples(server, memory.per_reload, 'parent'):.2f}",
    "private memory of the children, MiB": _from_to("children"),
    "of a child in the mean, MiB": _from_to("child"),
    "children": lambda server: _processes(server),
}


# How many moments the table of the memory over time has.
_MOMENTS = 10


def memory_table(results: Results) -> str:
    """Parent and children over time, medians of a tenth of the run each."""
    servers = results["servers"]
    head = ["minute", *(f"{what}, {KINDS[server['kind']]}" for server in servers for what in ("parent", "children"))]
    rows = []
    for moment in range(_MOMENTS):
        cells = [cell for server in servers for cell in _at(server, moment)]
        rows.append([f"{results['minutes'] * (moment + 1) / _MOMENTS:.1f}", *cells])
    lines = [head, ["---:" for _ in head], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _at(server: Results, moment: int) -> tuple[str, str]:
    """In MiB."""
    samples = server["samples"]
    some = samples[len(samples) * moment // _MOMENTS : len(samples) * (moment + 1) // _MOMENTS]
    parent, children = ([each[field] for each in some] for field in ("parent", "children"))
    return (f"{median(parent) / 1024:.2f}", f"{median(children) / 1024:.1f}") if some else ("–", "–")


def _processes(server: Results) -> str:
    first, last = memory.ends([Sample(**each) for each in server["samples"]], "processes")
    return f"{first:.0f} → {last:.0f}"
