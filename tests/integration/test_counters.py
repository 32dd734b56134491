"""What is counted: each handshake and each request of a client once, exactly, for its vhost, by what became of it.

Every test compares the numbers before and after, and by all three views: support.views sees to it that they agree.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import pytest

from conftest import Servers
from support import metrics, status_page
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, connect_plain, fetch
from support.http1 import Http1, request_bytes
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.streams import Route
from support.vhost import vhost
from support.views import MODULES, Numbers, numbers, since, watching
from support.visits import KINDS, SESSION_EVIDENCE, STORAGES, Kind, storage_lines, visit
from support.waiting import wait_until

ELSEWHERE = Route(source="127.0.0.2")


@dataclass(frozen=True)
class Bench:
    """Vhosts of several modes and policies on `port`; `clients` by name, "nobody" shows nothing."""

    httpd: Httpd
    port: int
    watch: int
    clients: dict[str, Optional[Credential]]

    def numbers(self) -> Numbers:
        """By ServerName."""
        return {label.removesuffix(f".test:{self.port}"): entry for label, entry in numbers(self.watch).items()}

    def added(self, before: Numbers) -> Numbers:
        return since(before, self.numbers())

    def fetch(self, name: str, who: str, path: str = "/", **options: Any) -> int:
        return fetch(self.port, path, sni=f"{name}.test", credential=self.clients[who], **options).status


def clients_of(ca: Credential, pki: Pki) -> dict[str, Optional[Credential]]:
    outer = ca.issue("outer", ca=True)
    inner = outer.issue("inner", ca=True)
    return {
        "nobody": None,
        "edge": ca.issue("edge"),
        "expired": ca.issue("expired", not_before=-3 * DAY, not_after=-DAY),
        "early": ca.issue("early", not_before=DAY),
        "stranger": pki.self_signed("stranger"),
        "for-servers": ca.issue("for-servers", eku="server"),
        "revoked": ca.issue("revoked"),
        "deep": inner.issue("deep").sending(inner, outer),
        "weak": ca.issue("weak", key="rsa1024"),
        "pinned": ca.issue("pinned"),
    }


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    clients = clients_of(ca, pki)
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    pinned, revoked = clients["pinned"], clients["revoked"]
    assert pinned and revoked
    exempt = ["CFOriginPullExempt path /open", "CFOriginPullExempt ip 127.0.0.2"]
    sites = {
        "on": ["CFOriginPull On", trust],
        "optional": ["CFOriginPull Optional", trust],
        "logonly": ["CFOriginPull LogOnly", trust],
        "off": ["CFOriginPull Off"],
        "exempt": ["CFOriginPull On", trust, *exempt],
        "lenient": ["CFOriginPull LogOnly", trust, *exempt],
        "crl": ["CFOriginPull On", trust, f"CFOriginPullCARevocationFile {ca.crl('revoking', revoked=[revoked])}"],
        "pin": ["CFOriginPull On", trust, f"CFOriginPullPin sha256:{pinned.sha256}"],
        "other": ["CFOriginPull On", f"CFOriginPullCACertificateFile {pki.root('other-ca').cert_file}"],
    }
    port, watch = free_port(), free_port()
    config = "".join(vhost(port, f"{name}.test", *lines, tls=server_certificate) for name, lines in sites.items())
    server = servers.prepare_httpd(config + watching(watch), listen=[port, watch], modules=MODULES)
    server.put("open/token.html", "a token")
    return Bench(server.start(), port, watch, clients)


# What became of a client


@dataclass(frozen=True)
class Story:
    """A client of a vhost, what its handshake and its request count as ("": not at all), and the answer."""

    name: str
    who: str
    handshake: str
    request: str
    status: int = 200
    path: str = "/"
    sni: str = ""
    route: Route = field(default_factory=Route)

    def __str__(self) -> str:
        return "-".join(word for word in (self.name, self.who, self.sni, self.path.strip("/"), self.route.source) if word)


STORIES = (
    Story("on", "edge", "verified", "allowed none"),
    Story("on", "nobody", "no_certificate", "refused no_certificate", 400),
    Story("on", "expired", "failed", "refused expired", 400),
    Story("on", "early", "failed", "refused not_yet_valid", 400),
    Story("on", "stranger", "failed", "refused untrusted_issuer", 400),
    Story("on", "for-servers", "failed", "refused wrong_purpose", 400),
    Story("on", "deep", "failed", "refused depth", 400),
    Story("on", "weak", "failed", "refused other", 400),
    Story("on", "edge", "verified", "allowed none", 404, path="/nothing"),
    Story("on", "nobody", "no_certificate", "refused no_certificate", 400, path="/nothing"),
    Story("crl", "edge", "verified", "allowed none"),
    Story("crl", "revoked", "failed", "refused revoked", 400),
    Story("pin", "pinned", "verified", "allowed none"),
    Story("pin", "edge", "failed", "refused pin", 400),
    Story("optional", "edge", "verified", "allowed none"),
    Story("optional", "nobody", "no_certificate", "allowed no_certificate"),
    Story("optional", "stranger", "failed", "refused untrusted_issuer", 400),
    Story("logonly", "edge", "verified", "allowed none"),
    Story("logonly", "nobody", "no_certificate", "would_refuse no_certificate"),
    Story("logonly", "expired", "failed", "would_refuse expired"),
    Story("off", "edge", "", ""),
    Story("off", "nobody", "", ""),
    Story("exempt", "nobody", "no_certificate", "refused no_certificate", 400),
    Story("exempt", "nobody", "no_certificate", "exempt no_certificate", path="/open/token.html"),
    Story("exempt", "edge", "verified", "exempt none", path="/open/token.html"),
    Story("exempt", "stranger", "failed", "exempt untrusted_issuer", path="/open/token.html"),
    Story("exempt", "nobody", "no_certificate", "exempt no_certificate", route=ELSEWHERE),
    Story("exempt", "edge", "verified", "exempt none", route=ELSEWHERE),
    Story("lenient", "nobody", "no_certificate", "exempt no_certificate", path="/open/token.html"),
    Story("lenient", "nobody", "no_certificate", "would_refuse no_certificate"),
    # the handshake is the SNI's, the request the Host's
    Story("other", "edge", "verified", "refused misdirected", 421, sni="on"),
    Story("on", "nobody", "", "refused misdirected", 421, sni="off"),
    Story("off", "edge", "verified", "", sni="on"),
    Story("optional", "edge", "verified", "allowed none", sni="on"),
)


def expected(story: Story) -> Numbers:
    found: Numbers = {}
    for name, what in ((story.sni or story.name, f"handshake {story.handshake}"), (story.name, story.request)):
        if what not in ("", "handshake "):
            found.setdefault(name, {})[what] = 1
    return found


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("story", STORIES, ids=str)
def test_what_became_of_a_client(bench: Bench, story: Story, tls: str, http: str) -> None:
    bench.httpd.allow_refusals()
    before = bench.numbers()
    status = bench.fetch(
        story.sni or story.name, story.who, story.path, host=f"{story.name}.test", tls=tls, http=http, route=story.route
    )
    assert (status, bench.added(before)) == (story.status, expected(story))


def test_log_only_counts_what_was_judged_elsewhere(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    before = bench.numbers()
    assert bench.fetch("other", "edge", host="logonly.test") == 200
    assert bench.added(before) == {"other": {"handshake failed": 1}, "logonly": {"would_refuse misdirected": 1}}


def test_plain_http_on_the_tls_port_is_refused_without_a_handshake(bench: Bench) -> None:
    """The vhost of the address answers, whatever the Host says."""
    bench.httpd.allow_refusals()
    before = bench.numbers()
    with connect_plain(bench.port) as client:
        assert client.request(host="optional.test").status == 400
    assert bench.added(before) == {"on": {"refused no_certificate": 1}}


def test_client_without_sni_counts_for_the_default_vhost(bench: Bench) -> None:
    before = bench.numbers()
    assert fetch(bench.port, host="on.test", credential=bench.clients["edge"]).status == 200
    assert bench.added(before) == {"on": {"handshake verified": 1, "allowed none": 1}}


def test_handshake_counts_without_a_request(bench: Bench) -> None:
    before = bench.numbers()
    with connect(bench.port, sni="on.test", credential=bench.clients["edge"], tls="1.2"):
        assert wait_until(lambda: bench.added(before) == {"on": {"handshake verified": 1}}), bench.added(before)


def test_views_do_not_count_themselves(bench: Bench) -> None:
    before = bench.numbers()
    for _ in range(3):
        bench.numbers()
    assert bench.added(before) == {}


# Several requests on one connection


@pytest.mark.parametrize("who,handshake,request_", [("edge", "verified", "allowed none"), ("nobody", "no_certificate", "would_refuse no_certificate")])
@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_one_handshake_many_requests(bench: Bench, http: str, who: str, handshake: str, request_: str) -> None:
    bench.httpd.allow_refusals()
    before = bench.numbers()
    with connect(bench.port, sni="logonly.test", credential=bench.clients[who], http=http) as client:
        for _ in range(20):
            assert client.request(host="logonly.test").status == 200
    assert bench.added(before) == {"logonly": {f"handshake {handshake}": 1, request_: 20}}


@pytest.mark.http2
def test_streams_at_the_same_time(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    before = bench.numbers()
    with connect(bench.port, sni="on.test", credential=bench.clients["edge"], http="2") as client:
        assert isinstance(client, Http2)
        hosts = ["on.test", "optional.test", "other.test", "off.test"] * 10
        streams = [client.start(host=host) for host in hosts]
        statuses = [client.finish(stream).status for stream in streams]
    assert statuses == [200, 200, 421, 200] * 10
    assert bench.added(before) == {
        "on": {"handshake verified": 1, "allowed none": 10},
        "optional": {"allowed none": 10},
        "other": {"refused misdirected": 10},
    }


def test_refused_pipeline_is_one_request(bench: Bench) -> None:
    """The second is not answered; an accepted pipeline counts each of its requests."""
    bench.httpd.allow_refusals()
    two = request_bytes("/", host="on.test") + request_bytes("/nothing", host="on.test")
    before = bench.numbers()
    for who in ("nobody", "edge"):
        with connect(bench.port, sni="on.test", credential=bench.clients[who]) as client:
            assert isinstance(client, Http1)
            client.send(two)
            assert client.read_response().status == (200 if who == "edge" else 400)
            if who == "edge":
                assert client.read_response().status == 404
            else:
                assert client.is_closed()
    assert bench.added(before) == {
        "on": {"handshake verified": 1, "allowed none": 2, "handshake no_certificate": 1, "refused no_certificate": 1}
    }


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("method,status", [("HEAD", 200), ("POST", 200), ("OPTIONS", 200), ("DELETE", 405)])
def test_every_method_counts_once(bench: Bench, method: str, status: int, http: str) -> None:
    bench.httpd.allow_refusals()
    body = b"x" * 20000 if method == "POST" else b""
    before = bench.numbers()
    for who in ("edge", "nobody"):
        with connect(bench.port, sni="on.test", credential=bench.clients[who], http=http) as client:
            answer = client.request("/index.html", host="on.test", method=method, body=body)
            assert answer.status == (status if who == "edge" else 400)
    with connect(bench.port, sni="exempt.test", http=http) as client:
        assert client.request("/open/token.html", host="exempt.test", method=method, body=body).status == status
    assert bench.added(before) == {
        "on": {"handshake verified": 1, "allowed none": 1, "handshake no_certificate": 1, "refused no_certificate": 1},
        "exempt": {"handshake no_certificate": 1, "exempt no_certificate": 1},
    }


@pytest.mark.parametrize("host", ["on.test/", "on test", "on.test:x"])
def test_what_httpd_finds_broken_does_not_count(bench: Bench, host: str) -> None:
    bench.httpd.allow_refusals()
    before = bench.numbers()
    with connect(bench.port, sni="on.test", credential=bench.clients["edge"]) as client:
        assert client.request(host=host).status == 400
    assert bench.added(before) == {"on": {"handshake verified": 1}}


# Sessions


@pytest.fixture(scope="module")
def sessions(servers: Servers, pki: Pki, server_certificate: Credential, bench: Bench) -> dict[str, Bench]:
    """By storage of sessions."""
    ca = pki.root("sessions-ca")
    guard = [f"CFOriginPullCACertificateFile {ca.cert_file}", *SESSION_EVIDENCE]
    clients = {"nobody": None, "edge": ca.issue("sessions-edge"), "stranger": pki.self_signed("sessions-stranger")}
    watch = free_port()
    ports = {storage: free_port() for storage in STORAGES}
    config = watching(watch)
    for storage, port in ports.items():
        lines = [*guard, *storage_lines(storage)]
        config += vhost(port, "on.test", "CFOriginPull On", *lines, tls=server_certificate)
        config += vhost(port, "logonly.test", "CFOriginPull LogOnly", *lines, tls=server_certificate)
    httpd = servers.httpd(config, listen=[watch, *ports.values()], modules=MODULES)
    return {storage: Bench(httpd, port, watch, clients) for storage, port in ports.items()}


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_resumed_handshakes_are_told_apart(sessions: dict[str, Bench], kind: Kind, http: str) -> None:
    bench = sessions[kind.storage]
    before = bench.numbers()
    last = visit(bench.port, "on.test", tls=kind.tls, http=http, credential=bench.clients["edge"])
    for _ in range(3):
        last = visit(bench.port, "on.test", tls=kind.tls, http=http, session=last.session)
        assert last.resumed
    assert bench.added(before) == {"on": {"handshake verified": 1, "handshake resumed": 3, "allowed none": 4}}


@pytest.mark.parametrize("who,what", [("nobody", "no_certificate"), ("stranger", "failed")])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_session_that_is_not_taken_up_is_a_full_handshake(sessions: dict[str, Bench], kind: Kind, who: str, what: str) -> None:
    bench = sessions[kind.storage]
    bench.httpd.allow_refusals()
    before = bench.numbers()
    bad = visit(bench.port, "logonly.test", tls=kind.tls, credential=bench.clients[who])
    again = visit(bench.port, "logonly.test", tls=kind.tls, credential=bench.clients["edge"], session=bad.session)
    assert (again.resumed, again.answer.verify) == (False, "SUCCESS")
    reason = "untrusted_issuer" if who == "stranger" else "no_certificate"
    assert bench.added(before) == {
        "logonly": {f"handshake {what}": 1, "handshake verified": 1, f"would_refuse {reason}": 1, "allowed none": 1}
    }


# Once, whatever becomes of the request


@dataclass(frozen=True)
class Detour:
    """A request that httpd makes several of; `status` for who is let in, `lines` of the vhost."""

    path: str
    lines: tuple[str, ...] = ()
    status: int = 200
    text: str = ""


def directory(*lines: str) -> tuple[str, ...]:
    return ('<Directory "{htdocs}">', *lines, "</Directory>")


def location(path: str, *lines: str) -> tuple[str, ...]:
    return (f"<Location {path}>", *lines, "</Location>")


def rewrite(rule: str) -> tuple[str, ...]:
    return ("RewriteEngine on", f"RewriteRule {rule}")


DETOURS = {
    "includes": Detour("{at}/three.shtml", (), text="one one one\n"),
    "directory-index": Detour("{at}/sub/", (), text="one\n"),
    "listing": Detour("{at}/list/", ()),
    "fallback": Detour("{at}/missing", ("FallbackResource {at}/one.html",), text="one\n"),
    "error-document": Detour("{at}/missing", ("ErrorDocument 404 {at}/one.html",), 404, "one\n"),
    "error-document-of-errors": Detour("{at}/missing", ("ErrorDocument 404 {at}/missing-too",), 404),
    "forbidden": Detour("{at}/one.html", location("{at}/one.html", "Require all denied"), 403),
    "forbidden-document": Detour(
        "{at}/one.html", ("ErrorDocument 403 {at}/sub/index.html", *location("{at}/one.html", "Require all denied")), 403, "one\n"
    ),
    "pass-through": Detour("{at}/door", rewrite("^{at}/door$ {at}/one.html [PT]"), text="one\n"),
    "per-directory": Detour("{at}/door", directory("RewriteEngine on", "RewriteRule door$ {at}/one.html"), text="one\n"),
    "redirect": Detour("{at}/gone", ("Redirect {at}/gone http://elsewhere.test/",), 302),
    "rewritten-redirect": Detour("{at}/gone", rewrite("^{at}/gone http://elsewhere.test/ [R]"), 302),
    "gone": Detour("{at}/gone", ("Redirect gone {at}/gone",), 410),
    "action": Detour("{at}/thing.act", ("AddHandler go .act", "Action go {at}/one.html", *directory("AcceptPathInfo On")), text="one\n"),
    "type-map": Detour("{at}/map.var", ("AddHandler type-map .var",), text="one\n"),
    "condition": Detour("{at}/one.html", ("RewriteEngine on", "RewriteCond %{{LA-U:REQUEST_FILENAME}} x", "RewriteRule ^ -"), text="one\n"),
}


def fill(server: Httpd) -> None:
    for at in ("in", "open"):
        server.put(f"{at}/one.html", "one\n")
        server.put(f"{at}/sub/index.html", "one\n")
        server.put(f"{at}/list/a.txt", "a")
        server.put(f"{at}/list/b.txt", "b")
        server.put(f"{at}/thing.act", "")
        server.put(f"{at}/map.var", "URI: one.html\nContent-type: text/html\n")
        parts = " ".join(f'<!--#include virtual="/{at}/part.html" -->' for _ in range(3))
        server.put(f"{at}/three.shtml", f"{parts}\n")
        server.put(f"{at}/part.html", "one")


@pytest.fixture(scope="module")
def detours(servers: Servers, pki: Pki, server_certificate: Credential, bench: Bench) -> Bench:
    """A vhost for each detour: NAME.test guards all of it, NAME-open.test exempts the path."""
    ca = pki.root("detours-ca")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    port, watch = free_port(), free_port()
    server = servers.prepare_httpd(
        "", listen=[port, watch], modules=[*MODULES, "actions", "autoindex", "cache", "cache_disk", "include", "negotiation", "rewrite"]
    )
    fill(server)
    (server.directory / "cache").mkdir()
    (server.directory / "cache").chmod(0o777)
    past = time.time() - 86400
    os.utime(server.put("in/cached.html", "one\n"), (past, past))
    os.utime(server.put("open/cached.html", "one\n"), (past, past))
    shared = directory("Options +Includes +Indexes", "AddOutputFilter INCLUDES .shtml", "AddType text/html .shtml")
    cache = ["CacheEnable disk /", "CacheHeader on", "DirectorySlash On"]
    config = f"CacheRoot {server.directory}/cache\n" + watching(watch)
    for name, detour in DETOURS.items():
        for at, exempt in (("/in", ()), ("/open", ("CFOriginPullExempt path /open",))):
            lines = [line.format(htdocs=server.htdocs, at=at) for line in (*shared, *detour.lines)]
            config += vhost(port, f"{name}{'-open' if exempt else ''}.test", *guard, *exempt, *lines, tls=server_certificate)
    config += vhost(port, "cache.test", *guard, *cache, tls=server_certificate)
    config += vhost(port, "cache-open.test", *guard, *cache, "CFOriginPullExempt path /open", tls=server_certificate)
    away = ["CFOriginPullExempt path /open", *rewrite("^/open/door$ /in/one.html [PT]")]
    config += vhost(port, "away.test", *guard, *away, tls=server_certificate)
    config += vhost(port, "away-document.test", *guard, "CFOriginPullExempt path /open", "ErrorDocument 404 /in/one.html", tls=server_certificate)
    server.write_config(config)
    return Bench(server.start(), port, watch, {"nobody": None, "edge": ca.issue("detours-edge")})


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("name", DETOURS)
def test_request_counts_once_whatever_httpd_makes_of_it(detours: Bench, name: str, http: str) -> None:
    detours.httpd.allow_refusals()
    detours.httpd.allow("AH01630: client denied by server configuration")
    detour = DETOURS[name]
    before = detours.numbers()

    def visit_as(who: str, name: str, at: str) -> int:
        path = detour.path.format(at=at)
        answer = fetch(detours.port, path, sni=f"{name}.test", credential=detours.clients[who], http=http)
        if answer.status == detour.status and detour.text:
            assert answer.text.endswith(detour.text)
        return answer.status

    let_in = [visit_as("edge", name, "/in"), visit_as("nobody", f"{name}-open", "/open"), visit_as("edge", f"{name}-open", "/open")]
    assert (let_in, visit_as("nobody", name, "/in")) == ([detour.status] * 3, 400)
    assert detours.added(before) == {
        name: {"handshake verified": 1, "allowed none": 1, "handshake no_certificate": 1, "refused no_certificate": 1},
        f"{name}-open": {"handshake verified": 1, "exempt none": 1, "handshake no_certificate": 1, "exempt no_certificate": 1},
    }


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_what_a_cache_answers_counts(detours: Bench, http: str) -> None:
    detours.httpd.allow_refusals()

    def logged(name: str) -> int:
        return sum(line.startswith(f"{name}.test ") for line in detours.httpd.access_log().splitlines())

    def cached(who: str, name: str, path: str) -> str:
        """An answer from the cache is counted when the request is logged: after the answer."""
        before = logged(name)
        answer = fetch(detours.port, path, sni=f"{name}.test", credential=detours.clients[who], http=http)
        assert wait_until(lambda: logged(name) > before)
        return (answer.header("x-cache") or str(answer.status))[:4].strip()

    cached("edge", "cache", "/in/cached.html")
    cached("edge", "cache-open", "/open/cached.html")
    before = detours.numbers()
    assert [cached("edge", "cache", "/in/cached.html") for _ in range(2)] == ["HIT", "HIT"]
    assert cached("nobody", "cache", "/in/cached.html") == "400"
    assert [cached("edge", "cache-open", "/open/cached.html") for _ in range(2)] == ["HIT", "HIT"]
    # the cache may hold what an exempt URL leads the edge to
    assert [cached("nobody", "cache-open", "/open/cached.html") for _ in range(2)] == ["200", "200"]
    assert detours.added(before) == {
        "cache": {"handshake verified": 2, "allowed none": 2, "handshake no_certificate": 1, "refused no_certificate": 1},
        "cache-open": {"handshake verified": 2, "exempt none": 2, "handshake no_certificate": 2, "exempt no_certificate": 2},
    }


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_exempt_request_that_leaves_its_path_is_refused_not_exempt(detours: Bench, http: str) -> None:
    detours.httpd.expect_refusal("no_certificate")
    before = detours.numbers()
    assert detours.fetch("away", "nobody", "/open/door", http=http) == 400
    assert detours.fetch("away", "nobody", "/open/one.html", http=http) == 200
    assert detours.fetch("away", "edge", "/open/door", http=http) == 200
    assert detours.added(before) == {
        "away": {
            "handshake no_certificate": 2,
            "handshake verified": 1,
            "refused no_certificate": 1,
            "exempt no_certificate": 1,
            "allowed none": 1,
        }
    }


def test_exempt_request_whose_error_document_is_guarded(detours: Bench) -> None:
    """It is answered with its own status, and without the document."""
    detours.httpd.allow_refusals()
    before = detours.numbers()
    answer = fetch(detours.port, "/open/missing", sni="away-document.test")
    assert (answer.status, "one\n" in answer.text) == (404, False)
    assert detours.added(before) == {"away-document": {"handshake no_certificate": 1, "exempt no_certificate": 1}}


# Many at once, in several processes

THREADS = "ServerLimit 8\nStartServers 4\nThreadsPerChild 8\nMaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 64"
POOLS = {
    "event": THREADS,
    "worker": THREADS,
    "prefork": "ServerLimit 16\nMaxRequestWorkers 16\nStartServers 8\nMinSpareServers 8\nMaxSpareServers 16",
}


@pytest.mark.parametrize("mpm", POOLS)
def test_no_count_is_lost_between_processes(servers: Servers, pki: Pki, server_certificate: Credential, mpm: str) -> None:
    ca = pki.root(f"{mpm}-ca")
    port, watch = free_port(), free_port()
    config = f"{POOLS[mpm]}\nLogFormat %P pid\n{watching(watch)}"
    for mode in ("on", "optional", "logonly"):
        lines = [f"CFOriginPull {mode}", f"CFOriginPullCACertificateFile {ca.cert_file}", "CustomLog logs/pids pid"]
        config += vhost(port, f"{mode}.test", *lines, tls=server_certificate)
    httpd = servers.httpd(config, listen=[port, watch], modules=MODULES, mpm=mpm, log_level="warn")
    httpd.allow_refusals()
    bench = Bench(httpd, port, watch, {"edge": ca.issue(f"{mpm}-edge"), "nobody": None})
    versions = ("1.1",) if mpm == "prefork" else ("1.1", "2")
    visits = [
        (mode, who, versions[i % len(versions)])
        for i in range(12)
        for mode in ("on", "optional", "logonly")
        for who in ("edge", "nobody")
    ]

    def visit_as(job: tuple[str, str, str]) -> None:
        mode, who, http = job
        with connect(port, sni=f"{mode}.test", credential=bench.clients[who], http=http) as client:
            for _ in range(5 if who == "edge" else 1):
                client.request(host=f"{mode}.test")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(visit_as, visits))
    both = {"handshake verified": 12, "allowed none": 60, "handshake no_certificate": 12}
    assert bench.numbers() == {
        "on": {**both, "refused no_certificate": 12},
        "optional": {**both, "allowed no_certificate": 12},
        "logonly": {**both, "would_refuse no_certificate": 12},
    }
    httpd.stop()
    assert len(set((httpd.directory / "logs" / "pids").read_text().split())) > 1


def test_without_shared_memory_nothing_is_counted(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> None:
    """And everything else goes on, over a reload, too."""
    ca = pki.root("poor-ca")
    edge = ca.issue("poor-edge")
    port, watch = free_port(), free_port()
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    config = watching(watch) + vhost(port, "on.test", *guard, tls=server_certificate)
    environment = preloading("no_memory", directory)
    httpd = servers.httpd(config, listen=[port, watch], modules=MODULES, mpm="worker", extra_environment=environment)
    httpd.expect(r"\[cfaop:warn\] .*CFAOP128: ")
    for _ in range(2):
        httpd.expect_refusal("no_certificate")
        assert fetch(port, sni="on.test", credential=edge).status == 200
        assert fetch(port, sni="on.test").status == 400
        with connect_plain(watch) as client:
            html = client.request(status_page.PATH, host="watch.test")
        with connect_plain(watch) as client:
            page = client.request(metrics.PATH, host="watch.test")
        assert (html.status, page.status) == (200, 200)
        counted = {name for name in metrics.parse(page.text).series if name.endswith("_total")}
        assert counted == set()
        httpd.graceful()
    assert len(httpd.log.find("CFAOP128: ")) == 3
    httpd.stop()


def test_exempt_request_that_a_directory_redirects_to_what_is_guarded(
    servers: Servers, pki: Pki, server_certificate: Credential
) -> None:
    """A mod_rewrite rule of a directory, or a program, redirects when the exemption has been granted: the client gets a 400."""
    port, watch = free_port(), free_port()
    httpd = servers.prepare_httpd("", listen=[port, watch], modules=[*MODULES, "rewrite"])
    rules = f'<Directory "{httpd.htdocs}/open">\n    RewriteEngine On\n    RewriteRule ^away$ /index.html [L]\n  </Directory>'
    guard = ["CFOriginPull On", "CFOriginPullExempt path /open"]
    httpd.write_config(watching(watch) + vhost(port, "on.test", *guard, rules, tls=server_certificate))
    httpd.put("open/here", "here\n")
    httpd.start()
    httpd.expect_refusal("no_certificate")
    assert fetch(port, "/open/here", sni="on.test").status == 200
    assert fetch(port, "/open/away", sni="on.test").status == 400
    assert numbers(watch) == {
        f"on.test:{port}": {"handshake no_certificate": 2, "exempt no_certificate": 1, "refused no_certificate": 1}
    }
    httpd.stop()
