"""Writes how much of the fuzzed files the fuzz targets run into the table of a document: make fuzz-coverage.

    python3 tests/fuzz/coverage.py COVERAGE DOCUMENT SECONDS

COVERAGE is what "llvm-cov export -summary-only" prints of all targets. SECONDS is how long each of them ran.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

BEGIN = "<!-- written by make fuzz-coverage: begin -->\n"
END = "<!-- end -->\n"
# target -> the files that it is for
FUZZED = {
    "address": ("src/pure/address.c",),
    "certificate_list": ("src/pure/certificate_list.c",),
    "chain": ("src/trust/chain.c", "src/trust/own_crl.c"),
    "directives": ("src/config/directives.c", "src/config/pin.c", "src/config/visitor_header.c"),
    "event_log": ("src/tls/event_log.c", "src/base/text.c", "src/base/json.c"),
    "exemption": ("src/config/exemption.c",),
    "peer_limit": ("src/config/peer_limit.c", "src/base/der.c"),
    "pem_file": ("src/trust/pem_file.c", "src/trust/pem_form.c"),
    "session": ("src/tls/session.c",),
    "sni": ("src/tls/freeze.c",),
}
HEAD = "| target | file | lines | branches |\n|---|---|---:|---:|\n"


def percent(part: dict[str, int]) -> str:
    return f"{part['covered']} of {part['count']}, {100 * part['covered'] // part['count']} %" if part["count"] else "none"


def row(target: str, file: str, coverage: dict[str, Any]) -> str:
    (summary,) = [each["summary"] for each in coverage["data"][0]["files"] if each["filename"].endswith(f"/{file}")]
    return f"| {target} | `{file}` | {percent(summary['lines'])} | {percent(summary['branches'])} |\n"


def table(coverage: dict[str, Any], seconds: str) -> str:
    rows = [row(target, file, coverage) for target, files in FUZZED.items() for file in files]
    return f"After {seconds} seconds of each target, beginning with its corpus:\n\n{HEAD}{''.join(rows)}"


def written(text: str, new: str) -> str:
    before, found, rest = text.partition(BEGIN)
    _, found_too, after = rest.partition(END)
    if not found or not found_too:
        raise SystemExit("the document has no place for the table")
    return before + BEGIN + new + END + after


def main() -> None:
    coverage, document, seconds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    document.write_text(written(document.read_text(), table(json.loads(coverage.read_text()), seconds)))


if __name__ == "__main__":
    main()
