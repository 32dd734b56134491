"""The module's part of mod_status's page, as a browser reads it, and its keys of "?auto"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Optional

PATH = "/server-status"
TITLE = "Cloudflare origin pulls"
HEADINGS = ["Virtual hosts", "Trusted certificates and CRLs"]
WHOLE_SERVER = "Whole server"

HANDSHAKES = ("verified", "resumed", "failed", "no_certificate")
RESULTS = ("allowed", "exempt", "would_refuse", "refused")
_HEADS = (
    ("Virtual host", "Mode", "Handshakes", "Requests", "Reasons", "Certificate shown last"),
    ("verified, full", "verified, resumed", "failed", "no certificate", "allowed", "exempt", "would refuse", "refused"),
)
_CERTIFICATE_HEAD = ("Kind", "Subject", "SHA-256", "Ends", "Connections", "Last used", "Virtual hosts")
_OUR_TAGS = {"h1", "h2", "table", "tr", "th", "td", "tt", "b", "br", "p"}
_REASONS = re.compile(r"(?:refused: (?P<refused>[^\n]+))?\n?(?:would refuse: (?P<would_refuse>[^\n]+))?")
_KEY_WORDS = {
    "HandshakesVerifiedFull": "handshake verified",
    "HandshakesVerifiedResumed": "handshake resumed",
    "HandshakesFailed": "handshake failed",
    "HandshakesNoCertificate": "handshake no_certificate",
    "RequestsAllowed": "allowed",
    "RequestsExempt": "exempt",
    "RequestsWouldRefuse": "would_refuse",
    "RequestsRefused": "refused",
}


@dataclass(frozen=True)
class Row:
    """A virtual host. `numbers` has "handshake verified", "allowed" and so on; `reasons` what "refused no_certificate" was."""

    label: str
    mode: str
    numbers: dict[str, int]
    reasons: dict[str, int]
    leaf: str


@dataclass(frozen=True)
class Certificate:
    kind: str
    subject: str
    sha256: str
    ends: str
    connections: str
    last_used: str
    vhosts: int


@dataclass
class Page:
    """`note` is what stands below the table of virtual hosts."""

    whole: Row
    rows: dict[str, Row]
    certificates: list[Certificate]
    note: str


class _Section(HTMLParser):
    """The text of our tables' cells; fails where tags do not match, or are not ours."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.note = ""
        self.headings: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._inside: list[str] = []
        self._table = ""

    @property
    def is_closed(self) -> bool:
        return not self._inside

    def handle_starttag(self, tag: str, attributes: list[tuple[str, Optional[str]]]) -> None:
        assert tag in _OUR_TAGS, f"a tag that is not ours: {tag} {attributes}"
        if tag == "table":
            self._table = dict(attributes)["id"] or ""
            assert self._table not in self.tables
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
        elif tag == "br":
            self.handle_data("\n")
        if tag != "br":
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == "br" or (self._inside and self._inside.pop() == tag), f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "td" in self._inside or "th" in self._inside:
            self.tables[self._table][-1][-1] += data
        elif self._inside == ["h1"]:
            self.title += data
        elif self._inside == ["h2"]:
            self.headings.append(data)
        elif self._inside == ["p"]:
            self.note += data
        else:
            assert not data.strip(), f"text that is in no cell: {data}"


def parse_page(html: str) -> Page:
    """Our section of the page, which must be there."""
    start = html.index(f"<h1>{TITLE}</h1>")
    section = _Section()
    # the sections of modules begin with a line
    section.feed(re.split(r"<hr ?/?>|</body>", html[start:])[0])
    section.close()
    assert (section.title, section.headings, section.is_closed) == (TITLE, HEADINGS, True)
    assert set(section.tables) == {"cf-origin-pull-vhosts", "cf-origin-pull-certificates"}
    first, second, whole, *rows = section.tables["cf-origin-pull-vhosts"]
    assert (tuple(first), tuple(second)) == _HEADS
    head, *certificates = section.tables["cf-origin-pull-certificates"]
    assert tuple(head) == _CERTIFICATE_HEAD
    read = [_row(cells) for cells in rows]
    assert len({row.label for row in read}) == len(read), "a virtual host twice"
    page = Page(_row(whole), {row.label: row for row in read}, [_certificate(cells) for cells in certificates], section.note)
    assert (page.whole.label, page.whole.mode) == (WHOLE_SERVER, "")
    return page


def has_section(html: str) -> bool:
    return TITLE in html


def _row(cells: list[str]) -> Row:
    label, mode, *numbers, reasons, leaf = cells
    names = [*(f"handshake {name}" for name in HANDSHAKES), *RESULTS]
    assert len(numbers) == len(names), cells
    return Row(label, mode, dict(zip(names, map(int, numbers))), _reasons(reasons), leaf)


def _reasons(text: str) -> dict[str, int]:
    """ "refused: no_certificate 3, expired 1" """
    match = _REASONS.fullmatch(text)
    assert match, text
    reasons = {}
    for result, entries in match.groupdict().items():
        for entry in (entries or "").split(", ") if entries else ():
            name, number = entry.split(" ")
            reasons[f"{result} {name}"] = int(number)
    return reasons


def _certificate(cells: list[str]) -> Certificate:
    *texts, vhosts = cells
    return Certificate(*texts, int(vhosts))


@dataclass
class Keys:
    """Our keys of "?auto". Numbers as in a Row, and of every pair that has a reason, "allowed no_certificate" for instance."""

    whole: dict[str, int] = field(default_factory=dict)
    vhosts: dict[str, dict[str, int]] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    leaves: dict[str, dict[str, str]] = field(default_factory=dict)
    cas: dict[str, dict[str, str]] = field(default_factory=dict)


def parse_keys(text: str) -> Keys:
    """All of them; fails on a key that comes twice, or that is not ours but looks so."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("CFOriginPull"):
            key, separator, value = line.removeprefix("CFOriginPull").partition(": ")
            assert separator and key not in values, line
            values[key] = value
    groups: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        match = re.fullmatch(r"((?:Vhost|CA)\[\d+\]|)(.+)", key)
        assert match
        groups.setdefault(match[1], {})[match[2]] = value
    keys = Keys(whole=_numbers(groups.pop("", {})))
    for name, group in groups.items():
        if name.startswith("CA"):
            keys.cas[group.pop("SHA256")] = group
        else:
            _take_vhost(keys, group)
    return keys


def _take_vhost(keys: Keys, group: dict[str, str]) -> None:
    label = group.pop("Name")
    assert label not in keys.vhosts
    keys.modes[label] = group.pop("Mode")
    keys.leaves[label] = {name: group.pop(name) for name in list(group) if name.startswith("Leaf")}
    keys.vhosts[label] = _numbers(group)


def _numbers(group: dict[str, str]) -> dict[str, int]:
    numbers = {}
    for key, value in group.items():
        match = re.fullmatch(r"(\w+?)(?:\[(\w+)\])?", key)
        assert match and match[1] in _KEY_WORDS, key
        word = _KEY_WORDS[match[1]]
        numbers[f"{word} {match[2]}" if match[2] else word] = int(value)
    assert not group or set(_KEY_WORDS.values()) <= set(numbers), group
    return numbers
