""" "Require cf-origin-pull" guards single directories: it is granted where CF_ORIGIN_PULL_VERIFY says SUCCESS, and nowhere else.

All vhosts share one document root. Its directories have rules of their own, and "/" has none.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, connect_plain, fetch
from support.httpd import ConfigTest, Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost
from support.visits import KINDS, Kind, storage_lines, visit

CA_FILE = "CFOriginPullCACertificateFile"
REQUIRE = "Require cf-origin-pull"
INSIDE = "what is inside"
# mod_ssl asks a client of TLS 1.2, of TLS 1.3
ASKING = "AH02221: |AH10129: "
DENIED = "AH01630: client denied by server configuration"
PASSWORD = ("authorization", "Basic " + base64.b64encode(b"user:secret").decode())
SUCCESS = "SUCCESS"
MODULES = "access_compat auth_basic authn_core authn_file authz_user cache cache_disk include rewrite".split()

WORKER = """Require expr "-z %{HTTP:CF-Worker} || %{HTTP:CF-Worker} == 'example.com'\""""


def inside(section: str, *lines: str) -> list[str]:
    return [f"<{section}>", *lines, f"</{section.split()[0]}>"]


# What stands in a directory's .htaccess
HTACCESS = {
    "htaccess": [REQUIRE],
    "htaccess-files": inside('Files "*.html"', REQUIRE),
    "directory/looser": ["Require all granted"],
    "location/looser": ["Require all granted"],
    "htaccess-arguments": [f"{REQUIRE} please"],
}
# What the vhosts say of a directory; {htdocs} is the document root
RULES = {
    "directory": inside('Directory "{htdocs}/directory"', REQUIRE),
    "location": inside("Location /location", REQUIRE),
    "location-match": inside("LocationMatch ^/location-match", REQUIRE),
    "files": inside('Directory "{htdocs}/files"', *inside("Files *.html", REQUIRE)),
    "if": inside("If \"%{{REQUEST_URI}} =~ m#^/if/#\"", REQUIRE),
    "any-elsewhere": inside("Location /any-elsewhere", *inside("RequireAny", REQUIRE, "Require ip 192.0.2.0/24")),
    "any-here": inside("Location /any-here", *inside("RequireAny", REQUIRE, "Require ip 127.0.0.1")),
    "two-lines": inside("Location /two-lines", REQUIRE, "Require ip 192.0.2.0/24"),
    "all-here": inside("Location /all-here", *inside("RequireAll", REQUIRE, "Require ip 127.0.0.1")),
    "all-elsewhere": inside("Location /all-elsewhere", *inside("RequireAll", REQUIRE, "Require ip 192.0.2.0/24")),
    "none": inside(
        "Location /none", *inside("RequireAll", "Require all granted", *inside("RequireNone", REQUIRE))
    ),
    "not": inside("Location /not", *inside("RequireAll", "Require all granted", f"Require not {REQUIRE.split()[1]}")),
    "in-any-case": inside("Location /in-any-case", "REQUIRE cf-origin-pull"),
}
ALWAYS, NEVER, VERIFIED, UNVERIFIED = "always", "never", "if verified", "unless verified"
# place -> whom it lets in
PLACES = {
    ".": ALWAYS,
    "directory": VERIFIED,
    "location": VERIFIED,
    "location-match": VERIFIED,
    "files": VERIFIED,
    "if": VERIFIED,
    "any-elsewhere": VERIFIED,
    "any-here": ALWAYS,
    "two-lines": VERIFIED,
    "all-here": VERIFIED,
    "all-elsewhere": NEVER,
    "none": UNVERIFIED,
    "not": UNVERIFIED,
    "in-any-case": VERIFIED,
    "htaccess": VERIFIED,
    "htaccess-files": VERIFIED,
    # a directory's rule ends where a deeper one has its own (AuthMerging), a <Location>'s does not
    "directory/looser": ALWAYS,
    "location/looser": VERIFIED,
}


