"""A guarded vhost in front of backends: what httpd shows and asks as a client is none of the guard's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.http1 import Http1
from support.httpd import Httpd
from support.nginx import client_auth, nginx_server
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.websocket import KEY, UPGRADE, WebSocketEcho, accept_of

GUARDED = "guarded.test"
MODULES = ("proxy", "proxy_http", "proxy_wstunnel")


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential
    echo: WebSocketEcho


def backend(path: str, port: int, *lines: str) -> list[str]:
    url = f"https://127.0.0.1:{port}/"
    return [f"<Proxy {url}>", *(f"  {line}" for line in lines), "</Proxy>", f"ProxyPass {path} {url}"]


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Iterator[Bench]:
    port, echo_port = free_port(), free_port()
    backends = [free_port() for _ in range(3)]
    pull, internal = pki.root("pull"), pki.root("internal")
    ours = internal.issue("httpd-as-client")
    inner = internal.issue("inner", subject="127.0.0.1", eku="server")
    machine = pki.file("machine.pem", ours.cert_pem + ours.old_key_pem)
    show = 'add_header X-Backend "$ssl_client_verify $ssl_client_s_dn" always;'
    asking = (*client_auth("on", internal.cert_file), show)
    servers.nginx("".join(nginx_server(number, "127.0.0.1", *asking, tls=inner, http2=False) for number in backends))

    proxy = ["SSLProxyEngine on", "SSLProxyVerify require", "SSLProxyCheckPeerName on"]
    trust = f"SSLProxyCACertificateFile {internal.cert_file}"
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {pull.cert_file}"]
    places = [
        *proxy,
        *backend("/backend/", backends[0], trust, f"SSLProxyMachineCertificateFile {machine}"),
        *backend("/shy/", backends[1], trust),
        *backend("/mistrusted/", backends[2], f"SSLProxyCACertificateFile {pull.cert_file}"),
        f"ProxyPass /tunnel ws://127.0.0.1:{echo_port}/",
        f"ProxyPass /upgrade http://127.0.0.1:{echo_port}/ upgrade=websocket",
    ]
    config = vhost(port, GUARDED, *guard, *places, tls=server_certificate)
    config += vhost(port, "off.test", *places, tls=server_certificate)
    httpd = servers.prepare_httpd(config, listen=[port], modules=MODULES)
    httpd.expect("AH01897")  # SSLProxyVerify, said before the sections with its CAs are read
    httpd.start()
    echo = WebSocketEcho(echo_port)
    yield Bench(httpd, port, pull.issue("edge"), echo)
    echo.stop()


# Backends with TLS


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni", (GUARDED, "off.test"))
def test_backend_is_shown_httpds_own_certificate(bench: Bench, sni: str, tls: str, http: str) -> None:
    answer = fetch(bench.port, "/backend/", sni=sni, credential=bench.edge, tls=tls, http=http)
    assert (answer.status, answer.text) == (200, "the site\n")
    assert answer.header("x-backend") == "SUCCESS CN=httpd-as-client"


@pytest.mark.parametrize("sni", (GUARDED, "off.test"))
def test_backend_that_requires_a_certificate_gets_none_where_none_is_configured(bench: Bench, sni: str) -> None:
    bench.httpd.expect("AH02268")
    answer = fetch(bench.port, "/shy/", sni=sni, credential=bench.edge)
    assert answer.status == 400
    assert answer.header("x-backend") == "NONE", "the page is the backend's"


@pytest.mark.parametrize("sni", (GUARDED, "off.test"))
def test_ssl_proxy_verify_is_not_weakened(bench: Bench, sni: str) -> None:
    """The backend's certificate comes from a CA that this place does not trust."""
    bench.httpd.expect("AH02039|AH01084|AH02003")
    bench.httpd.allow("proxy|AH0|SSL Library Error")
    assert fetch(bench.port, "/mistrusted/", sni=sni, credential=bench.edge).status in (500, 502)


@pytest.mark.parametrize("path", ("/backend/", "/shy/", "/mistrusted/"))
def test_stranger_does_not_reach_a_backend(bench: Bench, path: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, path, sni=GUARDED)
    assert (answer.status, answer.header("x-backend")) == (400, None)


# WebSockets


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("path", ("/tunnel", "/upgrade"))
@pytest.mark.parametrize("sni", (GUARDED, "off.test"))
def test_websocket_passes(bench: Bench, sni: str, path: str, tls: str) -> None:
    with connect(bench.port, sni=sni, credential=bench.edge, tls=tls) as client:
        assert isinstance(client, Http1)
        answer = client.request(path, host=sni, headers=UPGRADE)
        assert (answer.status, answer.header("sec-websocket-accept")) == (101, accept_of(KEY))
        for message in (b"\x81\x05hello", b"\x82\x03\x00\xff\x01"):
            client.send(message)
            assert client.stream.recv() == message


@pytest.mark.parametrize("path", ("/tunnel", "/upgrade"))
def test_websocket_of_a_stranger_is_refused(bench: Bench, path: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    before = bench.echo.visits
    assert fetch(bench.port, path, sni=GUARDED, headers=UPGRADE).status == 400
    assert bench.echo.visits == before
