"""The TCP peer is known from the moment that the connection is made: what other modules write into the connection changes nothing.

Some, mod_rpaf among them, write an address from a header into the connection, in place: later requests and streams see it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support import environment
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.foreign_module import build_from
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Route
from support.vhost import vhost

EXEMPT, PEER, VISITOR = "192.0.2.7", "127.0.0.1", "203.0.113.7"
SHOWN = [
    'Header always set X-Address "expr=%{REMOTE_ADDR}"',
    'Header always set X-Connection "expr=%{CONN_REMOTE_ADDR}"',
    'Header always set X-Exempt "expr=%{CF_ORIGIN_PULL_EXEMPT}"',
]
# The module's name, and where its hook stands: mod_rpaf's place, before all modules but the guard, and before the guard.
LOAD_ORDERS = ("guard-last", "guard-first")
ORDERS = {
    "rpaf": "APR_HOOK_FIRST",
    "first": "APR_HOOK_REALLY_FIRST",
    "lower": "APR_HOOK_REALLY_FIRST - 2000",
}


@dataclass(frozen=True)
class Bench:
    server: Httpd
    name: str
    port: int
    edge: Credential


def load(directory: Path, name: str, order: str, at_once: str = "0") -> str:
    module = directory / f"mod_{name}.so"
    if not module.exists():
        build_from(directory, "forwarded.c", name, ORDER=ORDERS.get(name, "APR_HOOK_LAST"), AT_ONCE=at_once)
    lines = [f"LoadModule {name}_module {module}", f"LoadModule cfaop_module {environment.module_path()}"]
    return "\n".join(lines if order == "guard-last" else lines[::-1]) + "\n"


@pytest.fixture(scope="module", params=[(name, at) for name in ORDERS for at in LOAD_ORDERS], ids="-".join)
def bench(request: pytest.FixtureRequest, servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    name, order = request.param
    ca, port = pki.root(f"ca-{name}-{order}"), free_port()
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", "CFOriginPullRemoteIP On"]
    exemptions = ["CFOriginPullExempt path /open", f"CFOriginPullExempt ip {EXEMPT} 127.0.0.2"]
    config = load(directory, name, order)
    config += vhost(port, "guarded.test", *guard, *exemptions, *SHOWN, tls=server_certificate)
    config += vhost(port, "control.test", *SHOWN, tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], with_module=False)
    server.put("open/token", "token\n")
    server.allow("CFAOP123: ")
    server.start()
    assert bool(server.log.find(rf"CFAOP123: mod_{name}\.c runs in the hook post_read_request")) == (name == "lower")
    server.check()
    return Bench(server, name, port, ca.issue(f"edge-{name}-{order}"))


WAYS = [(tls, http) for tls in TLS_VERSIONS for http in HTTP_VERSIONS]


def claim(address: str) -> list[tuple[str, str]]:
    return [("x-forwarded-for", address)]


@pytest.mark.parametrize("tls, http", WAYS)
def test_control_shows_that_the_claim_stays_with_the_connection(bench: Bench, tls: str, http: str) -> None:
    with connect(bench.port, sni="control.test", tls=tls, http=http) as client:
        assert client.request("/", host="control.test").header("x-connection") == PEER
        assert client.request("/", host="control.test", headers=claim(EXEMPT)).header("x-address") == EXEMPT
        assert client.request("/", host="control.test").header("x-connection") == EXEMPT


@pytest.mark.parametrize("tls, http", WAYS)
def test_claim_exempts_nobody(bench: Bench, tls: str, http: str) -> None:
    """Neither the request that makes it nor a later one of the same connection; the log tells the peer."""
    bench.server.allow_refusals()
    with connect(bench.port, sni="guarded.test", tls=tls, http=http) as client:
        answer = client.request("/open/token", host="guarded.test", headers=claim(EXEMPT))
        assert (answer.status, answer.header("x-exempt"), answer.header("x-connection")) == (200, "path", EXEMPT)
        later = client.request("/", host="guarded.test")
        assert (later.status, later.header("x-exempt") or "") == (400, "")
    with connect(bench.port, sni="guarded.test", tls=tls, http=http) as client:
        assert client.request("/", host="guarded.test", headers=claim(EXEMPT)).status == 400
    lines = bench.server.log.find("CFAOP301: ")
    assert len(lines) == 2 and all(f" peer={PEER} " in line for line in lines)


@pytest.mark.parametrize("tls, http", WAYS)
def test_claim_takes_no_exemption_away(bench: Bench, tls: str, http: str) -> None:
    with connect(bench.port, sni="guarded.test", tls=tls, http=http, route=Route(source="127.0.0.2")) as client:
        for headers in (claim("198.51.100.1"), []):
            answer = client.request("/", host="guarded.test", headers=headers)
            assert (answer.status, answer.header("x-exempt")) == (200, "ip")


@pytest.mark.parametrize("tls, http", WAYS)
def test_visitor_whom_the_edge_names_stands(bench: Bench, tls: str, http: str) -> None:
    """The guard has the last word after modules that settle addresses early; what they write into is a copy."""
    headers = [("cf-connecting-ip", VISITOR), *claim("198.51.100.1")]
    answer = fetch(bench.port, sni="guarded.test", credential=bench.edge, tls=tls, http=http, headers=headers)
    assert (answer.status, answer.header("x-address")) == (200, VISITOR)


@pytest.mark.parametrize("order", LOAD_ORDERS)
def test_address_that_is_written_as_the_connection_is_made_counts_for_nothing(
    servers: Servers, directory: Path, server_certificate: Credential, order: str
) -> None:
    port = free_port()
    config = load(directory, "hasty", order, at_once="1")
    config += vhost(port, "guarded.test", "CFOriginPull On", "CFOriginPullExempt ip 192.0.2.9", *SHOWN, tls=server_certificate)
    config += vhost(port, "control.test", *SHOWN, tls=server_certificate)
    server = servers.httpd(config, listen=[port], with_module=False)
    server.expect(rf"CFAOP301: refused: reason=no_certificate .* peer={re.escape(PEER)} ")
    server.allow_refusals()
    for http in HTTP_VERSIONS:
        assert fetch(port, sni="control.test", http=http).header("x-connection") == "192.0.2.9"
        assert fetch(port, sni="guarded.test", http=http).status == 400
    server.stop()
