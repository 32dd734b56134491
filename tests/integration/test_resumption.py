"""Edges resume their TLS sessions: a proxy that makes a connection for each request, as a stand-in for Cloudflare's, and clients of
HTTP/2. The share of resumed handshakes shows in the metrics; and a client gets as many tickets as it can use.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conftest import Servers
from support import metrics
from support.client import connect_plain, fetch
from support.httpd import Httpd
from support.nginx import nginx_server
from support.pki import Credential, Pki
from support.ports import free_port
from support.stay import client_context, stay
from support.vhost import vhost
from support.views import MODULES, watching
from support.visits import KINDS, STORAGES, Kind, storage_lines, visit

# mod_http2 does not work with prefork.
HTTP_OF = {"event": ("1.1", "2"), "worker": ("1.1", "2"), "prefork": ("1.1",)}
VISITS = 10


@dataclass(frozen=True)
class Bench:
    httpds: dict[str, Httpd]
    ports: dict[tuple[str, str], int]
    watches: dict[str, int]
    edges: dict[tuple[str, Kind], int]
    edge: Credential
    stranger: Credential

    def handshakes(self, mpm: str, port: int) -> dict[str, int]:
        """How many good ones there were at that port's vhost: "false" for full, "true" for resumed ones."""
        with connect_plain(self.watches[mpm]) as client:
            page = client.request(metrics.PATH, host="watch.test").text
        family = metrics.parse(page).family("handshakes_total")
        rows = {resumed: count for (name, result, resumed), count in family.items() if name == f"on.test:{port}" and result == "verified"}
        return {"false": 0, "true": 0, **rows}

    def since(self, before: dict[str, int], mpm: str, port: int) -> tuple[int, int]:
        """Full and resumed handshakes since then."""
        now = self.handshakes(mpm, port)
        return (now["false"] - before["false"], now["true"] - before["true"])


def proxy_to(port: int, tls: str, edge: Credential) -> tuple[str, ...]:
    """The lines of an edge that keeps sessions, nginx's default, but no connections."""
    return (
        "location / {",
        f"  proxy_pass https://127.0.0.1:{port};",
        "  proxy_set_header Host on.test;",
        "  proxy_ssl_server_name on;",
        "  proxy_ssl_name on.test;",
        f"  proxy_ssl_protocols TLSv{tls};",
        f"  proxy_ssl_certificate {edge.cert_file};",
        f"  proxy_ssl_certificate_key {edge.key_file};",
        "}",
    )


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    edge, stranger = ca.issue("edge"), pki.self_signed("stranger")
    guard = ("CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}")
    httpds, ports, watches = {}, {}, {}
    for mpm in HTTP_OF:
        watches[mpm] = free_port()
        config = watching(watches[mpm])
        for storage in STORAGES:
            port = ports[mpm, storage] = free_port()
            config += vhost(port, "on.test", *storage_lines(storage), *guard, tls=server_certificate)
            config += vhost(port, "off.test", *storage_lines(storage), tls=server_certificate)
        listen = [watches[mpm], *(ports[mpm, storage] for storage in STORAGES)]
        httpds[mpm] = servers.httpd(config, listen=listen, modules=MODULES, mpm=mpm)
    edges = {(mpm, kind): free_port() for mpm in HTTP_OF for kind in KINDS}
    servers.nginx(
        "".join(
            nginx_server(front, "edge.test", *proxy_to(ports[mpm, kind.storage], kind.tls, edge), tls=server_certificate)
            for (mpm, kind), front in edges.items()
        )
    )
    return Bench(httpds, ports, watches, edges, edge, stranger)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("mpm", HTTP_OF)
def test_nginx_resumes(bench: Bench, mpm: str, kind: Kind) -> None:
    port = bench.ports[mpm, kind.storage]
    before = bench.handshakes(mpm, port)
    for _ in range(VISITS):
        answer = fetch(bench.edges[mpm, kind], sni="edge.test")
        assert (answer.status, answer.verify) == (200, "SUCCESS")
    assert bench.since(before, mpm, port) == (1, VISITS - 1)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("mpm,http", [(mpm, http) for mpm, versions in HTTP_OF.items() for http in versions])
def test_client_resumes(bench: Bench, mpm: str, http: str, kind: Kind) -> None:
    port = bench.ports[mpm, kind.storage]
    before = bench.handshakes(mpm, port)
    last = visit(port, "on.test", tls=kind.tls, http=http, credential=bench.edge)
    for _ in range(VISITS - 1):
        last = visit(port, "on.test", tls=kind.tls, http=http, session=last.session)
        assert last.outcome == (200, "SUCCESS", True)
    assert bench.since(before, mpm, port) == (1, VISITS - 1)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("mpm", HTTP_OF)
def test_client_without_sessions_does_not(bench: Bench, mpm: str, kind: Kind) -> None:
    """The control of the numbers above."""
    port = bench.ports[mpm, kind.storage]
    before = bench.handshakes(mpm, port)
    for _ in range(3):
        assert fetch(port, sni="on.test", credential=bench.edge, tls=kind.tls).status == 200
    assert bench.since(before, mpm, port) == (3, 0)


# Tickets of TLS 1.3


@pytest.mark.parametrize("name,expected", (("on.test", 1), ("off.test", 2)))
@pytest.mark.parametrize("mpm", HTTP_OF)
def test_one_ticket_where_the_guard_asks(bench: Bench, mpm: str, name: str, expected: int) -> None:
    """OpenSSL's two elsewhere. Each resumption brings the next one."""
    context, port = client_context(bench.edge), bench.ports[mpm, "ticket"]
    last = stay(context, port, name)
    assert (last.status, last.tickets, last.resumed) == (200, expected, False)
    for _ in range(3):
        last = stay(context, port, name, last.session)
        assert (last.status, last.tickets, last.resumed) == (200, 1, True)


@pytest.mark.parametrize("mpm", HTTP_OF)
def test_no_ticket_for_a_bad_certificate(bench: Bench, mpm: str) -> None:
    bench.httpds[mpm].expect_refusal("untrusted_issuer")
    refused = stay(client_context(bench.stranger), bench.ports[mpm, "ticket"], "on.test")
    assert (refused.status, refused.tickets) == (400, 0)


@pytest.mark.parametrize("mpm", HTTP_OF)
def test_no_ticket_without_a_certificate(bench: Bench, mpm: str) -> None:
    """The session would never resume here."""
    bench.httpds[mpm].expect_refusal("no_certificate")
    refused = stay(client_context(None), bench.ports[mpm, "ticket"], "on.test")
    assert (refused.status, refused.tickets) == (400, 0)
