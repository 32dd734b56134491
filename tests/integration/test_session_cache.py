"""What goes to mod_ssl's session cache: sessions that can resume. Strangers, whose sessions cannot, do not push an edge's out
of a small cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.visits import storage_lines, visit

# The smallest cache has room for some ten sessions.
SMALL = "SSLSessionCache shmcb:run/small({size})\n"
FLOOD = 100

RESUMED = (200, "SUCCESS", True)
VERIFIED = (200, "SUCCESS", False)


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    clients: dict[Optional[str], Optional[Credential]]


@pytest.fixture(scope="module")
def running(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    guard = ("CFOriginPull {mode}", f"CFOriginPullCACertificateFile {ca.cert_file}")
    port = free_port()
    config = SMALL.format(size=20000)
    for mode in ("On", "Optional", "LogOnly"):
        lines = [line.format(mode=mode) for line in guard]
        config += vhost(port, f"{mode.lower()}.test", *storage_lines("cache"), *lines, tls=server_certificate)
    clients = {None: None, "edge": ca.issue("edge"), "stranger": pki.self_signed("stranger")}
    return Bench(servers.httpd(config, listen=[port]), clients)


@pytest.fixture
def bench(running: Bench) -> Iterator[Bench]:
    running.httpd.allow_refusals()
    yield running


def flood(bench: Bench, name: str, client: Optional[str], tls: str) -> None:
    for _ in range(FLOOD):
        visit(bench.httpd.port, name, tls=tls, credential=bench.clients[client])


@pytest.mark.parametrize("tls", ("1.2", "1.3"))
@pytest.mark.parametrize("client", ("stranger", None))
@pytest.mark.parametrize("mode", ("on", "optional", "logonly"))
def test_edges_session_survives_a_flood_of_strangers(bench: Bench, mode: str, client: Optional[str], tls: str) -> None:
    port, name = bench.httpd.port, f"{mode}.test"
    first = visit(port, name, tls=tls, credential=bench.clients["edge"])
    assert first.outcome == VERIFIED
    flood(bench, name, client, tls)
    assert visit(port, name, tls=tls, session=first.session).outcome == RESUMED


@pytest.mark.parametrize("tls", ("1.2", "1.3"))
def test_cache_is_small(bench: Bench, tls: str) -> None:
    """The control: as many sessions that can resume do push it out."""
    port = bench.httpd.port
    first = visit(port, "on.test", tls=tls, credential=bench.clients["edge"])
    flood(bench, "on.test", "edge", tls)
    assert visit(port, "on.test", tls=tls, session=first.session).outcome == (400, "NONE", False)


@pytest.mark.parametrize("tls", ("1.2", "1.3"))
@pytest.mark.parametrize("client", ("stranger", None))
def test_client_with_a_session_that_was_not_kept_is_served(bench: Bench, client: Optional[str], tls: str) -> None:
    """It offers what it was given, gets a full handshake, and an answer as before; with a good certificate it is let in."""
    port = bench.httpd.port
    first = visit(port, "logonly.test", tls=tls, credential=bench.clients[client])
    again = visit(port, "logonly.test", tls=tls, credential=bench.clients[client], session=first.session)
    edge = visit(port, "logonly.test", tls=tls, credential=bench.clients["edge"], session=first.session)
    assert again.outcome == first.outcome == (200, "FAILED:untrusted_issuer" if client else "NONE", False)
    assert edge.outcome == VERIFIED
    assert visit(port, "logonly.test", tls=tls, session=edge.session).outcome == RESUMED
