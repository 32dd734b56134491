"""The visitor's address: proven by the edge's certificate, and a mere claim of everybody else.

Every vhost has the same outlets of the address and of the header that it comes from: the access log, a CGI program, a backend
behind mod_proxy, mod_rewrite, mod_setenvif, mod_headers' early hook, Require ip. They differ in how a client gets there.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Optional, Sequence

import pytest

from conftest import Servers
from support import environment
from support.client import HTTP_VERSIONS, TLS_VERSIONS, Client, connect, connect_plain, fetch
from support.http1 import Headers, request_bytes
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.waiting import wait_until

HEADER = "CF-Connecting-IP"
PEER = "127.0.0.1"
VISITOR = "203.0.113.7"
VISITOR_6 = "2001:db8::7"
IGNORED = "CFAOP304: "
MODULES = (
    "include proxy proxy_http remoteip rewrite".split()
    + (["cgi"] if environment.default_mpm() == "prefork" else ["cgid"])
)

# Spellings that a program behind a gateway, where "-" and "_" become one, could take for the header.
SPELLINGS = (HEADER, "cf-connecting-ip", "CF-CONNECTING-IP", "CF_Connecting_IP", "cf_connecting-ip", "Cf-connecting_ip")
# One address each: nothing to look up, nothing to guess.
ADDRESSES = {
    "ipv4": (VISITOR, VISITOR),
    "ipv6": (VISITOR_6, VISITOR_6),
    "ipv6-in-full": ("2001:0DB8:0000:0000:0000:0000:0000:0007", VISITOR_6),
    "mapped": (f"::ffff:{VISITOR}", VISITOR),
    "blanks": (f" \t{VISITOR} \t", VISITOR),
}
NOT_ADDRESSES = {
    "two": f"{VISITOR} {VISITOR}",
    "comma": f"{VISITOR}, 198.51.100.9",
    "closing-comma": f"{VISITOR},",
    "port": f"{VISITOR}:80",
    "brackets": f"[{VISITOR_6}]",
    "brackets-port": f"[{VISITOR_6}]:443",
    "zone-name": "fe80::1%lo",
    "zone-number": "fe80::1%1",
    "host-name": "visitor.example.com",
    "localhost": "localhost",
    "empty": "",
    "long": "1" * 10240,
    "long-address": f"{VISITOR}{' ' * 9000}x",
    "leading-zero": "203.0.113.07",
    "octal": "0313.0.0161.07",
    "hexadecimal": "0xCB.0.0x71.7",
    "number": "3405803783",
    "three-parts": "203.0.113",
    "five-parts": "203.0.113.7.1",
    "too-large": "203.0.113.256",
    "mask": f"{VISITOR}/32",
    "word": "unknown",
    "quoted": f'"{VISITOR}"',
    "not-ascii": "203.0.113\xa0.7",
    "ipv6-too-long": "2001:db8::7::1",
}

# The log of one vhost each: address, connection's address, header, status, path.
LOG_FORMAT = f'"%a|%{{c}}a|%{{{HEADER}}}i|%>s|%U%q"'


@dataclass(frozen=True)
class Seen:
    """What a request's outlets showed: the visitor's address, and every word of the header."""

    addresses: frozenset[str]
    claims: frozenset[str]


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    plain_port: int
    clients: dict[Optional[str], Optional[Credential]]
    names_looked_up: Path

    def connect(self, host: str, client: Optional[str] = "edge", tls: str = "1.3", http: str = "1.1") -> Client:
        if host == "plain.test":
            return connect_plain(self.plain_port)
        return connect(self.port, sni=host, credential=self.clients[client], tls=tls, http=http)

    def logged(self, mark: str) -> list[str]:
        """Fields of the log's line of the request whose path ends in this; written after the answer."""
        log = self.httpd.directory / "logs" / "address.log"

        def lines() -> list[str]:
            return [line for line in log.read_text(errors="replace").splitlines() if line.endswith(mark)]

        assert wait_until(lambda: bool(lines())), f"no line for {mark}"
        return lines()[-1].split("|")

    def seen(self, client: Client, host: str, mark: str, headers: Headers, prefix: str = "") -> Seen:
        """Ask at every outlet."""
        http_headers = [(name.lower(), value) if hasattr(client, "finish") else (name, value) for name, value in headers]
        answer = client.request(f"{prefix}/?{mark}", host=host, headers=http_headers)
        told = client.request(f"{prefix}/backend/", host=host, headers=http_headers)
        cgi = environment_of(client.request(f"{prefix}/cgi/env", host=host, headers=http_headers).text)
        assert [answer.status, told.status] == [200, 200], (answer, told)
        address, _, header, _, _ = self.logged(f"?{mark}")
        claims = {
            header,
            answer.header("x-by-rewrite"),
            answer.header("x-by-setenvif"),
            cgi.get("HTTP_CF_CONNECTING_IP"),
            *(answer.header(name) for name in map(str.lower, SPELLINGS)),  # mod_headers' echo, early
            *(told.header(f"x-told-{name}") for name in SPELLINGS),
        }
        addresses = {address, answer.header("x-address"), cgi["REMOTE_ADDR"], told.header("x-told-x-forwarded-for")}
        return Seen(frozenset(map(str, addresses)), frozenset(claim for claim in claims if claim not in (None, "-", "(null)", "")))


