"""`apache2 -t -D DUMP_CF_ORIGIN_PULL` tells what each virtual host demands, and how to get round it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from conftest import Servers
from support.dump import Server, dump, dump_by_name
from support.environment import BUILTIN_CA
from support.httpd import Httpd
from support.mistakes import our_lines, place_of
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
CRL_FILE = "CFOriginPullCARevocationFile"
BUILTIN_SHA256 = "9a1ac2b4be15f9f27eee20a734cba4e9898f61001b3bd7c84b69b56a3e25a2b9"


@dataclass(frozen=True)
class Bench:
    """A server whose configuration is tested but not started: TLS on one port, plain HTTP on the other."""

    server: Httpd
    port: int
    plain_port: int
    tls: Credential
    ca: Credential

    def site(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.port, name, *lines, tls=self.tls, aliases=aliases)

    def plain(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.plain_port, name, *lines, aliases=aliases)

    def dump(self, config: str) -> dict[str, Server]:
        self.server.write_config(config)
        return dump_by_name(self.server)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ports = [free_port(), free_port()]
    server = servers.prepare_httpd("", listen=ports, modules=["proxy", "proxy_http", "rewrite", "status"])
    return Bench(server, *ports, server_certificate, pki.root("zone"))


# What a vhost demands


def test_nothing_is_printed_unless_asked_for(bench: Bench) -> None:
    bench.server.write_config(bench.site("a.test", "CFOriginPull On"))
    outcome = bench.server.config_test()
    assert outcome.ok
    assert outcome.stdout == ""


def test_servers_stand_in_the_order_of_the_files(bench: Bench) -> None:
    included = bench.server.directory / "sites.conf"
    included.write_text("# sites\n" + bench.site("b.test", "CFOriginPull Optional"))
    config = bench.site("a.test", "CFOriginPull On") + f"Include {included}\n" + bench.plain("c.test")
    bench.server.write_config(config)
    servers = dump(bench.server)
    assert [(server.label, server.mode) for server in servers] == [
        ("httpd.test", "Off"),
        (f"a.test:{bench.port}", "On"),
        (f"b.test:{bench.port}", "Optional"),
        (f"c.test:{bench.plain_port}", "Off"),
    ]
    first_line = place_of(bench.server, f"<VirtualHost 127.0.0.1:{bench.port}>")
    assert [server.place for server in servers[:3]] == ["main server", first_line, f"{included}:2"]


def test_certificates_are_described(bench: Bench) -> None:
    lines = ["CFOriginPull On", f"{CA_FILE} builtin {bench.ca.cert_file}"]
    certificates = {entry.origin: entry for entry in bench.dump(bench.site("a.test", *lines))["a.test"].certificates}
    builtin, zone = certificates["builtin"], certificates[str(bench.ca.cert_file)]

    assert builtin.subject.endswith("CN=origin-pull.cloudflare.net")
    assert (builtin.sha256, builtin.not_after) == (BUILTIN_SHA256, "2029-11-01")
    published = x509.load_pem_x509_certificate(BUILTIN_CA.read_bytes())
    assert abs(builtin.days_left - (published.not_valid_after - datetime.utcnow()).days) <= 1

    end = bench.ca.certificate.not_valid_after
    assert (zone.subject, zone.sha256, zone.not_after) == ("CN=zone", bench.ca.sha256, f"{end:%Y-%m-%d}")
    assert zone.days_left in (364, 365)


def test_days_left_of_an_expired_ca_are_negative(bench: Bench, pki: Pki) -> None:
    old = pki.root("old", not_before=-9 * DAY, not_after=-3 * DAY)
    site = bench.dump(bench.site("a.test", "CFOriginPull On", f"{CA_FILE} {old.cert_file}"))["a.test"]
    assert site.certificates[0].days_left == -3


def test_crls_are_described(bench: Bench) -> None:
    crl = bench.ca.crl("zone", next_update=5 * DAY)
    lines = ["CFOriginPull On", f"{CA_FILE} {bench.ca.cert_file}", f"{CRL_FILE} {crl}"]
    (entry,) = bench.dump(bench.site("a.test", *lines))["a.test"].crls
    parsed = x509.load_pem_x509_crl(crl.read_bytes())
    assert (entry.issuer, entry.sha256) == ("CN=zone", parsed.fingerprint(hashes.SHA256()).hex())
    assert (entry.next_update, entry.origin) == (f"{parsed.next_update:%Y-%m-%d}", str(crl))


def test_subject_cannot_split_a_line(bench: Bench, pki: Pki) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\nforged.test:1 (nowhere:1)\n    mode: Off\x1b[2J")])
    hostile = pki.root("hostile", name=name)
    servers = bench.dump(bench.site("a.test", "CFOriginPull On", f"{CA_FILE} {hostile.cert_file}"))
    assert set(servers) == {"httpd.test", "a.test"}
    (certificate,) = servers["a.test"].certificates
    assert certificate.sha256 == hostile.sha256
    assert certificate.subject.startswith("CN=a%0Aforged") and "\x1b" not in certificate.subject


@pytest.mark.parametrize("mode", ("On", "Optional", "LogOnly"))
def test_every_mode_that_asks_is_described(bench: Bench, mode: str) -> None:
    site = bench.dump(bench.site("a.test", f"CFOriginPull {mode}"))["a.test"]
    assert (site.mode, site.has_tls, site.origins, len(site.digest)) == (mode, True, {"builtin"}, 64)


def test_mode_without_tls_is_marked(bench: Bench) -> None:
    servers = bench.dump("CFOriginPull On\n" + bench.plain("plain.test") + bench.site("tls.test"))
    assert not servers["plain.test"].has_tls
    assert servers["tls.test"].has_tls


def test_sharers_are_named_up_to_twenty(bench: Bench) -> None:
    names = [f"s{number}.test" for number in range(23)]
    config = "".join(bench.site(name, "CFOriginPull On") for name in names)
    config += bench.site("alone.test", "CFOriginPull On", "CFOriginPullVerifyDepth 2")
    servers = bench.dump(config)
    shared = servers["s0.test"].shared_with
    assert len([name for name in shared if name.endswith(f".test:{bench.port}")]) == 20
    assert shared[-3:] == ("and", "2", "more")
    assert servers["alone.test"].shared_with == ("none",)


def test_dump_of_a_mistake_is_the_mistake(bench: Bench) -> None:
    bench.server.write_config(bench.site("a.test", "CFOriginPull On", f"{CA_FILE} /nowhere.pem"))
    outcome = bench.server.config_test(defines=["DUMP_CF_ORIGIN_PULL"])
    assert outcome.returncode != 0
    assert len(our_lines(outcome.stderr)) == 1


# Ways round. Each case has names of its own, {0}, and all stand in one configuration.


@dataclass(frozen=True)
class Bypass:
    """A guarded vhost {0}.test, and another vhost beside it. `name` is what is to be named, "" for nothing."""

    case: str
    lines: tuple[str, ...] = ()
    other: str = "{0}.test"
    other_aliases: str = ""
    aliases: str = ""
    name: str = ""
    tls: bool = False


SERVES = "{0}.test"
OTHER = "o-{0}.test"
WWW = "www.{0}.test"
STAR = "*.{0}.test"
REWRITE = "RewriteEngine on"
TO = "https://{0}.test"

CASES = (
    # it serves
    Bypass("serves", name=SERVES),
    Bypass("serves-by-alias", other="other-{0}.test", other_aliases="x-{0}.test {0}.test", name=SERVES),
    Bypass("alias-of-the-guarded", aliases=WWW, other=WWW, name=WWW),
    Bypass("common-alias", aliases=WWW, other=OTHER, other_aliases=WWW, name=WWW),
    Bypass("another-case", other="{0}.TEST", name=SERVES),
    Bypass("wildcard-over-name", other=OTHER, other_aliases="{0}.*", name=SERVES),
    Bypass("question-mark-over-name", other=OTHER, other_aliases="{0}.tes?", name=SERVES),
    Bypass("name-under-wildcard", aliases=STAR, other=WWW, name=WWW),
    Bypass("same-wildcard", aliases=STAR, other=OTHER, other_aliases=STAR, name=STAR),
    Bypass("alias-under-wildcard", aliases=STAR, other=OTHER, other_aliases=WWW, name=WWW),
    # over TLS it answers without a certificate
    Bypass("tls-off", ("CFOriginPull Off",), tls=True, other=OTHER, other_aliases=SERVES, name=SERVES),
    Bypass("tls-optional", ("CFOriginPull Optional",), tls=True, other=OTHER, other_aliases=SERVES, name=SERVES),
    Bypass("tls-log-only", ("CFOriginPull LogOnly",), tls=True, other=OTHER, other_aliases=SERVES, name=SERVES),
    Bypass("tls-on", ("CFOriginPull On",), tls=True, other=OTHER, other_aliases=SERVES),
    # another name
    Bypass("another-name", other=OTHER, other_aliases="www.{0}.test *.{0}.test"),
    Bypass("part-of-the-name", other=OTHER, other_aliases="{0} {0}.test.example"),
    # it only redirects
    Bypass("redirect", (f"Redirect / {TO}/",)),
    Bypass("redirect-permanent", (f"Redirect permanent / {TO}/",)),
    Bypass("redirect-301", (f'Redirect 301 "/" "{TO}/"',)),
    Bypass("redirect-among-others", ("LogLevel info", f"Redirect seeother / {TO}/", "ServerSignature Off")),
    Bypass("redirectpermanent", (f"RedirectPermanent / {TO}/",)),
    Bypass("redirecttemp", (f"RedirectTemp / {TO}/",)),
    Bypass("redirect-lower-case", (f"redirect / {TO}/",)),
    Bypass("redirectmatch-begin", (f"RedirectMatch ^ {TO}/",)),
    Bypass("redirectmatch-all", (f"RedirectMatch 301 ^/(.*)$ {TO}/$1",)),
    Bypass("redirectmatch-any", (f'RedirectMatch permanent "(.*)" {TO}$1',)),
    Bypass("rewrite", (REWRITE, f"RewriteRule ^ {TO}%{{{{REQUEST_URI}}}} [R=301,L]")),
    Bypass("rewrite-r", (REWRITE, f"RewriteRule ^/?(.*) {TO}/$1 [R]")),
    Bypass("rewrite-quoted", (REWRITE, f'RewriteRule "^/(.*)$" "{TO}/$1" [L,R=permanent]')),
    Bypass("rewrite-engine-after", (f"RewriteRule .* {TO}/ [QSA,R,L]", REWRITE)),
    Bypass("rewrite-https-off", (REWRITE, "RewriteCond %{{HTTPS}} off", f"RewriteRule (.*) {TO}/$1 [R=301]")),
    Bypass("rewrite-https-not-on", (REWRITE, "RewriteCond %{{HTTPS}} !=on", f"RewriteRule ^(.*)$ {TO}/$1 [R=301]")),
    Bypass(
        "rewrite-as-certbot",
        (
            REWRITE,
            "RewriteCond %{{SERVER_NAME}} ={0}.test",
            f"RewriteRule ^ {TO}%{{{{REQUEST_URI}}}} [END,NE,R=permanent]",
        ),
    ),
    Bypass(
        "rewrite-as-certbot-two-names",
        (
            REWRITE,
            "RewriteCond %{{SERVER_NAME}} =www.{0}.test [OR]",
            "RewriteCond %{{SERVER_NAME}} ={0}.test",
            f"RewriteRule ^ {TO}%{{{{REQUEST_URI}}}} [END,NE,R=permanent]",
        ),
        other_aliases="www.{0}.test",
    ),
    Bypass(
        "acme-alias-beside-a-redirect",
        ("Alias /.well-known/acme-challenge/ /srv/acme/", f"RedirectMatch ^/(.*)$ {TO}/$1"),
    ),
    Bypass(
        "acme-proxy-beside-a-redirect",
        ("ProxyPass /.well-known/acme-challenge/ http://127.0.0.1:1/", f"Redirect / {TO}/"),
    ),
    Bypass(
        "rewrite-but-for-acme",
        (REWRITE, "RewriteCond %{{REQUEST_URI}} !^/\\.well-known/acme-challenge/", f"RewriteRule ^ {TO}/ [R=301]"),
    ),
    # a Redirect comes before handlers
    Bypass(
        "handler-in-a-location",
        ("<Location /status>", "SetHandler server-status", "</Location>", f"Redirect permanent / {TO}/"),
    ),
    # it redirects, but not everything
    Bypass("rewrite-port", (REWRITE, "RewriteCond %{{SERVER_PORT}} !443", f"RewriteRule ^ {TO}/ [R=301]"), name=SERVES),
    Bypass("proxy-beside-a-redirect", ("ProxyPass /app http://127.0.0.1:1/", f"Redirect / {TO}/"), name=SERVES),
    Bypass(
        "proxy-in-a-location",
        ("<Location /app>", "ProxyPass http://127.0.0.1:1/", "</Location>", f"Redirect / {TO}/"),
        name=SERVES,
    ),
    Bypass(
        "rewrite-to-a-proxy",
        (REWRITE, "RewriteRule ^/app http://127.0.0.1:1/ [P]", f"RewriteRule ^ {TO}/ [R=301]"),
        name=SERVES,
    ),
    Bypass("redirect-a-path", (f"Redirect /old {TO}/",), name=SERVES),
    Bypass("redirect-gone", ("Redirect gone /old",), name=SERVES),
    Bypass("redirectmatch-a-path", (f"RedirectMatch ^/old {TO}/",), name=SERVES),
    Bypass("rewrite-a-path", (REWRITE, f"RewriteRule ^/old {TO}/ [R=301]"), name=SERVES),
    Bypass("rewrite-inside", (REWRITE, "RewriteRule ^ /index.html [L]"), name=SERVES),
    Bypass("rewrite-without-engine", (f"RewriteRule ^ {TO}/ [R=301]",), name=SERVES),
    Bypass("rewrite-engine-off", ("RewriteEngine off", f"RewriteRule ^ {TO}/ [R=301]"), name=SERVES),
    Bypass(
        "rewrite-but-for-a-path",
        (REWRITE, "RewriteCond %{{REQUEST_URI}} !^/app", f"RewriteRule ^ {TO}/ [R=301]"),
        name=SERVES,
    ),
    Bypass(
        "rewrite-only-www",
        (REWRITE, "RewriteCond %{{HTTP_HOST}} ^www\\.", f"RewriteRule ^ {TO}/ [R=301]"),
        name=SERVES,
    ),
    Bypass(
        "rewrite-only-https", (REWRITE, "RewriteCond %{{HTTPS}} on", f"RewriteRule ^ {TO}/ [R=301]"), name=SERVES
    ),
    Bypass(
        "redirect-in-a-location", ("<Location /old>", f"Redirect permanent / {TO}/", "</Location>"), name=SERVES
    ),
)


@pytest.fixture(scope="module")
def dumped(bench: Bench) -> dict[str, Server]:
    """The guarded vhosts of all cases by ServerName."""
    config = ""
    for case in CASES:
        guarded, other = f"{case.case}.test", case.other.format(case.case)
        write = bench.site if case.tls else bench.plain
        lines = [line.format(case.case) for line in case.lines]
        # the other one comes first: of one address, httpd takes the first virtual host that has the name
        config += write(other, *lines, aliases=case.other_aliases.format(case.case))
        config += bench.site(guarded, "CFOriginPull On", aliases=case.aliases.format(case.case))
    bench.server.write_config(config)
    return {server.name: server for server in dump(bench.server) if server.mode == "On"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_bypass(bench: Bench, dumped: dict[str, Server], case: Bypass) -> None:
    bypasses = dumped[f"{case.case}.test"].bypasses
    if not case.name:
        assert bypasses == ()
        return
    ((name, server, place),) = bypasses
    port = bench.port if case.tls else bench.plain_port
    assert name == case.name.format(case.case)
    assert server == f"{case.other.format(case.case)}:{port}"
    assert place.startswith("/") and place.rpartition(":")[2].isdigit()


def test_bypass_names_file_and_line(bench: Bench) -> None:
    servers = dump_servers(bench, bench.site("a.test", "CFOriginPull On") + bench.plain("a.test"))
    ((_, _, place),) = servers[1].bypasses
    assert place == servers[2].place == place_of(bench.server, f"<VirtualHost 127.0.0.1:{bench.plain_port}>")


def test_name_that_is_written_twice_is_told_once(bench: Bench) -> None:
    servers = dump_servers(bench, bench.site("a.test", "ServerAlias A.test a.test", "CFOriginPull On") + bench.plain("a.test"))
    assert len(servers[1].bypasses) == 1


@pytest.mark.parametrize("mode", ("Optional", "LogOnly", "Off"))
def test_what_refuses_nobody_cannot_be_bypassed(bench: Bench, mode: str) -> None:
    servers = dump_servers(bench, bench.site("a.test", f"CFOriginPull {mode}") + bench.plain("a.test"))
    assert servers[1].bypasses == ()


def test_inherited_on_does_not_guard_plain_http(bench: Bench) -> None:
    servers = dump_servers(bench, "CFOriginPull On\n" + bench.site("a.test") + bench.plain("a.test"))
    assert [bypass[:2] for bypass in servers[1].bypasses] == [("a.test", f"a.test:{bench.plain_port}")]


def test_one_template_for_two_vhosts(bench: Bench) -> None:
    """A file that is included twice, for HTTPS and HTTP: both vhosts stand in the same line of it."""
    template = bench.server.directory / "template.conf"
    certificate = f"SSLCertificateFile {bench.tls.cert_file}\n  SSLCertificateKeyFile {bench.tls.key_file}"
    template.write_text(
        "<VirtualHost 127.0.0.1:${port}>\n  ServerName a.test\n  CFOriginPull ${mode}\n"
        f"  SSLEngine ${{engine}}\n  {certificate}\n</VirtualHost>\n"
    )
    tls = f"Define port {bench.port}\nDefine mode On\nDefine engine on\nInclude {template}\n"
    http = f"Define port {bench.plain_port}\nDefine mode Off\nDefine engine off\nInclude {template}\n"
    for config in (tls + http, http + tls):
        servers = {server.label: server for server in dump_servers(bench, config)}
        guarded = servers[f"a.test:{bench.port}"]
        assert (guarded.mode, guarded.has_tls) == ("On", True)
        assert guarded.bypasses == (("a.test", f"a.test:{bench.plain_port}", f"{template}:1"),)


def test_every_bypass_has_its_line(bench: Bench) -> None:
    config = bench.site("b.test", "CFOriginPull Off") + bench.site("a.test", "CFOriginPull On", aliases="b.test")
    config += bench.plain("a.test") + bench.plain("b.test")
    servers = dump_servers(bench, config)
    assert {bypass[:2] for bypass in servers[2].bypasses} == {
        ("a.test", f"a.test:{bench.plain_port}"),
        ("b.test", f"b.test:{bench.plain_port}"),
        ("b.test", f"b.test:{bench.port}"),
    }


def dump_servers(bench: Bench, config: str) -> list[Server]:
    bench.server.write_config(config)
    return dump(bench.server)
