"""CFOriginPullRefuse close: a refused client gets no byte of HTTP, and its connection ends; the edge notices nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.broken_requests import BROKEN
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, connect_plain, fetch
from support.http1 import Http1, request_bytes
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.refusal_line import only_refusal_line
from support.streams import Reset, Route
from support.vhost import vhost

CLOSED = "closed.test"
LARGE = 50 * 1024 * 1024


@dataclass(frozen=True)
class Bench:
    """On `port` the default virtual host is closed.test; on `mixed` it has the page, and closed.test comes second."""

    httpd: Httpd
    port: int
    mixed: int
    edge: Credential
    bad: dict[str, Optional[Credential]]


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca, other = pki.root("ca"), pki.root("other")
    port, mixed = free_port(), free_port()
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    close = [*guard, "CFOriginPullRefuse close"]
    site = ['Header always set X-Always yes', 'ErrorDocument 400 "Go away."', "CFOriginPullExempt path /open",
            "ErrorDocument 404 /gone.html", "RewriteEngine On", "RewriteRule ^/open/away$ /index.html [PT]",
            "AddOutputFilter INCLUDES .shtml", "<Directory />", "  Options +Includes", "</Directory>"]
    sites = [
        ("closed.test", [*close, *site]),
        ("page.test", guard),
        ("elsewhere.test", ["CFOriginPull On", f"CFOriginPullCACertificateFile {other.cert_file}", "CFOriginPullRefuse close"]),
        ("optional.test", ["CFOriginPull Optional", *guard[1:], "CFOriginPullRefuse close"]),
        ("logonly.test", ["CFOriginPull LogOnly", *guard[1:], "CFOriginPullRefuse close"]),
        ("off.test", []),
        ("local.test", [*close, "CFOriginPullExempt ip 127.0.0.9"]),
    ]
    config = f"Listen 127.0.0.1:{mixed}\n" + "".join(vhost(port, name, *lines, tls=server_certificate) for name, lines in sites)
    config += vhost(mixed, "page.test", *guard, tls=server_certificate)
    config += vhost(mixed, "closed.test", *close, tls=server_certificate)
    httpd = servers.prepare_httpd(config, listen=[port], modules=["rewrite", "include", "cgid"])
    httpd.put("open/index.html", "open\n")
    httpd.put("open/part.shtml", 'a<!--#include virtual="/index.html" -->b\n')
    httpd.put("gone.html", "the site's own page\n")
    httpd.log.always += ["CFAOP30[23]: ", "AH01374|AH01368|unable to include"]
    bad = {
        "none": None,
        "stranger": pki.self_signed("stranger"),
        "expired": ca.issue("expired", not_before=-3 * DAY, not_after=-DAY),
        "other": other.issue("other-edge"),
    }
    return Bench(httpd.start(), port, mixed, ca.issue("edge"), bad)


def assert_silence(bench: Bench, host: str, *, port: Optional[int] = None, sni: Optional[str] = None,
                   credential: Optional[Credential] = None, tls: str = "1.3", http: str = "1.1") -> None:
    """The connection is made, a request gets nothing at all, and the connection ends; over HTTP/1 with TLS's good-bye."""
    with connect(port or bench.port, sni=sni, credential=credential, tls=tls, http=http) as client:
        if isinstance(client, Http2):
            stream = client.start(host=host)
            client.outlast()
            assert not client.is_answered(stream)
        else:
            client.send(request_bytes(host=host))
            assert client.read_to_end() == b""


# Each kind of client, each protocol; the positive control is the edge, which gets its 200 in each


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("kind", ["none", "stranger", "expired", "other"])
def test_refused_client_gets_nothing(bench: Bench, kind: str, tls: str, http: str) -> None:
    assert_silence(bench, CLOSED, sni=CLOSED, credential=bench.bad[kind], tls=tls, http=http)
    answer = fetch(bench.port, sni=CLOSED, credential=bench.edge, tls=tls, http=http)
    assert (answer.status, answer.vhost, answer.verify) == (200, CLOSED, "SUCCESS")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni", [None, "nobody.test"])
