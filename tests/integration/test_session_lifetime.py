"""How long a TLS session is worth something: until a certificate or a CRL ends, a day at most, and never longer than
the policy that it was judged under. Nobody who has a good certificate is refused because of an old session."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.clock import Clock
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.vhost import vhost
from support.visits import KINDS, SESSION_EVIDENCE, STORAGES, TICKETS, Kind, Visit, storage_lines, visit

RESUMED = (200, "SUCCESS", True)
VERIFIED = (200, "SUCCESS", False)
REFUSED = (400, "NONE", False)
EXPIRED = (400, "FAILED:expired", False)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Bench:
    """A server whose clock is ours, and clients with certificates of different length. All times are hours."""

    httpd: Httpd
    clock: Clock
    ports: dict[str, int]
    clients: dict[str, Credential]

    def visit(
        self, kind: Kind, client: Optional[str] = None, *, after: Optional[Visit] = None, name: str = "on.test"
    ) -> Visit:
        return visit(
            self.ports[kind.storage],
            name,
            tls=kind.tls,
            credential=self.clients[client] if client else None,
            session=after.session if after else None,
        )


@pytest.fixture(scope="module")
def running(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    other = pki.root("other-ca")
    middle = ca.issue("middle", ca=True, not_after=10 * HOUR)
    clients = {
        "edge": ca.issue("edge"),
        "ten-hours": ca.issue("ten-hours", not_after=10 * HOUR),
        "by-ten-hours": middle.issue("by-ten-hours").sending(middle),
    }
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    crls = [ca.crl("ten-hours", next_update=10 * HOUR), other.crl("five-hours", next_update=5 * HOUR)]
    clock = Clock(pki.directory / "clock")
    ports = {storage: free_port() for storage in STORAGES}
    # mod_ssl itself would take up sessions of two days
    config = "SSLSessionCacheTimeout 172800\nCFOriginPullExpiryWarning 0\n"
    for storage, port in ports.items():
        shared = [*SESSION_EVIDENCE, *storage_lines(storage)]
        config += vhost(port, "on.test", *shared, *guard, tls=server_certificate)
        config += vhost(port, "off.test", *shared, tls=server_certificate)
        lists = [f"CFOriginPullCARevocationFile {crl}" for crl in crls]
        config += vhost(port, "crl.test", *shared, *guard, *lists, tls=server_certificate)
    httpd = servers.httpd(config, listen=list(ports.values()), extra_environment=clock.environment)
    return Bench(httpd, clock, ports, clients)


@pytest.fixture
def bench(running: Bench) -> Iterator[Bench]:
    running.clock.set(hours=0)
    running.httpd.allow_refusals()
    running.httpd.allow("CFAOP106: ")  # what ends with the clock
    yield running
    running.clock.set(hours=0)


all_kinds = pytest.mark.parametrize("kind", KINDS, ids=str)


@all_kinds
def test_good_verdict_ends_a_day_after_the_full_handshake(bench: Bench, kind: Kind) -> None:
    """TLS 1.3 renews its sessions at every visit; the day is not renewed."""
    first = bench.visit(kind, "edge")
    bench.clock.set(hours=12)
    noon = bench.visit(kind, after=first)
    bench.clock.set(hours=23.9)
    evening = bench.visit(kind, after=noon)
    bench.clock.set(hours=24.1)

    assert (first.outcome, noon.outcome, evening.outcome) == (VERIFIED, RESUMED, RESUMED)
    for old in (first, noon, evening):
        assert bench.visit(kind, after=old).outcome == REFUSED
    fresh = bench.visit(kind, "edge", after=evening)
    assert fresh.outcome == VERIFIED
    assert bench.visit(kind, after=fresh).outcome == RESUMED


@all_kinds
def test_mod_ssls_own_sessions_last_longer(bench: Bench, kind: Kind) -> None:
    """The control of the test above: it is not mod_ssl who ends the sessions."""
    first = bench.visit(kind, name="off.test")
    bench.clock.set(hours=30)
    assert bench.visit(kind, name="off.test", after=first).outcome == (200, "", True)


@all_kinds
@pytest.mark.parametrize("client", ("ten-hours", "by-ten-hours"))
def test_session_ends_with_the_first_certificate_of_the_chain(bench: Bench, client: str, kind: Kind) -> None:
    last = bench.visit(kind, client)
    for hours in (3, 6, 9.9):
        bench.clock.set(hours=hours)
        last = bench.visit(kind, after=last)
        assert last.outcome == RESUMED
    bench.clock.set(hours=10.1)
    assert bench.visit(kind, after=last).outcome == REFUSED
    assert bench.visit(kind, client, after=last).outcome == EXPIRED
    assert bench.visit(kind, "edge", after=last).outcome == VERIFIED


@all_kinds
def test_session_ends_with_the_crl(bench: Bench, kind: Kind) -> None:
    """A CRL of a CA that has nothing to do with the chain does not matter."""
    last = bench.visit(kind, "edge", name="crl.test")
    for hours in (4, 9.9):
        bench.clock.set(hours=hours)
        last = bench.visit(kind, after=last, name="crl.test")
        assert last.outcome == RESUMED
    bench.clock.set(hours=10.1)
    late = bench.visit(kind, "edge", after=last, name="crl.test")
    assert late.outcome == (400, "FAILED:other", False)


@all_kinds
def test_session_from_the_future_is_judged_anew(bench: Bench, kind: Kind) -> None:
    """A clock that was wrong and is set right must not make verdicts last longer."""
    bench.clock.set(hours=2)
    guarded = bench.visit(kind, "edge")
    unguarded = bench.visit(kind, name="off.test")
    bench.clock.set(hours=0)
    assert bench.visit(kind, after=unguarded, name="off.test").resumed
    assert bench.visit(kind, after=guarded).outcome == REFUSED
    assert bench.visit(kind, "edge", after=guarded).outcome == VERIFIED


# Restarts, with ticket keys that outlive them


@dataclass(frozen=True)
class Change:
    """A vhost's lines before a restart and after it; {…} are files. Then what a session that an edge made before is
    worth: without a certificate, and with the edge's own."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    bare: tuple[int, str, bool]
    edge: tuple[int, str, bool]