def lets_in(place: str, verified: bool) -> bool:
    return {ALWAYS: True, NEVER: False, VERIFIED: verified, UNVERIFIED: not verified}[PLACES[place]]


CACHE = ["CacheEnable disk /cached", "CacheHeader on", *inside("Location /cached", REQUIRE)]
OPEN_TO_ALL = ["Order allow,deny", "Allow from all"]
CLOSED_TO_ALL = ["Order allow,deny", "Deny from all"]
BY_PASSWORD = ["AuthType Basic", "AuthName inside", "AuthBasicProvider file", "AuthUserFile {dir}/users"]
# name of a vhost -> its lines, beside those for the directories
SITES = {
    "off": ["CFOriginPull Off"],
    "asks": [
        "LogLevel info ssl:debug",
        "CFOriginPull Off",
        "SSLCACertificateFile {ca}",
        *inside("Location /ask", "SSLVerifyClient require"),
    ],
    "never-asks": ["LogLevel info ssl:debug", "CFOriginPull Optional"],
    "on": ["CFOriginPull On"],
    "optional": ["CFOriginPull Optional"],
    "logonly": ["CFOriginPull LogOnly"],
    "logonly-twin": ["CFOriginPull LogOnly"],
    "on-b": ["CFOriginPull On", f"{CA_FILE} none {{ca_b}}"],
    "logonly-b": ["CFOriginPull LogOnly", f"{CA_FILE} none {{ca_b}}"],
    "logonly-pin": ["CFOriginPull LogOnly", "CFOriginPullPin dns:own.test"],
    "exempt": ["CFOriginPull On", "CFOriginPullExempt path /location", "CFOriginPullExempt path /index.html"],
    "exempt-ip": ["CFOriginPull On", "CFOriginPullExempt ip 127.0.0.1"],
    "cache": ["CFOriginPull LogOnly", *CACHE],
    "late-cache": ["CFOriginPull LogOnly", "CacheQuickHandler off", *CACHE],
    "error-page": ["CFOriginPull LogOnly", "ErrorDocument 403 /location/index.html"],
    "own-page": [
        "CFOriginPull LogOnly",
        "ErrorDocument 403 /location/index.html",
        *inside("Location /location", "ErrorDocument 403 default"),
    ],
    "satisfy": [
        "CFOriginPull LogOnly",
        *inside("Location /any-open", REQUIRE, *OPEN_TO_ALL, "Satisfy Any"),
        *inside("Location /any-unsaid", REQUIRE, "Satisfy Any"),
        *inside("Location /any-closed", REQUIRE, *CLOSED_TO_ALL, "Satisfy Any"),
        *inside("Location /all-open", REQUIRE, *OPEN_TO_ALL, "Satisfy All"),
        *inside("Location /all-closed", REQUIRE, *CLOSED_TO_ALL),
    ],
    "password": [
        "CFOriginPull LogOnly",
        *inside("Location /either", *BY_PASSWORD, *inside("RequireAny", REQUIRE, "Require valid-user")),
        *inside("Location /both", *BY_PASSWORD, *inside("RequireAll", REQUIRE, "Require valid-user")),
    ],
    "worker": ["CFOriginPull LogOnly", *inside("Location /worker", *inside("RequireAll", REQUIRE, WORKER))],
    "ssi": [
        "CFOriginPull LogOnly",
        *inside('Directory "{htdocs}/ssi"', "Options +Includes", "SetOutputFilter INCLUDES"),
        "RewriteEngine on",
        "RewriteRule ^/rewritten/(.*) /location/$1 [PT]",
        "ErrorDocument 404 /location/index.html",
    ],
}
GUARDED = ("on", "optional", "logonly")


