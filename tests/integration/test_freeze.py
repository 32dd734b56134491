"""The verdict is settled when the first handshake ends; nothing that comes later changes it, or crashes on it."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Optional

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, X509, load_privatekey

from conftest import Servers
from support.client import TLS_VERSIONS, Client, connect, connect_plain, fetch
from support.http1 import Http1, request_bytes
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.streams import Reset, TlsAlert, TlsStream, tls_context
from support.vhost import vhost

REFUSED = (TlsAlert, Reset)
PLAIN = "<center>The plain HTTP request was sent to HTTPS port</center>"


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    plain_ports: dict[str, int]
    clients: dict[str, Optional[Credential]]

    def connect(self, sni: str, client: str, tls: str = "1.2", http: str = "1.1") -> Client:
        return connect(self.port, sni=sni, credential=self.clients[client], tls=tls, http=http)

    def still_serves(self) -> None:
        """No child has lost its life, and none its wits."""
        for tls in TLS_VERSIONS:
            assert fetch(self.port, sni="on.test", credential=self.clients["edge"], tls=tls).verify == "SUCCESS"


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port = free_port()
    pull, staff = pki.root("pull"), pki.root("staff-ca")
    policy = f"CFOriginPullCACertificateFile {pull.cert_file}"
    # who asks again accepts certificates of both
    both = pki.bundle("both", pull, staff)
    asks = [
        f"SSLCACertificateFile {both}",
        "<Location /again/>",
        "  SSLVerifyClient require",
        "</Location>",
        "<Location /anybody/>",
        "  SSLVerifyClient optional_no_ca",
        "</Location>",
    ]
    sites = {
        "on.test": ["CFOriginPull On", policy, *asks],
        "optional.test": ["CFOriginPull Optional", policy, *asks],
        "log.test": ["CFOriginPull LogOnly", policy, *asks],
        "log-all.test": ["CFOriginPull LogOnly", policy],
        "set.test": [
            "CFOriginPull On",
            policy,
            "SetEnv CF_ORIGIN_PULL_VERIFY SUCCESS",
            'SetEnvIf Host "." CF_ORIGIN_PULL_VERIFY=SUCCESS',
        ],
        "set-log.test": [
            "CFOriginPull LogOnly",
            policy,
            "SetEnv CF_ORIGIN_PULL_VERIFY SUCCESS",
            'SetEnvIf Host "." CF_ORIGIN_PULL_VERIFY=SUCCESS',
            "<Location /decided/>",
            "  Require expr \"%{CF_ORIGIN_PULL_VERIFY} == 'SUCCESS'\"",
            "</Location>",
        ],
        "set-if.test": [
            "CFOriginPull LogOnly",
            policy,
            'SetEnvIf Host "." CF_ORIGIN_PULL_VERIFY=SUCCESS',
            "RewriteEngine on",
            "RewriteRule ^/decided - [E=CF_ORIGIN_PULL_VERIFY:SUCCESS]",
            'Header always set X-Environment "%{CF_ORIGIN_PULL_VERIFY}e"',
        ],
    }
    config = "".join(vhost(port, name, *lines, tls=server_certificate) for name, lines in sites.items())
    # each has an address of its own: plain HTTP finds the default vhost
    documents = {
        "redirect": "ErrorDocument 400 /why.html",
        "program": "ErrorDocument 400 /status/why",
        "url": "ErrorDocument 400 https://elsewhere.test/",
        "text": 'ErrorDocument 400 "Go away."',
    }
    plain_ports = {}
    for mode in ("On", "Optional", "LogOnly", "Off"):
        for kind, line in documents.items():
            name = f"{kind}-{mode.lower()}"
            plain_ports[name] = free_port()
            config += vhost(plain_ports[name], f"{name}.test", f"CFOriginPull {mode}", policy, line, tls=server_certificate)
    httpd = servers.prepare_httpd(config, listen=[port, *plain_ports.values()], modules=["rewrite"])
    for path in ("again", "anybody", "decided", "status"):
        httpd.put(f"{path}/index.html", f"{path}\n")
    httpd.put("why.html", "the reason\n")
    httpd.expect("CFAOP124: ")
    httpd.expect("CFAOP160: ")
    clients = {
        "edge": pull.issue("edge"),
        "other-edge": pull.issue("other-edge"),
        "staff": staff.issue("staff"),
        "stranger": pki.self_signed("stranger"),
        "nobody": None,
    }
    return Bench(httpd.start(), port, plain_ports, clients)


# A directory asks again (TLS 1.2: renegotiation)

BAD = "FAILED:untrusted_issuer"


@pytest.mark.parametrize("path", ("/again/", "/anybody/"))
@pytest.mark.parametrize("sni, first, verdict", (
    ("on.test", "edge", "SUCCESS"),
    ("optional.test", "nobody", "NONE"),
    ("log.test", "stranger", BAD),
    ("log.test", "nobody", "NONE"),
))
@pytest.mark.parametrize("second", ("other-edge", "staff"))
def test_renegotiation_does_not_change_the_verdict(
    bench: Bench, sni: str, first: str, verdict: str, second: str, path: str
) -> None:
    bench.httpd.allow_refusals()
    with bench.connect(sni, first) as client:
        assert client.request(host=sni).verify == verdict
        assert isinstance(client.stream, TlsStream)
        client.stream.show(bench.clients[second])
        answer = client.request(path, host=sni)
        assert (answer.status, answer.verify) == (200, verdict)
        assert client.request(host=sni).verify == verdict
        assert client.request(host="log.test").verify == verdict


def test_renegotiation_does_not_open_the_guard(bench: Bench) -> None:
    """Bad in the handshake; good in the renegotiation, which a vhost without a guard's refusal asked for."""
    bench.httpd.expect_refusal("untrusted_issuer")
    with bench.connect("log.test", "stranger") as client:
        assert isinstance(client.stream, TlsStream)
        client.stream.show(bench.clients["edge"])
        assert client.request("/again/", host="log.test").status == 200
        answer = client.request(host="on.test")
        assert (answer.status, answer.verify) == (400, BAD)


