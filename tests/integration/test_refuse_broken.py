"""A broken request, behind a default virtual host that trusts another CA and refuses by silence.

httpd answers it before it knows the Host. The virtual host that the client named in the handshake decides whether there
is an answer: one stream of HTTP/2 that is broken must not end the connection of an edge, with the requests of others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.broken_requests import BROKEN
from support.client import connect
from support.http1 import Http1
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

SORRY = "the default virtual host's own page\n"
# Names of virtual hosts, and whether a client without a certificate is told what is wrong with its request.
TOLD = {"page.test": True, "logonly.test": True, "optional.test": True, "off.test": True, "exempt.test": True,
        "closed.test": False, "first.test": False, "unknown.test": False, None: False}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential


@pytest.fixture(scope="module", params=["httpd", "site"])
def bench(request: pytest.FixtureRequest, servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    """The default virtual host has the pages of errors of httpd, or of the site: then these are requests of their own."""
    pages = [f"ErrorDocument {status} /sorry.html" for status in (400, 414, 431)] if request.param == "site" else []
    ca, other = pki.root(f"ca-{request.param}"), pki.root(f"other-{request.param}")
    port = free_port()
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    sites = [
        ("first.test", ["CFOriginPull On", f"CFOriginPullCACertificateFile {other.cert_file}", "CFOriginPullRefuse close", *pages]),
        ("page.test", ["CFOriginPull On", trust]),
        ("closed.test", ["CFOriginPull On", trust, "CFOriginPullRefuse close"]),
        ("logonly.test", ["CFOriginPull LogOnly", trust, "CFOriginPullRefuse close"]),
        ("optional.test", ["CFOriginPull Optional", trust, "CFOriginPullRefuse close"]),
        ("exempt.test", ["CFOriginPull On", trust, "CFOriginPullRefuse close", "CFOriginPullExempt ip 127.0.0.1"]),
        ("off.test", []),
    ]
    config = "".join(vhost(port, name, *lines, tls=server_certificate) for name, lines in sites)
    httpd = servers.prepare_httpd(config, listen=[port])
    httpd.put("sorry.html", SORRY)
    httpd.start()
    httpd.log.always += ["CFAOP30[12]: "]
    return Bench(httpd, port, ca.issue(f"edge-{request.param}"))


def broken(name: str, host: Optional[str]) -> bytes:
    return BROKEN[name].replace(b"closed.test", (host or "first.test").encode())


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("sni", TOLD)
def test_virtual_host_of_the_handshake_decides(bench: Bench, sni: Optional[str], name: str) -> None:
    with connect(bench.port, sni=sni) as client:
        assert isinstance(client, Http1)
        client.send(broken(name, sni))
        if TOLD[sni]:
            answer = client.read_response()
            assert answer.status >= 400 and SORRY not in answer.text
        else:
            assert client.read_to_end() == b""


@pytest.mark.parametrize("sni", ["off.test", "closed.test"])
def test_host_in_the_request_line_decides_too(bench: Bench, sni: str) -> None:
    """httpd has read it when it finds the rest broken, but has not looked for its virtual host."""
    with connect(bench.port, sni=sni) as client:
        assert isinstance(client, Http1)
        client.send(b"GET https://first.test/ HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n")
        assert client.read_to_end() == b""


@pytest.mark.parametrize("sni", ["page.test", "closed.test", "logonly.test", "optional.test"])
@pytest.mark.parametrize("name", BROKEN)
def test_edge_is_told(bench: Bench, name: str, sni: str) -> None:
    with connect(bench.port, sni=sni, credential=bench.edge) as client:
        assert isinstance(client, Http1)
        client.send(broken(name, sni))
        assert client.read_response().status >= 400
    assert bench.httpd.log.find("CFAOP30[12]: ") == []


@pytest.mark.http2
@pytest.mark.parametrize("sni", ["page.test", "closed.test", "logonly.test", "optional.test"])
@pytest.mark.parametrize("path, headers", [("/" + "a" * 9000, []), ("/", [("a", "b" * 9000)])], ids=["line", "header"])
def test_other_streams_of_the_edge_go_on(bench: Bench, path: str, headers: list[tuple[str, str]], sni: str) -> None:
    with connect(bench.port, sni=sni, credential=bench.edge, http="2") as client:
        assert isinstance(client, Http2)
        assert client.request(path, host=sni, headers=headers).status in (414, 431)
        assert client.request("/", host=sni).status == 200
    assert bench.httpd.log.find("CFAOP30[12]: ") == []
