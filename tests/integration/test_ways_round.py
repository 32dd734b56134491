"""Virtual hosts beside the guarded one: which are ways round, as CFAOP131 has it, and which are none. What plain HTTP answers shows that the
warning is true, and that there is no warning where nothing is served."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from support.client import connect, connect_plain, fetch
from support.httpd import Httpd
from support.pki import Pki
from support.ports import free_port
from support.streams import Route
from support.vhost import vhost
from support.ways_round import AWAY, DENIED, ENGINE, TO_TLS, Bench, bench, started, warned, zone

OTHER_ADDRESS = "127.0.0.2"


# A certificate for the whole server gives TLS only where there is SSLEngine, or a Listen that says https


def test_panel_may_repeat_on_at_port_80(bench: Bench) -> None:
    server = started(bench.server(bench.guarded_by_files + bench.twin("CFOriginPull On", bench.ca, AWAY)), warns=False)
    server.expect(rf"CFAOP121: .*: www\.test:{bench.plain}$")
    assert bench.answer() == 301
    assert fetch(bench.tls, sni="www.test", credential=bench.edge).status == 200
    server.stop()


def test_on_alone_without_tls_is_refused(bench: Bench) -> None:
    outcome = bench.server(bench.files + bench.twin("CFOriginPull On", bench.ca)).config_test()
    assert not outcome.ok and "CFAOP105" in outcome.stderr


def test_twin_under_a_certificate_for_all(bench: Bench) -> None:
    server = started(bench.server(bench.guarded_by_files + bench.twin(AWAY)), warns=False)
    assert bench.answer() == 301
    server.stop()
    server = started(bench.server(f"CFOriginPull On\n{bench.ca}\n" + bench.guarded_by_files + bench.twin()), warns=True)
    server.expect(rf"CFAOP121: .*: www\.test:{bench.plain}$")
    assert bench.answer() == 200
    server.stop()


@pytest.mark.parametrize(
    "line, status", [("Redirect Permanent / https://www.test/", 301), ("Redirect SeeOther / https://www.test/", 303), ("Redirect GONE /", 410)]
)
def test_words_of_redirect_in_capitals(bench: Bench, line: str, status: int) -> None:
    server = started(bench.server(bench.guarded() + bench.twin(line)), warns=False)
    assert bench.answer() == status
    server.stop()


@pytest.mark.parametrize("says_https", ("listen", "protocol"))
def test_certificate_and_https_are_tls(bench: Bench, says_https: str) -> None:
    """mod_ssl gives TLS without SSLEngine there; the guard is at work."""
    port = free_port()
    line = f"Listen 127.0.0.1:{port} https\n" if says_https == "listen" else f"Listen 127.0.0.1:{port}\n"
    protocol = ["Protocol https"] if says_https == "protocol" else []
    config = line + bench.files + vhost(port, "www.test", *protocol, "CFOriginPull On", bench.ca) + bench.twin(AWAY)
    server = started(bench.server(config), warns=False)
    assert fetch(port, sni="www.test", credential=bench.edge).status == 200
    assert fetch(port, sni="www.test").status == 400
    server.expect_refusal("no_certificate")
    server.stop()


@pytest.mark.parametrize("case", ("other-address", "every-port"))
def test_listen_of_another_address_gives_no_tls(bench: Bench, case: str) -> None:
    """httpd looks for a Listen line of this very address and port."""
    listen = f"Listen {OTHER_ADDRESS}:{bench.plain if case == 'other-address' else free_port()} https\n"
    twin = bench.twin() if case == "other-address" else bench.twin().replace(f"127.0.0.1:{bench.plain}>", "*>")
    server = started(bench.server(f"CFOriginPull On\n{bench.ca}\n{listen}" + bench.guarded_by_files + twin), warns=True)
    server.allow("CFAOP121")
    assert bench.answer() == 200
    server.stop()


# A client writes its Host header: what goes by that redirects not all


@pytest.mark.parametrize(
    "condition, host, serves",
    [
        ("%{SERVER_PORT} !^443$", "www.test:443", True),
        ("%{SERVER_PORT} !=443", "www.test:443", True),
        ("%{SERVER_PORT} 80", "www.test:443", True),
        ("%{HTTP_HOST} =www.test", "WWW.test", True),
        ("%{HTTP_HOST} =www.test", "www.test:80", True),
        ("%{SERVER_NAME} =WWW.test", "WWW.test", True),
        ("%{SERVER_NAME} =www.test", "WWW.test:443", False),
        ("%{SERVER_NAME} =www.test", "www.test.", False),
        ("%{HTTPS} !=on", "WWW.test:443", False),
    ],
)
def test_condition(bench: Bench, condition: str, host: str, serves: bool) -> None:
    server = bench.server(bench.guarded() + bench.twin(ENGINE, f"RewriteCond {condition}", TO_TLS))
    started(server, warns=serves)
    assert bench.answer(host=host) == (200 if serves else 301)
    server.stop()


@pytest.mark.parametrize("lines", [("RewriteCond %{REQUEST_SCHEME} =http", TO_TLS), ("RewriteCond %{HTTPS} off", TO_TLS)])
def test_scheme_of_the_server_name(bench: Bench, lines: tuple[str, ...]) -> None:
    """httpd takes the scheme from there, for a proxy that ends TLS, whatever the connection is."""
    serves = "SCHEME" in lines[0]
    server = bench.server(bench.guarded() + vhost(bench.plain, "https://www.test", ENGINE, *lines))
    started(server, warns=serves)
    assert bench.answer() == (200 if serves else 301)
    server.stop()


def test_name_in_capitals_is_never_equal(bench: Bench) -> None:
    """httpd has the client's Host in lower case, and "=" compares bytes."""
    lines = [ENGINE, "RewriteCond %{SERVER_NAME} =WWW.test", TO_TLS]
    server = started(bench.server(bench.guarded() + vhost(bench.plain, "WWW.test", *lines)), warns=True)
    assert bench.answer(host="WWW.test") == 200
    server.stop()


