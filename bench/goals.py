"""What the module is held to, as ratios of figures of one run."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from bench.measure import middle

KIB_PER_VHOST = 4
# With fewer virtual hosts, what the server needs in any case hides what each of them needs.
FEWEST = 1000


Goal = tuple[str, float, Optional[float], str]


def goals_of(results: dict[str, Any]) -> str:
    """Those of time and memory."""
    return _table([*_time_goals(results), *_start_goals(results)])


def counted_goals_of(results: dict[str, Any]) -> str:
    """Those of instructions."""
    return _table([*_instruction_goals(results), *_start_instruction_goals(results)])


def _table(goals: list[Goal]) -> str:
    rows = [_row(*goal) for goal in goals]
    lines = ["| what | goal | found | |", "|---|---:|---:|---|", *(row for row in rows if row)]
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _row(what: str, most: float, found: Optional[float], unit: str) -> str:
    if found is None:
        return ""
    limit = f"{most:.3f}".rstrip("0").ljust(4, "0")
    return f"| {what} | ≤ {limit}{unit} | {found:.3f}{unit} | {'reached' if found <= most else '**missed**'} |"


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
        scenario: {server: cost["served"] for server, cost in servers.items()}
        for scenario, servers in results.get("instructions", {}).items()
    }
    return [*_handshake_goals(counted, is_newer=_is_newer(results)), *_refusal_goals(counted), *_request_goals(counted)]


Counted = dict[str, dict[str, float]]


def _is_newer(results: dict[str, Any]) -> bool:
    """OpenSSL 3.5 parses certificates at a third of what it costs OpenSSL 3.0, which leaves less to spare, in less."""
    return tuple(int(part) for part in results["machine"]["OpenSSL"].split(".")[:2]) >= (3, 5)


def _handshake_goals(counted: Counted, *, is_newer: bool) -> list[Goal]:
    goals = [
        ("what CFOriginPull adds to a full handshake, of what SSLVerifyClient adds: TLS 1.3", 0.28 if is_newer else 0.35, "full-1.3"),
        ("a full handshake, TLS 1.3, RSA-2048 key of the server", 0.28 if is_newer else 0.35, "full-1.3-rsa"),
        ("a full handshake, TLS 1.2", 0.42 if is_newer else 0.80, "full-1.2"),
        ("a resumed handshake, TLS 1.2", 0.90, "resumed-1.2"),
    ]
    return [
        *((what, most, _added(counted.get(key)), "") for what, most, key in goals),
        ("a handshake with a client that returns, TLS 1.3", 0.90, _added_by_return(counted), ""),
    ]


def _added_by_return(counted: Counted) -> Optional[float]:
    """With the guard, clients of TLS 1.3 resume only where that is the cheaper handshake."""
    servers = dict(counted.get("resumed-1.3", {}))
    servers.pop("httpd-cfaop-tickets", None)
    return _added(servers | counted.get("returning-1.3", {}))


def _refusal_goals(counted: Counted) -> list[Goal]:
    alerts = [
        (
            f"a refusal by alert, {which} certificate, of SSLVerifyClient's (TLS 1.3)",
            1.00,
            _of(counted, f"alert-{key}-1.3", "httpd-cfaop-alert", f"alert-{key}-1.3", "httpd-own"),
            "",
        )
        for key, which in (("none", "no"), ("bad", "bad"))
    ]
    return [
        ("a refusal without certificate, of httpd's handshake and request (TLS 1.3)", 0.92, _refusal(counted), ""),
        (
            "the same by alert",
            0.80,
            _of(counted, "alert-none-1.3", "httpd-cfaop-alert", "full-1.3", "httpd-none"),
            "",
        ),
        *alerts,
    ]


def _request_goals(counted: Counted) -> list[Goal]:
    goals = [
        ("a keep-alive request, of httpd's without the module (TLS 1.3)", 1.008, "h1-1.3", "httpd-cfaop"),
        ("a keep-alive request, TLS 1.2", 1.008, "h1-1.2", "httpd-cfaop"),
        ("an HTTP/2 request, TLS 1.3", 1.008, "h2-1.3", "httpd-cfaop"),
        ("an HTTP/2 request, TLS 1.2", 1.008, "h2-1.2", "httpd-cfaop"),
        ("an exempt request without certificate, TLS 1.3", 1.015, "exempt-1.3", "httpd-cfaop-exempt"),
        ("an exempt request with a certificate, TLS 1.3", 1.015, "exempt-good-1.3", "httpd-cfaop-exempt"),
        ("a request with CFOriginPullRemoteIP, TLS 1.3", 1.012, "address-1.3", "httpd-cfaop-address"),
    ]
    return [(what, most, _of(counted, key, server, key, "httpd-none"), "") for what, most, key, server in goals]


def _start_instruction_goals(results: dict[str, Any]) -> list[Goal]:
    each = results.get("start_instructions", {})
    return [
        (
            "instructions to start a virtual host, one policy, of plain TLS",
            1.05,
            _quotient(each.get("cfaop-one"), each.get("httpd")),
            "",
        )
    ]


def _start_goals(results: dict[str, Any]) -> list[Goal]:
    goals: list[Goal] = []
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
    ours = next((key for key in ("httpd-cfaop", "httpd-cfaop-tickets") if key in servers), None) if servers else None
    if not servers or not ours or not {"httpd-none", "httpd-own"} <= set(servers):
        return None
    none = servers["httpd-none"]
    return (servers[ours] - none) / (servers["httpd-own"] - none)


def _refusal(scenarios: dict[str, dict[str, float]]) -> Optional[float]:
    if "none-1.3" not in scenarios or "full-1.3" not in scenarios:
        return None
    return scenarios["none-1.3"]["httpd-cfaop"] / scenarios["full-1.3"]["httpd-none"]


def _of(counted: Counted, scenario: str, server: str, other_scenario: str, other: str) -> Optional[float]:
    return _quotient(counted.get(scenario, {}).get(server), counted.get(other_scenario, {}).get(other))


def _quotient(ours: Optional[float], plain: Optional[float]) -> Optional[float]:
    return ours / plain if ours and plain else None
