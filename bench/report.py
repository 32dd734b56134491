"""From results to text and pictures: the tables and plots of docs/performance.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Optional, Sequence

from bench.goals import counted_goals_of, goals_of
from bench.measure import middle, spread
from bench.plots import plots_of
from bench.scenarios import COMPARED, SCENARIOS
from bench.servers import KINDS
from bench.startup import ALL_SERIES

Results = dict[str, Any]


def sections(results: Results) -> dict[str, str]:
    """The generated parts of the document that these results have something to say of."""
    makers = {
        "machine": _machine,
        "goals": goals_of,
        "counted-on": _counted_on,
        "counted-goals": counted_goals_of,
        "requests": _requests,
        "instructions": _instructions,
        "added": _added,
        "tickets": _tickets,
        "handshake": _handshake,
        "keep-alive": _keep_alive,
        "starts": _starts,
        "bundles": _bundles,
    }
    texts = {name: make(results) for name, make in makers.items()}
    return {name: text for name, text in texts.items() if text}


def has_place(system: str, documents: Path) -> bool:
    """Are there tables of this system in performance.md?"""
    return _begin("counted-on", system) in (documents / "performance.md").read_text()


def write(results: Results, documents: Path) -> None:
    """Replace what lies between the markers of performance.md for this system, and the plots."""
    path = documents / "performance.md"
    text = path.read_text()
    for name, content in sections(results).items():
        text = _replaced(text, name, results["system"], content)
    path.write_text(text)
    images = documents / "images"
    images.mkdir(exist_ok=True)
    for name, svg in plots_of(results).items():
        (images / f"performance-{name}.svg").write_text(svg)


def _begin(name: str, system: str) -> str:
    return f"<!-- begin {name} {system} -->\n"


def _replaced(text: str, name: str, system: str, content: str) -> str:
    begin, end = _begin(name, system), f"<!-- end {name} {system} -->"
    before, found, rest = text.partition(begin)
    old, found_too, after = rest.partition(end)
    if not found or not found_too:
        raise RuntimeError(f"performance.md has no place for {name} {system}")
    return before + begin + content + end + after


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# ---- the tables ----


def _machine(results: Results) -> str:
    """What times were taken on."""
    is_timed = results.get("requests") or results.get("starts")
    return _two_columns(results["machine"]) if is_timed else ""


def _counted_on(results: Results) -> str:
    kept = ("processor", "system", "httpd", "nginx", "OpenSSL", "valgrind")
    return _two_columns({what: results["machine"][what] for what in kept}) if results.get("instructions") else ""


def _two_columns(facts: dict[str, str]) -> str:
    return table(["", ""], [[what, text] for what, text in facts.items()]).replace("---:", "---")


def _requests(results: Results) -> str:
    found = results.get("requests", {})
    rows = [
        [scenario.title, *(_with_spread(found[scenario.key].get(key)) for key in [*COMPARED[:-1], scenario.guard])]
        for scenario in SCENARIOS
        if scenario.key in found
    ]
    return table(["µs", *(KINDS[key].title for key in COMPARED)], rows) if rows else ""


def _with_spread(values: Optional[list[float]]) -> str:
    if not values:
        return "–"
    return f"{_short(middle(values))} ± {spread(values):.0%}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _instructions(results: Results) -> str:
    found = results.get("instructions", {})
    keys = ["nginx-none", "nginx-own", "httpd-none", "httpd-cfaop-off", "httpd-own", "httpd-cfaop"]
    rows = [
        [scenario.title, *(_thousands(found[scenario.key].get(key)) for key in [*keys[:-1], scenario.guard])]
        for scenario in SCENARIOS
        if scenario.key in found
    ]
    return table(["thousand instructions", *(KINDS[key].title for key in keys)], rows) if rows else ""


def _added(results: Results) -> str:
    """What client certificates cost, on each server over the same server without them."""
    rows = []
    for scenario in SCENARIOS:
        pairs = [("nginx-none", "nginx-own"), ("httpd-none", "httpd-own"), ("httpd-none", scenario.guard)]
        costs = results.get("instructions", {}).get(scenario.key, {})
        if scenario.work in ("full", "resumed") and all(plain in costs and asking in costs for plain, asking in pairs):
            added = [costs[asking]["served"] - costs[plain]["served"] for plain, asking in pairs]
            rows.append([scenario.title, *(f"{one / 1000:,.0f}" for one in added), f"{added[2] / added[1]:.2f}"])
    head = ["thousand instructions", "nginx", "mod_ssl", "the guard", "the guard, of mod_ssl"]
    return table(head, rows) if rows else ""


def _tickets(results: Results) -> str:
    """What a ticket costs a guarded server, and what each resumption by it saves."""
    found, rows = results.get("instructions", {}), []
    for title, suffix in (("P-256", ""), ("RSA-2048", "-rsa")):
        keys = [f"{name}-1.3{suffix}" for name in ("ticket", "no-ticket", "resumed")]
        if all(key in found for key in keys):
            ticket, without, resumed = (found[key][_guard_of(key)]["served"] / 1000 for key in keys)
            saved = without - resumed
            least = f"{(ticket - without) / saved:.1f}" if saved > 0 else "never"
            rows.append([title, *(f"{one:,.0f}" for one in (ticket, without, resumed)), least])
    head = ["thousand instructions, by key of the server", "full, with a ticket", "full, without", "resumed", "pays after resumptions"]
    return table(head, rows) if rows else ""


def _guard_of(key: str) -> str:
    return next(scenario.guard for scenario in SCENARIOS if scenario.key == key)


def _thousands(cost: Optional[dict[str, Any]]) -> str:
    return f"{cost['served'] / 1000:,.1f}" if cost else "–"


# What a handshake with a client certificate spends, by functions that do not call each other.
_PARTS = [
    ("parsing the certificate that the client sends", "d2i_X509", None),
    ("parsing sessions again while tickets are written", "d2i_SSL_SESSION", None),
    ("verifying the certificate under its CA", "X509_verify_cert", None),
    ("verifying the client's signature of the handshake", "EVP_DigestVerify", "ASN1_item_verify_ctx"),
    ("writing sessions", "i2d_SSL_SESSION", None),
    ("hashing the certificate", "X509_digest", None),
]

# OpenSSL 3.5 has its work in a function of another name.
_OTHER_NAMES = {"d2i_SSL_SESSION": "d2i_SSL_SESSION_ex"}

# of the parts, the one that servers differ in how often they do it
_COUNTED = "d2i_SSL_SESSION"


def _handshake(results: Results) -> str:
    costs = results.get("instructions", {}).get("full-1.3")
    if not costs:
        return ""
    keys = [key for key in ("nginx-none", "nginx-own", "httpd-none", "httpd-own", "httpd-cfaop") if key in costs]
    rows, rest = [], {key: costs[key]["served"] for key in keys}
    for title, function, without in _PARTS:
        row = [title]
        for key in keys:
            spent = _inclusive(costs[key], function) - _inclusive(costs[key], without)
            rest[key] -= spent
            times = round(_most(costs[key]["calls"], function)) if function == _COUNTED else 0
            row.append(f"{spent / 1000:,.0f}" + (f" ({times}×)" if times else ""))
        rows.append(row)
    rows.append(["everything else", *(f"{rest[key] / 1000:,.0f}" for key in keys)])
    rows.append(["**all**", *(f"**{costs[key]['served'] / 1000:,.0f}**" for key in keys)])
    return table(["thousand instructions", *(KINDS[key].title for key in keys)], rows)


# What the module does in a request: its functions, in the order in which httpd calls them.
_HOOKS = [
    ("process_connection: the verify result that mod_ssl sees", "on_process_connection"),
    ("post_read_request: verdict, variables, counter", "cfaop_judge_post_read"),
    ("quick_handler: the verdict again, before caches", "cfaop_judge_quick_handler"),
    ("around mod_ssl's access hook: no user of a bad certificate, no quick renegotiation", "on_access"),
    ("fixups, first: the verdict again, for redirects and parts", "cfaop_judge_fixups"),
    ("around mod_ssl's fixups hook: no variables of a bad certificate", "on_fixups"),
    ("before names are translated and types checked: is it a sub-request?", "cfaop_judge_subrequest"),
    ("handler: is it a sub-request that was refused?", "cfaop_judge_subrequest_handler"),
    ("handler: is it the page for Prometheus?", "cfaop_metrics_handler"),
]


def _keep_alive(results: Results) -> str:
    counted = results.get("instructions", {})
    columns = [(version, kind) for version in ("1.3", "1.2") for kind in ("httpd-cfaop-off", "httpd-cfaop")]
    columns = [(version, kind) for version, kind in columns if kind in counted.get(f"h1-{version}", {})]
    if not columns:
        return ""
    costs = [counted[f"h1-{version}"][kind] for version, kind in columns]
    added = [
        cost["served"] - counted[f"h1-{version}"]["httpd-none"]["served"] for cost, (version, _) in zip(costs, columns)
    ]
    rows, known = [], [0.0 for _ in costs]
    for title, function in _HOOKS:
        # what mod_ssl's hooks do, which two of them call, is not ours
        own = [_inclusive(cost, function) - cost["nameless"].get(function, 0) for cost in costs]
        rows.append([title, *(f"{spent:,.0f}" for spent in own)])
        known = [a + b for a, b in zip(known, own)]
    rows.append(["httpd: calling them, and merging one more configuration", *(f"{a - k:,.0f}" for a, k in zip(added, known))])
    rows.append(["**all**", *(f"**{a:,.0f}**" for a in added)])
    head = [f"{'Off' if kind == 'httpd-cfaop-off' else 'On'}, TLS {version}" for version, kind in columns]
    return table(["instructions of a keep-alive request", *head], rows)


def _inclusive(cost: dict[str, Any], function: Optional[str]) -> float:
    return _most(cost["inclusive"], function) if function else 0


def _most(figures: dict[str, float], function: str) -> float:
    return max(figures.get(function, 0), figures.get(_OTHER_NAMES.get(function, function), 0))


def _starts(results: Results) -> str:
    text = ""
    found = results.get("starts", {})
    for number in sorted({int(n) for series in found.values() for n in series}):
        rows = [
            [series.title, *_start_cells(found[series.key][str(number)])]
            for series in ALL_SERIES
            if series.trusted != "bundle" and str(number) in found.get(series.key, {})
        ]
        text += f"**{number:,} virtual host{'s' if number > 1 else ''}**\n\n{table(_START_HEAD, rows)}\n"
    return text.rstrip("\n") + "\n" if text else ""


_START_HEAD = ["", "start, s", "graceful, s", "memory, MiB", "after graceful, MiB"]


def _start_cells(starts: list[dict[str, float]]) -> list[str]:
    def seconds(what: str) -> str:
        values = [start[what] for start in starts]
        return f"{middle(values):.3g}" + (f" ± {spread(values):.0%}" if len(values) > 1 else "")

    def mebibytes(what: str) -> str:
        return f"{middle([start[what] for start in starts]) / 1024:.1f}"

    return [seconds("start"), seconds("graceful"), mebibytes("kib"), mebibytes("kib_graceful")]


def _bundles(results: Results) -> str:
    found = results.get("starts", {})
    rows = [
        [f"{series.title}, {int(number):,} virtual host{'s' if number != '1' else ''}", *_start_cells(starts)]
        for series in ALL_SERIES
        if series.trusted == "bundle"
        for number, starts in found.get(series.key, {}).items()
    ]
    return table(_START_HEAD, rows) if rows else ""