@pytest.mark.parametrize(
    "conditions, serves",
    [
        (("%{HTTPS} off [OR]", "%{HTTP_HOST} =no.test"), False),
        (("%{SERVER_NAME} =www.test [OR]", "%{HTTPS} off", "%{SERVER_NAME} =a.test"), True),
        (("%{SERVER_NAME} =www.test [OR]", "%{SERVER_NAME} =a.test", "%{HTTPS} off"), False),
        (("%{SERVER_NAME} =www.test", "%{SERVER_NAME} =a.test"), True),
    ],
)
def test_conditions_in_groups(bench: Bench, conditions: tuple[str, ...], serves: bool) -> None:
    lines = [f"RewriteCond {condition}" for condition in conditions]
    server = bench.server(bench.guarded() + bench.twin(ENGINE, *lines, TO_TLS, aliases="a.test"))
    started(server, warns=serves)
    assert bench.answer() == (200 if serves else 301)
    server.stop()


# An exception is for ACME challenges only if it begins there, and has no alternative

CHALLENGE = "/.well-known/acme-challenge/x"
ACME = r"^/\.well-known/acme-challenge"
EXCEPTIONS = {
    "alternative": ("RewriteCond %{REQUEST_URI} !^/(index|.well-known/acme-challenge)", TO_TLS, "/index.html"),
    "anywhere": (r"RewriteCond %{REQUEST_URI} !/\.well-known/acme-challenge/", TO_TLS, "/index.html" + CHALLENGE),
    "rule-with-alternative": ("RewriteRule ^/(.well-known/acme-challenge|index.html) - [L]", TO_TLS, "/index.html"),
    "rule-at-the-end": (r"RewriteRule /\.well-known/acme-challenge - [L]", TO_TLS, "/index.html" + CHALLENGE),
    "chained": ("RewriteRule ^/app - [C]", TO_TLS, "/"),
    "other-path": ("RewriteRule ^/index.html - [L]", TO_TLS, "/index.html"),
    "condition-with-or": (f"RewriteCond %{{REQUEST_URI}} {ACME} [OR]", "RewriteCond %{REQUEST_URI} ^/index", "RewriteRule ^ - [L]", TO_TLS, "/index.html"),
    "condition-for-something-else": ("RewriteCond %{REQUEST_URI} ^/index", "RewriteRule ^ - [END]", TO_TLS, "/index.html"),
    "challenges-at-any-place": (rf"RewriteRule {ACME}/(.*) /$1 [L]", TO_TLS, "/.well-known/acme-challenge/index.html"),
    "pattern-that-looks-on": (r"RedirectMatch ^(?!/index).* https://www.test/", "/index.html"),
    "pattern-for-a-part": (rf"RedirectMatch ^(?!{ACME[1:]})/old https://www.test/", "/index.html"),
    "pattern-that-looks-on-below-the-root": (r"RedirectMatch ^/(?!index)(.*)$ https://www.test/$1", "/index.html"),
    "pattern-for-a-part-below-the-root": (rf"RedirectMatch ^/(?!{ACME[2:]}/)old https://www.test/", "/index.html"),
    "pattern-with-alternative": (rf"RedirectMatch ^(?!{ACME[1:]}|/index).* https://www.test/", "/index.html"),
}


@pytest.mark.parametrize("case", EXCEPTIONS)
def test_exception_that_serves(bench: Bench, case: str) -> None:
    *lines, path = EXCEPTIONS[case]
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, "AcceptPathInfo On", *lines)), warns=True)
    server.allow("AH00128|AH00094")
    assert bench.answer(path) == 200
    server.stop()


