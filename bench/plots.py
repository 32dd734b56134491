"""Plots, drawn by gnuplot as SVG."""

from __future__ import annotations

import subprocess
from typing import Any, Iterable

from bench.measure import middle
from bench.scenarios import COMPARED, SCENARIOS
from bench.servers import KINDS
from bench.startup import ALL_SERIES

_COLOURS = {
    "nginx": "#b8c9b8",
    "nginx, ssl_verify_client": "#5f9460",
    "httpd": "#bcc4d8",
    "httpd, SSLVerifyClient": "#5a6fa8",
    "httpd, CFOriginPull": "#f38020",
}
_HEAD = """set terminal svg size 900,{height} font "sans-serif,12" background "#ffffff" name "{name}"
set encoding utf8
set border 3
set grid ytics linecolor "#dddddd"
set xtics nomirror
set ytics nomirror
"""
# the shares of the whole plot's scenarios, in the order of the document
_SHOWN = ("full-1.3", "resumed-1.3", "none-1.3", "bad-1.3", "h1-1.3", "h2-1.3")


def plots_of(results: dict[str, Any]) -> dict[str, str]:
    """Name -> SVG."""
    plots = {}
    if all(key in results.get("requests", {}) for key in _SHOWN):
        plots["requests"] = _requests(results["requests"])
    starts = results.get("starts", {})
    if any(len(series) > 1 for series in starts.values()):
        plots["start"] = _starts(starts, "start", 1, "seconds to start (processor time)")
        plots["memory"] = _starts(starts, "kib", 1024, "MiB of memory")
    return plots


def _requests(found: dict[str, dict[str, list[float]]]) -> str:
    titles = {scenario.key: scenario.title.split(",")[0] for scenario in SCENARIOS}
    titles |= {"none-1.3": "refusal,\\nno certificate", "bad-1.3": "refusal,\\nbad certificate"}
    titles |= {"full-1.3": "full handshake\\nand a request", "resumed-1.3": "resumed handshake\\nand a request"}
    rows = [[f'"{titles[key]}"', *(_bar(found[key].get(server)) for server in COMPARED)] for key in _SHOWN]
    script = _HEAD.format(height=420, name="requests") + (
        'set style data histogram\nset style histogram clustered gap 1.5 errorbars lw 1\nset style fill solid 1 noborder\n'
        'set yrange [0:*]\nset ylabel "µs of processor time, TLS 1.3"\nset key top right\n'
    )
    columns = [
        f'$data using {2 + 3 * i}:{3 + 3 * i}:{4 + 3 * i}:xtic(1) title "{KINDS[server].title}" noenhanced '
        f'linecolor "{_COLOURS[KINDS[server].title]}"'
        for i, server in enumerate(COMPARED)
    ]
    return _gnuplot(script, rows, columns)


def _bar(values: Any) -> str:
    if not values:
        return "NaN NaN NaN"
    return f"{middle(values):.2f} {min(values):.2f} {max(values):.2f}"


def _starts(found: dict[str, Any], what: str, unit: float, label: str) -> str:
    shown = [series for series in ALL_SERIES if series.trusted != "bundle" and found.get(series.key)]
    numbers = sorted({int(number) for series in shown for number in found[series.key]})
    rows = [
        [str(number), *(_point(found[series.key].get(str(number)), what, unit) for series in shown)] for number in numbers
    ]
    script = _HEAD.format(height=460, name=what) + (
        f'set logscale xy\nset xlabel "virtual hosts"\nset ylabel "{label}"\nset key left top\n'
    )
    columns = [
        f'$data using 1:{i + 2} title "{series.title}" noenhanced with linespoints linewidth 2 '
        f'dashtype {2 if series.trusted == "own" else 1} linecolor "{_COLOURS[KINDS[series.server].title]}"'
        for i, series in enumerate(shown)
    ]
    return _gnuplot(script, rows, columns)


def _point(starts: Any, what: str, unit: float) -> str:
    return f"{middle([start[what] for start in starts]) / unit:.4f}" if starts else "NaN"


def _gnuplot(script: str, rows: Iterable[list[str]], columns: list[str]) -> str:
    data = "\n".join(" ".join(row) for row in rows)
    text = f"{script}$data << EOD\n{data}\nEOD\nplot {', '.join(columns)}\n"
    done = subprocess.run(["gnuplot"], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout:
        raise RuntimeError(f"gnuplot: {done.stderr}\n{text}")
    return done.stdout
