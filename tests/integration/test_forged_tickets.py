"""httpd up to 2.4.71 with OpenSSL 3 may authenticate tickets with a key of zeros where SSLSessionTicketKeyFile is set.
Here it does so for certain, and the forger can even read the tickets. With OpenSSL 1.1.1 the forger has the whole file
of keys. The guard's judgement in a ticket cannot be changed all the same: a forged ticket is a full handshake, never a way in, and no client with a good certificate is
refused for it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from conftest import Servers
from support import installation
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.tickets import HMAC_KEY, ZEROS, Call, Opened, call, open_ticket, seal_ticket
from support.vhost import vhost

FORGEABLE = "CFAOP137: SSLSessionTicketKeyFile is in force for on.test:"
# OpenSSL's default number of tickets is made 0 for a refused certificate; another number stays.
MORE_TICKETS = "SSLOpenSSLConfCmd NumTickets 3"

all_tls = pytest.mark.parametrize("tls", ("1.2", "1.3"))


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    edge: Credential
    stranger: Credential
    keys: bytes
    hmac_key: bytes
    directory: Path

    def call(self, tls: str, credential: "Credential | None" = None, session: "bytes | None" = None) -> Call:
        return call(self.httpd.port, "on.test", self.directory, tls=tls, credential=credential, session=session)

    def open(self, session: "bytes | None") -> Opened:
        assert session is not None
        return open_ticket(session, self.keys, self.hmac_key)

    def seal(self, session: "bytes | None", opened: Opened) -> bytes:
        assert session is not None
        return seal_ticket(session, opened, self.keys, self.hmac_key)


def expect_warning(httpd: Httpd) -> None:
    if installation.has_forgeable_tickets():
        httpd.expect(FORGEABLE)


@pytest.fixture(scope="module")
def running(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> Bench:
    ca = pki.root("ca")
    keys = secrets.token_bytes(48)
    lines = [
        MORE_TICKETS,
        f"SSLSessionTicketKeyFile {pki.file('ticket.key', keys)}",
        "CFOriginPull On",
        f"CFOriginPullCACertificateFile {ca.cert_file}",
    ]
    port = free_port()
    environment = {**preloading("ticket_key", directory), "TEST_TICKET_HMAC": "zeros"}
    config = vhost(port, "on.test", *lines, tls=server_certificate)
    httpd = servers.httpd(config, listen=[port], extra_environment=environment)
    expect_warning(httpd)
    hmac_key = ZEROS if installation.has_ticket_parameters() else keys[HMAC_KEY]
    return Bench(httpd, ca.issue("edge"), pki.self_signed("stranger"), keys, hmac_key, directory)


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.httpd.allow_refusals()
    return running


@all_tls
def test_ticket_sealed_by_the_forger_resumes(bench: Bench, tls: str) -> None:
    """The control: this forger can write tickets, and httpd takes them."""
    first = bench.call(tls, bench.edge)
    assert (first.status, first.resumed) == (200, False)
    sealed = bench.seal(first.session, bench.open(first.session))
    again = bench.call(tls, session=sealed)
    assert sealed != first.session
    assert (again.status, again.resumed) == (200, True)


@all_tls
def test_refused_certificate_is_not_made_good(bench: Bench, tls: str) -> None:
    """The judgement is that of an edge, every byte of it."""
    good = bench.open(bench.call(tls, bench.edge).session).judgement
    refused = bench.call(tls, bench.stranger)
    assert refused.status == 400
    forged = bench.seal(refused.session, bench.open(refused.session).with_judgement(good))

    alone = bench.call(tls, session=forged)
    with_own = bench.call(tls, bench.stranger, session=forged)
    edge = bench.call(tls, bench.edge, session=forged)

    assert (alone.status, alone.resumed) == (400, False)
    assert (with_own.status, with_own.resumed) == (400, False)
    assert (edge.status, edge.resumed) == (200, False)


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "format": flipped(5),
    "good": flipped(6),
    "mod_ssl": flipped(7),
    "policy": flipped(8),
    "anchor": flipped(40),
    "from": flipped(79),
    "until": flipped(83),
    "mac": flipped(-1 % 120),
    "format-without-mac": lambda data: data[:5] + b"\2" + data[6:88],
    "cut": lambda data: data[:-1],
    "nothing": lambda data: b"",
}


@all_tls
@pytest.mark.parametrize("forgery", FORGERIES)
def test_changed_judgement_is_a_full_handshake(bench: Bench, forgery: str, tls: str) -> None:
    first = bench.call(tls, bench.edge)
    opened = bench.open(first.session)
    forged = bench.seal(first.session, opened.with_judgement(FORGERIES[forgery](opened.judgement)))
    alone = bench.call(tls, session=forged)
    edge = bench.call(tls, bench.edge, session=forged)
    assert (alone.status, alone.resumed) == (400, False)
    assert (edge.status, edge.resumed) == (200, False)


# Good tickets outlive what they should


@dataclass(frozen=True)
class Pair:
    """Two machines with copies of one key file under different names, and a third with another."""

    first: Httpd
    second: Httpd
    stranger: Httpd
    edge: Credential
    directory: Path


@pytest.fixture(scope="module")
def pair(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> Pair:
    ca = pki.root("pair-ca")
    keys = secrets.token_bytes(48)
    environment = preloading("ticket_key", directory)
    files = [pki.file(f"pair{i}.key", content) for i, content in enumerate((keys, keys, secrets.token_bytes(48)))]
    # written in the virtual host, inherited from the server by a relative path, and in the virtual host again
    own, inherited = [f"SSLSessionTicketKeyFile {files[0]}", ""], ["", f'SSLSessionTicketKeyFile "pair.key"\n']
    started = []
    for i, (inside, outside) in enumerate((own, inherited, [f"SSLSessionTicketKeyFile {files[2]}", ""])):
        port = free_port()
        guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
        config = outside + vhost(port, "on.test", *([inside] if inside else []), *guard, tls=server_certificate)
        httpd = servers.prepare_httpd(config, listen=[port], extra_environment=environment)
        (httpd.directory / "pair.key").write_bytes(files[1].read_bytes())
        started.append(httpd.start())
        expect_warning(httpd)
    return Pair(*started, ca.issue("pair-edge"), directory)


def stop_and_start(httpd: Httpd) -> None:
    httpd.stop()
    httpd.start()


RENEWALS: dict[str, Callable[[Httpd], None]] = {
    "graceful": Httpd.graceful,
    "restart": Httpd.restart,
    "stop-and-start": stop_and_start,
}


@all_tls
@pytest.mark.parametrize("renewal", RENEWALS)
def test_ticket_outlives(pair: Pair, renewal: str, tls: str) -> None:
    pair.first.allow(FORGEABLE)
    first = call(pair.first.port, "on.test", pair.directory, tls=tls, credential=pair.edge)
    assert (first.status, first.resumed) == (200, False)
    RENEWALS[renewal](pair.first)
    again = call(pair.first.port, "on.test", pair.directory, tls=tls, session=first.session)
    assert (again.status, again.resumed) == (200, True)
    pair.first.allow(FORGEABLE)


@all_tls
def test_ticket_is_taken_up_by_another_machine(pair: Pair, tls: str) -> None:
    for here, there in ((pair.first, pair.second), (pair.second, pair.first)):
        first = call(here.port, "on.test", pair.directory, tls=tls, credential=pair.edge)
        again = call(there.port, "on.test", pair.directory, tls=tls, session=first.session)
        assert (first.status, again.status, again.resumed) == (200, 200, True)
    pair.stranger.allow_refusals()
    other = call(pair.stranger.port, "on.test", pair.directory, tls=tls, session=first.session)
    assert (other.status, other.resumed) == (400, False)


# What the administrator is told


@pytest.mark.parametrize(
    "outside,inside,told",
    (
        ("", "SSLSessionTicketKeyFile {key}", True),
        ("SSLSessionTicketKeyFile {key}\n", "", True),
        ("SSLSessionTicketKeyFile {key}\nSSLSessionTickets off\n", "", False),
        ("SSLSessionTicketKeyFile {key}\nSSLSessionTickets off\n", "SSLSessionTickets on", True),
        ("SSLSessionTicketKeyFile {key}\n", "CFOriginPull Off", False),
        ("", "", False),
    ),
)
def test_configuration_test_tells_of_forgeable_tickets(
    servers: Servers, pki: Pki, server_certificate: Credential, outside: str, inside: str, told: bool
) -> None:
    key = pki.file("told.key", secrets.token_bytes(48))
    lines = ["CFOriginPull On", inside.format(key=key)]
    config = outside.format(key=key) + vhost(free_port(), "on.test", *lines, tls=server_certificate)
    done = servers.prepare_httpd(config, listen=[free_port()]).config_test()
    assert done.ok
    warnings = 1 if told and installation.has_forgeable_tickets() else 0
    assert done.stderr.count("CFAOP137: ") == warnings, done.stderr


def test_configuration_test_tells_of_a_short_key_file(
    servers: Servers, pki: Pki, server_certificate: Credential
) -> None:
    """mod_ssl, which refuses to start then, does not look into the file before it starts."""
    key = pki.file("short.key", secrets.token_bytes(47))
    lines = ["CFOriginPull On", f"SSLSessionTicketKeyFile {key}"]
    config = vhost(free_port(), "on.test", *lines, tls=server_certificate)
    done = servers.prepare_httpd(config, listen=[free_port()]).config_test()
    assert done.ok
    assert f"CFAOP138: the SSLSessionTicketKeyFile {key} cannot be read (it has less than 48 bytes)" in done.stderr