@pytest.mark.parametrize(
    "lines",
    [
        (r"RewriteCond %{REQUEST_URI} !^/\.well-known/acme-challenge/", TO_TLS),
        ("RewriteCond %{REQUEST_URI} !^/?.well-known/acme-challenge", TO_TLS),
        (r"RewriteRule ^/\.well-known/acme-challenge/ - [L]", TO_TLS),
        (r"RewriteRule ^/?\.well-known\/acme-challenge/.* - [L]", TO_TLS),
        (r"RewriteRule !^/\.well-known/acme-challenge/ https://www.test/ [R=301,L]",),
        # ISPConfig writes these
        (f"RewriteCond %{{REQUEST_URI}} {ACME}/", "RewriteRule ^ - [END]", "RewriteCond %{HTTPS} off", TO_TLS),
        (f"RewriteCond %{{REQUEST_URI}} {ACME}/ [NC]", "RewriteRule ^ - [L]", TO_TLS),
        (f"RewriteCond %{{REQUEST_URI}} {ACME}/ [OR]", "RewriteCond %{REQUEST_URI} ^/.well-known/acme-challenge", "RewriteRule ^ - [L]", TO_TLS),
        (rf"RewriteRule {ACME}/(.*) /var/lib/letsencrypt/$1 [L]", TO_TLS),
        (rf"RedirectMatch 301 ^(?!{ACME[1:]}/).* https://www.test$0",),
        (rf"RedirectMatch 301 ^(?!{ACME[1:]}/)/(.*)$ https://www.test/$1",),
        # Virtualmin
        (rf"RedirectMatch 301 ^/(?!{ACME[2:]}/)(.*)$ https://www.test/$1",),
    ],
)
def test_exception_for_challenges_only(bench: Bench, lines: tuple[str, ...]) -> None:
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, "AcceptPathInfo On", *lines)), warns=False)
    assert [bench.answer(path) for path in ("/", "/index.html", "/index.html" + CHALLENGE)] == [301] * 3
    server.stop()


# What the main server hands on


@pytest.mark.parametrize(
    "main, serves",
    [
        ("ProxyPass /app http://127.0.0.1:{port}\n", True),
        ("ProxyPassMatch ^/app(/.*) http://127.0.0.1:{port}$1\n", True),
        ("<Location /app>\nProxyPass http://127.0.0.1:{port}\n</Location>\n", True),
        ("ProxyPass /app !\n", False),
        ("<Location /app>\nSetHandler server-status\n</Location>\n", False),
        ("ProxyPass /.well-known/acme-challenge/ http://127.0.0.1:{port}\n", False),
    ],
)
def test_inherited_proxy(bench: Bench, main: str, serves: bool) -> None:
    backend = free_port()
    config = main.format(port=backend) + bench.guarded() + bench.twin(AWAY) + vhost(backend, "backend.test")
    server = started(bench.server(config, "proxy", "proxy_http", "status", more=(backend,)), warns=serves)
    assert (bench.answer("/app/") != 301) is serves
    server.stop()


@pytest.mark.parametrize("place", ["twin", "main", "off"])
def test_proxy_express(bench: Bench, pki: Pki, place: str) -> None:
    """mod_proxy_express hands all requests for a name of its map on, before mod_alias redirects them."""
    backend = free_port()
    names = pki.file(f"names-{place}", f"www.test http://127.0.0.1:{backend}\n".encode())
    dbm = f"{names}.dbm"
    subprocess.run(["httxt2dbm", "-f", "sdbm", "-i", names, "-o", dbm], check=True, capture_output=True)
    lines = [f"ProxyExpressEnable {'off' if place == 'off' else 'on'}", "ProxyExpressDBMType sdbm", f"ProxyExpressDBMFile {dbm}"]
    main, own = ("\n".join(lines) + "\n", []) if place == "main" else ("", lines)
    config = main + bench.guarded() + bench.twin(AWAY, *own) + vhost(backend, "backend.test")
    server = bench.server(config, "proxy", "proxy_http", "proxy_express", more=(backend,))
    started(server, warns=place != "off")
    assert (bench.answer() != 301) is (place != "off")
    server.stop()


INDEX = f"{ENGINE}\nRewriteRule ^/app/ /index.html [L]\n"


@pytest.mark.parametrize(
    "main, own, status",
    [
        (INDEX + "RewriteOptions InheritDownBefore\n", (ENGINE, TO_TLS), 200),
        (INDEX + "RewriteOptions InheritDownBefore\n", (ENGINE, "RewriteOptions IgnoreInherit", TO_TLS), 301),
        (INDEX + "RewriteOptions InheritDown\n", (ENGINE, TO_TLS), 301),
        (INDEX, (ENGINE, "RewriteOptions InheritBefore", TO_TLS), 200),
        (INDEX + "RewriteOptions InheritBefore\n", (ENGINE, TO_TLS), 200),
        (INDEX, (TO_TLS,), 301),
        (INDEX, ("RewriteRule ^/app/ /index.html [L]", AWAY), 200),
        (INDEX, ("RewriteEngine off", "RewriteRule ^/app/ /index.html [L]", AWAY), 301),
    ],
)
def test_inherited_rules(bench: Bench, main: str, own: tuple[str, ...], status: int) -> None:
    server = started(bench.server(main + bench.guarded() + bench.twin(*own)), warns=status == 200)
    assert bench.answer("/app/x") == status
    server.stop()


