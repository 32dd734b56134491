"""nginx in the place of Cloudflare's edge: it shows a certificate, keeps no connection and takes up TLS sessions.

The edge has a port for each kind of session and each certificate; what comes there goes on to guarded.test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.client import connect_plain
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.visits import KINDS, SESSION_EVIDENCE, STORAGES, Kind, storage_lines

VISITS = 8


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    ports: dict[tuple[Kind, Optional[str]], int]

    def visits(self, kind: Kind, client: Optional[str]) -> Iterator[tuple[int, str, str]]:
        """Requests through the edge: status, verdict, and what became of the edge's session."""
        for _ in range(VISITS):
            with connect_plain(self.ports[kind, client]) as visitor:
                answer = visitor.request(host="guarded.test")
            yield answer.status, answer.verify, answer.header("x-resumed") or ""


def edge_server(port: int, origin: int, tls: str, credential: Optional[Credential]) -> str:
    """A server of the edge that forwards to the origin, one TLS connection for each request."""
    lines = [
        f"listen 127.0.0.1:{port};",
        f"proxy_pass https://127.0.0.1:{origin};",
        "proxy_set_header Host guarded.test;",
        "proxy_ssl_name guarded.test;",
        "proxy_ssl_server_name on;",
        "proxy_ssl_session_reuse on;",
        f"proxy_ssl_protocols TLSv{tls};",
    ]
    if credential:
        lines.append(f"proxy_ssl_certificate {credential.cert_file};")
        lines.append(f"proxy_ssl_certificate_key {credential.key_file};")
    listen, *rest = lines
    return f"  server {{ {listen} location / {{ {' '.join(rest)} }} }}\n"


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    clients = {None: None, "edge": ca.issue("edge"), "stranger": pki.self_signed("stranger")}
    origins = {storage: free_port() for storage in STORAGES}
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", *SESSION_EVIDENCE]
    sites = [
        vhost(port, "guarded.test", *guard, *storage_lines(storage), tls=server_certificate)
        for storage, port in origins.items()
    ]
    httpd = servers.httpd("".join(sites), listen=list(origins.values()))
    ports = {(kind, client): free_port() for kind in KINDS for client in clients}
    servers.nginx(
        "".join(
            edge_server(port, origins[kind.storage], kind.tls, clients[client])
            for (kind, client), port in ports.items()
        )
    )
    return Bench(httpd, ports)


all_kinds = pytest.mark.parametrize("kind", KINDS, ids=str)


@all_kinds
def test_edge_is_welcome_and_resumes(bench: Bench, kind: Kind) -> None:
    first, *rest = bench.visits(kind, "edge")
    assert first == (200, "SUCCESS", "Initial")
    assert rest == [(200, "SUCCESS", "Resumed")] * (VISITS - 1)


@all_kinds
def test_edge_notices_no_restart(bench: Bench, kind: Kind) -> None:
    """The server has forgotten its sessions: that costs the edge one full handshake, and nothing else."""
    list(bench.visits(kind, "edge"))
    bench.httpd.graceful()
    first, *rest = bench.visits(kind, "edge")
    assert first == (200, "SUCCESS", "Initial")
    assert rest == [(200, "SUCCESS", "Resumed")] * (VISITS - 1)


@all_kinds
@pytest.mark.parametrize("client", (None, "stranger"))
def test_edge_without_a_good_certificate_is_refused_each_time(
    bench: Bench, client: Optional[str], kind: Kind
) -> None:
    reason, verdict = ("untrusted_issuer", "FAILED:untrusted_issuer") if client else ("no_certificate", "NONE")
    bench.httpd.expect_refusal(reason)
    assert list(bench.visits(kind, client)) == [(400, verdict, "Initial")] * VISITS
