"""How a refusal ends: page, connection, body of the request, ErrorDocument, whatever the client sent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conftest import Servers
from support import installation
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.http1 import Http1, request_bytes
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

GUARDED = "guarded.test"
PAGE = "<center>No required SSL certificate was sent</center>"
SITE = "the site"
LARGE = 50 * 1024 * 1024
# What a refusal may carry; nothing of the document that it keeps back.
HEADERS = {"date", "server", "content-type", "content-length", "connection", "x-vhost", "x-verify"}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("origin-pull")
    policy = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    port = free_port()
    sites = {
        GUARDED: policy,
        "off.test": [],
        "text.test": [*policy, 'ErrorDocument 400 "Go away."', 'ErrorDocument 421 "Wrong door."'],
        "url.test": [*policy, "ErrorDocument 400 https://elsewhere.test/why"],
        "computed.test": [*policy, 'ErrorDocument 400 "/why.html?%{REQUEST_URI}"'],
        "local.test": [*policy, "ErrorDocument 400 /why.html", "ErrorDocument 421 /why.html"],
        "location.test": [*policy, '<Location "/">', '  ErrorDocument 400 "From a location."', "</Location>"],
        "always.test": [*policy, "Header always set X-Always yes", "Header set X-On-Success yes"],
    }
    config = "TraceEnable on\n" + "".join(vhost(port, name, *lines, tls=server_certificate) for name, lines in sites.items())
    httpd = servers.prepare_httpd(config, listen=[port])
    httpd.put("why.html", "the reason\n")
    httpd.expect("CFAOP124: .*local.test")
    return Bench(httpd.start(), port, ca.issue("edge"))


def knock(bench: Bench, tls: str = "1.3", name: str = GUARDED) -> Http1:
    """An HTTP/1 connection without a certificate."""
    client = connect(bench.port, sni=name, tls=tls)
    assert isinstance(client, Http1)
    return client


# The connection


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_keep_alive_ends_with_a_refusal(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with knock(bench, tls) as client:
        answer = client.request(host=GUARDED, headers=[("Connection", "keep-alive")])
        assert (answer.status, answer.header("connection")) == (400, "close")
        assert client.is_closed()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_pipelined_second_request_is_not_answered(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with knock(bench, tls) as client:
        client.send(request_bytes(host=GUARDED) + request_bytes(host="off.test"))
        everything = client.read_to_end()
    assert everything.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert everything.count(b"HTTP/1.1 ") == 1
    assert SITE.encode() not in everything


def test_pipeline_is_answered_as_far_as_the_refusal(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    with connect(bench.port, sni="off.test") as client:
        assert isinstance(client, Http1)
        client.send(b"".join(request_bytes(host=host) for host in ("off.test", GUARDED, "off.test")))
        assert client.read_response().status == 200
        refused = client.read_response()
        assert (refused.status, refused.header("connection")) == (421, "close")
        assert client.is_closed()


@pytest.mark.http2
def test_h2_stream_is_refused_and_the_connection_stays(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with connect(bench.port, sni=GUARDED, http="2") as client:
        statuses = [client.request(host=host).status for host in (GUARDED, "off.test", GUARDED, "off.test")]
        assert statuses == [400, 200, 400, 200]
        assert not client.terminated


@pytest.mark.http2
def test_many_h2_streams_at_once_are_all_refused(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with connect(bench.port, sni=GUARDED, http="2") as client:
        streams = [client.start(host=GUARDED) for _ in range(60)]
        answers = [client.finish(stream) for stream in streams]
        assert {answer.status for answer in answers} == {400}
        assert all(PAGE in answer.text for answer in answers)
        assert client.request(host="off.test").status == 200


# The request's body


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_large_post_gets_its_400(bench: Bench, tls: str, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with connect(bench.port, sni=GUARDED, tls=tls, http=http) as client:
        if isinstance(client, Http1):
            client.send(request_bytes(host=GUARDED, method="POST", headers=[("Content-Length", str(LARGE))]))
            client.send_in_pieces(bytes(LARGE))
            answer = client.read_response("POST")
        else:
            answer = client.request(host=GUARDED, method="POST", body=bytes(LARGE))
    assert answer.status == 400
    assert PAGE in answer.text


def test_large_chunked_post_gets_its_400(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with knock(bench) as client:
        client.send(request_bytes(host=GUARDED, method="POST", headers=[("Transfer-Encoding", "chunked")]))
        client.send_in_pieces(chunk * (LARGE // 0x10000) + b"0\r\n\r\n")
        answer = client.read_response("POST")
    assert (answer.status, PAGE in answer.text) == (400, True)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_expect_100_continue_gets_its_400_at_once(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    headers = [("Content-Length", str(LARGE)), ("Expect", "100-continue")]
    with knock(bench, tls) as client:
        answer = client.request(host=GUARDED, method="POST", headers=headers)
        assert (answer.status, PAGE in answer.text) == (400, True)
        assert client.is_closed()


def test_body_is_not_taken_for_a_second_request(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with knock(bench) as client:
        client.send(request_bytes(host=GUARDED, method="POST", body=request_bytes(host="off.test")))
        everything = client.read_to_end()
    assert everything.count(b"HTTP/1.1 ") == 1


# Methods and versions


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("method", ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW"))
def test_every_method_is_refused(bench: Bench, method: str, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, sni=GUARDED, method=method, http=http)
    assert answer.status == 400
    assert (PAGE in answer.text) == (method != "HEAD")
    assert (answer.body == b"") == (method == "HEAD")


def test_methods_are_served_without_the_guard(bench: Bench) -> None:
    """The control of the tests above: these methods have something to answer."""
    answers = {method: fetch(bench.port, sni="off.test", method=method) for method in ("OPTIONS", "TRACE")}
    assert [answer.status for answer in answers.values()] == [200, 200]
    assert "TRACE / HTTP/1.1" in answers["TRACE"].text


@pytest.mark.parametrize("target, method", (("*", "OPTIONS"), ("guarded.test:443", "CONNECT"), ("http://guarded.test/", "GET")))
def test_targets_that_are_no_paths_are_refused(bench: Bench, target: str, method: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with knock(bench) as client:
        answer = client.request(target, host=GUARDED, method=method)
        assert (answer.status, answer.vhost, PAGE in answer.text) == (400, GUARDED, True)


@pytest.mark.parametrize("host", (None, GUARDED))
def test_http_1_0(bench: Bench, host: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with knock(bench) as client:
        answer = client.request(host=host, version="1.0", headers=[("Connection", "keep-alive")])
        assert (answer.status, PAGE in answer.text) == (400, True)
        assert client.is_closed()


@pytest.mark.needs("http-0.9")
def test_http_0_9_gets_the_page_and_nothing_else(bench: Bench) -> None:
    # Without a Host the address's default vhost answers, which is guarded; mod_ssl wants no SNI then.
    bench.httpd.expect_refusal("no_certificate")
    with connect(bench.port) as client:
        assert isinstance(client, Http1)
        client.send(b"GET /\r\n")
        everything = client.read_to_end().decode()
    assert PAGE in everything
    assert SITE not in everything


@pytest.mark.needs("http-0.9")
def test_http_0_9_is_served_with_a_certificate(bench: Bench) -> None:
    with connect(bench.port, credential=bench.edge) as client:
        assert isinstance(client, Http1)
        client.send(b"GET /\r\n")
        assert client.read_to_end().decode() == f"{SITE}\n"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize(
    "header", (("Range", "bytes=0-3"), ("If-None-Match", "*"), ("If-Modified-Since", "Mon, 01 Jan 2035 00:00:00 GMT"))
)
def test_conditions_do_not_change_a_refusal(bench: Bench, header: tuple[str, str], http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    name, value = header
    answer = fetch(bench.port, sni=GUARDED, http=http, headers=[(name.lower(), value)])
    assert (answer.status, PAGE in answer.text) == (400, True)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_refusal_says_nothing_of_the_document(bench: Bench, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, sni=GUARDED, http=http)
    assert {name for name, _ in answer.headers} <= HEADERS
    assert answer.header("content-length") == str(len(answer.body))


# Requests that httpd itself cannot take

BROKEN = {
    "header-too-large": b"GET / HTTP/1.1\r\nHost: guarded.test\r\nX-Long: " + b"x" * 20000 + b"\r\n\r\n",
    "too-many-headers": b"GET / HTTP/1.1\r\nHost: guarded.test\r\n" + b"X-Many: x\r\n" * 200 + b"\r\n",
    "uri-too-long": b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: guarded.test\r\n\r\n",
    "bad-host": b"GET / HTTP/1.1\r\nHost: gu arded.test\r\n\r\n",
    "host-with-bad-port": b"GET / HTTP/1.1\r\nHost: guarded.test:99999999\r\n\r\n",
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET / HTTP/1.1\r\nHost: guarded.test\r\nHost: off.test\r\n\r\n",
    "header-without-colon": b"GET / HTTP/1.1\r\nHost: guarded.test\r\nnonsense\r\n\r\n",
    "bad-request-line": b"GET  /  HTTP/1.1\r\nHost: guarded.test\r\n\r\n",
    "unknown-version": b"GET / HTTP/3.7\r\nHost: guarded.test\r\n\r\n",
    "bad-transfer-encoding": b"POST / HTTP/1.1\r\nHost: guarded.test\r\nTransfer-Encoding: sphinx\r\n\r\n",
    "bad-content-length": b"POST / HTTP/1.1\r\nHost: guarded.test\r\nContent-Length: -1\r\n\r\n",
    "path-outside": b"GET /../../etc/passwd HTTP/1.1\r\nHost: guarded.test\r\n\r\n",
    "encoded-slash-and-null": b"GET /%00%2f HTTP/1.1\r\nHost: guarded.test\r\n\r\n",
    "bad-expect": b"GET / HTTP/1.1\r\nHost: guarded.test\r\nExpect: wonders\r\n\r\n",
}


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param(text, id=name, marks=pytest.mark.needs("unknown-expectations") if name == "bad-expect" else ())
        for name, text in BROKEN.items()
    ],
)
def test_broken_requests_are_refused_and_the_connection_ends(bench: Bench, request_text: bytes) -> None:
    bench.httpd.allow_refusals()
    bench.httpd.allow(r"\[core:error\]|\[http:error\]")
    with knock(bench) as client:
        client.send(request_text + request_bytes(host="off.test"))
        answer = client.read_response()
        rest = client.read_to_end()
    assert 400 <= answer.status < 600
    assert SITE not in answer.text
    assert b"HTTP/1.1 200" not in rest and SITE.encode() not in rest


# ErrorDocument, headers


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_error_document_with_a_text(bench: Bench, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, sni="text.test", http=http)
    assert (answer.status, answer.text) == (400, "Go away.")


def test_error_document_421_with_a_text(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    answer = fetch(bench.port, sni="off.test", host="text.test")
    assert (answer.status, answer.text) == (421, "Wrong door.")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_error_document_with_a_url_is_a_redirect(bench: Bench, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, sni="url.test", http=http)
    assert (answer.status, answer.header("location")) == (302, "https://elsewhere.test/why")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("path", ("/", "/why.html"))
@pytest.mark.parametrize("name", ("local.test", "computed.test"))
def test_error_document_with_a_local_path_never_runs(bench: Bench, name: str, path: str, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, path, sni=name, http=http)
    assert (answer.status, PAGE in answer.text) == (400, True)
    assert "the reason" not in answer.text


def test_error_document_421_with_a_local_path_never_runs(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    answer = fetch(bench.port, sni="off.test", host="local.test")
    assert answer.status == 421
    assert "<center><h1>421 Misdirected Request</h1></center>" in answer.text
    assert "the reason" not in answer.text


@pytest.mark.parametrize("name", ("local.test", "computed.test"))
def test_local_error_document_is_served_to_a_good_client(bench: Bench, name: str) -> None:
    """The control: the path exists, and httpd's own 400s use it."""
    if installation.version() >= (2, 4, 49):  # before, it did not say anything of this path
        bench.httpd.expect("AH10244: invalid URI path")
    with connect(bench.port, sni=name, credential=bench.edge) as client:
        assert client.request("/why.html", host=name).text == "the reason\n"
        answer = client.request("/%zz", host=name)
        assert (answer.status, answer.text) == (400, "the reason\n")