# The main server has names, too


def test_main_server_that_serves_the_name(bench: Bench) -> None:
    """Port 80 is the main server's, and the only <VirtualHost> has TLS."""
    server = started(bench.server("ServerName www.test\n" + bench.guarded()), warns=True)
    assert bench.answer() == 200
    server.stop()


@pytest.mark.parametrize(
    "main, others", [("ServerName www.test\n" + AWAY + "\n", ""), ("ServerName other.test\n", ""), ("ServerName www.test\n", "a.test")]
)
def test_main_server_that_is_no_way_round(bench: Bench, main: str, others: str) -> None:
    """It redirects, has another name, or has no port of its own."""
    server = bench.server(main + bench.guarded() + (vhost(bench.plain, others) if others else ""))
    assert warned(server) == 0


def test_name_of_a_guarded_main_server(bench: Bench) -> None:
    port = free_port()
    config = f"Listen 127.0.0.1:{port}\nServerName www.test\nSSLEngine on\nCFOriginPull On\n{bench.ca}\n{bench.files}"
    others = vhost(bench.tls, "a.test")
    server = bench.server(config + others + bench.twin("SSLEngine off", "CFOriginPull Off"))
    started(server, warns=True)
    assert bench.answer() == 200
    assert fetch(port, host="www.test").status == 400
    server.expect_refusal("no_certificate")
    server.stop()


def test_main_server_without_a_port_is_not_named(bench: Bench) -> None:
    """On for the whole server, and each port has its virtual host: there is nothing to tell."""
    config = f"CFOriginPull On\n{bench.ca}\n" + vhost(bench.tls, "www.test", tls=bench.certificate)
    server = bench.server(config + bench.twin("CFOriginPull Off", AWAY))
    server.start()
    server.check()
    server.write_config(config)
    server.graceful()
    server.expect(r"CFAOP121: .*: httpd\.test$")
    server.stop()


# Of one address, httpd takes the first virtual host that has the name


@pytest.mark.parametrize("order", ("behind", "before", "elsewhere-too"))
def test_wildcard_beside_the_guarded_name(bench: Bench, order: str) -> None:
    wildcard = vhost(bench.tls, "other.test", "CFOriginPull Off", tls=bench.certificate, aliases="*.test")
    if order == "elsewhere-too":
        wildcard = wildcard.replace(f"<VirtualHost 127.0.0.1:{bench.tls}>", f"<VirtualHost 127.0.0.1:{bench.tls} 127.0.0.1:{bench.plain}>")
    config = wildcard + bench.guarded() if order == "before" else bench.guarded() + wildcard
    server = started(bench.server(config), warns=order != "behind")
    for sni in ("www.test", "other.test", None):
        assert (fetch(bench.tls, sni=sni, host="www.test").status == 200) is (order == "before")
    server.allow_refusals()
    server.allow("CFAOP301: |AH02032|AH02033")
    server.stop()


@pytest.mark.parametrize(
    "guarded, open_, host",
    [
        ("*.shop.example.test", "*.example.test", "a.shop.example.test"),
        ("shop?.example.test", "*.example.test", "shop1.example.test"),
        ("*.shop.example.test", "*.sh?p.example.test", "a.shop.example.test"),
        ("*.example.test", "*.shop.example.test", "a.shop.example.test"),
        ("*.example.test", "shop?.example.test", "shop1.example.test"),
        ("sh*.example.test", "shop*.example.test", "shop1.example.test"),
    ],
)
def test_wildcards_of_which_one_is_within_the_other(bench: Bench, guarded: str, open_: str, host: str) -> None:
    """The narrower one is named, of which both answer to all."""
    config = vhost(bench.tls, "tenants.test", "CFOriginPull On", bench.ca, tls=bench.certificate, aliases=guarded)
    config += vhost(bench.plain, "other.test", aliases=open_)
    server = bench.server(config).start()
    narrower = guarded if len(guarded) >= len(open_) else open_
    server.expect(f"CFAOP131: {re.escape(narrower)} is guarded by ")
    assert bench.answer(host=host) == 200
    server.stop()


# Names within a wildcard of the guarded virtual host


def test_each_name_within_the_wildcard_has_a_line(bench: Bench) -> None:
    config = vhost(bench.tls, "www.test", "CFOriginPull On", bench.ca, tls=bench.certificate, aliases="*.test *.www.test")
    config += vhost(bench.plain, "one.test", aliases="ONE.test two.test a.www.test")
    config += vhost(bench.plain, "two.test", aliases="b.example *.c.test") + vhost(bench.plain, "three.test", "Redirect / https://www.test/")
    outcome = bench.server(config).config_test()
    assert outcome.ok
    named = re.findall(r"CFAOP131: (\S+) is guarded by www\.test\S* but is served without the guard by (.*):\d+ ", outcome.stderr.replace(",", ""))
    assert sorted(name for name, _ in named) == ["*.c.test", "a.www.test", "one.test", "two.test"], outcome.stderr
    (both,) = [servers for name, servers in named if name == "two.test"]
    assert "one.test" in both and "two.test" in both


