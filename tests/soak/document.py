"""Writes what runs have found into docs/reliability.md, each process model at its place."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path
from typing import Any, Iterable

from support import installation

from soak import report


def describe() -> str:
    """What a run's figures were taken on."""
    httpd = ".".join(map(str, installation.version()))
    openssl = ssl.OPENSSL_VERSION.split()[1]
    return f"httpd {httpd}, OpenSSL {openssl}, {len(os.sched_getaffinity(0))} processors that other work shared"


def section(results: dict[str, Any]) -> str:
    failures = report.verdict(results)
    end = "Nothing failed." if not failures else "Failed: " + "; ".join(failures) + "."
    return "\n".join([report.table(results), f"{results['machine']}. {end}\n", report.memory_table(results)])


def write(document: Path, files: Iterable[Path]) -> None:
    """Replace what lies between the markers of each file's process model."""
    text = document.read_text()
    for file in files:
        results = json.loads(file.read_text())
        text = _replaced(text, results["mpm"], section(results))
    document.write_text(text)


def _replaced(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, found, rest = text.partition(begin)
    _, found_too, after = rest.partition(end)
    if not found or not found_too:
        raise SystemExit(f"soak: the document has no place for {name}")
    return before + begin + content + end + after