@pytest.mark.parametrize("first", ("edge", "stranger"))
def test_client_may_not_renegotiate(bench: Bench, first: str) -> None:
    """OpenSSL's rule, and before OpenSSL 3 mod_ssl's, whose callback ours must call."""
    bench.httpd.allow("AH02042|SSL Library Error")
    bench.httpd.allow_refusals()
    with bench.connect("log.test", first) as client:
        client.request(host="log.test")
        assert isinstance(client.stream, TlsStream)
        client.stream.show(bench.clients["other-edge"])
        with pytest.raises((*REFUSED, SSL.Error)):
            client.stream.renegotiate()
    bench.still_serves()


# HTTP/2 reads the state of the connection that carries it


@pytest.mark.http2
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni, client, verdict", (
    ("on.test", "edge", "SUCCESS"),
    ("log-all.test", "stranger", BAD),
    ("log-all.test", "nobody", "NONE"),
))
def test_streams_have_the_verdict_of_their_connection(bench: Bench, sni: str, client: str, verdict: str, tls: str) -> None:
    bench.httpd.allow_refusals()
    with bench.connect(sni, client, tls, "2") as connection:
        assert isinstance(connection, Http2)
        streams = [connection.start(host=sni) for _ in range(40)]
        assert {connection.finish(stream).verify for stream in streams} == {verdict}


# Plain HTTP where TLS is expected: mod_ssl drops its SSL, and the answer's ErrorDocument still runs the hooks


@pytest.mark.parametrize("kind", ("redirect", "program", "url", "text"))
@pytest.mark.parametrize("mode", ("on", "optional", "logonly", "off"))
def test_plain_http_on_the_tls_port(bench: Bench, kind: str, mode: str) -> None:
    bench.httpd.allow_refusals()
    bench.httpd.allow("AH01276|AH01630|AH01264")
    for _ in range(5):
        with connect_plain(bench.plain_ports[f"{kind}-{mode}"]) as client:
            answer = client.request(host=f"{kind}-{mode}.test", headers=[("Connection", "keep-alive")])
            assert answer.status in ((302,) if kind == "url" else (400,))
            assert client.is_closed()
            if mode in ("on", "optional") and kind in ("redirect", "program"):
                assert PLAIN in answer.text
            if kind == "text":
                assert answer.text == "Go away."
    bench.still_serves()