def test_start_names_local_error_documents_that_are_inherited(servers: Servers, server_certificate: Credential) -> None:
    port = free_port()
    config = 'ErrorDocument 400 /old.html\nErrorDocument 404 /missing.html\nErrorDocument 421 "Wrong door."\n'
    config += vhost(port, "own.test", "CFOriginPull On", 'ErrorDocument 400 "Go away."', tls=server_certificate)
    config += vhost(port, "heir.test", "CFOriginPull On", tls=server_certificate)
    httpd = servers.prepare_httpd(config + "errordocument 400 /why.html\n", listen=[port])
    httpd.expect("CFAOP124: ")
    httpd.start()
    (line,) = httpd.log.find("CFAOP124")
    assert line.endswith(f"instead of /why.html (400, heir.test:{port})")
    httpd.stop()


def test_error_document_of_a_location_does_not_apply(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, sni="location.test")
    assert (answer.status, PAGE in answer.text) == (400, True)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_header_always_works_on_refusals(bench: Bench, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = fetch(bench.port, sni="always.test", http=http)
    assert (answer.status, answer.header("x-always"), answer.header("x-on-success")) == (400, "yes", None)


def test_access_log_has_the_verdict(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    fetch(bench.port, "/refused-for-the-log", sni=GUARDED)
    fetch(bench.port, "/welcome-for-the-log", sni=GUARDED, credential=bench.edge)
    bench.httpd.wait_for_access('guarded.test "GET /refused-for-the-log HTTP/1.1" 400 NONE')
    bench.httpd.wait_for_access('guarded.test "GET /welcome-for-the-log HTTP/1.1" 404 SUCCESS')
