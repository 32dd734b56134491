"""What `apache2 -t -D DUMP_CF_ORIGIN_PULL` prints, as objects."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from support.httpd import Httpd

_HEAD = re.compile(r"^(?P<label>\S+) \((?P<place>.*)\)$")
_CERTIFICATE = re.compile(
    r"    certificate: (?P<subject>.*)\n"
    r"        sha256 (?P<sha256>[0-9a-f]{64})\n"
    r"        not after (?P<not_after>\S+) \((?P<days_left>-?\d+) days left\), (?P<origin>.*)"
)
_CRL = re.compile(
    r"    CRL: (?P<issuer>.*)\n"
    r"        sha256 (?P<sha256>[0-9a-f]{64})\n"
    r"        next update (?P<next_update>\S+), (?P<origin>.*)"
)
_BYPASS = re.compile(r"    bypass: (\S+) is served without the guard by (\S+) \((.*)\)")


@dataclass(frozen=True)
class Certificate:
    subject: str
    sha256: str
    not_after: str
    days_left: int
    origin: str


@dataclass(frozen=True)
class Crl:
    issuer: str
    sha256: str
    next_update: str
    origin: str


@dataclass(frozen=True)
class Server:
    """A virtual host, or the main server, as the dump shows it.

    `has_tls` is False where a mode has no effect for want of TLS; `bypasses` are (name, server, place).
    """

    label: str
    place: str
    mode: str
    has_tls: bool = True
    depth: int = -1
    digest: str = ""
    shared_with: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    crls: tuple[Crl, ...] = ()
    bypasses: tuple[tuple[str, str, str], ...] = ()
    text: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        return self.label.partition(":")[0]

    @property
    def origins(self) -> set[str]:
        """Where its certificates come from."""
        return {certificate.origin for certificate in self.certificates}


def dump(server: Httpd) -> list[Server]:
    """The main server and then the vhosts, in the order of the configuration."""
    outcome = server.config_test(defines=["DUMP_CF_ORIGIN_PULL"])
    assert outcome.ok, outcome.stderr
    title, _, text = outcome.stdout.partition("\n")
    assert title == "mod_cfaop configuration:"
    return [_server(block) for block in re.split(r"\n(?=\S)", text.rstrip("\n"))]


def dump_by_name(server: Httpd) -> dict[str, Server]:
    """The same by ServerName, where those differ."""
    servers = dump(server)
    assert len({entry.name for entry in servers}) == len(servers), "a ServerName twice"
    return {entry.name: entry for entry in servers}


def _server(block: str) -> Server:
    head = _HEAD.match(block.split("\n", 1)[0])
    assert head, block
    certificates = [match.groupdict() for match in _CERTIFICATE.finditer(block)]
    depth = _value(block, "depth")
    return Server(
        label=head["label"],
        place=head["place"],
        mode=_value(block, "mode").partition(" (")[0],
        has_tls="(no TLS" not in _value(block, "mode"),
        depth=int(depth) if depth else -1,
        digest=_value(block, "policy digest"),
        shared_with=tuple(_value(block, "shared with").split()),
        certificates=tuple(Certificate(**{**each, "days_left": int(each["days_left"])}) for each in certificates),
        crls=tuple(Crl(**match.groupdict()) for match in _CRL.finditer(block)),
        bypasses=tuple((match[1], match[2], match[3]) for match in _BYPASS.finditer(block)),
        text=block,
    )


def _value(block: str, name: str) -> str:
    match = re.search(rf"^    {name}: (.*)$", block, re.MULTILINE)
    return match[1] if match else ""
