"""CFOriginPullExempt: which requests need no certificate, and where an exemption ends.

guarded.test and its like exempt paths below /open; for each there is the same vhost with the guard Off, which shows that
what is refused here would be served. SECRET is the text of what only the certificate may open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, connect_plain, fetch
from support.http1 import Http1
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

SECRET = "the guarded text"
TOKEN = "the exempt text"
SHOWN = 'Header always set X-Exempt "expr=%{CF_ORIGIN_PULL_EXEMPT}"'
SHOWN_ENVIRONMENT = 'Header always set X-Environment "%{CF_ORIGIN_PULL_VERIFY}e %{CF_ORIGIN_PULL_EXEMPT}e"'
NO_CERTIFICATE = "<center>No required SSL certificate was sent</center>"
EXEMPT = "CFOriginPullExempt path /open"


@dataclass(frozen=True)
class Leaving:
    """A request below /open that ends elsewhere, by these lines; `status` is what the open vhost answers.

    `looked_up`: httpd itself looks the other path up for the exempt request, or for its error, of which nothing is logged; else it is redirected there.
    """

    path: str
    lines: tuple[str, ...] = ()
    status: int = 200
    looked_up: bool = False


def options(*lines: str) -> tuple[str, ...]:
    return ('<Directory "{htdocs}">', *lines, "</Directory>")


def rewrite(rule: str) -> tuple[str, ...]:
    return ("RewriteEngine on", f"RewriteRule {rule}")


# The URL decides: what serves it is the administrator's choice.
MAPPINGS = {
    "alias": ("Alias /open/door {htdocs}/secret.html",),
    "rewrite-file": rewrite("^/open/door$ /secret.html"),
    "rewrite-proxy": rewrite("^/open/door$ http://127.0.0.1:{backend}/secret.html [P]"),
    "proxy": ("ProxyPass /open/door http://127.0.0.1:{backend}/secret.html",),
}

LEAVING = {
    "rewrite-url": Leaving("/open/door", rewrite("^/open/door$ /secret.html [PT]")),
    "rewrite-up": Leaving("/open/door", rewrite("^/open/door$ /open/../secret.html [PT]")),
    "rewrite-relative": Leaving("/open/door", options("RewriteEngine on", "RewriteRule ^open/door$ /secret.html")),
    "fallback": Leaving("/open/missing", ("FallbackResource /secret.html",), looked_up=True),
    "error-document": Leaving("/open/missing", ("ErrorDocument 404 /secret.html",), status=404, looked_up=True),
    "error-document-403": Leaving(
        "/open/denied",
        ("ErrorDocument 403 /secret.html", "<Location /open/denied>", "Require all denied", "</Location>"),
        status=403,
        looked_up=True,
    ),
    "directory-index": Leaving("/open/", ("DirectoryIndex /secret.html",), looked_up=True),
    "action": Leaving("/open/token.act", ("AddHandler go .act", "Action go /secret.html", *options("AcceptPathInfo On"))),
    "type-map": Leaving("/open/map.var", ("AddHandler type-map .var",)),
}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential

    stranger: Credential

    def get(self, name: str, path: str, **options: Any) -> Response:
        """A request under this SNI, and Host unless that is given."""
        return fetch(self.port, path, sni=name, **options)


def fill(server: Httpd) -> None:
    server.put("secret.html", SECRET)
    server.put("open/token.html", TOKEN)
    server.put("open/token.act", TOKEN)
    server.put("open/denied", TOKEN)
    server.put("open/ssi.shtml", 'token: <!--#include virtual="/open/token.html" --> secret: <!--#include virtual="/secret.html" -->')
    for name in ("open/env.shtml", "env.shtml"):
        server.put(name, "<!--#if expr=\"%{CF_ORIGIN_PULL_EXEMPT} = 'path'\" -->exempt<!--#else -->not<!--#endif -->")
    server.put("ssi.shtml", '<!--#include virtual="/open/env.shtml" --> <!--#include virtual="/env.shtml" -->')
    server.put("open/file.shtml", '<!--#include file="token.html" --> <!--#include file="env.shtml" -->')
    server.put("open/sets.shtml", '<!--#include virtual="/variable.html" --> <!--#include virtual="/open/variable.html" -->')
    for name in ("variable.html", "open/variable.html"):
        server.put(name, "no variable")
    server.put("open/variable-seen.html", "a variable")
    for name in ("plain.txt", "with blank.txt", "100%.txt"):
        server.put(f"open/list/{name}", TOKEN)
    server.put("open/map.var", "URI: ../secret.html\nContent-type: text/html\n")
    server.put("open/views.html.en", TOKEN)
    server.put("open/error.html", "the exempt error document")
    server.put("closed/error.html", SECRET)


@pytest.fixture(scope="module")
def backend(servers: Servers) -> Httpd:
    """A server without TLS behind the vhosts."""
    server = servers.prepare_httpd("", listen=[free_port()])
    fill(server)
    return server.start()


@pytest.fixture(scope="module")
def bench(servers: Servers, backend: Httpd, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    port = free_port()
    server = servers.prepare_httpd(
        "", listen=[port], modules=["actions", "autoindex", "include", "negotiation", "proxy", "proxy_http", "rewrite"]
    )
    fill(server)
    ssi = options("Options +Includes +MultiViews +FollowSymLinks", "AddOutputFilter INCLUDES .shtml", "AddType text/html .shtml", "AddLanguage en .en")
    text = [line.format(htdocs=server.htdocs) for line in ssi] + [SHOWN, SHOWN_ENVIRONMENT]
    text += [
        f"<Directory {server.htdocs}>",
        "RewriteEngine on",
        "RewriteCond %{ENV:CF_ORIGIN_PULL_EXEMPT} =path",
        "RewriteRule variable.html$ /open/variable-seen.html",
        "</Directory>",
        f"<Directory {server.htdocs}/open/list>",
        "Options +Indexes",
        "</Directory>",
    ]
    other = [f"CFOriginPullCACertificateFile {pki.root('other-ca').cert_file}"]
    sites = {
        "open.test": text,
        "guarded.test": ["CFOriginPull On", trust, EXEMPT, *text],
        "optional.test": ["CFOriginPull Optional", trust, EXEMPT, *text],
        "logonly.test": ["CFOriginPull LogOnly", trust, EXEMPT, *text],
        "other.test": ["CFOriginPull On", *other, EXEMPT, *text],
        "exempt-document.test": ["CFOriginPull On", trust, EXEMPT, "ErrorDocument 400 /open/error.html", *text],
        "exempt-misdirected.test": ["CFOriginPull On", trust, EXEMPT, "ErrorDocument 421 /open/error.html", *text],
        "closed-document.test": ["CFOriginPull On", trust, EXEMPT, "ErrorDocument 400 /closed/error.html", *text],
        "dotted-document.test": ["CFOriginPull On", trust, EXEMPT, "ErrorDocument 400 /open/../closed/error.html", *text],
    }
    for name, mapping in MAPPINGS.items():
        lines = [line.format(htdocs=server.htdocs, backend=backend.port) for line in mapping]
        sites[f"guarded-{name}.test"] = ["CFOriginPull On", trust, EXEMPT, *text, *lines]
    for name, leaving in LEAVING.items():
        lines = [line.format(htdocs=server.htdocs) for line in leaving.lines]
        sites[f"open-{name}.test"] = [*text, *lines]
        sites[f"guarded-{name}.test"] = ["CFOriginPull On", trust, EXEMPT, *text, *lines]
    server.write_config("".join(vhost(port, name, *lines, tls=server_certificate) for name, lines in sites.items()))
    server.expect("CFAOP124: .*/closed/error.html .*")
    server.start()
    (line,) = server.log.find("CFAOP124")
    assert "/open/error.html" not in line
    assert "/open/../closed/error.html" in line
    return Bench(server, port, ca.issue("edge"), pki.self_signed("stranger"))


def assert_refused(answer: Response, status: int = 400) -> None:
    assert (answer.status, SECRET in answer.text, answer.header("x-exempt") or "") == (status, False, "")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_only_what_lies_below_the_prefix_is_exempt(bench: Bench, tls: str, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    exempt = bench.get("guarded.test", "/open/token.html?a=b", tls=tls, http=http)
    assert (exempt.status, exempt.text, exempt.verify, exempt.header("x-exempt")) == (200, TOKEN, "NONE", "path")
    assert exempt.header("x-environment") == "NONE path"
    for path in ("/secret.html", "/", "/openness", "/OPEN/token.html"):
        refused = bench.get("guarded.test", path, tls=tls, http=http)
        assert_refused(refused)
        assert NO_CERTIFICATE in refused.text
    guarded = bench.get("guarded.test", "/secret.html", tls=tls, http=http, credential=bench.edge)
    assert (guarded.status, guarded.verify, guarded.header("x-exempt") or "") == (200, "SUCCESS", "")
    assert guarded.header("x-environment") == "SUCCESS (null)"
    both = bench.get("guarded.test", "/open/token.html", tls=tls, http=http, credential=bench.edge)
    assert both.header("x-environment") == "SUCCESS path"
    assert bench.get("open.test", "/open/token.html", tls=tls, http=http).header("x-environment") == "(null) (null)"


def test_bad_certificate_says_so_in_an_exempt_request(bench: Bench) -> None:
    answer = bench.get("guarded.test", "/open/token.html", credential=bench.stranger)
    assert (answer.status, answer.header("x-environment")) == (200, "FAILED:untrusted_issuer path")
    assert not bench.httpd.log.find("CFAOP30")


@pytest.mark.parametrize("method", ("HEAD", "POST", "OPTIONS", "PROPFIND", "DELETE"))
def test_method_makes_no_difference(bench: Bench, method: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    control = bench.get("open.test", "/open/token.html", method=method)
    exempt = bench.get("guarded.test", "/open/token.html", method=method)
    assert (exempt.status, exempt.header("x-exempt")) == (control.status, "path")
    assert_refused(bench.get("guarded.test", "/secret.html", method=method))


def test_trace_is_a_method_like_others(bench: Bench) -> None:
    """Its answer is made before any header is set."""
    bench.httpd.expect_refusal("no_certificate")
    assert bench.get("guarded.test", "/open/token.html", method="TRACE").text.startswith("TRACE /open/token.html")
    assert_refused(bench.get("guarded.test", "/secret.html", method="TRACE"))


def test_connect_is_never_exempt(bench: Bench) -> None:
    """A tunnel has no path; the target could be written like one."""
    bench.httpd.expect_refusal("no_certificate")
    for target in ("/open/token.html", "guarded.test:443", "/open"):
        with connect(bench.port, sni="guarded.test") as client:
            assert_refused(client.request(target, host="guarded.test", method="CONNECT"))


@pytest.mark.http2
@pytest.mark.needs("http2-connect")
def test_connect_over_http2_is_never_exempt(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    with connect(bench.port, sni="guarded.test", http="2") as client:
        assert_refused(client.request(host="guarded.test", method="CONNECT"))


# Where an exemption ends


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("name", LEAVING)
def test_exemption_ends_where_the_request_leaves_the_prefix(bench: Bench, name: str, http: str) -> None:
    leaving = LEAVING[name]
    bench.httpd.allow("AH01630: client denied")
    control = bench.get(f"open-{name}.test", leaving.path, http=http)
    assert (control.status, SECRET in control.text) == (leaving.status, True)

    bench.httpd.allow_refusals()
    there = bench.get(f"guarded-{name}.test", leaving.path, http=http)
    assert SECRET not in there.text
    assert there.status in (400, leaving.status if leaving.status != 200 else 400), there.text
    if leaving.looked_up:
        assert not bench.httpd.log.find("CFAOP30")
    else:
        bench.httpd.log.wait_for("CFAOP301: refused: reason=no_certificate ")
    verified = bench.get(f"guarded-{name}.test", leaving.path, http=http, credential=bench.edge)
    assert (verified.status, SECRET in verified.text) == (leaving.status, True)
    # what stays below the prefix is served
    assert bench.get(f"guarded-{name}.test", "/open/token.html", http=http).text == TOKEN


@pytest.mark.parametrize("name", MAPPINGS)
def test_exempt_url_may_be_mapped_anywhere(bench: Bench, name: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = bench.get(f"guarded-{name}.test", "/open/door")
    assert (answer.status, answer.text, answer.header("x-exempt")) == (200, SECRET, "path")
    assert_refused(bench.get(f"guarded-{name}.test", "/secret.html"))


def test_rewrite_to_the_prefix_opens_nothing(bench: Bench) -> None:
    """The path as sent counts too."""
    bench.httpd.expect_refusal("no_certificate")
    assert_refused(bench.get("guarded-rewrite-url.test", "/secret.html"))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_included_parts_are_judged_one_by_one(bench: Bench, http: str) -> None:
    control = bench.get("open.test", "/open/ssi.shtml", http=http)
    assert control.text == f"token: {TOKEN} secret: {SECRET}"

    bench.httpd.expect("include:error.* unable to include")
    there = bench.get("guarded.test", "/open/ssi.shtml", http=http)
    assert f"token: {TOKEN} secret: [an error" in there.text and SECRET not in there.text
    assert not bench.httpd.log.find("CFAOP30")


def test_variable_is_that_of_the_part(bench: Bench) -> None:
    answer = bench.get("guarded.test", "/ssi.shtml", credential=bench.edge)
    assert answer.text == "exempt not"


def test_environment_is_that_of_the_part(bench: Bench) -> None:
    """Parts start with a copy of the environment of the whole; in LogOnly both are served."""
    assert bench.get("logonly.test", "/open/sets.shtml").text == "no variable a variable"
    assert not bench.httpd.log.find("CFAOP30")


@pytest.mark.parametrize("host", ("guarded.test", "logonly.test"))
def test_listing_below_the_prefix_is_served_in_silence(bench: Bench, host: str) -> None:
    """httpd looks up each entry as a request of its own, under names that are not plain."""
    with connect(bench.port, sni=host) as client:
        for _ in range(2):
            answer = client.request("/open/list/", host=host)
            assert (answer.status, answer.header("x-exempt")) == (200, "path")
            assert "close" not in (answer.header("connection") or "")
            assert "plain.txt" in answer.text
    assert not bench.httpd.log.find("CFAOP30")


def test_files_beside_an_exempt_page_are_included(bench: Bench) -> None:
    assert bench.get("open.test", "/open/file.shtml").text == f"{TOKEN} not"
    assert bench.get("guarded.test", "/open/file.shtml").text == f"{TOKEN} exempt"


def test_views_of_an_exempt_path_are_exempt(bench: Bench) -> None:
    answer = bench.get("guarded.test", "/open/views")
    assert (answer.status, answer.text) == (200, TOKEN)


# Several requests on one connection


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_exempt_and_guarded_alternate_on_one_connection(bench: Bench, tls: str) -> None:
    """A refusal closes the connection; exempt requests do not, and prove nothing for the next."""
    bench.httpd.expect_refusal("no_certificate")
    with connect(bench.port, sni="guarded.test", tls=tls) as client:
        for _ in range(3):
            assert client.request("/open/token.html", host="guarded.test").text == TOKEN
        assert_refused(client.request("/secret.html", host="guarded.test"))
        assert isinstance(client, Http1) and client.is_closed()
    with connect(bench.port, sni="guarded.test", tls=tls, credential=bench.edge) as client:
        for _ in range(3):
            exempt = client.request("/open/token.html", host="guarded.test")
            guarded = client.request("/secret.html", host="guarded.test")
            assert (exempt.header("x-environment"), guarded.header("x-environment")) == ("SUCCESS path", "SUCCESS (null)")


@pytest.mark.http2
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_exempt_and_guarded_alternate_on_one_http2_connection(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    with connect(bench.port, sni="guarded.test", tls=tls, http="2") as client:
        assert isinstance(client, Http2)
        streams = [client.start(path, host="guarded.test") for path in ("/open/token.html", "/secret.html") * 10]
        answers = [client.finish(stream) for stream in streams]
    for exempt, refused in zip(answers[::2], answers[1::2]):
        assert (exempt.status, exempt.text, exempt.header("x-exempt")) == (200, TOKEN, "path")
        assert_refused(refused)


# Error documents


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_error_document_that_is_exempt_is_served(bench: Bench, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    refused = bench.get("exempt-document.test", "/secret.html", http=http)
    assert (refused.status, refused.text) == (400, "the exempt error document")
    for host in ("closed-document.test", "dotted-document.test"):
        there = bench.get(host, "/secret.html", http=http)
        assert_refused(there)
        assert NO_CERTIFICATE in there.text


def test_misdirected_request_gets_its_exempt_error_document(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    refused = bench.get("other.test", "/secret.html", host="exempt-misdirected.test")
    assert (refused.status, refused.text) == (421, "the exempt error document")


# Modes, names


@pytest.mark.parametrize("client", (None, "stranger"))
def test_nothing_is_logged_of_exempt_requests(bench: Bench, client: Optional[str]) -> None:
    credential = bench.stranger if client else None
    for host in ("guarded.test", "optional.test", "logonly.test"):
        answer = bench.get(host, "/open/token.html", credential=credential)
        assert (answer.status, answer.text, answer.header("x-exempt")) == (200, TOKEN, "path")
    assert not bench.httpd.log.find("CFAOP30")
    bench.httpd.expect_refusal("untrusted_issuer" if client else "no_certificate", would=True)
    answer = bench.get("logonly.test", "/secret.html", credential=credential)
    assert (answer.status, answer.text, answer.header("x-exempt") or "") == (200, SECRET, "")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("sni", ("open.test", "other.test"))
def test_exempt_path_of_another_name_is_served(bench: Bench, sni: str, http: str) -> None:
    bench.httpd.expect_refusal("misdirected")
    for client in (None, bench.edge):
        exempt = bench.get(sni, "/open/token.html", host="guarded.test", http=http, credential=client)
        assert (exempt.status, exempt.text, exempt.vhost) == (200, TOKEN, "guarded.test")
        assert_refused(bench.get(sni, "/secret.html", host="guarded.test", http=http, credential=client), 421)


def test_exempt_path_of_a_broken_policy_is_served(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """Renewals of certificates go on while the CA file is unreadable."""
    port = free_port()
    ca = pki.root("breaking-ca")
    edge = ca.issue("breaking-edge")
    file = servers.directory / "breaking.pem"
    file.write_bytes(ca.cert_pem)
    lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {file}", EXEMPT, SHOWN, SHOWN_ENVIRONMENT]
    # the event MPM itself may stumble over a connection that ends in the moment of a graceful restart
    config = vhost(port, "guarded.test", *lines, tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], mpm="worker")
    fill(server)
    server.start()
    assert fetch(port, "/secret.html", sni="guarded.test", credential=edge).text == SECRET

    file.write_text("no certificate any more\n")
    server.expect("CFAOP103: ")
    server.expect("CFAOP125: ")
    server.expect_refusal("configuration")
    server.graceful()
    assert_refused(fetch(port, "/secret.html", sni="guarded.test", credential=edge))
    exempt = fetch(port, "/open/token.html", sni="guarded.test")
    assert (exempt.status, exempt.text, exempt.header("x-environment")) == (200, TOKEN, "FAILED:configuration path")
    server.stop()


def test_plain_http_on_the_tls_port_gets_nothing(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """httpd takes such a request for a broken one, and gives it another path."""
    port = free_port()
    lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {pki.root('plain-ca').cert_file}", EXEMPT, SHOWN]
    # and so may it where the server stops
    config = vhost(port, "guarded.test", *lines, tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], mpm="worker")
    fill(server)
    server.start()
    server.expect_refusal("no_certificate")
    with connect_plain(port) as client:
        refused = client.request("/open/token.html", host="guarded.test")
    assert (refused.status, TOKEN in refused.text) == (400, False)
    assert "The plain HTTP request was sent to HTTPS port" in refused.text
    server.stop()
