"""Run by scripts/matrix: writes what came out at each place into the table of a document.

    matrix_table.py [--print] DOCUMENT [NAME=RESULT...]

RESULT is the file of lines KEY=VALUE that a place leaves behind. The rows of places that were not tried stay as they are, with
their own dates. --print: the rows of these places are printed, and the document stays as it is.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

BEGIN = "<!-- written by scripts/matrix: begin -->\n"
END = "<!-- end -->\n"
# place -> what it is, in the order of the table
PLACES = {
    "debian11": "Debian 11",
    "debian12": "Debian 12",
    "debian13": "Debian 13",
    "sid": "Debian sid",
    "i386": "Debian 12, i386",
    "upstream": "httpd's release in `/usr/local/apache2`, on Debian 13",
    "oldest": "httpd 2.4.48 in `/usr/local/apache2`, on Debian 11",
    "trunk": "httpd's trunk in `/usr/local/apache2`, on Debian 13",
    "arm64": "Debian 12, arm64: build and unit tests in qemu",
    "experimental": "Debian sid with the OpenSSL of experimental: build and unit tests",
}
HEAD = "| place | what it is | httpd | OpenSSL | nginx | cryptography | demo | passed | failed | left out | date |\n"
RULE = "|---|---|---|---|---|---|---|---|---|---|---|\n"
KEYS = ("httpd", "openssl", "nginx", "cryptography", "demo", "passed", "failed", "skipped")


def row(name: str, result: dict[str, str], date: str) -> str:
    """A place without a demo, or without nginx, has a dash there; no test left out is a number: 0."""
    values = [result.get(key) or ("0" if key == "skipped" else "–") for key in KEYS]
    return f"| {name} | {PLACES[name]} | {' | '.join(values)} | {date} |\n"


def left_out_line(name: str, tests: list[str]) -> str:
    """Each reason once, with the tests that it is for; `tests` has "TEST (COUNT): REASON"."""
    by_reason: dict[str, list[str]] = {}
    for test in tests:
        what, _, reason = test.partition(": ")
        by_reason.setdefault(reason, []).append(what)
    return f"- {name}: " + "; ".join(f"*{reason}*: {', '.join(names)}" for reason, names in by_reason.items()) + "\n"


def read_result(path: Path) -> tuple[dict[str, str], list[str]]:
    """The values, and the tests that were left out: a line "left_out=TEST: REASON" for each."""
    values, left_out = {}, []
    for line in path.read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "left_out":
            left_out.append(value)
        else:
            values[key] = value
    return values, left_out


def lines_by_place(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The rows and the lists of a generated part, by the name of their place."""
    rows, lists = {}, {}
    for line in text.splitlines(keepends=True):
        name = line.lstrip("|- ").partition(" ")[0].rstrip(":")
        if name in PLACES:
            (rows if line.startswith("|") else lists)[name] = line
    return rows, lists


def generated(rows: dict[str, str], lists: dict[str, str]) -> str:
    in_order = [HEAD, RULE, *(rows[name] for name in PLACES if name in rows)]
    left_out = [lists[name] for name in PLACES if name in lists]
    return "".join(in_order + (["\nLeft out:\n\n", *left_out] if left_out else []))


def main(words: list[str]) -> int:
    only_print = words[:1] == ["--print"]
    document, *results = words[1:] if only_print else words
    text = Path(document).read_text()
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        print(f"{document} has no lines {BEGIN.strip()} and {END.strip()}", file=sys.stderr)
        return 2
    rows, lists = ({}, {}) if only_print else lines_by_place(old)
    for name, _, path in (word.partition("=") for word in results):
        result, left_out = read_result(Path(path))
        rows[name] = row(name, result, datetime.date.today().isoformat())
        lists.pop(name, None)
        if left_out:
            lists[name] = left_out_line(name, left_out)
    if only_print:
        print(generated(rows, lists), end="")
    else:
        Path(document).write_text(before + begin + generated(rows, lists) + end + after)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