CA = "CFOriginPullCACertificateFile"
ON = "CFOriginPull On"
UNTRUSTED = (400, "FAILED:untrusted_issuer", False)
REVOKED = (400, "FAILED:revoked", False)
CHANGES = {
    "nothing.test": Change((ON, f"{CA} {{ca}}"), (ON, f"{CA} {{ca}}"), RESUMED, RESUMED),
    "file-name.test": Change((ON, f"{CA} {{ca}}"), (ON, f"{CA} {{copy}}"), RESUMED, RESUMED),
    "order.test": Change((ON, f"{CA} {{ca}} {{other}}"), (ON, f"{CA} {{other}} {{ca}} {{ca}}"), RESUMED, RESUMED),
    "mode.test": Change((ON, f"{CA} {{ca}}"), ("CFOriginPull Optional", f"{CA} {{ca}}"), RESUMED, RESUMED),
    "other-ca.test": Change((ON, f"{CA} {{ca}}"), (ON, f"{CA} {{other}}"), REFUSED, UNTRUSTED),
    "ca-added.test": Change((ON, f"{CA} {{ca}}"), (ON, f"{CA} {{ca}} {{other}}"), REFUSED, VERIFIED),
    "ca-removed.test": Change((ON, f"{CA} {{ca}} {{other}}"), (ON, f"{CA} {{other}}"), REFUSED, UNTRUSTED),
    "builtin.test": Change((ON, f"{CA} {{ca}}"), (ON,), REFUSED, UNTRUSTED),
    "crl-added.test": Change(
        (ON, f"{CA} {{ca}}"), (ON, f"{CA} {{ca}}", "CFOriginPullCARevocationFile {crl}"), REFUSED, REVOKED
    ),
    "crl-content.test": Change(
        (ON, f"{CA} {{ca}}", "CFOriginPullCARevocationFile {no_crl}"),
        (ON, f"{CA} {{ca}}", "CFOriginPullCARevocationFile {crl}"),
        REFUSED,
        REVOKED,
    ),
    "depth.test": Change((ON, f"{CA} {{ca}}"), (ON, f"{CA} {{ca}}", "CFOriginPullVerifyDepth 0"), REFUSED, VERIFIED),
    "switched-on.test": Change(("CFOriginPull Off",), (ON, f"{CA} {{ca}}"), REFUSED, VERIFIED),
    "switched-off.test": Change((ON, f"{CA} {{ca}}"), ("CFOriginPull Off",), (200, "", False), (200, "", False)),
    "security-level.test": Change(
        (ON, f"{CA} {{ca}}"), (ON, f"{CA} {{ca}}", "SSLCipherSuite HIGH:@SECLEVEL=1"), REFUSED, VERIFIED
    ),
}


@dataclass(frozen=True)
class Reconfigured:
    """A server with a configuration before and one after, and an edge whose certificate is revoked by {crl}."""

    httpd: Httpd
    before: str
    after: str
    edge: Credential


@pytest.fixture(scope="module")
def reconfigured(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> Reconfigured:
    ca, other = pki.root("restart-ca"), pki.root("restart-other-ca")
    edge = ca.issue("restart-edge")
    files = {
        "ca": ca.cert_file,
        "copy": pki.bundle("copy", ca),
        "other": other.cert_file,
        "crl": ca.crl("restart", revoked=[edge]),
        "no_crl": ca.crl("restart-empty"),
    }
    port = free_port()
    shared = [*SESSION_EVIDENCE, *storage_lines("ticket", pki.file("restart-ticket.key", secrets.token_bytes(48)))]

    def sites(column: str) -> str:
        texts = []
        for name, change in CHANGES.items():
            lines = [line.format(**files) for line in getattr(change, column)]
            texts.append(vhost(port, name, *shared, *lines, tls=server_certificate))
        return "".join(texts)

    before, after = sites("before"), sites("after")
    # without it, whether tickets outlive a restart would be left to chance
    environment = preloading("ticket_key", directory)
    httpd = servers.httpd(before, listen=[port], extra_environment=environment)
    httpd.allow("CFAOP137: ")
    return Reconfigured(httpd, before, after, edge)


@pytest.mark.parametrize("how", ("graceful", "restart"))
def test_session_does_not_outlive_its_policy(reconfigured: Reconfigured, how: str) -> None:
    server, edge = reconfigured.httpd, reconfigured.edge
    server.allow_refusals()
    server.allow("CFAOP137: ")
    server.write_config(reconfigured.before)
    server.graceful()
    firsts = {
        (name, kind): visit(server.port, name, tls=kind.tls, credential=edge) for name in CHANGES for kind in TICKETS
    }
    assert {first.answer.status for first in firsts.values()} == {200}

    server.write_config(reconfigured.after)
    server.graceful() if how == "graceful" else server.restart()

    for (name, kind), first in firsts.items():
        bare = visit(server.port, name, tls=kind.tls, session=first.session)
        shown = visit(server.port, name, tls=kind.tls, session=first.session, credential=edge)
        assert (name, kind, bare.outcome, shown.outcome) == (name, kind, CHANGES[name].bare, CHANGES[name].edge)
