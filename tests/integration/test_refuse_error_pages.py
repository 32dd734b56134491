"""CFOriginPullRefuse close, and a request that httpd finds broken: httpd answers it with an ErrorDocument before any hook.

Of a local path, httpd makes a request of its own, which has a path and a virtual host of its own: that path may be
exempt, and that virtual host Off. The client gets nothing all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import connect
from support.http1 import Http1
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

CLOSED = "closed.test"
LARGE = ("x", "a" * 9000)
BROKEN = {
    "large header": b"GET / HTTP/1.1\r\nHost: closed.test\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "long line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: closed.test\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: closed.test\r\nfoo\r\n\r\n",
}
PAGES = [f"ErrorDocument {code} /pages/broken.html" for code in (400, 414, 431)]


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    ports: dict[str, int]
    edge: Credential


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    """On "exempt" closed.test is alone, and its pages are exempt; on "off" the default virtual host has them, and is Off."""
    ca = pki.root("ca")
    ports = {"exempt": free_port(), "off": free_port()}
    close = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", "CFOriginPullRefuse close"]
    config = f"Listen 127.0.0.1:{ports['off']}\n"
    config += vhost(ports["exempt"], CLOSED, *close, "CFOriginPullExempt path /pages", *PAGES, tls=server_certificate)
    config += vhost(ports["off"], "open.test", "CFOriginPull Off", *PAGES, tls=server_certificate)
    config += vhost(ports["off"], CLOSED, *close, tls=server_certificate)
    httpd = servers.prepare_httpd(config, listen=[ports["exempt"]])
    httpd.put("pages/broken.html", "the site's page\n")
    httpd.log.always += ["CFAOP30[23]: "]
    return Bench(httpd.start(), ports, ca.issue("edge"))


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("place", ["exempt", "off"])
def test_stranger_gets_no_page(bench: Bench, place: str, broken: str) -> None:
    with connect(bench.ports[place], sni=CLOSED) as client:
        assert isinstance(client, Http1)
        client.send(BROKEN[broken])
        assert client.read_to_end() == b""


@pytest.mark.parametrize("place", ["exempt", "off"])
def test_stranger_gets_no_page_over_http2(bench: Bench, place: str) -> None:
    with connect(bench.ports[place], sni=CLOSED, http="2") as client:
        assert isinstance(client, Http2)
        stream = client.start(host=CLOSED, headers=[LARGE])
        client.outlast()
        assert not client.is_answered(stream)


@pytest.mark.needs("error-documents")
@pytest.mark.parametrize("place", ["exempt", "off"])
def test_edge_gets_the_page(bench: Bench, place: str) -> None:
    with connect(bench.ports[place], sni=CLOSED, credential=bench.edge) as client:
        assert isinstance(client, Http1)
        client.send(BROKEN["large header"])
        assert client.read_response().text == "the site's page\n"


@pytest.mark.parametrize(("place", "sni"), [("off", "open.test"), ("off", None)])
def test_client_of_the_open_virtual_host_gets_the_page(bench: Bench, place: str, sni: Optional[str]) -> None:
    with connect(bench.ports[place], sni=sni) as client:
        assert isinstance(client, Http1)
        client.send(BROKEN["no host"])
        assert client.read_response().text == "the site's page\n"


def test_exempt_path_is_served(bench: Bench) -> None:
    with connect(bench.ports["exempt"], sni=CLOSED) as client:
        assert client.request("/pages/broken.html", host=CLOSED).text == "the site's page\n"


def test_error_of_an_exempt_request_has_its_page(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """A request that was judged, and is exempt, is not broken."""
    port = free_port()
    httpd = servers.prepare_httpd(
        vhost(port, CLOSED, "CFOriginPull On", "CFOriginPullRefuse close", "CFOriginPullExempt path /pages",
              "ErrorDocument 404 /pages/broken.html", tls=server_certificate), listen=[port])
    httpd.put("pages/broken.html", "the site's page\n")
    httpd.start()
    with connect(port, sni=CLOSED) as client:
        answer = client.request("/pages/none.html", host=CLOSED)
        assert (answer.status, answer.text) == (404, "the site's page\n")
