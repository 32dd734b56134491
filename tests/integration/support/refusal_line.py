"""The log lines about refused requests, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from support.httpd import Httpd

_LINE = re.compile(
    r"^\[(?P<time>[^\]]+)\] \[cfaop:(?P<level>\w+)\] \[pid (?P<pid>\d+)(?::tid \d+)?\] (?:\[[^\]]*\] )?"
    r"\[(?:client|remote) [0-9.:]+\] "
    r"(?P<tag>CFAOP30[12]): (?P<action>refused|would refuse): reason=(?P<reason>\w+) status=(?P<status>\d+) "
    r'sni="(?P<sni>[^"]*)" host="(?P<host>[^"]*)" peer=(?P<peer>\S+) cf-ray="(?P<cf_ray>[^"]*)"'
    r'(?: openssl="(?P<openssl>[^"]*)")?'
    r'(?: subject="(?P<subject>[^"]*)" issuer="(?P<issuer>[^"]*)" sha256=(?P<sha256>[0-9a-f]{64}))?'
    r"(?: \((?P<held>\d+) more like this since the last line\))?$"
)


@dataclass(frozen=True)
class RefusalLine:
    """A line CFAOP301 or CFAOP302, written at `time` (seconds). What a client without a certificate has not got is ""."""

    time: float
    level: str
    pid: int
    tag: str
    action: str
    reason: str
    status: int
    sni: str
    host: str
    peer: str
    cf_ray: str
    openssl: str
    subject: str
    issuer: str
    sha256: str
    held: int


def refusal_lines(server: Httpd, tag: str = "CFAOP301") -> list[RefusalLine]:
    """The new lines with that tag (a pattern); each has to have the shape that is documented."""
    return [_parsed(line) for line in server.log.find(f"{tag}: ")]


def only_refusal_line(server: Httpd, tag: str = "CFAOP301") -> RefusalLine:
    """The one new line with that tag, which may be on its way."""
    server.log.wait_for(f"{tag}: ")
    (line,) = refusal_lines(server, tag)
    return line


def _parsed(line: str) -> RefusalLine:
    match = _LINE.match(line)
    assert match, f"not the shape of a refusal: {line}"
    values = {key: value or "" for key, value in match.groupdict().items()}
    numbers = {key: int(values.pop(key) or 0) for key in ("pid", "status", "held")}
    moment = datetime.strptime(values.pop("time"), "%a %b %d %H:%M:%S.%f %Y").timestamp()
    return RefusalLine(time=moment, **values, **numbers)
