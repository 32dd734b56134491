"""A refused request has no effects: mod_session begins and renews no session for it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conftest import Servers
from support.broken_requests import BROKEN
from support.client import HTTP_VERSIONS, connect, fetch
from support.http1 import Http1
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

SESSION = ["Session On", "SessionMaxAge 3600", "SessionCookieName session path=/"]


@dataclass(frozen=True)
class Bench:
    port: int
    edge: Credential
    is_open_exempt: bool


@pytest.fixture(scope="module", params=["exempt", "no-exemption"])
def bench(request: pytest.FixtureRequest, servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca, port = pki.root(f"ca-{request.param}"), free_port()
    exempt = ["CFOriginPullExempt path /open"] if request.param == "exempt" else []
    guard = [f"CFOriginPullCACertificateFile {ca.cert_file}", *SESSION]
    httpd = servers.prepare_httpd(
        vhost(port, "closed.test", "CFOriginPull On", *exempt, *guard, tls=server_certificate)
        + vhost(port, "logonly.test", "CFOriginPull LogOnly", *guard, tls=server_certificate)
        + vhost(port, "off.test", *SESSION, tls=server_certificate),
        listen=[port], modules=["session", "session_cookie"])
    httpd.put("open/index.html", "open\n")
    httpd.log.always += ["CFAOP30[12]: "]
    httpd.start()
    return Bench(port, ca.issue(f"edge-{request.param}"), bool(exempt))


def has_session(response: Response) -> bool:
    return any(name.lower() == "set-cookie" and value.startswith("session=") for name, value in response.headers)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("cookie", [(), [("Cookie", "session=expiry=9999999999999999&a=b")]], ids=["new", "renewed"])
@pytest.mark.parametrize("path, begins", [("/", False), ("/missing", False), ("/open/index.html", True), ("/open/missing", True)])
def test_stranger_gets_a_session_of_exempt_paths_only(
    bench: Bench, path: str, begins: bool, cookie: list[tuple[str, str]], http: str
) -> None:
    answer = fetch(bench.port, path, sni="closed.test", http=http, headers=cookie)
    assert has_session(answer) is (begins and bench.is_open_exempt)


@pytest.mark.parametrize("sni", ["closed.test", "off.test"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_request_of_a_stranger_begins_no_session(bench: Bench, name: str, sni: str) -> None:
    """The sessions are those of the default virtual host, closed.test, whichever one the client has named in the handshake."""
    with connect(bench.port, sni=sni) as client:
        assert isinstance(client, Http1)
        client.send(BROKEN[name])
        assert not has_session(client.read_response())


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("path", ["/", "/missing"])
@pytest.mark.parametrize("name", ["closed.test", "logonly.test", "off.test"])
def test_others_get_theirs(bench: Bench, name: str, path: str, http: str) -> None:
    credential = bench.edge if name == "closed.test" else None
    assert has_session(fetch(bench.port, path, sni=name, http=http, credential=credential))
