"""The page for Prometheus, read as strictly as its text format 0.0.4 is written down, and what promtool thinks of it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field

PATH = "/metrics"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text"

# All that there may be: type, and the labels in their order.
FAMILIES = {
    "cf_origin_pull_requests_total": ("counter", ("vhost", "result", "reason")),
    "cf_origin_pull_handshakes_total": ("counter", ("vhost", "result", "resumed")),
    "cf_origin_pull_ca_connections_total": ("counter", ("subject", "sha256")),
    "cf_origin_pull_ca_last_used_timestamp_seconds": ("gauge", ("subject", "sha256")),
    "cf_origin_pull_certificate_not_after_timestamp_seconds": ("gauge", ("kind", "subject", "sha256")),
    "cf_origin_pull_vhost_info": ("gauge", ("vhost", "mode", "policy")),
    "cf_origin_pull_build_info": ("gauge", ("version", "openssl", "httpd")),
}
_HEAD = re.compile(r"# (HELP|TYPE) ([a-z_]+) (\S.*)")
_SERIES = re.compile(r"([a-z_]+)\{((?:[a-z0-9]+=\"[^\"]*\"(?:,|(?=\})))+)\} ([1-9][0-9]*)")
_LABEL = re.compile(r'([a-z0-9]+)="([^"]*)"')
# Printable ASCII but for quotes and backslashes: nothing that the format would want escaped.
_VALUE = re.compile(r'[ !#-\[\]-~]*')

Labels = tuple[str, ...]


@dataclass
class Metrics:
    """The value of each series by its family and its labels' values."""

    series: dict[str, dict[Labels, int]] = field(default_factory=dict)

    def family(self, name: str) -> dict[Labels, int]:
        """The series of a family, its name without the prefix that all have."""
        return self.series.get(f"cf_origin_pull_{name}", {})


def parse(body: str) -> Metrics:
    """Fails on whatever is not exactly as it should be: order, heads, labels, a series twice, a zero, a missing last newline."""
    assert body == "" or body.endswith("\n"), body[-200:]
    metrics = Metrics()
    expected_head, family = "HELP", ""
    for line in body.splitlines():
        if line.startswith("#"):
            expected_head, family = _read_head(metrics, line, expected_head, family)
        else:
            assert expected_head == "HELP", f"a head without its other half before: {line}"
            _read_series(metrics, line, family)
    assert all(metrics.series.values()), "a family without series"
    return metrics


def promtool_complaints(body: str) -> str:
    """What `promtool check metrics` says; nothing if it is content."""
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True, timeout=60, check=False)
    words = done.stdout + done.stderr
    return words if done.returncode == 0 else f"exit status {done.returncode}: {words}"


def _read_head(metrics: Metrics, line: str, expected: str, family: str) -> tuple[str, str]:
    match = _HEAD.fullmatch(line)
    assert match and match[1] == expected, f"not the head that should come: {line}"
    if match[1] == "HELP":
        assert match[2] in FAMILIES and match[2] not in metrics.series, f"an unknown family, or one that comes again: {line}"
        metrics.series[match[2]] = {}
        return "TYPE", match[2]
    assert (match[2], match[3]) == (family, FAMILIES[family][0]), f"not the type of {family}: {line}"
    return "HELP", family


def _read_series(metrics: Metrics, line: str, family: str) -> None:
    match = _SERIES.fullmatch(line)
    assert match and match[1] == family, f"not a series of {family}: {line}"
    pairs = _LABEL.findall(match[2])
    assert tuple(name for name, _ in pairs) == FAMILIES[family][1], f"not the labels of {family}: {line}"
    values = tuple(value for _, value in pairs)
    assert all(_VALUE.fullmatch(value) for value in values), f"bytes that should be escaped: {line!r}"
    assert values not in metrics.series[family], f"a series twice: {line}"
    metrics.series[family][values] = int(match[3])