def environment_of(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def outlets(backend: int) -> list[str]:
    return [
        'Header always set X-Address "expr=%{REMOTE_ADDR}"',
        'Header always set X-Connection "expr=%{CONN_REMOTE_ADDR}"',
        'Header echo "(?i)^cf.connecting.ip$" early',
        f"SetEnvIf {HEADER} (.+) BY_SETENVIF=$1",
        'Header always set X-By-Setenvif "%{BY_SETENVIF}e"',
        "RewriteEngine on",
        f"RewriteCond %{{HTTP:{HEADER}}} (.+)",
        "RewriteRule ^ - [E=BY_REWRITE:%1]",
        "RewriteRule ^/passed/(.*) /cgi/$1 [PT]",
        'Header always set X-By-Rewrite "%{BY_REWRITE}e"',
        "ErrorDocument 404 /cgi/env",
        "<Location /visitors/>",
        "  Require ip 203.0.113.0/24 2001:db8::/32",
        "</Location>",
        "<Location /peers/>",
        f"  Require ip {PEER}",
        "</Location>",
        "<LocationMatch ^(/exempt)?/cgi/>",
        "  SetHandler cgi-script",
        "  Options +ExecCGI",
        "</LocationMatch>",
        "<Location /ssi/>",
        "  Options +Includes",
        "  SetOutputFilter INCLUDES",
        "</Location>",
        f"ProxyPass /backend/ http://127.0.0.1:{backend}/",
        f"ProxyPass /exempt/backend/ http://127.0.0.1:{backend}/",
    ]


def write_documents(httpd: Httpd) -> None:
    for name in ("visitors/index.html", "peers/index.html", "exempt/index.html"):
        httpd.put(name, f"{name}\n")
    for name in ("cgi/env", "exempt/cgi/env", "exempt/cgi/refused"):
        httpd.put(name, "#!/bin/sh\necho Content-Type: text/plain\necho\nenv\n", mode=0o755)
    httpd.put("ssi/page.html", '<!--#include virtual="/cgi/env" -->')


class Recorder:
    """Preloaded into a server: writes down every name that getaddrinfo() or a like is asked for, and answers as ever."""

    SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *name)
{
    const char *file = getenv("TEST_LOOKUPS");
    int fd = name && file ? open(file, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    if (fd >= 0) {
        if (write(fd, name, strlen(name)) < 0 || write(fd, "\n", 1) < 0) {
            abort();
        }
        close(fd);
    }
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");

    note(node);
    return real(node, service, hints, found);
}

struct hostent *gethostbyname(const char *name)
{
    struct hostent *(*real)(const char *) = dlsym(RTLD_NEXT, "gethostbyname");

    note(name);
    return real(name);
}
"""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        directory.chmod(0o755)
        self.file = directory / "names"
        self.file.touch()
        self.file.chmod(0o666)
        source = directory / "recorder.c"
        source.write_text(self.SOURCE)
        self._library = directory / "recorder.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(source), "-ldl"], check=True)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "TEST_LOOKUPS": str(self.file)}


ON = "CFOriginPullRemoteIP On"


def sites(ca_file: Path, other_file: Path) -> dict[str, list[str]]:
    ca = f"CFOriginPullCACertificateFile {ca_file}"
    hosts = {f"{mode.lower()}.test": [f"CFOriginPull {mode}", ca, ON] for mode in ("On", "Optional", "LogOnly")}
    return {
        **hosts,
        # the mode is Off: nobody is verified there
        "off.test": ["CFOriginPull Off", ca, ON],
        # no word of the visitor's address
        "control.test": [],
        "unset.test": ["CFOriginPull On", ca],
        "other.test": ["CFOriginPull LogOnly", f"CFOriginPullCACertificateFile {other_file}", ON],
        "named.test": ["CFOriginPull Optional", ca, "CFOriginPullRemoteIP On X-Visitor"],
        "exempt-path.test": [
            "CFOriginPull On", ca, ON, "CFOriginPullExempt path /exempt", "ErrorDocument 400 /exempt/cgi/refused",
        ],
        "exempt-ip.test": ["CFOriginPull On", ca, ON, f"CFOriginPullExempt ip {PEER}"],
        "control-trailers.test": ["MergeTrailers on"],
        "trailers.test": ["CFOriginPull Optional", ca, ON, "MergeTrailers on"],
        # mod_remoteip trusts whoever connects; only the administrator can know whether that is right
        "both.test": ["CFOriginPull Optional", ca, ON, "RemoteIPHeader X-Forwarded-For"],
        "both-same.test": ["CFOriginPull Optional", ca, ON, f"RemoteIPHeader {HEADER}"],
        "remoteip.test": [f"RemoteIPHeader {HEADER}"],
    }


@pytest.fixture(scope="module")
def bench(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    port, plain_port, backend = free_port(), free_port(), free_port()
    ca, other = pki.root("zone"), pki.root("other")
    recorder = Recorder(directory / "recorder")
    # ten kilobytes of a header must reach the module
    config = "LimitRequestFieldSize 32768\n" + f"CustomLog logs/address.log {LOG_FORMAT}\n"
    for name, lines in sites(ca.cert_file, other.cert_file).items():
        config += vhost(port, name, *lines, *outlets(backend), tls=server_certificate)
    config += vhost(plain_port, "plain.test", ON, *outlets(backend))
    told = [f'Header set X-Told-{name} "expr=%{{req:{name}}}"' for name in (*SPELLINGS, "X-Forwarded-For")]
    # with prefork, a connection that is kept alive keeps a process
    config += vhost(backend, "backend.test", "KeepAlive off", *told)
    httpd = servers.prepare_httpd(
        config, listen=[port, plain_port, backend], modules=MODULES, extra_environment=recorder.environment
    )
    write_documents(httpd)
    httpd.allow("CFAOP127: ")
    # processes that are asked by tests of values that do not fit, and by no other test
    httpd.log.always.append("CFAOP306: .* for on.test:")
    clients = {None: None, "edge": ca.issue("edge"), "stranger": pki.self_signed("stranger")}
    return Bench(httpd.start(), port, plain_port, clients, recorder.file)


@pytest.fixture(autouse=True)
def refusals_may_be_logged(bench: Bench) -> None:
    bench.httpd.allow_refusals()


# Verified: the visitor


VERIFYING = ("on.test", "optional.test", "logonly.test", "exempt-path.test", "exempt-ip.test")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("host", VERIFYING)
def test_every_outlet_sees_the_visitor(bench: Bench, host: str, tls: str, http: str) -> None:
    with bench.connect(host, tls=tls, http=http) as client:
        seen = bench.seen(client, host, f"{host}-{tls}-{http}", [(HEADER, VISITOR)])
    assert seen == Seen(frozenset({VISITOR}), frozenset({VISITOR}))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("name", ADDRESSES)
def test_address_is_taken(bench: Bench, name: str, http: str) -> None:
    header, address = ADDRESSES[name]
    with bench.connect("on.test", http=http) as client:
        answer = client.request(f"/?taken-{name}-{http}", host="on.test", headers=[(HEADER.lower(), header.strip())])
        if http == "1.1":
            answer = client.request(f"/?taken-{name}-{http}", host="on.test", headers=[(HEADER, header)])
        cgi = environment_of(client.request("/cgi/env", host="on.test", headers=[(HEADER.lower(), header.strip())]).text)
    assert (answer.header("x-address"), answer.header("x-connection")) == (address, PEER)
    assert cgi["REMOTE_ADDR"] == address
    assert bench.logged(f"?taken-{name}-{http}")[:2] == [address, PEER]


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_require_ip_means_the_visitor(bench: Bench, tls: str, http: str) -> None:
    bench.httpd.allow("AH01630")
    with bench.connect("on.test", tls=tls, http=http) as client:

        def status(path: str, *headers: tuple[str, str]) -> int:
            return client.request(path, host="on.test", headers=headers).status

        for visitor in (VISITOR, VISITOR_6, f"::ffff:{VISITOR}"):
            assert (status("/visitors/", ("cf-connecting-ip", visitor)), visitor) == (200, visitor)
        assert status("/visitors/", ("cf-connecting-ip", "198.51.100.1")) == 403
        assert status("/visitors/") == 403
        assert [status("/peers/"), status("/peers/", ("cf-connecting-ip", VISITOR))] == [200, 403]


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_each_request_of_a_connection_has_its_own_visitor(bench: Bench, tls: str, http: str) -> None:
    visitors = [VISITOR, VISITOR_6, None, "198.51.100.1", "nonsense", VISITOR]
    wanted = [VISITOR, VISITOR_6, PEER, "198.51.100.1", PEER, VISITOR]
    with bench.connect("on.test", tls=tls, http=http) as client:
        answers = [
            client.request(host="on.test", headers=[("cf-connecting-ip", visitor)] if visitor else ()) for visitor in visitors
        ]
    assert [answer.header("x-address") for answer in answers] == wanted
    assert {answer.header("x-connection") for answer in answers} == {PEER}


@pytest.mark.http2
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_streams_of_one_connection_do_not_mix(bench: Bench, tls: str) -> None:
    with bench.connect("on.test", tls=tls, http="2") as client:
        streams = {
            f"203.0.113.{number}": client.start(  # type: ignore[union-attr]
                "/cgi/env", host="on.test", headers=[("cf-connecting-ip", f"203.0.113.{number}")]
            )
            for number in range(1, 31)
        }
        for visitor, stream in streams.items():
            cgi = environment_of(client.finish(stream).text)  # type: ignore[union-attr]
            assert (cgi["REMOTE_ADDR"], cgi["HTTP_CF_CONNECTING_IP"]) == (visitor, visitor)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize(
    "path", ("/passed/env", "/no-such-file", "/ssi/page.html"), ids=("rewritten", "error-document", "sub-request")
)
def test_redirects_and_sub_requests_keep_the_visitor(bench: Bench, path: str, http: str) -> None:
    with bench.connect("on.test", http=http) as client:
        cgi = environment_of(client.request(path, host="on.test", headers=[("cf-connecting-ip", VISITOR)]).text)
        assert cgi["REMOTE_ADDR"] == VISITOR
        cgi = environment_of(client.request(path, host="on.test").text)
        assert cgi["REMOTE_ADDR"] == PEER


def test_session_that_is_resumed_is_verified_too(bench: Bench) -> None:
    with bench.connect("on.test") as first:
        first.request(host="on.test")
        session = first.stream.session
    with connect(bench.port, sni="on.test", session=session) as again:
        answer = again.request(host="on.test", headers=[(HEADER, VISITOR)])
        assert again.stream.resumed and answer.header("x-address") == VISITOR


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_other_spelling_does_not_ride_along(bench: Bench, http: str) -> None:
    """The edge passes on what visitors send, so a look-alike is a claim even on a verified connection."""
    headers = [(HEADER, VISITOR), ("CF_Connecting_IP", "198.51.100.66"), ("cf_connecting-ip", "198.51.100.67")]
    with bench.connect("on.test", http=http) as client:
        seen = bench.seen(client, "on.test", f"look-alike-{http}", headers)
    assert seen == Seen(frozenset({VISITOR}), frozenset({VISITOR}))


# Verified, but not one address: the peer


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("name", NOT_ADDRESSES)
def test_what_is_not_one_address_is_ignored(bench: Bench, name: str, http: str) -> None:
    bench.httpd.expect(f"{IGNORED}{HEADER} ")
    with bench.connect("on.test", http=http) as client:
        answer = client.request(host="on.test", headers=[("cf-connecting-ip", NOT_ADDRESSES[name])])
        assert (answer.status, answer.header("x-address"), answer.verify) == (200, PEER, "SUCCESS")
    line = bench.httpd.log.wait_for(IGNORED)
    assert ":info]" in line and len(line) < 600
    assert len(bench.httpd.log.find(IGNORED)) == 1


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_header_that_comes_twice_is_ignored(bench: Bench, http: str) -> None:
    bench.httpd.expect(IGNORED)
    with bench.connect("on.test", http=http) as client:
        twice = [("cf-connecting-ip", VISITOR), ("cf-connecting-ip", "198.51.100.1")]
        assert client.request(host="on.test", headers=twice).header("x-address") == PEER


def test_ignored_value_cannot_forge_a_log_line(bench: Bench) -> None:
    bench.httpd.expect(IGNORED)
    with bench.connect("on.test") as client:
        client.request(host="on.test", headers=[(HEADER, '"\\%\x80 1.2.3.4')])
    assert '%22%5C%25%80 1.2.3.4' in bench.httpd.log.wait_for(IGNORED)


def test_no_name_is_ever_looked_up(bench: Bench) -> None:
    """The recorder is at work: httpd itself asked for the addresses that it listens on."""
    names = ("lookup.example.com", "localhost", "ip6-localhost", "0x7f000001")
    bench.httpd.expect(IGNORED)
    with bench.connect("on.test") as client:
        for name in names:
            assert client.request(host="on.test", headers=[(HEADER, name)]).header("x-address") == PEER
        assert client.request(host="on.test", headers=[(HEADER, VISITOR)]).header("x-address") == VISITOR
    asked = bench.names_looked_up.read_text().split()
    assert PEER in asked
    assert not set(names) & set(asked)


# Not verified: a claim, which nobody gets to see


CLAIM = "198.51.100.66"
CLAIMS = [(name, CLAIM) for name in SPELLINGS]


@dataclass(frozen=True)
class Way:
    """How somebody who is not verified gets an answer."""

    name: str
    host: str
    client: Optional[str]
    prefix: str = ""


WAYS = (
    Way("optional-none", "optional.test", None),
    Way("logonly-none", "logonly.test", None),
    Way("logonly-bad", "logonly.test", "stranger"),
    Way("logonly-other-ca", "other.test", "edge"),
    Way("off-none", "off.test", None),
    Way("off-with-the-edges-certificate", "off.test", "edge"),
    Way("exempt-by-path-none", "exempt-path.test", None, "/exempt"),
    Way("exempt-by-path-bad", "exempt-path.test", "stranger", "/exempt"),
    Way("exempt-by-ip-none", "exempt-ip.test", None),
    Way("exempt-by-ip-bad", "exempt-ip.test", "stranger"),
    Way("plain-http", "plain.test", None),
)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_control_shows_the_claim_at_every_outlet(bench: Bench, tls: str, http: str) -> None:
    with bench.connect("control.test", None, tls, http) as client:
        seen = bench.seen(client, "control.test", f"control-{tls}-{http}", CLAIMS)
    assert seen.addresses == {PEER}
    assert CLAIM in seen.claims


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_control_shows_each_spelling_to_the_backend(bench: Bench, spelling: str) -> None:
    with bench.connect("control.test", None) as client:
        assert bench.seen(client, "control.test", f"control-{spelling}", [(spelling, CLAIM)]).claims == {CLAIM}


def versions_of(way: Way) -> Iterable[tuple[str, str]]:
    if way.host == "plain.test":
        return [("1.3", "1.1")]
    return [(tls, http) for tls in TLS_VERSIONS for http in HTTP_VERSIONS]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_claim_is_seen_by_nobody(bench: Bench, way: Way) -> None:
    for tls, http in versions_of(way):
        with bench.connect(way.host, way.client, tls, http) as client:
            seen = bench.seen(client, way.host, f"{way.name}-{tls}-{http}", CLAIMS, way.prefix)
        assert seen == Seen(frozenset({PEER}), frozenset()), (tls, http)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling_alone_is_seen_by_nobody(bench: Bench, spelling: str) -> None:
    with bench.connect("optional.test", None) as client:
        seen = bench.seen(client, "optional.test", f"alone-{spelling}", [(spelling, CLAIM)])
    assert seen == Seen(frozenset({PEER}), frozenset())


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("way", WAYS[:4], ids=lambda way: way.name)
def test_ghsa_7r4p_vjf4_gxv4(bench: Bench, way: Way, tls: str, http: str) -> None:
    """A header that only a verified peer may set survived where the peer was optional: it spoke for any client."""
    bench.httpd.allow("AH01630")
    with bench.connect(way.host, way.client, tls, http) as client:
        claim = [("cf-connecting-ip", VISITOR)]
        assert client.request("/visitors/", host=way.host, headers=claim).status == 403
        assert client.request("/peers/", host=way.host, headers=claim).status == 200
        assert "HTTP_CF_CONNECTING_IP" not in client.request("/cgi/env", host=way.host, headers=claim).text
    with bench.connect("on.test", "edge", tls, http) as client:
        assert client.request("/visitors/", host="on.test", headers=claim).status == 200


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("client_name", (None, "stranger"))
def test_refused_request_is_the_peers(bench: Bench, client_name: Optional[str], http: str) -> None:
    """On: the answer, the access log and the line of the refusal show who it was, not who they say."""
    bench.httpd.expect(f"CFAOP301: refused: .*peer={re.escape(PEER)}")
    with bench.connect("on.test", client_name, http=http) as client:
        answer = client.request(f"/?refused-{client_name}-{http}", host="on.test", headers=[("cf-connecting-ip", CLAIM)])
    assert (answer.status, answer.header("x-address")) == (400, PEER)
    assert bench.logged(f"?refused-{client_name}-{http}")[:4] == [PEER, PEER, "-", "400"]
    assert not bench.httpd.log.find(re.escape(CLAIM))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_error_document_of_a_refused_request_sees_the_peer(bench: Bench, http: str) -> None:
    """An ErrorDocument that is exempt is a program that runs for strangers."""
    bench.httpd.expect_refusal("no_certificate")
    with bench.connect("exempt-path.test", None, http=http) as client:
        answer = client.request("/", host="exempt-path.test", headers=[("cf-connecting-ip", CLAIM)])
    assert answer.status == 400
    assert environment_of(answer.text)["REMOTE_ADDR"] == PEER
    assert CLAIM not in answer.text


@pytest.mark.parametrize("host, claims", (("trailers.test", "-"), ("control-trailers.test", CLAIM)))
def test_header_in_a_trailer_does_not_come_back(bench: Bench, host: str, claims: str) -> None:
    """MergeTrailers adds to a request's headers when its body was read, long after all of them were looked at."""
    body = b"3\r\nabc\r\n0\r\n" + f"{HEADER}: {CLAIM}\r\n\r\n".encode()
    with bench.connect(host, None) as client:
        head = [("Transfer-Encoding", "chunked"), ("Trailer", HEADER)]
        client.send(request_bytes(f"/?{host}", host=host, method="POST", headers=head) + body)  # type: ignore[union-attr]
        answer = client.read_response()  # type: ignore[union-attr]
    assert (answer.status, answer.header("x-address")) == (200, PEER)
    assert bench.logged(f"?{host}")[:3] == [PEER, PEER, claims]


def test_starting_server_says_that_trailers_are_not_merged(bench: Bench) -> None:
    lines = [line for line in bench.httpd.log.text().splitlines() if "CFAOP127: " in line]
    assert lines and ":warn]" in lines[0]
    assert "trailers.test" in lines[0] and "control-trailers.test" not in lines[0]


# Which header


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_named_header_is_read_instead(bench: Bench, http: str) -> None:
    headers = [("x-visitor", VISITOR), ("cf-connecting-ip", CLAIM)]
    with bench.connect("named.test", http=http) as client:
        cgi = environment_of(client.request("/cgi/env", host="named.test", headers=headers).text)
    assert (cgi["REMOTE_ADDR"], cgi["HTTP_X_VISITOR"]) == (VISITOR, VISITOR)
    with bench.connect("named.test", None, http=http) as client:
        cgi = environment_of(client.request("/cgi/env", host="named.test", headers=headers).text)
    assert (cgi["REMOTE_ADDR"], "HTTP_X_VISITOR" in cgi) == (PEER, False)
    # the header of that name means nothing here, and nobody touches it
    assert cgi["HTTP_CF_CONNECTING_IP"] == CLAIM


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("host", ("unset.test", "control.test"))
def test_without_the_directive_nothing_changes(bench: Bench, host: str, http: str) -> None:
    with bench.connect(host, http=http) as client:
        cgi = environment_of(client.request("/cgi/env", host=host, headers=[("cf-connecting-ip", VISITOR)]).text)
    assert (cgi["REMOTE_ADDR"], cgi["HTTP_CF_CONNECTING_IP"]) == (PEER, VISITOR)


# mod_remoteip beside it


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("host", ("both.test", "both-same.test"))
def test_guards_address_wins_over_mod_remoteips_on_a_verified_connection(bench: Bench, host: str, tls: str, http: str) -> None:
    headers = [("cf-connecting-ip", VISITOR), ("x-forwarded-for", "198.51.100.1")]
    with bench.connect(host, tls=tls, http=http) as client:
        answer = client.request(f"/?{host}-{tls}-{http}", host=host, headers=headers)
        cgi = environment_of(client.request("/cgi/env", host=host, headers=headers).text)
    assert (answer.header("x-address"), cgi["REMOTE_ADDR"]) == (VISITOR, VISITOR)
    assert bench.logged(f"?{host}-{tls}-{http}")[:2] == [VISITOR, PEER]


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_mod_remoteip_sees_no_claim(bench: Bench, http: str) -> None:
    claim = [("cf-connecting-ip", CLAIM)]
    with bench.connect("remoteip.test", None, http=http) as client:
        assert client.request(host="remoteip.test", headers=claim).header("x-address") == CLAIM
    with bench.connect("both-same.test", None, http=http) as client:
        assert client.request(host="both-same.test", headers=claim).header("x-address") == PEER
    # what mod_remoteip believes of a header of its own is between it and the administrator
    with bench.connect("both.test", None, http=http) as client:
        answer = client.request(host="both.test", headers=[*claim, ("x-forwarded-for", "198.51.100.1")])
        assert answer.header("x-address") == "198.51.100.1"


@pytest.mark.parametrize("visitors", ("Off", "On"))
def test_early_lines_of_another_vhost_prepare_the_header_for_mod_remoteip(
    servers: Servers, server_certificate: Credential, visitors: str
) -> None:
    """CFOriginPullRemoteIP in one virtual host does not have mod_remoteip run before mod_headers in another."""
    port = free_port()
    show = 'Header always set X-Address "expr=%{REMOTE_ADDR}"'
    believes = ["RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy 127.0.0.1", show]
    config = vhost(port, "on.test", "CFOriginPull On", f"CFOriginPullRemoteIP {visitors}", tls=server_certificate)
    unset, edit = "RequestHeader unset X-Forwarded-For early", "RequestHeader edit X-Forwarded-For :[0-9]+$ '' early"
    for name, line in (("unset.test", unset), ("edit.test", edit)):
        config += vhost(port, name, *believes, line, tls=server_certificate)
    server = servers.httpd(config, listen=[port], modules=["remoteip"])
    for name, address in (("unset.test", "127.0.0.1"), ("edit.test", "203.0.113.7")):
        answer = fetch(port, sni=name, headers=[("X-Forwarded-For", "203.0.113.7:5555")])
        assert answer.header("x-address") == address, name
    server.stop()


# Configuration


BAD_LINES = {
    "no-argument": ("CFOriginPullRemoteIP", "write On or Off"),
    "other-word": ("CFOriginPullRemoteIP Yes", "'Yes' is not allowed, write On or Off"),
    "header-first": ("CFOriginPullRemoteIP X-Visitor On", "'X-Visitor' is not allowed, write On or Off"),
    "three": ("CFOriginPullRemoteIP On X-A X-B", "write On or Off"),
    "colon": ("CFOriginPullRemoteIP On X-Visitor:", "'X-Visitor:' is not allowed, write the name of a request header"),
    "blank": ('CFOriginPullRemoteIP On "X Visitor"', "'X Visitor' is not allowed"),
    "address": ("CFOriginPullRemoteIP On 192.0.2.1", "'192.0.2.1' is not allowed"),
    "directory": ("<Location />\nCFOriginPullRemoteIP On\n</Location>", "CFOriginPullRemoteIP not allowed"),
}


@pytest.fixture(scope="module")
def idle(servers: Servers) -> Httpd:
    """A server that is not started."""
    return servers.prepare_httpd("", listen=[free_port()])


@pytest.mark.parametrize("name", BAD_LINES)
def test_mistake_is_refused(idle: Httpd, server_certificate: Credential, name: str) -> None:
    line, words = BAD_LINES[name]
    idle.write_config(vhost(idle.port, "a.test", "CFOriginPull On", line, tls=server_certificate))
    outcome = idle.config_test()
    assert not outcome.ok
    assert "CFOriginPullRemoteIP" in outcome.stderr and words in outcome.stderr


def dumped(idle: Httpd) -> Sequence[str]:
    outcome = idle.config_test(defines=["DUMP_CF_ORIGIN_PULL"])
    assert outcome.returncode == 0, outcome.stderr
    return re.findall(r"remote ip: (\S+)", outcome.stdout)


def test_vhosts_inherit_and_replace(idle: Httpd, server_certificate: Credential) -> None:
    config = "CFOriginPullRemoteIP on X-Everywhere\n"
    for number, lines in enumerate(([], ["CFOriginPullRemoteIP On"], ["CFOriginPullRemoteIP Off"], ["CFOriginPullRemoteIP On X-Own"])):
        config += vhost(idle.port, f"v{number}.test", "CFOriginPull On", *lines, tls=server_certificate)
    idle.write_config(config)
    assert [name for name in dumped(idle) if name != "X-Everywhere"] == [HEADER, "X-Own"]
    assert "X-Everywhere" in dumped(idle)