@pytest.mark.parametrize("mode", ("Off", "LogOnly", "Optional", "On", ""))
def test_name_within_the_wildcard_that_is_open_on_purpose(bench: Bench, mode: str) -> None:
    """The virtual host stands before the guarded one and says what it is: nothing is told. It says nothing: it may have been forgotten."""
    line = f"CFOriginPull {mode}" if mode else ""
    open_ = vhost(bench.tls, "shop.www.test", line, bench.ca, tls=bench.certificate) + vhost(bench.plain, "shop.www.test")
    guarded = vhost(bench.tls, "www.test", "CFOriginPull On", bench.ca, tls=bench.certificate, aliases="*.www.test")
    server = bench.server(open_ + guarded).start()
    if mode in ("On", ""):
        server.expect("CFAOP131: shop.www.test is guarded by .* or write CFOriginPull Off into it if that is meant$")
    if mode:
        assert fetch(bench.tls, sni="shop.www.test").status == (400 if mode == "On" else 200)
    if mode == "On":
        server.expect_refusal("no_certificate")
    assert fetch(bench.tls, sni="x.www.test").status == 400
    server.expect_refusal("no_certificate")
    server.allow("CFAOP30[19]: |CFAOP149: |AH01909")
    server.stop()


def test_name_that_the_guarded_virtual_host_gets_all_the_same(bench: Bench) -> None:
    """The one that is Off stands behind it, and never gets a request over TLS: what plain HTTP serves is a way round."""
    guarded = vhost(bench.tls, "www.test", "CFOriginPull On", bench.ca, tls=bench.certificate, aliases="*.www.test")
    off = vhost(bench.tls, "shop.www.test", "CFOriginPull Off", tls=bench.certificate)
    server = bench.server(guarded + off + vhost(bench.plain, "shop.www.test")).start()
    server.expect(rf"CFAOP131: shop\.www\.test is guarded by .* by shop\.www\.test:{bench.plain} ")
    assert fetch(bench.tls, sni="shop.www.test").status == 400
    server.expect_refusal("no_certificate")
    assert bench.answer(host="shop.www.test") == 200
    server.allow("AH01909")
    server.stop()


def test_plain_http_that_is_open_on_purpose(bench: Bench) -> None:
    """Off in the virtual host of port 80 is enough for a name within the wildcard, and not for a name that the guarded one writes."""
    guarded = vhost(bench.tls, "www.test", "CFOriginPull On", bench.ca, tls=bench.certificate, aliases="*.www.test")
    started(bench.server(guarded + vhost(bench.plain, "shop.www.test", "CFOriginPull Off")), warns=False).stop()
    started(bench.server(guarded + bench.twin("CFOriginPull Off")), warns=True).stop()


def test_virtual_host_where_httpd_does_not_listen(bench: Bench) -> None:
    """Port 80 was closed by taking away its Listen line."""
    closed = free_port()
    twin = bench.twin().replace(f"127.0.0.1:{bench.plain}>", f"*:{closed}>")
    started(bench.server(bench.guarded() + twin), warns=False).stop()
    for listen, warns in (("", True), ("[::]:", True), ("127.0.0.2:", True)):
        started(bench.server(f"Listen {listen}{closed}\n" + bench.guarded() + twin), warns=warns).stop()
    named = twin.replace(f"*:{closed}>", f"127.0.0.1:{closed}>")
    started(bench.server(f"Listen 127.0.0.2:{closed}\n" + bench.guarded() + named), warns=False).stop()
    started(bench.server(f"Listen {closed}\n" + bench.guarded() + named), warns=True).stop()


# What serves nothing is no way round


@pytest.mark.parametrize(
    "lines, status",
    [
        ((ENGINE, "RewriteCond %{REQUEST_METHOD} ^(TRACE|TRACK)", "RewriteRule .* - [F]", TO_TLS), 301),
        ((ENGINE, "RewriteRule .* - [E=A:b]", TO_TLS), 301),
        ((ENGINE, "RewriteRule ^ - [F]"), 403),
        ((ENGINE, "RewriteRule ^ - [G,L]"), 410),
        ((ENGINE, "RewriteRule ^(.*)$ https://www.test$1 [L]"), 302),
        (("<Location />", "Redirect permanent https://www.test/", "</Location>"), 301),
        (("<If \"%{HTTPS} == 'off'\">", AWAY, "</If>"), 301),
        (("<If \"%{HTTPS} == 'off'\">", "Redirect permanent https://www.test/", "</If>"), 301),
        (("RedirectMatch / https://www.test/",), 302),
        (("<LocationMatch ^/>", "Redirect permanent https://www.test/", "</LocationMatch>"), 301),
        (("<If true>", "Redirect permanent https://www.test/", "</If>"), 301),
        ((ENGINE, "RewriteRule ^ - [R=404]"), 404),
        (("Redirect gone /",), 410),
        (("Redirect 404 /",), 404),
        (("RedirectMatch 403 .*",), 403),
        (("<Location />", "Require all denied", "</Location>"), 403),
    ],
)
def test_twin_that_serves_nothing(bench: Bench, lines: tuple[str, ...], status: int) -> None:
    server = started(bench.server(bench.guarded() + bench.twin(*lines)), warns=False)
    server.allow("AH01630")
    assert bench.answer() == bench.answer("/index.html") == status
    server.stop()


