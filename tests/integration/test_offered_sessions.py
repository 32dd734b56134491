"""A client of TLS 1.3 fills its ClientHello with tickets; the server parses a few of them, and ends the handshake.

The tickets are copies of one that a stranger has got over TLS 1.2. None can be taken up, so that without a limit
OpenSSL would parse them all, each with a certificate and its key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support import tickets
from support.client_hello import ALERT, HANDSHAKE, answers, client_hello
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

MOST = 4
NAMES = ("on.test", "close.test", "logonly.test", "off.test", "unknown.test")


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential
    strangers_ticket: bytes


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    ca = pki.root("ca")
    port = free_port()
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    httpd = servers.httpd(
        vhost(port, "on.test", *guard, tls=server_certificate)
        + vhost(port, "close.test", *guard, "CFOriginPullRefuse close", tls=server_certificate)
        + vhost(port, "logonly.test", "CFOriginPull LogOnly", *guard[1:], tls=server_certificate)
        + vhost(port, "off.test", tls=server_certificate),
        listen=[port])
    httpd.log.always += ["CFAOP30[12]: ", "AH02008", "SSL Library Error"]
    folder = tmp_path_factory.mktemp("sessions")
    call = tickets.call(port, "on.test", folder, tls="1.2", credential=pki.self_signed("stranger"))
    assert call.status == 400 and call.session
    return Bench(httpd, port, ca.issue("edge"), tickets.ticket_of(call.session))


def offer(bench: Bench, count: int, name: str) -> list[int]:
    return answers(bench.port, client_hello(name, [bench.strangers_ticket] * count))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 1, 2, MOST])
def test_a_few_sessions_may_be_offered(bench: Bench, count: int, name: str) -> None:
    assert offer(bench, count, name) == [HANDSHAKE]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [MOST + 1, 60])
def test_more_end_the_handshake(bench: Bench, count: int, name: str) -> None:
    bench.httpd.allow("CFAOP205: ")
    assert offer(bench, count, name) == [ALERT]


@pytest.mark.parametrize("count, answer", [(2, HANDSHAKE), (3, ALERT)])
def test_those_after_a_request_to_retry_count_too(bench: Bench, count: int, answer: int) -> None:
    bench.httpd.allow("CFAOP205: ")
    offered = [bench.strangers_ticket] * count
    first, second = (client_hello("on.test", offered, has_share=has_share) for has_share in (False, True))
    assert answers(bench.port, first, second) == [HANDSHAKE, answer]


@pytest.mark.parametrize("count, answer", [(MOST, HANDSHAKE), (MOST + 1, ALERT)])
def test_tickets_of_other_servers_count_too(bench: Bench, count: int, answer: int) -> None:
    """Where httpd's HMAC key is known, a client can make tickets that OpenSSL parses, and then says that it cannot decrypt."""
    bench.httpd.allow("CFAOP205: ")
    foreign = [os.urandom(len(bench.strangers_ticket)) for _ in range(count)]
    assert answers(bench.port, client_hello("on.test", foreign)) == [answer]


def test_it_is_told_once_in_a_while(servers: Servers, pki: Pki, server_certificate: Credential, tmp_path: Path) -> None:
    port = free_port()
    httpd = servers.httpd(vhost(port, "on.test", "CFOriginPull On", tls=server_certificate), listen=[port])
    call = tickets.call(port, "on.test", tmp_path, tls="1.2", credential=pki.self_signed("talker"))
    assert call.session
    hello = client_hello("on.test", [tickets.ticket_of(call.session)] * 20)
    for _ in range(15):
        assert answers(port, hello) == [ALERT]
    line = f"CFAOP205: handshake with on.test:{port} ended: the client offered more than 4 sessions: peer=127.0.0.1"
    httpd.allow("CFAOP205: |CFAOP30[12]: |AH02008|SSL Library Error")
    httpd.log.wait_for(line)
    assert len(httpd.log.find("CFAOP205: ")) < 10


@pytest.mark.parametrize("before, answer", [(MOST - 1, ALERT), (MOST, HANDSHAKE)])
def test_sessions_of_the_cache_are_looked_up_a_few_times(
    servers: Servers, pki: Pki, server_certificate: Credential, tmp_path: Path, before: int, answer: int
) -> None:
    """The edge's session would be taken up, but for its binder, which is random here; beyond the limit it is not found."""
    ca, port = pki.root(f"ca-{before}"), free_port()
    httpd = servers.httpd(
        "SSLSessionTickets off\nSSLSessionCache shmcb:logs/cache(512000)\n"
        + vhost(port, "on.test", "CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", tls=server_certificate),
        listen=[port], modules=["socache_shmcb"])
    httpd.allow("AH02008|SSL Library Error")
    session: Optional[bytes] = tickets.call(
        port, "on.test", tmp_path, tls="1.3", credential=ca.issue(f"edge-{before}")).session
    assert session
    offered = [os.urandom(32) for _ in range(before)] + [tickets.ticket_of(session)]
    assert answers(port, client_hello("on.test", offered)) == [answer]


def test_a_line_is_written_now_and_then_where_no_virtual_host_asks(servers: Servers, server_certificate: Credential) -> None:
    """The guard looks at handshakes there, too: clients may have sessions from before it was switched off."""
    port = free_port()
    httpd = servers.httpd(vhost(port, "off.test", "CFOriginPull Off", tls=server_certificate), listen=[port])
    ticket = bytes(200)
    for _ in range(20):
        answers(port, client_hello("off.test", [ticket] * (MOST + 1)))
    httpd.allow("CFAOP205: |AH02008|SSL Library Error")
    httpd.log.wait_for("CFAOP205: handshake with off.test:")
    assert len(httpd.log.find("CFAOP205: ")) < 10
