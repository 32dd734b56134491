"""What the module is held to, as ratios of figures of one run."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from bench.measure import middle

KIB_PER_VHOST = 4
# With fewer virtual hosts, what the server needs in any case hides what each of them needs.
FEWEST = 1000


def goals_of(results: dict[str, Any]) -> str:
    rows = [_row(*goal) for goal in (*_time_goals(results), *_instruction_goals(results), *_start_goals(results))]
    lines = ["| what | goal | found | |", "|---|---:|---:|---|", *(row for row in rows if row)]
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


Goal = tuple[str, float, Optional[float], str]


def _row(what: str, most: float, found: Optional[float], unit: str) -> str:
    if found is None:
        return ""
    return f"| {what} | ≤ {most:.2f}{unit} | {found:.3f}{unit} | {'reached' if found <= most else '**missed**'} |"


def _time_goals(results: dict[str, Any]) -> list[Goal]:
    turns = _turns(results.get("requests", {}))
    return [
        (
            "what CFOriginPull adds to a full handshake, of what SSLVerifyClient adds (TLS 1.3, time)",
            0.80,
            _median(_added(turn.get("full-1.3")) for turn in turns),
            "",
        ),
        (
            "a refusal without certificate, of httpd's handshake and request (TLS 1.3, time)",
            1.00,
            _median(_refusal(turn) for turn in turns),
            "",
        ),
    ]


def _instruction_goals(results: dict[str, Any]) -> list[Goal]:
    counted = {
        scenario: {server: cost["threads"] for server, cost in servers.items()}
        for scenario, servers in results.get("instructions", {}).items()
    }
    return [
        ("the same in instructions: a full handshake, TLS 1.3", 0.80, _added(counted.get("full-1.3")), ""),
        ("a full handshake, TLS 1.2", 0.80, _added(counted.get("full-1.2")), ""),
        ("a refusal without certificate, TLS 1.3", 1.00, _refusal(counted), ""),
        ("a keep-alive request, of httpd's without the module (TLS 1.3, instructions)", 1.01, _ratio(counted.get("h1-1.3")), ""),
        ("a keep-alive request, TLS 1.2", 1.01, _ratio(counted.get("h1-1.2")), ""),
        ("an HTTP/2 request, TLS 1.3", 1.01, _ratio(counted.get("h2-1.3")), ""),
        ("an HTTP/2 request, TLS 1.2", 1.01, _ratio(counted.get("h2-1.2")), ""),
    ]


def _start_goals(results: dict[str, Any]) -> list[Goal]:
    each = results.get("start_instructions", {})
    goals: list[Goal] = [
        (
            "instructions to start a virtual host, one policy, of plain TLS",
            1.05,
            _quotient(each.get("cfaop-one"), each.get("httpd")),
            "",
        )
    ]
    starts = results.get("starts", {})
    plain, ours = starts.get("httpd", {}), starts.get("cfaop-one", {})
    shared = sorted({int(number) for number in plain} & {int(number) for number in ours})
    if shared and shared[-1] >= FEWEST:
        number = shared[-1]
        pairs = list(zip(plain[str(number)], ours[str(number)]))
        times = _median(our["start"] / theirs["start"] for theirs, our in pairs)
        memory = _median((our["kib"] - theirs["kib"]) / number for theirs, our in pairs)
        goals += [
            (f"start of {number:,} virtual hosts, one policy, of plain TLS (time)", 1.05, times, ""),
            (f"memory of {number:,} virtual hosts over plain TLS, each", KIB_PER_VHOST, memory, " KiB"),
        ]
    return goals


def _turns(found: dict[str, dict[str, list[float]]]) -> list[dict[str, dict[str, float]]]:
    """For each round: scenario -> server -> what was found. The machine's mood changes between rounds more than within one."""
    rounds = max((len(values) for servers in found.values() for values in servers.values()), default=0)
    return [
        {scenario: {server: values[turn] for server, values in servers.items() if values} for scenario, servers in found.items()}
        for turn in range(rounds)
    ]


def _median(ratios: Iterable[Optional[float]]) -> Optional[float]:
    known = [ratio for ratio in ratios if ratio is not None]
    return middle(known) if known else None


def _added(servers: Optional[dict[str, float]]) -> Optional[float]:
    if not servers:
        return None
    none = servers["httpd-none"]
    return (servers["httpd-cfaop"] - none) / (servers["httpd-own"] - none)


def _refusal(scenarios: dict[str, dict[str, float]]) -> Optional[float]:
    if "none-1.3" not in scenarios or "full-1.3" not in scenarios:
        return None
    return scenarios["none-1.3"]["httpd-cfaop"] / scenarios["full-1.3"]["httpd-none"]


def _ratio(servers: Optional[dict[str, float]]) -> Optional[float]:
    return servers["httpd-cfaop"] / servers["httpd-none"] if servers else None


def _quotient(ours: Optional[float], plain: Optional[float]) -> Optional[float]:
    return ours / plain if ours and plain else None