@pytest.mark.parametrize(
    "lines",
    [
        (ENGINE, "RewriteRule ^/old - [F]"),
        (ENGINE, "RewriteRule ^ - [E=A:b]"),
        (ENGINE, "RewriteRule ^ - [R=200]"),
        ("<Location /old>", "Redirect permanent https://www.test/", "</Location>"),
        ("<If \"%{HTTPS} == 'on'\">", AWAY, "</If>"),
        (ENGINE, "RewriteCond %{HTTPS} on", TO_TLS),
        (ENGINE, "RewriteCond %{REQUEST_SCHEME} https", TO_TLS),
        (ENGINE, TO_TLS, "<Location /index.html>", "RewriteEngine off", "</Location>"),
        (ENGINE, TO_TLS, "<If true>", "RewriteEngine off", "</If>"),
        ("Redirect gone /old",),
        ("<LocationMatch ^/old>", "Redirect permanent https://www.test/", "</LocationMatch>"),
        ("<If false>", "Redirect permanent https://www.test/", "</If>"),
        ("<Location /old>", "Require all denied", "</Location>"),
        ("<Location />", "Require all denied", "</Location>", "<Location /index.html>", "Require all granted", "</Location>"),
        ("<Location />", "Require all denied", "</Location>", "<If true>", "Require all granted", "</If>"),
        (*DENIED, '<Files "*.html">', "<If true>", "Require all granted", "</If>", "</Files>"),
        (*DENIED, '<Files "*.html">', "Satisfy Any", "Order allow,deny", "Allow from all", "</Files>"),
    ],
)
def test_twin_that_serves_something(bench: Bench, lines: tuple[str, ...]) -> None:
    server = started(bench.server(bench.guarded() + bench.twin(*lines), "access_compat"), warns=True)
    assert bench.answer("/index.html") == 200
    server.stop()


@pytest.mark.parametrize(
    "main, lines",
    [
        ('<Location "/index.html">\nRewriteEngine off\n</Location>\n', (ENGINE, TO_TLS)),
        ('<Location "/index.html">\n<If true>\nRequire all granted\n</If>\n</Location>\n', DENIED),
        ('<Files "index.html">\nSatisfy Any\nOrder allow,deny\nAllow from all\n</Files>\n', DENIED),
    ],
)
def test_inherited_section_that_serves_something(bench: Bench, main: str, lines: tuple[str, ...]) -> None:
    server = started(bench.server(main + bench.guarded() + bench.twin(*lines), "access_compat"), warns=True)
    assert bench.answer("/index.html") == 200
    server.stop()


@pytest.mark.parametrize(
    "main, lines, serves",
    [
        ("", ("ErrorDocument 403 /index.html",), True),
        ('ErrorDocument 403 "/index.html"\n', (), True),
        ("<Directory />\nErrorDocument 403 /index.html\n</Directory>\n", (), True),
        ("", ("<Directory />", 'ErrorDocument "403" "/index.html"', "</Directory>"), True),
        ("ErrorDocument 403 /index.html\n", ("ErrorDocument 403 default",), False),
        ("", ('ErrorDocument 403 "no /entry"',), False),
        ("", ("ErrorDocument 404 /index.html",), False),
        ("", ("<Directory />", "ErrorDocument 404 /index.html", "</Directory>"), False),
    ],
)
def test_denied_page_is_another_one(bench: Bench, main: str, lines: tuple[str, ...], serves: bool) -> None:
    """httpd runs a local error page without asking for rights again; an application there answers every URL."""
    server = bench.server(main + bench.guarded() + bench.twin(*DENIED, *lines))
    started(server, warns=serves)
    server.allow("AH01630")
    with connect_plain(bench.plain) as client:
        given = client.request("/any/path", host="www.test")
    assert (given.status, given.body == b"the site\n") == (403, serves)
    server.stop()


@pytest.mark.parametrize("lines", [(ENGINE, "RewriteRule ^ - [F]"), ("Redirect 403 /",)])
def test_refused_page_is_refused_itself(bench: Bench, lines: tuple[str, ...]) -> None:
    """mod_rewrite and mod_alias look at the path of the error page, too."""
    server = started(bench.server(bench.guarded() + bench.twin(*lines, "ErrorDocument 403 /index.html")), warns=False)
    server.allow("AH00124")
    with connect_plain(bench.plain) as client:
        given = client.request("/any/path", host="www.test")
    assert given.status == 403 and b"the site" not in given.body
    server.stop()