def test_client_without_a_known_sni(bench: Bench, sni: Optional[str], tls: str, http: str) -> None:
    assert_silence(bench, CLOSED, sni=sni, tls=tls, http=http)
    with connect(bench.port, sni=sni, credential=bench.edge, tls=tls, http=http) as client:
        assert client.request(host=CLOSED).status == 200


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_misdirected_request_gets_no_421(bench: Bench, tls: str, http: str) -> None:
    assert_silence(bench, "elsewhere.test", sni=CLOSED, credential=bench.edge, tls=tls, http=http)
    bench.httpd.log.wait_for("CFAOP301: refused: reason=misdirected status=421 ")
    with connect(bench.port, sni="page.test", credential=bench.edge, tls=tls, http=http) as client:
        assert client.request(host=CLOSED).status == 200  # the same policy
        assert client.request(host="page.test").status == 200


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_host_of_the_request_decides(bench: Bench, http: str) -> None:
    assert_silence(bench, CLOSED, sni="page.test", http=http)
    assert_silence(bench, CLOSED, sni="off.test", http=http)
    for port in (bench.port, bench.mixed):
        with connect(port, sni=CLOSED, http=http) as client:
            assert client.request(host="page.test").status == 400
    assert_silence(bench, CLOSED, port=bench.mixed, sni="page.test", http=http)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_modes_that_let_clients_in_still_do(bench: Bench, http: str) -> None:
    assert fetch(bench.port, sni="optional.test", http=http).status == 200
    assert_silence(bench, "optional.test", sni="optional.test", credential=bench.bad["stranger"], http=http)
    assert fetch(bench.port, sni="logonly.test", http=http).status == 200
    assert fetch(bench.port, sni="off.test", http=http).status == 200


# What a client sends, and how


@pytest.mark.parametrize("path", ["/", "/index.html", "/missing", "*", "/opening"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "CONNECT", "PUT", "BREW"])
def test_any_method_and_path(bench: Bench, method: str, path: str) -> None:
    with connect(bench.port, sni=CLOSED) as client:
        assert isinstance(client, Http1)
        client.send(request_bytes(path, host=CLOSED, method=method))
        assert client.read_to_end() == b""


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_large_body_is_answered_with_nothing(bench: Bench, tls: str, version: str) -> None:
    with connect(bench.port, sni=CLOSED, tls=tls) as client:
        assert isinstance(client, Http1)
        client.send_in_pieces(request_bytes(host=CLOSED, method="POST", body=b"x" * LARGE, version=version))
        try:
            assert client.read_to_end() == b""
        except Reset:
            pass  # the kernel's, for the rest of the body


def test_body_that_waits_is_not_asked_for(bench: Bench) -> None:
    headers = [("Expect", "100-continue"), ("Content-Length", "5")]
    with connect(bench.port, sni=CLOSED) as client:
        assert isinstance(client, Http1)
        client.send(request_bytes(host=CLOSED, method="POST", headers=headers))
        assert client.read_to_end() == b""
    with connect(bench.port, sni="page.test", credential=bench.edge) as client:
        assert client.request(host="page.test", method="POST", body=b"12345").status == 200


@pytest.mark.parametrize("headers", [[], [("Expect", "100-continue")]])
def test_body_of_a_misdirected_request_is_not_waited_for(bench: Bench, headers: list[tuple[str, str]]) -> None:
    with connect(bench.port, sni=CLOSED, credential=bench.edge) as client:
        assert isinstance(client, Http1)
        client.send(request_bytes(host="elsewhere.test", method="POST", headers=[*headers, ("Content-Length", "5")]))
        assert client.read_to_end() == b""


def test_pipelined_requests_are_not_answered(bench: Bench) -> None:
    with connect(bench.port, sni=CLOSED) as client:
        assert isinstance(client, Http1)
        client.send(request_bytes(host=CLOSED) + request_bytes(host="off.test") * 2)
        assert client.read_to_end() == b""


def test_answer_before_a_pipelined_refusal_arrives(bench: Bench) -> None:
    with connect(bench.port, sni=CLOSED) as client:
        assert isinstance(client, Http1)
        client.send(request_bytes("/open/", host=CLOSED) + request_bytes(host=CLOSED))
        assert client.read_response().text == "open\n"
        assert client.read_to_end() == b""


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("place", ["default", "named"])
def test_broken_request_gets_no_page_of_httpd(bench: Bench, place: str, name: str) -> None:
    """httpd answers it before any hook, in the name of the default virtual host."""
    with connect(bench.port if place == "default" else bench.mixed, sni=CLOSED) as client:
        assert isinstance(client, Http1)
        client.send(BROKEN[name])
        assert client.read_to_end() == b""


@pytest.mark.parametrize("name", BROKEN)
def test_broken_request_of_the_edge_is_told(bench: Bench, name: str) -> None:
    with connect(bench.port, sni=CLOSED, credential=bench.edge) as client:
        assert isinstance(client, Http1)
        client.send(BROKEN[name])
        assert client.read_response().status >= 400


