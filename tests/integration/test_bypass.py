"""Ways round an access check, each tried against the guard.

Every way is configured twice: in guarded-<way>.test, and with the guard Off in open-<way>.test. The open one is the
control: it shows that the way leads inside. So does a good certificate at the guarded one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass
from typing import Iterator

import pytest

from conftest import Servers
from support import environment
from support.client import HTTP_VERSIONS, connect, connect_plain, fetch
from support.http1 import Http1, request_bytes
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

INSIDE = "what is inside"
NO_CERTIFICATE = "<center>No required SSL certificate was sent</center>"
PLAIN_HTTP = "<center>The plain HTTP request was sent to HTTPS port</center>"
PASSWORD = ("authorization", "Basic " + base64.b64encode(b"user:secret").decode())
CGI = "cgi" if environment.default_mpm() == "prefork" else "cgid"
MODULES = (
    "access_compat asis auth_basic authn_core authn_file authz_user autoindex cache cache_disk dav dav_fs include info lua "
    "negotiation proxy proxy_connect proxy_http rewrite status"
).split() + [CGI]


@dataclass(frozen=True)
class Way:
    """Lines of a vhost, a path that leads inside by them, and what it answers there.

    {dir} is the server's directory, {htdocs} its document root, {backend} the port of a server behind it.
    """

    path: str
    lines: tuple[str, ...] = ()
    text: str = INSIDE
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    log: str = ""  # what httpd says of the way


def location(path: str, *lines: str) -> tuple[str, ...]:
    return (f'<Location "{path}">', *lines, "</Location>")


def options(*lines: str) -> tuple[str, ...]:
    return ('<Directory "{htdocs}">', *lines, "</Directory>")


def rewrite(rule: str) -> tuple[str, ...]:
    return ("RewriteEngine on", f"RewriteRule {rule}")


SATISFY_ANY = location(
    "/",
    "AuthType Basic",
    "AuthName inside",
    "AuthBasicProvider file",
    "AuthUserFile {dir}/users",
    "Order allow,deny",
    "Deny from all",
    "Require valid-user",
    "Satisfy Any",
)

WAYS = {
    "file": Way("/inside.html"),
    "granted": Way("/inside.html", location("/", "Require all granted")),
    "granted-by-if": Way("/inside.html", ('<If "true">', "Require all granted", "</If>")),
    "satisfy-any": Way("/inside.html", SATISFY_ANY, headers=(PASSWORD,), log="AH01797: client denied"),
    "environment": Way(
        "/inside.html",
        (
            "SetEnv CF_ORIGIN_PULL_VERIFY SUCCESS",
            "SetEnvIf Request_URI . CF_ORIGIN_PULL_VERIFY=SUCCESS SSL_CLIENT_VERIFY=SUCCESS",
            "RequestHeader set CF-Origin-Pull-Verify SUCCESS early",
        ),
        headers=(("cf-origin-pull-verify", "SUCCESS"), ("ssl-client-verify", "SUCCESS")),
    ),
    "alias": Way("/door", ("Alias /door {htdocs}/inside.html",)),
    "redirect": Way("/door", ("Redirect 301 /door https://elsewhere.test/",), "elsewhere.test", 301),
    "rewrite-file": Way("/door", rewrite("^/door$ /inside.html")),
    "rewrite-url": Way("/door", rewrite("^/door$ /inside.html [PT]")),
    "rewrite-redirect": Way("/door", rewrite("^/door$ https://elsewhere.test/ [R=301]"), "elsewhere.test", 301),
    "rewrite-proxy": Way("/door", rewrite("^/door$ http://127.0.0.1:{backend}/inside.html [P]"), "behind: " + INSIDE),
    "proxy": Way("/door", ("ProxyPass /door http://127.0.0.1:{backend}/inside.html",), "behind: " + INSIDE),
    "server-status": Way("/door", location("/door", "SetHandler server-status"), "Apache Status"),
    "server-info": Way("/door", location("/door", "SetHandler server-info"), "Server Settings"),
    "ssi": Way("/ssi.html", options("Options +Includes", "SetOutputFilter INCLUDES")),
    "fallback": Way("/missing", ("FallbackResource /inside.html",)),
    "directory-index": Way("/", ("DirectoryIndex inside.html",)),
    "listing": Way("/listing/", options("Options +Indexes"), "entry.txt"),
    "multiviews": Way("/inside", options("Options +MultiViews")),
    "cgi": Way("/door", ("ScriptAlias /door {dir}/cgi/script",), "from cgi"),
    "as-is": Way("/door.asis", ("AddHandler send-as-is .asis",)),
    "error-document-404": Way("/missing", ("ErrorDocument 404 /inside.html",), status=404),
    "lua-quick-handler": Way("/", ("LuaQuickHandler {dir}/quick.lua answer",), "from lua"),
    "lua-handler": Way("/door", ('LuaMapHandler "^/door$" {dir}/quick.lua answer',), "from lua"),
}


@dataclass(frozen=True)
class Bench:
    """On one port the default vhost is guarded, on the other it is open; both have all vhosts."""

    httpd: Httpd
    guarded_port: int
    open_port: int
    backend: Httpd
    edge: Credential


# What a broken request is redirected to
ERROR_DOCUMENTS = [f"ErrorDocument {status} /inside.html" for status in (400, 411, 414, 417, 421, 431, 501)]
CACHE = ["CacheEnable disk /", "CacheHeader on"]
DAV = ['<Directory "{htdocs}/upload">', "Dav on", "</Directory>"]


@pytest.fixture(scope="module")
def backend(servers: Servers) -> Httpd:
    """A server without TLS, which others stand before."""
    server = servers.prepare_httpd("", listen=[free_port()])
    server.put("inside.html", f"behind: {INSIDE}\n")
    return server.start()


@pytest.fixture(scope="module")
def bench(servers: Servers, backend: Httpd, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("origin-pull")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    ports = {"guarded": free_port(), "open": free_port()}
    server = servers.prepare_httpd("", listen=list(ports.values()), modules=MODULES)
    fill(server)
    values = {"dir": server.directory, "htdocs": server.htdocs, "backend": backend.port}
    # the first vhost of a port is its default: the one with the error documents
    sites = {"default": [*ERROR_DOCUMENTS, "ProxyRequests on", "AllowCONNECT 1-65535"]}
    sites.update({name: list(way.lines) for name, way in WAYS.items()})
    sites.update({"cache": CACHE, "late-cache": [*CACHE, "CacheQuickHandler off"], "dav": DAV})
    config = [
        f"CacheRoot {server.directory}/cache",
        f"DavLockDB {server.directory}/dav/lock",
        f'<Directory "{server.directory}/cgi">\n  Require all granted\n</Directory>',
    ]
    if CGI == "cgid":
        config.append(f"ScriptSock {server.directory}/run/cgid.sock")
    for kind, port in ports.items():
        kinds = (kind, *(other for other in ports if other != kind))
        for side in kinds:
            for name, lines in sites.items():
                text = [line.format(**values) for line in lines]
                body = [*guard, *text] if side == "guarded" else text
                config.append(vhost(port, f"{side}-{name}.test", *body, tls=server_certificate))
    server.write_config("\n".join(config))
    server.expect("CFAOP124: .*guarded-default.test")
    return Bench(server.start(), ports["guarded"], ports["open"], backend, ca.issue("edge"))


def fill(server: Httpd) -> None:
    """The files that the ways lead to."""
    server.put("inside.html", f"{INSIDE}\n")
    server.put("ssi.html", '<!--#include virtual="/inside.html" -->\n')
    for name in ("cache-1.1", "cache-2", "late-cache-1.1", "late-cache-2", "cold-cache", "cold-late-cache", "misdirected"):
        server.put(f"cached/{name}.html", f"{INSIDE}\n")
    server.put("listing/entry.txt", "an entry\n")
    server.put("door.asis", f"Content-Type: text/plain\n\n{INSIDE}\n")
    server.put("upload/.keep", "").parent.chmod(0o777)
    digest = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    (server.directory / "users").write_text(f"user:{{SHA}}{digest}\n")
    (server.directory / "quick.lua").write_text(
        'function answer(r)\n  r.content_type = "text/plain"\n  r:puts("from lua")\n  return apache2.OK\nend\n'
    )
    script = server.directory / "cgi" / "script"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nfrom cgi, verify=$CF_ORIGIN_PULL_VERIFY\\n"\n')
    script.chmod(0o755)
    for name in ("cache", "dav"):
        (server.directory / name).mkdir()
        (server.directory / name).chmod(0o777)
    # mod_cache keeps no file that may have changed in the second of its reading
    past = time.time() - 86400
    for path in server.htdocs.rglob("*"):
        os.utime(path, (past, past))


def assert_refused(answer: Response) -> None:
    assert (answer.status, NO_CERTIFICATE in answer.text) == (400, True)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("name", WAYS)
def test_way_is_closed(bench: Bench, name: str, http: str) -> None:
    way = WAYS[name]
    bench.httpd.expect_refusal("no_certificate")
    if way.log:
        bench.httpd.expect(way.log)
    guarded, open_ = f"guarded-{name}.test", f"open-{name}.test"

    control = fetch(bench.guarded_port, way.path, sni=open_, http=http, headers=way.headers)
    welcome = fetch(bench.guarded_port, way.path, sni=guarded, credential=bench.edge, http=http, headers=way.headers)
    refused = fetch(bench.guarded_port, way.path, sni=guarded, http=http, headers=way.headers)

    assert (control.status, way.text in control.text) == (way.status, True)
    assert (welcome.status, way.text in welcome.text) == (way.status, True)
    assert_refused(refused)


@pytest.mark.parametrize("name", ("proxy", "rewrite-proxy"))
def test_refused_request_never_reaches_the_backend(bench: Bench, name: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    before = len(bench.backend.access_log().splitlines())
    assert_refused(fetch(bench.guarded_port, "/door", sni=f"guarded-{name}.test"))
    assert fetch(bench.guarded_port, "/door", sni=f"open-{name}.test").status == 200
    bench.backend.wait_for_access_lines(before + 1)


def test_cgi_is_told_the_verdict(bench: Bench) -> None:
    answer = fetch(bench.guarded_port, "/door", sni="guarded-cgi.test", credential=bench.edge)
    assert answer.text == "from cgi, verify=SUCCESS\n"
    assert fetch(bench.guarded_port, "/door", sni="open-cgi.test").text == "from cgi, verify=\n"


def test_satisfy_any_needs_the_password_as_well(bench: Bench) -> None:
    """The controls: without a password the open vhost wants one, and so does the guarded one from a good client."""
    bench.httpd.expect("AH01797: client denied")
    assert fetch(bench.guarded_port, "/inside.html", sni="open-satisfy-any.test").status == 401
    answer = fetch(bench.guarded_port, "/inside.html", sni="guarded-satisfy-any.test", credential=bench.edge)
    assert answer.status == 401


# The cache


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("kind", ("cache", "late-cache"))
def test_cached_document_is_not_for_strangers(bench: Bench, kind: str, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    path = f"/cached/{kind}-{http}.html"

    def get(side: str, *, edge: bool) -> Response:
        credential = bench.edge if edge else None
        return fetch(bench.guarded_port, path, sni=f"{side}-{kind}.test", credential=credential, http=http)

    # the control: the open vhost answers from the cache, and so does the guarded one for a good client
    assert [(get("open", edge=False).header("x-cache") or "")[:4] for _ in range(2)] == ["MISS", "HIT "]
    assert [(get("guarded", edge=True).header("x-cache") or "")[:4] for _ in range(2)] == ["MISS", "HIT "]
    assert_refused(get("guarded", edge=False))
    assert INSIDE in get("guarded", edge=True).text


@pytest.mark.parametrize("kind", ("cache", "late-cache"))
def test_refusal_is_not_cached(bench: Bench, kind: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    path, name = f"/cached/cold-{kind}.html", f"guarded-{kind}.test"
    for _ in range(2):
        assert_refused(fetch(bench.guarded_port, path, sni=name))
    answer = fetch(bench.guarded_port, path, sni=name, credential=bench.edge)
    assert (answer.status, INSIDE in answer.text) == (200, True)


def test_cached_document_of_another_name_is_misdirected(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    path = "/cached/misdirected.html"
    for _ in range(2):
        fetch(bench.guarded_port, path, sni="guarded-cache.test", credential=bench.edge)
    answer = fetch(bench.guarded_port, path, sni="open-cache.test", host="guarded-cache.test")
    assert (answer.status, INSIDE in answer.text) == (421, False)


# Requests that change something


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_refused_upload_leaves_nothing(bench: Bench, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")

    def put(side: str, *, edge: bool) -> int:
        name = f"{side}-dav.test"
        with connect(bench.guarded_port, sni=name, credential=bench.edge if edge else None, http=http) as client:
            return client.request(f"/upload/{side}-{edge}-{http}", host=name, method="PUT", body=b"new\n").status

    assert (put("open", edge=False), put("guarded", edge=True), put("guarded", edge=False)) == (201, 201, 400)
    files = {path.name for path in (bench.httpd.htdocs / "upload").iterdir() if path.name.endswith(http)}
    assert files == {f"open-False-{http}", f"guarded-True-{http}"}


# Broken requests, which httpd redirects to an ErrorDocument before it knows the vhost

LONG = b"x" * 20000
BROKEN = {
    "431": b"GET / HTTP/1.1\r\nHost: h.test\r\nX-Long: " + LONG + b"\r\n\r\n",
    "414": b"GET /" + LONG + b" HTTP/1.1\r\nHost: h.test\r\n\r\n",
    "bad-host": b"GET / HTTP/1.1\r\nHost: gu arded.test\r\n\r\n",
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "bad-header": b"GET / HTTP/1.1\r\nHost: h.test\r\nnonsense\r\n\r\n",
    "bad-request-line": b"GET  /  HTTP/1.1\r\nHost: h.test\r\n\r\n",
    "bad-length": b"POST / HTTP/1.1\r\nHost: h.test\r\nContent-Length: -1\r\n\r\n",
    "bad-encoding": b"POST / HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: sphinx\r\n\r\n",
}


@pytest.fixture
def complaints_about_requests(bench: Bench) -> Iterator[None]:
    bench.httpd.allow(r"\[(core|http|ssl):error\]")
    yield


def send_broken(port: int, text: bytes) -> Response:
    with connect(port) as client:
        assert isinstance(client, Http1)
        client.send(text)
        return client.read_response()


# Of these, httpd before 2.4.49 reads no further, and answers with a page of its own
UNREADABLE = ("431", "bad-host", "bad-header", "bad-length", "bad-encoding")


@pytest.mark.usefixtures("complaints_about_requests")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.needs("error-documents") if kind in UNREADABLE else ()) for kind in BROKEN]
)
def test_error_document_of_a_broken_request_is_not_inside(bench: Bench, kind: str) -> None:
    bench.httpd.expect_refusal("no_certificate")

    control = send_broken(bench.open_port, BROKEN[kind])
    refused = send_broken(bench.guarded_port, BROKEN[kind])

    assert control.vhost in ("open-default.test", None)
    assert INSIDE in control.text
    assert refused.status >= 400
    assert INSIDE not in refused.text


def test_error_document_of_plain_http_is_not_inside(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    answers = []
    for port in (bench.open_port, bench.guarded_port):
        with connect_plain(port) as client:
            answers.append(client.request("/inside.html", host="h.test"))
    control, refused = answers
    assert (control.status, INSIDE in control.text) == (400, True)
    assert (refused.status, PLAIN_HTTP in refused.text, INSIDE in refused.text) == (400, True, False)


# A forward proxy


def test_connect_opens_no_tunnel(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    target = f"127.0.0.1:{bench.backend.port}"
    answers = {}
    for port in (bench.open_port, bench.guarded_port):
        with connect(port) as client:
            assert isinstance(client, Http1)
            answers[port] = client.request(target, host=target, method="CONNECT")
            if answers[port].status == 200:
                client.send(request_bytes("/inside.html", host="backend.test"))
                assert INSIDE in client.read_response().text
    assert answers[bench.open_port].status == 200
    assert_refused(answers[bench.guarded_port])


def test_forward_proxy_is_closed(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")
    url = f"http://127.0.0.1:{bench.backend.port}/inside.html"
    control, refused = (fetch(port, url, host="127.0.0.1") for port in (bench.open_port, bench.guarded_port))
    assert (control.status, INSIDE in control.text) == (200, True)
    assert_refused(refused)


# mod_md answers in post_read_request, before mod_ssl looks


@dataclass(frozen=True)
class Managed:
    httpd: Httpd
    port: int
    edge: Credential


MANAGED_PATHS = {
    "/.httpd/certificate-status": '"valid"',
    "/.well-known/acme-challenge/token": "token.thumbprint",
    "/md-status": '"managed-domains"',
}


@pytest.fixture(scope="module")
def managed(servers: Servers, pki: Pki) -> Managed:
    ca = pki.root("managed-origin-pull")
    names = ("open.test", "guarded.test")
    certificate = pki.root("managed-ca").issue("managed", eku="server", san=names)
    port = free_port()
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    server = servers.prepare_httpd("", listen=[port], modules=["md"])
    config = f"MDStoreDir {server.directory}/md\nMDRenewMode manual\nMDPortMap 443:{port}\nMDStapling off\n"
    for name in names:
        config += (
            f"<MDomain {name}>\n  MDMember manual\n  MDCertificateFile {certificate.cert_file}\n"
            f"  MDCertificateKeyFile {certificate.key_file}\n</MDomain>\n"
        )
        lines = guard if name == "guarded.test" else []
        config += vhost(port, name, "SSLEngine on", *location("/md-status", "SetHandler md-status"), *lines)
    server.write_config(config)
    server.start()
    for name in names:
        challenge = server.directory / "md" / "challenges" / name / "acme-http-01.txt"
        challenge.parent.mkdir(parents=True)
        challenge.write_text("token.thumbprint")
        for path in (challenge.parent.parent.parent, challenge.parent.parent, challenge.parent):
            path.chmod(0o755)
    return Managed(server, port, ca.issue("managed-edge"))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("path", MANAGED_PATHS)
def test_paths_of_mod_md_are_closed(managed: Managed, path: str, http: str) -> None:
    managed.httpd.expect_refusal("no_certificate")

    control = fetch(managed.port, path, sni="open.test", http=http)
    welcome = fetch(managed.port, path, sni="guarded.test", credential=managed.edge, http=http)
    refused = fetch(managed.port, path, sni="guarded.test", http=http)

    assert (control.status, MANAGED_PATHS[path] in control.text) == (200, True)
    assert (welcome.status, MANAGED_PATHS[path] in welcome.text) == (200, True)
    assert_refused(refused)
