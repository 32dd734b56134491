"""A directory's SSLVerifyClient asks for a certificate of mod_ssl's CA, in a connection that has shown one to the guard already, and the
client does not answer. mod_ssl waits until anything has come from it, or nothing for some time, and takes the certificate that there is.
That one was shown to the guard: it opens no such directory, whether the guard has accepted it or only let it through.

With TLS 1.2 it asks in each connection, with TLS 1.3 in resumed ones, which only a good client has. What becomes of those who answer is
test_delegation's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from select import select
from typing import Callable, Optional

import pytest

from conftest import Servers
from support import environment
from support.client import TLS_VERSIONS, connect
from support.http1 import Http1, request_bytes
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.relay import Relay
from support.response import Response
from support.streams import Reset, TlsAlert, TlsStream, tls_context
from support.vhost import any_sni, vhost
from support.waiting import wait_until

REFUSED = (TlsAlert, Reset)
USER = "SSLUserName SSL_CLIENT_S_DN_CN"
# directories that have a program, too
PROGRAMS = ("staff", "any-user", "any-client", "any-expr", "denied-user", "denied-client")
# how long mod_ssl waits
PATIENCE = "Timeout 3"


@dataclass(frozen=True)
class Way:
    """Who comes to a directory, and how."""

    sni: Optional[str]
    host: str
    client: str

    def __str__(self) -> str:
        return f"{self.sni}-{self.host}-{self.client}"


WAYS = (
    Way("on.test", "on.test", "edge"),
    Way("log.test", "log.test", "edge"),
    Way("log.test", "log.test", "stranger"),
    Way("exempt.test", "exempt.test", "stranger"),
    Way("on.test", "off.test", "edge"),
    Way("on.test", "off.test", "stranger"),
)
# mod_ssl has nothing against it: see any_sni()
TO_ANOTHER_VHOST = tuple(
    Way(None, host, client) for host in ("verifying.test", "quick-verifying.test") for client in ("edge", "stranger")
)


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    clients: dict[str, Credential]

    def connect(self, way: Way, tls: str, port: Optional[int] = None) -> Http1:
        """A connection that has shown the client's certificate to the guard, and in which mod_ssl can ask for another."""
        credential, session = self.clients[way.client], None
        if tls == "1.3":
            # LogOnly asks in the handshake only who cannot be asked later
            context = tls_context("1.3", credential, ["http/1.1"], later=False)
            with connect(self.port, sni=way.sni, context=context) as first:
                assert first.request(host=way.sni).status == 200
                session = first.stream.session
        client = connect(port or self.port, sni=way.sni, credential=credential, tls=tls, session=session)
        assert isinstance(client, Http1) and client.stream.resumed == (tls == "1.3")
        return client

    def logged(self, path: str) -> str:
        """Status and user of the request for this path."""
        log = self.httpd.directory / "logs" / "users.log"

        def lines() -> list[str]:
            return [line for line in log.read_text().splitlines() if line.startswith(path + " ")]

        assert wait_until(lambda: bool(lines())), f"no line for {path}"
        return lines()[-1].removeprefix(path + " ")


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port, pull, staff = free_port(), pki.root("pull"), pki.root("staff")
    users = pki.file("users", b"bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    basic = ["AuthType Basic", "AuthName gate", "AuthBasicProvider file", f"AuthUserFile {users}"]
    any_of = [*basic, "Satisfy Any", USER, "SSLVerifyClient require"]
    directories = {
        "staff": ["SSLVerifyClient require"],
        "welcome": ["SSLVerifyClient optional"],
        "quick": ["SSLVerifyClient require", "SSLOptions +OptRenegotiate"],
        "any-user": [*any_of, "Require valid-user"],
        "any-client": [*any_of, "Require ssl-verify-client"],
        "any-expr": [*any_of, "Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\""],
        # mod_ssl asks, and denies for another reason then
        "denied-user": [*any_of, "SSLRequire false", "Require valid-user"],
        "denied-client": [*any_of, "SSLRequire false", "Require ssl-verify-client"],
        "generous": ["SSLVerifyClient optional_no_ca", USER],
    }
    for name in PROGRAMS:
        directories[f"{name}-program"] = [*directories[name], USER, "SetHandler cgi-script", "Options +ExecCGI"]
    lines = [f"SSLCACertificateFile {staff.cert_file}", 'Header always set X-User "expr=%{REMOTE_USER}"']
    for name, rules in directories.items():
        lines += [f"<Location /{name}/>", *rules, "</Location>"]
    guard = f"CFOriginPullCACertificateFile {pull.cert_file}"
    sites = {
        # the default vhost: who sends no SNI is asked under its policy
        "on.test": ["CFOriginPull On", guard],
        "log.test": ["CFOriginPull LogOnly", guard],
        "exempt.test": ["CFOriginPull On", guard, "CFOriginPullExempt path " + " ".join(f"/{name}" for name in directories)],
        "off.test": [],
        "verifying.test": ["SSLVerifyClient require"],
        "quick-verifying.test": ["SSLVerifyClient require", "SSLOptions +OptRenegotiate"],
    }
    config = f'{any_sni()}{PATIENCE}\nCustomLog logs/users.log "%U%q %>s %u"\n'
    config += "".join(vhost(port, name, *mode, *lines, tls=server_certificate) for name, mode in sites.items())
    cgi = "cgi" if environment.default_mpm() == "prefork" else "cgid"
    modules = ["access_compat", "auth_basic", "authn_core", "authn_file", "authz_user", cgi]
    httpd = servers.prepare_httpd(config, listen=[port], modules=modules)
    for name in directories:
        httpd.put(f"{name}/index.html", f"{name}\n")
    for name in PROGRAMS:
        program = '#!/bin/sh\necho "Content-Type: text/plain"\necho\ntouch "$DOCUMENT_ROOT/marks/ran"\n'
        httpd.put(f"{name}-program/run", program, mode=0o755)
    httpd.put("marks/none", "").parent.chmod(0o777)
    httpd.expect("CFAOP160: ")
    clients = {
        "edge": pull.issue("edge", subject="admin"),
        "stranger": pki.self_signed("stranger", subject="admin"),
        "staff": staff.issue("colleague"),
    }
    return Bench(httpd.start(), port, clients)


@pytest.fixture(autouse=True)
def lines_of_httpd(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    for pattern in ("AH01617", "AH01618", "AH01630", "AH01807", "AH02042", "AH02229", "AH02261", "SSL Library Error"):
        bench.httpd.allow(pattern)


# What the client does in place of an answer, once it has been asked


def ask_for_more(client: Http1) -> None:
    client.send(request_bytes("/", host="on.test"))


def say_good_bye(client: Http1) -> None:
    client.stream._tls.shutdown()  # type: ignore[union-attr]


instead_of_an_answer = pytest.mark.parametrize("instead", (ask_for_more, say_good_bye), ids=lambda instead: instead.__name__)


def visit(client: Http1, host: str, path: str, instead: Callable[[Http1], None]) -> Optional[Response]:
    """The answer to the first request; None: the connection ended in its stead."""
    client.send(request_bytes(path, host=host))
    assert select([client.stream.socket], [], [], 10)[0], "nobody asks"
    with suppress(*REFUSED):
        instead(client)
        return client.read_response()
    return None


def assert_stays_closed(bench: Bench, way: Way, tls: str, path: str, instead: Callable[[Http1], None]) -> None:
    with bench.connect(way, tls) as client:
        answer = visit(client, way.host, path, instead)
    assert answer is None or (answer.status in (401, 403) and answer.header("x-user") == "")
    if "denied" not in path:  # there mod_ssl says why
        bench.httpd.expect("CFAOP305: ")


CLOSED = ("/staff/", "/any-user/", "/any-client/", "/any-expr/", "/denied-user/", "/denied-client/")


@instead_of_an_answer
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("path", (*CLOSED, "/quick/"))
def test_directory_stays_closed_with_tls_12(bench: Bench, way: Way, path: str, instead: Callable[[Http1], None]) -> None:
    assert_stays_closed(bench, way, "1.2", path, instead)


@instead_of_an_answer
@pytest.mark.parametrize("way", [way for way in WAYS if way.client == "edge"], ids=str)
@pytest.mark.parametrize("path", (*CLOSED, "/welcome/"))
def test_directory_stays_closed_with_tls_13(bench: Bench, way: Way, path: str, instead: Callable[[Http1], None]) -> None:
    assert_stays_closed(bench, way, "1.3", path, instead)


@instead_of_an_answer
@pytest.mark.parametrize("way", TO_ANOTHER_VHOST, ids=str)
def test_vhost_of_mod_ssl_stays_closed(bench: Bench, way: Way, instead: Callable[[Http1], None]) -> None:
    with bench.connect(way, "1.2") as client:
        answer = visit(client, way.host, "/", instead)
    assert answer is None or answer.status == 403
    bench.httpd.expect("CFAOP305: ")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_silence_is_no_answer(bench: Bench, tls: str) -> None:
    path = f"/staff/?{tls}"
    with bench.connect(WAYS[0], tls) as client:
        client.send(request_bytes(path, host="on.test"))
        # the line is written when the request has been answered, before the client has read anything
        line = f'on.test "GET {path} HTTP/1.1" 403 SUCCESS'
        assert wait_until(lambda: line in bench.httpd.access_log().splitlines())
    bench.httpd.expect("CFAOP305: ")


def test_connection_ends_with_the_refusal(bench: Bench) -> None:
    """The next request could be for what is open, but the question stands in the way."""
    with bench.connect(WAYS[0], "1.2") as client:
        answer = visit(client, "on.test", "/staff/", ask_for_more)
        assert answer and (answer.status, answer.header("connection")) == (403, "close")
        with suppress(*REFUSED):
            assert client.is_closed()
    bench.httpd.expect("CFAOP305: ")


# With TLS 1.3 the certificate comes before the signature with its key; with TLS 1.2 the key exchange is between them, and the end behind.
PROOF_MISSING = [("1.3", way, 1) for way in WAYS[:2]] + [("1.2", way, records) for way in WAYS for records in (1, 2, 3)]


@pytest.mark.parametrize("tls, way, records", PROOF_MISSING, ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_certificate_without_proof_of_its_key_is_no_answer(bench: Bench, name: str, tls: str, way: Way, records: int) -> None:
    """A colleague's certificate is no secret, and this client has no more. Without the module mod_ssl would run the program."""
    path = f"/{name}-program/run?{tls}-{way}-{records}"
    relay = Relay(bench.port)
    with bench.connect(way, tls, relay.port) as client:
        assert isinstance(client.stream, TlsStream)
        client.send(request_bytes(path, host=way.host))
        assert select([client.stream.socket], [], [], 10)[0], "nobody asks"
        relay.only(records)
        client.stream.show(bench.clients["staff"])
        with suppress(*REFUSED):  # in the middle of its handshake the server cannot even say no
            client.read_response()
    assert bench.logged(path).split(" ") in ([str(status), "-"] for status in (401, 403))
    assert not (bench.httpd.htdocs / "marks" / "ran").exists()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_answer_is_one_to_its_question_only(bench: Bench, way: Way) -> None:
    """A directory that takes any certificate, and then one that does not."""
    with bench.connect(way, "1.2") as client:
        assert isinstance(client.stream, TlsStream)
        client.stream.show(bench.clients["stranger"])
        assert client.request("/generous/", host=way.host).status == 200
        answer = visit(client, way.host, "/staff/", ask_for_more)
    assert answer is None or answer.status == 403
    bench.httpd.expect("CFAOP305: ")


@pytest.mark.parametrize("path", ("/staff/", "/denied-user/", "/denied-client/"))
@pytest.mark.parametrize("sni, client", (("off.test", "stranger"), ("on.test", "edge")))
def test_answer_that_comes_too_late_ends_the_connection(bench: Bench, sni: str, client: str, path: str) -> None:
    """The client sends a request in place of its certificate, and the certificate once the first request has been answered: mod_ssl's
    callback would read that request, whose memory is gone."""
    session = None
    if client == "edge":
        with connect(bench.port, sni=sni, credential=bench.clients[client]) as first:
            assert first.request(host=sni).status == 200
            session = first.stream.session
    with connect(bench.port, sni=sni, credential=bench.clients[client], session=session) as late:
        assert isinstance(late, Http1)
        late.send(request_bytes(path, host="off.test"))
        assert select([late.stream.socket], [], [], 10)[0], "nobody asks"
        late.send(request_bytes("/", host="off.test"))
        with suppress(*REFUSED):
            assert late.read_response().status in (401, 403)
            late.read_response()
            late.request("/", host="off.test")
    bench.httpd.allow("CFAOP305: |AH02263: ")
    with connect(bench.port, sni=sni, credential=bench.clients[client]) as again:
        assert again.request(host=sni).status == 200


def test_two_answers(bench: Bench) -> None:
    """The control: who answers both questions enters both directories."""
    with bench.connect(WAYS[0], "1.2") as client:
        assert isinstance(client.stream, TlsStream)
        for credential, path in (("stranger", "/generous/"), ("staff", "/staff/"), ("staff", "/any-client/"), ("staff", "/")):
            client.stream.show(bench.clients[credential])
            assert client.request(path, host="on.test").status == 200


@pytest.mark.needs("late-answer")
@pytest.mark.parametrize("name", PROGRAMS[:4])
def test_program_runs_for_who_answers(bench: Bench, name: str) -> None:
    """The control."""
    with bench.connect(WAYS[0], "1.3") as client:
        assert isinstance(client.stream, TlsStream)
        client.stream.show(bench.clients["staff"])
        assert client.request(f"/{name}-program/run", host="on.test").status == 200
    mark = bench.httpd.htdocs / "marks" / "ran"
    assert mark.exists()
    mark.unlink()