@pytest.mark.needs("http-0.9")
def test_request_of_old_gets_nothing(bench: Bench) -> None:
    bench.httpd.expect("AH02031: .*no hostname provided")  # mod_ssl's objection; the text is the ErrorDocument
    for credential, answer in ((None, b""), (bench.edge, b"Go away.")):
        with connect(bench.port, sni=CLOSED, credential=credential) as client:
            assert isinstance(client, Http1)
            client.send(b"GET /index.html\r\n")
            assert client.read_to_end() == answer


@pytest.mark.parametrize("data", [request_bytes(host=CLOSED), request_bytes("/open/", host=CLOSED), b"GET / HTTP/1.1\r\n\r\n"])
def test_plain_http_on_the_tls_port_gets_nothing(bench: Bench, data: bytes) -> None:
    with connect_plain(bench.port) as client:
        client.send(data)
        try:
            assert client.read_to_end() == b""
        except Reset:
            pass  # the kernel's, for what was not read
    with connect_plain(bench.mixed) as client:
        client.send(data)
        assert client.read_to_end().startswith(b"HTTP/1.1 400 ")  # page.test is the default there


# HTTP/2


def start_until_the_end(client: Http2, *methods: str) -> list[int]:
    """Requests one after another, as far as the connection lives; returns their streams."""
    streams = []
    try:
        for method in methods:
            streams.append(client.start(host=CLOSED, method=method))
    except Reset:
        pass
    return streams


@pytest.mark.http2
def test_h2_stream_is_not_answered_and_the_connection_ends(bench: Bench) -> None:
    with connect(bench.port, sni=CLOSED, http="2") as client:
        assert isinstance(client, Http2)
        good = client.finish(client.start("/open/", host=CLOSED))
        assert good.text == "open\n"
        streams = start_until_the_end(client, "GET", "HEAD", "POST", "GET")
        client.outlast()
        assert not any(client.is_answered(stream) for stream in streams)


@pytest.mark.http2
@pytest.mark.parametrize("round_", range(5))
def test_h2_flood_of_refused_streams(bench: Bench, round_: int) -> None:
    with connect(bench.port, sni=CLOSED, http="2") as client:
        assert isinstance(client, Http2)
        streams = start_until_the_end(client, *["POST", "GET", "HEAD"] * 20)
        client.outlast()
        assert not any(client.is_answered(stream) for stream in streams)
    assert fetch(bench.port, sni=CLOSED, credential=bench.edge, http="2").status == 200


# Exemptions, and parts of requests


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_exempt_path_is_served_whatever_it_is_made_of(bench: Bench, http: str) -> None:
    with connect(bench.port, sni=CLOSED, http=http) as client:
        assert client.request("/open/", host=CLOSED).text == "open\n"
        part = client.request("/open/part.shtml", host=CLOSED)  # a refused part does not end the whole
        assert part.status == 200 and "It works" not in part.text and part.text.startswith("a")
        gone = client.request("/open/missing", host=CLOSED)  # nor does a refused ErrorDocument
        assert gone.status == 404 and "the site's own page" not in gone.text
    assert fetch(bench.port, "/open/missing", sni=CLOSED, credential=bench.edge, http=http).text == "the site's own page\n"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_path_that_is_rewritten_to_the_inside_gets_nothing(bench: Bench, http: str) -> None:
    with connect(bench.port, sni=CLOSED, http=http) as client:
        if isinstance(client, Http2):
            stream = client.start("/open/away", host=CLOSED)
            client.outlast()
            assert not client.is_answered(stream)
        else:
            client.send(request_bytes("/open/away", host=CLOSED))
            assert client.read_to_end() == b""


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_exempt_address(bench: Bench, http: str) -> None:
    assert fetch(bench.port, sni="local.test", http=http, route=Route(source="127.0.0.9")).status == 200
    assert_silence(bench, "local.test", sni="local.test", http=http)


# What the operator sees


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_refusal_is_logged_and_counted(bench: Bench, http: str) -> None:
    bench.httpd.log.settle()
    lines = len(bench.httpd.access_log().splitlines())
    assert_silence(bench, CLOSED, sni=CLOSED, credential=bench.bad["stranger"], http=http)
    line = only_refusal_line(bench.httpd)
    assert (line.reason, line.status, line.sni, line.subject) == ("untrusted_issuer", 400, CLOSED, "CN=stranger")
    bench.httpd.wait_for_access_lines(lines + 1)
    last = bench.httpd.access_log().splitlines()[-1]
    assert f' 400 ' in f"{last} " and last.startswith(CLOSED), last