def test_redirect_of_mod_md_is_not_for_all(bench: Bench, directory: Path) -> None:
    """mod_md lets /.well-known/ go on, and looks at the path before httpd resolves its dots."""
    config = (
        f"MDStoreDir {directory}/md\nMDCertificateAgreement accepted\nMDContactEmail a@www.test\nMDRequireHttps permanent\n"
        + f"<MDomainSet www.test>\nMDCertificateFile {bench.certificate.cert_file}\n"
        + f"MDCertificateKeyFile {bench.certificate.key_file}\n</MDomainSet>\n"
        + vhost(bench.tls, "www.test", "SSLEngine on", "CFOriginPull On", bench.ca)
    )
    server = started(bench.server(config + bench.twin(), "md"), warns=True)
    server.allow(r"\[(md|ssl):|AH10085")
    assert [bench.answer(path) for path in ("/index.html", "/.well-known/../index.html")] == [301, 200]
    server.stop()
    server = bench.server(config + bench.twin(AWAY), "md")
    server.allow(r"\[(md|ssl):|AH10085")
    started(server, warns=False)
    assert [bench.answer(path) for path in ("/index.html", "/.well-known/../index.html")] == [301, 301]
    server.stop()


# A virtual host with TLS, on another port or for an old name, may redirect, too


@pytest.mark.parametrize(
    "lines, status",
    [
        ((AWAY,), 301),
        ((ENGINE, TO_TLS), 301),
        ((ENGINE, "RewriteCond %{HTTPS} on", TO_TLS), 301),
        ((ENGINE, "RewriteCond %{REQUEST_SCHEME} ^https$", "RewriteRule ^ http://other.test/"), 302),
        (("<If \"%{HTTPS} == 'on'\">", AWAY, "</If>"), 301),
        (DENIED, 403),
        ((ENGINE, "RewriteCond %{HTTPS} off", TO_TLS), 200),
        ((ENGINE, "RewriteCond %{REQUEST_SCHEME} !https", TO_TLS), 200),
        (("<If \"%{HTTPS} == 'off'\">", AWAY, "</If>"), 200),
        (("CFOriginPull LogOnly",), 200),
    ],
)
def test_twin_with_tls(bench: Bench, lines: tuple[str, ...], status: int) -> None:
    config = bench.guarded() + vhost(bench.plain, "www.test", *lines, tls=bench.certificate)
    server = started(bench.server(config), warns=status == 200)
    server.allow("AH01630|CFAOP301")
    assert fetch(bench.plain, sni="www.test").status == status
    server.stop()


def test_old_name_before_a_guarded_wildcard(bench: Bench) -> None:
    config = vhost(bench.tls, "old.test", AWAY, tls=bench.certificate)
    config += bench.guarded().replace("ServerName www.test", "ServerName www.test\nServerAlias *.test")
    server = started(bench.server(config + vhost(bench.plain, "other.example")), warns=False)
    assert fetch(bench.tls, sni="old.test").status == 301
    server.stop()


# One port may have TLS on one address and plain HTTP on another


def answer_at_other_address(port: int) -> int:
    with connect_plain(port, Route(to=OTHER_ADDRESS)) as client:
        return client.request("/", host="www.test").status


@pytest.mark.parametrize("guard", ("inherited", "repeated", "none"))
@pytest.mark.parametrize("address", (OTHER_ADDRESS, "*"))
def test_plain_http_at_another_address_of_the_port(bench: Bench, guard: str, address: str) -> None:
    main = f"CFOriginPull On\n{bench.ca}\n" if guard == "inherited" else ""
    lines = ["CFOriginPull On", bench.ca] if guard == "repeated" else []
    twin = vhost(bench.tls, "www.test", *lines).replace("<VirtualHost 127.0.0.1:", f"<VirtualHost {address}:")
    server = bench.server(main + f"Listen {OTHER_ADDRESS}:{bench.tls}\n" + bench.guarded() + twin)
    started(server, warns=True)
    if guard != "none":
        server.expect("CFAOP121")
    assert answer_at_other_address(bench.tls) == 200
    assert fetch(bench.tls, sni="www.test").status == 400
    server.expect_refusal("no_certificate")
    server.stop()


def test_main_server_at_another_address_of_the_port(bench: Bench) -> None:
    config = f"ServerName www.test\nListen {OTHER_ADDRESS}:{bench.tls}\n" + bench.guarded() + vhost(bench.plain, "other.test")
    server = started(bench.server(config), warns=True)
    assert answer_at_other_address(bench.tls) == 200
    server.stop()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("<VirtualHost 127.0.0.1:{port}>\n</VirtualHost>\n", id="empty"),
        pytest.param("<VirtualHost 127.0.0.1:{port}>\nIncludeOptional /no/file/*.conf\n</VirtualHost>\n", id="includes-nothing"),
        pytest.param(
            "<Perl>\n$VirtualHost{{'127.0.0.1:{port}'}} = {{ ServerName => 'perl.test' }};\n</Perl>\n",
            id="made-by-a-module",
            marks=pytest.mark.needs("module:perl"),
        ),
    ],
)
def test_virtual_host_without_lines_beside_the_twin(bench: Bench, other: str) -> None:
    """It shows no TLS: its port may well speak plain HTTP."""
    modules = ("perl",) if "Perl" in other else ()
    config = f"CFOriginPull On\n{bench.ca}\n" + other.format(port=bench.plain) + bench.guarded() + bench.twin()
    server = started(bench.server(config, *modules), warns=True)
    server.expect(rf"CFAOP121: .*www\.test:{bench.plain}")
    assert bench.answer() == 200
    server.stop()