@dataclass(frozen=True)
class Bench:
    """The default vhost of one port is off, that of the other guarded."""

    httpd: Httpd
    port: int
    guarded_port: int
    plain_port: int
    clients: dict[Optional[str], Optional[Credential]]

    def get(
        self,
        name: str,
        path: str,
        client: Optional[str] = None,
        *,
        tls: str = "1.3",
        http: str = "1.1",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Response:
        site = f"{name}.test"
        return fetch(
            self.port, path, sni=site, credential=self.clients[client], tls=tls, http=http, headers=headers
        )

    def status(self, name: str, path: str, client: Optional[str] = None, **how: str) -> int:
        answer = self.get(name, path, client, **how)  # type: ignore[arg-type]
        assert (INSIDE in answer.text) == (answer.status == 200)
        return answer.status


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca, ca_b = pki.root("ca"), pki.root("ca-b")
    clients = {
        None: None,
        "edge": ca.issue("edge", san=["own.test"]),
        "neighbour": ca.issue("neighbour"),
        "edge-b": ca_b.issue("edge-b"),
        "stranger": pki.self_signed("stranger"),
    }
    ports = [free_port() for _ in range(3)]
    server = servers.prepare_httpd("", listen=ports, modules=MODULES)
    fill(server)
    values = {"dir": server.directory, "htdocs": server.htdocs, "ca": ca.cert_file, "ca_b": ca_b.cert_file}
    shared = [f"{CA_FILE} {ca.cert_file}", *(line for rule in RULES.values() for line in rule)]
    sites = {
        name: [line if line == WORKER else line.format(**values) for line in (*shared, *lines)]
        for name, lines in SITES.items()
    }
    config = f"CacheRoot {server.directory}/cache\n"
    config += f'<Directory "{server.htdocs}">\n  AllowOverride AuthConfig\n</Directory>\n'
    for port, first in zip(ports, ("off", "logonly")):
        for name in sorted(sites, key=lambda name: name != first):
            config += vhost(port, f"{name}.test", *storage_lines("ticket"), *sites[name], tls=server_certificate)
    config += vhost(ports[2], "plain.test", *sites["logonly"])
    server.write_config(config)
    server.allow("CFAOP121: ")
    server.start()
    return Bench(server, *ports, clients)


def fill(server: Httpd) -> None:
    """The files, and what else the vhosts need."""
    names = ["worker", "either", "both", "ask", "cached", "ssi"]
    names += [f"{word}-{rest}" for word in ("any", "all") for rest in ("open", "unsaid", "closed")]
    for name in [*PLACES, *HTACCESS, *names]:
        server.put(f"{name}/index.html", f"{INSIDE}\n")
    for name, lines in HTACCESS.items():
        server.put(f"{name}/.htaccess", "\n".join(lines) + "\n")
    server.put("ssi/index.html", '<!--#include virtual="/location/index.html" -->\n')
    for tls in TLS_VERSIONS:
        for http in HTTP_VERSIONS:
            server.put(f"cached/{tls}-{http}.html", f"{INSIDE}\n")
    digest = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    (server.directory / "users").write_text(f"user:{{SHA}}{digest}\n")
    (server.directory / "cache").mkdir()
    (server.directory / "cache").chmod(0o777)
    # mod_cache keeps no file that may have changed in the second of its reading
    past = time.time() - 86400
    for path in server.htdocs.rglob("*"):
        os.utime(path, (past, past))


@pytest.fixture(autouse=True)
def denials_are_logged(bench: Bench) -> Iterator[None]:
    """What httpd says when it denies, and what LogOnly and On say; tests look for what matters to them."""
    bench.httpd.allow(DENIED)
    bench.httpd.allow("AH01629: |AH01631: |AH01797: |AH01618: ")
    bench.httpd.allow_refusals()
    yield


# Who is let in


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", (None, "edge", "edge-b", "stranger"))
@pytest.mark.parametrize("mode", (*GUARDED, "off"))
def test_place_lets_in_whom_it_should(bench: Bench, mode: str, client: Optional[str], tls: str, http: str) -> None:
    """Where a guarded vhost refuses the client at all, every place does."""
    verified = client == "edge" and mode != "off"
    refused = (mode == "on" and not verified) or (mode == "optional" and client in ("edge-b", "stranger"))
    host = f"{mode}.test"
    if refused:
        for place in ("directory", "htaccess", "any-here", "none"):
            assert bench.status(mode, f"/{place}/", client, tls=tls, http=http) == 400
        return
    with connect(bench.port, sni=host, credential=bench.clients[client], tls=tls, http=http) as connection:
        for place in PLACES:
            answer = connection.request(f"/{place}/index.html".replace("/./", "/"), host=host)
            assert (place, answer.status) == (place, 200 if lets_in(place, verified) else 403)
            assert (answer.verify == SUCCESS) == verified


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_open_and_required_paths_alternate_on_one_connection(bench: Bench, http: str, tls: str) -> None:
    for client, status in ((None, 403), ("edge", 200)):
        with connect(
            bench.port, sni="logonly.test", credential=bench.clients[client], tls=tls, http=http
        ) as connection:
            for place, expected in (("directory", status), ("any-here", 200), ("location", status), ("htaccess", status)):
                answer = connection.request(f"/{place}/", host="logonly.test")
                assert (place, answer.status) == (place, expected)


@pytest.mark.parametrize("method", ("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PROPFIND", "NONSENSE"))
def test_every_method_is_denied(bench: Bench, method: str) -> None:
    for name in ("optional", "logonly"):
        with connect(bench.port, sni=f"{name}.test") as connection:
            assert connection.request("/location/", host=f"{name}.test", method=method).status == 403


def test_log_only_logs_beside_the_denial(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate", would=True)
    bench.httpd.expect(DENIED)
    assert bench.status("logonly", "/location/") == 403


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_session_that_was_taken_up_counts(bench: Bench, kind: Kind) -> None:
    first = visit(bench.port, "optional.test", tls=kind.tls, credential=bench.clients["edge"], path="/location/")
    again = visit(bench.port, "optional.test", tls=kind.tls, session=first.session, path="/location/")
    assert (first.outcome, again.outcome) == ((200, SUCCESS, False), (200, SUCCESS, True))
    bare = visit(bench.port, "optional.test", tls=kind.tls, path="/location/")
    later = visit(bench.port, "optional.test", tls=kind.tls, session=bare.session, path="/location/")
    assert (bare.outcome, later.outcome) == ((403, "NONE", False), (403, "NONE", False))


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_nobody_is_asked_again(bench: Bench, tls: str) -> None:
    """Neither by renegotiation nor after the handshake. The control is mod_ssl's own, which asks."""
    with connect(bench.port, sni="asks.test", tls=tls) as connection:
        connection.stream.show(bench.clients["edge"])  # type: ignore[union-attr, arg-type]
        assert connection.request("/ask/", host="asks.test").status == 200
    asked = len(bench.httpd.log.find(ASKING))
    assert asked

    with connect(bench.port, sni="never-asks.test", tls=tls) as connection:
        connection.stream.show(bench.clients["edge"])  # type: ignore[union-attr, arg-type]
        for place in ("location", "directory", "htaccess"):
            assert connection.request(f"/{place}/", host="never-asks.test").status == 403
    assert len(bench.httpd.log.find(ASKING)) == asked


# Under which policy


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_connection_counts_only_under_the_policy_that_it_was_verified_by(bench: Bench, tls: str, http: str) -> None:
    def status(sni: Optional[str], client: str, host: str = "logonly.test", port: int = bench.port) -> int:
        credential = bench.clients[client]
        assert fetch(port, "/any-here/", sni=sni, host=host, credential=credential, tls=tls, http=http).status == 200
        return fetch(port, "/location/", sni=sni, host=host, credential=credential, tls=tls, http=http).status

    assert status("logonly.test", "edge") == 200
    assert status("logonly-twin.test", "edge") == 200
    assert status("on.test", "edge") == 200
    assert status("logonly-b.test", "edge-b", host="logonly-b.test") == 200
    # verified elsewhere, failed elsewhere, never asked
    assert status("logonly-b.test", "edge-b") == 403
    assert status("on-b.test", "edge-b") == 403
    assert status("logonly-b.test", "edge") == 403
    assert status("off.test", "edge") == 403
    assert status("on.test", "edge", host="off.test") == 403
    # no SNI, and an unknown one: the default vhost decides
    for sni in (None, "unknown.test"):
        assert status(sni, "edge") == 403
        assert status(sni, "edge", port=bench.guarded_port) == 200
        assert status(sni, "edge", host="logonly-b.test", port=bench.guarded_port) == 403


def test_optional_answers_the_misdirected_before(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    answer = fetch(
        bench.port, "/location/", sni="logonly-b.test", host="optional.test", credential=bench.clients["edge-b"]
    )
    assert answer.status == 421


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_pins_count(bench: Bench, tls: str) -> None:
    assert bench.status("logonly", "/location/", "neighbour", tls=tls) == 200
    assert bench.status("logonly-pin", "/location/", "edge", tls=tls) == 200
    assert bench.status("logonly-pin", "/any-here/", "neighbour", tls=tls) == 200
    assert bench.status("logonly-pin", "/location/", "neighbour", tls=tls) == 403


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_exemption_from_the_guard_is_none_from_require(bench: Bench, http: str) -> None:
    for name, open_path in (("exempt", "/index.html"), ("exempt-ip", "/any-here/")):
        assert bench.status(name, open_path, http=http) == 200
        assert bench.status(name, "/location/", http=http) == 403
        assert bench.status(name, "/location/", "edge", http=http) == 200


def test_plain_http_is_denied(bench: Bench) -> None:
    with connect_plain(bench.plain_port) as connection:
        assert connection.request("/", host="plain.test").status == 200
        assert connection.request("/location/", host="plain.test").status == 403
        assert connection.request("/none/", host="plain.test").status == 200


# Ways round


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_other_requests_that_lead_inside_are_judged_too(bench: Bench, http: str) -> None:
    bench.httpd.expect("unable to include .*returned 403")
    for path in ("/ssi/", "/rewritten/index.html", "/missing"):
        welcome = bench.get("ssi", path, "edge", http=http)
        assert (path, INSIDE in welcome.text) == (path, True)
        denied = bench.get("ssi", path, http=http)
        assert (path, INSIDE in denied.text) == (path, False)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_cache_answers_before_require_unless_told_otherwise(bench: Bench, tls: str, http: str) -> None:
    """mod_cache's quick handler stands before all authorization; CacheQuickHandler off puts it behind."""
    path = f"/cached/{tls}-{http}.html"
    for name in ("cache", "late-cache"):
        assert bench.status(name, path, tls=tls, http=http) == 403
        assert bench.status(name, path, "edge", tls=tls, http=http) == 200
    early, late = (bench.get(name, path, "edge", tls=tls, http=http) for name in ("cache", "late-cache"))
    assert [(answer.header("x-cache") or "").split()[0] for answer in (early, late)] == ["HIT", "HIT"]

    assert bench.status("cache", path, tls=tls, http=http) == 200
    assert bench.status("late-cache", path, tls=tls, http=http) == 403


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_error_document_inside_is_served_unless_told_otherwise(bench: Bench, http: str) -> None:
    """httpd asks no Require again for the ErrorDocument of a denial, where the same sections hold for both."""
    for name, inside_is_served in (("error-page", True), ("own-page", False)):
        answer = bench.get(name, "/location/", http=http)
        assert (answer.status, INSIDE in answer.text) == (403, inside_is_served)


@pytest.mark.parametrize(
    ("place", "bare", "edge"),
    [
        ("any-open", 200, 200),
        ("any-unsaid", 200, 200),
        ("any-closed", 403, 200),
        ("all-open", 403, 200),
        ("all-closed", 403, 403),
    ],
)
def test_satisfy_any_opens_what_allow_from_opens(bench: Bench, place: str, bare: int, edge: int) -> None:
    """With Satisfy Any one of the two is enough, and without a word of Allow and Deny everybody is allowed."""
    assert bench.status("satisfy", f"/{place}/") == bare
    assert bench.status("satisfy", f"/{place}/", "edge") == edge


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_password_may_stand_for_the_certificate_or_beside_it(bench: Bench, http: str) -> None:
    for place, bare, by_password, edge in (("either", 401, 200, 200), ("both", 401, 401, 401)):
        path = f"/{place}/"
        assert bench.get("password", path, http=http).status == (403 if place == "both" else bare)
        given = bench.get("password", path, http=http, headers=(PASSWORD,)).status
        assert given == (403 if place == "both" else by_password)
        assert bench.get("password", path, "edge", http=http).status == edge
        assert bench.get("password", path, "edge", http=http, headers=(PASSWORD,)).status == 200


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ((), 200),
        (("example.com",), 200),
        (("evil.example",), 403),
        (("example.com.evil.example",), 403),
        (("evil.example", "example.com"), 403),
        (("example.com", "evil.example"), 403),
        (("example.com, evil.example",), 403),
    ],
)
def test_workers_of_other_zones_are_refused_by_their_header(
    bench: Bench, sent: tuple[str, ...], status: int, http: str
) -> None:
    headers = tuple(("cf-worker", value) for value in sent)
    assert bench.get("worker", "/worker/", "edge", http=http, headers=headers).status == status
    assert bench.get("worker", "/worker/", http=http, headers=headers).status == 403


# Mistakes


def test_arguments_are_refused_in_htaccess(bench: Bench) -> None:
    bench.httpd.expect("'Require cf-origin-pull' does not take arguments")
    assert bench.status("logonly", "/htaccess-arguments/", "edge") == 500


@pytest.fixture(scope="module")
def paper(servers: Servers) -> Httpd:
    """A server that is not started."""
    return servers.prepare_httpd("", listen=[free_port()])


def in_location(paper: Httpd, line: str, around: str = "") -> ConfigTest:
    """`-t` with this line, or with a section of that name around it."""
    lines = inside(around, line) if around else [line]
    if around == "RequireNone":
        lines = inside("RequireAll", "Require all granted", *lines)
    paper.write_config("\n".join(inside("Location /", *lines)) + "\n")
    return paper.config_test()


@pytest.mark.parametrize("around", ("", "RequireAny", "RequireAll", "RequireNone"))
def test_without_arguments_it_is_right(paper: Httpd, around: str) -> None:
    assert in_location(paper, REQUIRE, around).ok


@pytest.mark.parametrize(
    ("arguments", "around"),
    [
        ("on", ""),
        ("off", ""),
        ("SUCCESS", ""),
        ("cf-origin-pull", ""),
        ("192.0.2.1", ""),
        ("expr true", ""),
        ('"a b"', ""),
        ("valid-user", "RequireAny"),
        ("on", "RequireAll"),
        ("on", "RequireNone"),
    ],
)
def test_arguments_are_a_mistake(paper: Httpd, arguments: str, around: str) -> None:
    outcome = in_location(paper, f"{REQUIRE} {arguments}", around)
    assert not outcome.ok
    assert "'Require cf-origin-pull' does not take arguments" in outcome.stderr


def test_require_stands_in_sections_only(paper: Httpd) -> None:
    paper.write_config(f"{REQUIRE}\n")
    outcome = paper.config_test()
    assert not outcome.ok
    assert "Require not allowed" in outcome.stderr
