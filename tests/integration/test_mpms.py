"""The core of it all on each of httpd's process models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.visits import SESSION_EVIDENCE, visit

# mod_http2 does not work with prefork.
HTTP_OF = {"event": ("1.1", "2"), "worker": ("1.1", "2"), "prefork": ("1.1",)}
CASES = [(mpm, http) for mpm, versions in HTTP_OF.items() for http in versions]


@dataclass(frozen=True)
class Bench:
    httpds: dict[str, Httpd]
    clients: dict[Optional[str], Optional[Credential]]


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca, other = pki.root("ca"), pki.root("other-ca")
    sites = {
        "off.test": ["CFOriginPull Off"],
        "on.test": ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"],
        "logonly.test": ["CFOriginPull LogOnly", f"CFOriginPullCACertificateFile {ca.cert_file}"],
        "other.test": ["CFOriginPull On", f"CFOriginPullCACertificateFile {other.cert_file}"],
    }
    clients = {None: None, "edge": ca.issue("edge"), "stranger": pki.self_signed("stranger")}
    httpds = {}
    for mpm in HTTP_OF:
        port = free_port()
        config = "".join(
            vhost(port, name, *lines, *SESSION_EVIDENCE, tls=server_certificate) for name, lines in sites.items()
        )
        httpds[mpm] = servers.httpd(config, listen=[port], mpm=mpm)
    return Bench(httpds, clients)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("mpm,http", CASES)
def test_guard(bench: Bench, mpm: str, http: str, tls: str) -> None:
    httpd = bench.httpds[mpm]
    httpd.expect_refusal("no_certificate")
    httpd.expect_refusal("untrusted_issuer")

    def status(name: str, client: Optional[str]) -> int:
        return fetch(httpd.port, sni=name, credential=bench.clients[client], tls=tls, http=http).status

    assert [status("on.test", client) for client in (None, "stranger", "edge")] == [400, 400, 200]
    assert [status("other.test", client) for client in (None, "stranger", "edge")] == [400, 400, 400]
    assert [status("off.test", client) for client in (None, "stranger", "edge")] == [200, 200, 200]


@pytest.mark.parametrize("mpm,http", CASES)
def test_log_only(bench: Bench, mpm: str, http: str) -> None:
    httpd = bench.httpds[mpm]
    httpd.expect_refusal("untrusted_issuer", would=True)
    verdicts = {None: "NONE", "stranger": "FAILED:untrusted_issuer", "edge": "SUCCESS"}
    for client, verdict in verdicts.items():
        answer = fetch(httpd.port, sni="logonly.test", credential=bench.clients[client], http=http)
        assert (answer.status, answer.verify) == (200, verdict)


@pytest.mark.parametrize("mpm,http", CASES)
def test_sni_of_another_vhost(bench: Bench, mpm: str, http: str) -> None:
    httpd = bench.httpds[mpm]
    httpd.expect_refusal("misdirected")
    edge = bench.clients["edge"]
    assert fetch(httpd.port, sni="off.test", host="on.test", credential=edge, http=http).status == 421
    assert fetch(httpd.port, sni="on.test", host="other.test", credential=edge, http=http).status == 421
    assert fetch(httpd.port, sni="on.test", host="logonly.test", credential=edge, http=http).verify == "SUCCESS"


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("mpm,http", CASES)
def test_sessions(bench: Bench, mpm: str, http: str, tls: str) -> None:
    """Whichever process or thread gets it."""
    httpd = bench.httpds[mpm]
    httpd.allow_refusals()
    good = visit(httpd.port, "on.test", tls=tls, http=http, credential=bench.clients["edge"])
    bad = visit(httpd.port, "on.test", tls=tls, http=http)
    for _ in range(4):
        assert visit(httpd.port, "on.test", tls=tls, http=http, session=good.session).outcome == (200, "SUCCESS", True)
        assert visit(httpd.port, "on.test", tls=tls, http=http, session=bad.session).outcome == (400, "NONE", False)


@pytest.mark.parametrize("mpm,http", CASES)
def test_many_at_once(bench: Bench, mpm: str, http: str) -> None:
    """No verdict reaches another connection's request."""
    httpd = bench.httpds[mpm]
    httpd.allow_refusals()
    expected = {"edge": 200, "stranger": 400, None: 400}
    clients = [*expected] * 10

    def status(client: Optional[str]) -> int:
        return fetch(httpd.port, sni="on.test", credential=bench.clients[client], http=http).status

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(status, clients)) == [expected[client] for client in clients]