# Protocols that are not HTTP have no request that could be judged


def answer_to_hello(bench: Bench, *, sni: str) -> bytes:
    """What comes back to a stranger that says hello."""
    with connect(bench.tls, sni=sni) as client:
        client.send(b"hello\r\n")
        client._fill()
        return client._buffer


def check_echo(bench: Bench, server: Httpd, sni: str, named: bool) -> None:
    """Is it told of mod_echo? Then it is true: the echo answers a stranger that names `sni`."""
    outcome = server.config_test()
    assert outcome.ok
    assert ("CFAOP139: mod_echo.c can answer connections" in outcome.stderr) is named
    if named:
        server.start()
        server.expect("CFAOP139: mod_echo.c")
        assert answer_to_hello(bench, sni=sni) == b"hello\r\n"
        server.stop()


@pytest.mark.parametrize("echo, refuse", [("On", "400"), ("On", "alert"), ("Off", "400"), ("", "400")])
def test_module_with_a_protocol_of_its_own(bench: Bench, echo: str, refuse: str) -> None:
    lines = [f"CFOriginPullRefuse {refuse}", *([f"ProtocolEcho {echo}"] if echo else [])]
    server = bench.server(bench.guarded(*lines), "echo")
    check_echo(bench, server, "www.test", echo == "On" and refuse == "400")


@pytest.mark.parametrize("neighbour, named", [("400", True), ("close", True), ("Off", True), ("alert", False)])
def test_module_of_the_default_virtual_host_answers_for_all(bench: Bench, neighbour: str, named: bool) -> None:
    """It asks for the default virtual host's directive, whichever name the client gives in the handshake."""
    guard = [] if neighbour == "Off" else ["CFOriginPull On", bench.ca, f"CFOriginPullRefuse {neighbour}"]
    config = bench.guarded("CFOriginPullRefuse alert", "ProtocolEcho On")
    config += vhost(bench.tls, "neighbour.test", *guard, tls=bench.certificate)
    server = bench.server(config, "echo")
    check_echo(bench, server, "neighbour.test", named)


@pytest.mark.parametrize("default, named", [("Off", True), ("LogOnly", True), ("alert", False)])
def test_module_of_an_open_default_answers_for_a_guarded_name(bench: Bench, default: str, named: bool) -> None:
    """A client that names the guarded virtual host gets the answer, but where that one ends its handshake."""
    refuse, mode = ("alert", "Off") if default == "alert" else ("400", default)
    config = vhost(bench.tls, "default.test", f"CFOriginPull {mode}", bench.ca, "ProtocolEcho On", tls=bench.certificate)
    server = bench.server(config + bench.guarded(f"CFOriginPullRefuse {refuse}"), "echo")
    check_echo(bench, server, "www.test", named)


def test_module_that_is_no_default_virtual_hosts_is_not_named(bench: Bench) -> None:
    """Its directive has no effect, or only at a port of its own."""
    other = free_port()
    config = vhost(bench.tls, "default.test", "CFOriginPull Off", tls=bench.certificate)
    config += bench.guarded("ProtocolEcho On")
    config += f"Listen 127.0.0.1:{other}\n" + vhost(other, "echo.test", "ProtocolEcho On", tls=bench.certificate)
    server = bench.server(config, "echo")
    assert "CFAOP139" not in server.config_test().stderr
    server.start()
    server.allow_refusals()
    with connect(bench.tls, sni="www.test") as client:
        assert client.request("/", host="www.test").status == 400
    server.stop()


# CFAOP134


@pytest.mark.parametrize("place", ("virtual-host", "inherited"))
def test_root_of_a_chain_file_is_named(bench: Bench, pki: Pki, place: str) -> None:
    root = pki.root(f"public-{place}")
    between = root.issue(f"between-{place}", ca=True)
    shown = between.issue(f"shown-{place}", eku="server", san=["*.test"])
    chain = f"SSLCertificateChainFile {pki.file(f'chain-{place}.pem', between.cert_pem)}"
    own, main = (chain, "") if place == "virtual-host" else ("", chain + "\n")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {root.cert_file}"]
    server = bench.server(main + vhost(bench.tls, "www.test", own, *guard, tls=shown))
    assert f'CFAOP134: the trusted certificate of "CN=public-{place}"' in server.config_test().stderr
    server.start()
    server.expect("CFAOP134: ")
    stranger = between.issue(f"stranger-{place}")
    assert fetch(bench.tls, sni="www.test", credential=stranger.sending(between)).status == 200
    server.stop()