def test_garbage_on_the_tls_port(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    bench.httpd.allow("AH0|AH1|SSL Library Error")
    for garbage in (b"\x00" * 64, b"GET\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 300, b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        for port in (bench.port, *bench.plain_ports.values()):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
                raw.sendall(garbage)
                raw.shutdown(socket.SHUT_WR)
                _drain(raw)
    bench.still_serves()


def _drain(raw: socket.socket) -> None:
    try:
        while raw.recv(4096):
            pass
    except OSError:
        pass


# Handshakes that do not end


def _reset(raw: socket.socket) -> None:
    """Close with RST."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


class HalfHandshake:
    """A client whose bytes pass through the test's hands."""

    def __init__(self, port: int, credential: Optional[Credential], tls: str) -> None:
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.tls = SSL.Connection(tls_context(tls, credential, ["http/1.1"]), None)
        self.tls.set_tlsext_host_name(b"on.test")
        self.tls.set_connect_state()

    def flight(self) -> bytes:
        """What the client would send next; b"" when its handshake is over."""
        try:
            self.tls.do_handshake()
        except SSL.WantReadError:
            pass
        try:
            return self.tls.bio_read(65536)
        except SSL.WantReadError:
            return b""

    def step(self, part: slice) -> None:
        """Send a part of the next flight, and take in what the server answers."""
        self.raw.sendall(self.flight()[part])

    def take_in(self) -> None:
        self.tls.bio_write(self.raw.recv(65536))


@pytest.mark.parametrize("client", ("edge", "stranger", "nobody"))
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("abrupt", (True, False))
def test_handshakes_cut_off_everywhere(bench: Bench, tls: str, client: str, abrupt: bool) -> None:
    bench.httpd.allow("AH02008|AH01998|SSL Library Error")
    credential = bench.clients[client]
    for first, second in ((5, None), (100, None), (None, None), (None, 7), (None, 60), (None, 300), (None, -5)):
        half = HalfHandshake(bench.port, credential, tls)
        half.step(slice(first))
        if second is not None:
            half.take_in()
            half.step(slice(second))
        if abrupt:
            _reset(half.raw)
        else:
            half.raw.shutdown(socket.SHUT_WR)
            _drain(half.raw)
            half.raw.close()
    bench.still_serves()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_reset_right_after_the_handshake(bench: Bench, tls: str) -> None:
    bench.httpd.allow_refusals()
    for client in ("edge", "stranger", "nobody"):
        for data in (b"", b"GET", request_bytes(host="on.test")):
            connection = bench.connect("on.test", client, tls)
            assert isinstance(connection, Http1)
            if data:
                connection.send(data)
            _reset(connection.stream.socket)
    bench.still_serves()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_empty_certificate_message_is_no_certificate(bench: Bench, tls: str) -> None:
    """A client that was asked and has none sends a Certificate message without certificates."""
    bench.httpd.expect_refusal("no_certificate")
    with bench.connect("on.test", "nobody", tls) as client:
        answer: Response = client.request(host="on.test")
    assert (answer.status, answer.verify) == (400, "NONE")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_certificate_without_its_key_is_no_certificate(bench: Bench, tls: str) -> None:
    """The edge's certificate is public; a client that signs with another key does not get past the handshake."""
    bench.httpd.allow("AH02008|SSL Library Error")
    edge, stranger = bench.clients["edge"], bench.clients["stranger"]
    assert edge and stranger
    context = _context_of_a_thief(edge, stranger, tls)
    with pytest.raises(REFUSED):
        with connect(bench.port, sni="on.test", context=context) as client:
            client.request(host="on.test")
    bench.still_serves()


def _context_of_a_thief(edge: Credential, stranger: Credential, tls: str) -> SSL.Context:
    """Shows the edge's certificate and signs with the stranger's key, under the public half that OpenSSL compares."""
    public = edge.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    private = stranger.key.private_numbers().private_value.to_bytes(32, "big")
    # ECPrivateKey of RFC 5915 for P-256
    inside = bytes.fromhex("020101") + b"\x04\x20" + private + bytes.fromhex("a00a06082a8648ce3d030107") + b"\xa1\x44\x03\x42\x00" + public
    context = tls_context(tls, None, ["http/1.1"])
    context.use_certificate(X509.from_cryptography(edge.certificate))
    context.use_privatekey(load_privatekey(FILETYPE_ASN1, b"\x30" + bytes([len(inside)]) + inside))
    return context


# The environment may be overwritten, the verdict may not


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client, reason", (("stranger", "untrusted_issuer"), ("nobody", "no_certificate")))
def test_setenv_does_not_change_the_verdict(bench: Bench, client: str, reason: str, tls: str) -> None:
    bench.httpd.expect_refusal(reason)
    with bench.connect("set.test", client, tls) as connection:
        answer = connection.request(host="set.test")
    assert answer.status == 400
    assert answer.verify != "SUCCESS"


@pytest.mark.parametrize("client, word", (("stranger", BAD), ("nobody", "NONE"), ("edge", "SUCCESS")))
def test_setenvif_and_rewrites_do_not_change_the_variable(bench: Bench, client: str, word: str) -> None:
    bench.httpd.allow_refusals()
    with bench.connect("set-if.test", client) as connection:
        for path in ("/", "/decided/"):
            assert connection.request(path, host="set-if.test").header("x-environment") == word


def test_expressions_read_the_verdict_and_not_the_environment(bench: Bench) -> None:
    bench.httpd.expect_refusal("untrusted_issuer", would=True)
    bench.httpd.allow("AH01630")
    with bench.connect("set-log.test", "stranger") as client:
        assert client.request(host="set-log.test").verify == BAD
        assert client.request("/decided/", host="set-log.test").status == 403
    with bench.connect("set-log.test", "edge") as client:
        assert client.request("/decided/", host="set-log.test").status == 200
