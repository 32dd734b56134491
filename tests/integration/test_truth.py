"""Where a request goes on with a certificate that nobody accepted, nobody is told that it is good.

Every vhost has the same outlets of mod_ssl's word, SSL_CLIENT_VERIFY, and the same gates that rely on it. What differs is
how a client gets there. Each story has its control: a good certificate says SUCCESS at every outlet and opens every gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest
from OpenSSL import SSL

from conftest import Servers
from support import environment
from support.client import HTTP_VERSIONS, TLS_VERSIONS, Client, connect
from support.http1 import Http1
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.waiting import wait_until

GOOD = "SUCCESS"
MODULES = (
    "auth_basic authn_core authn_file authz_user include lua proxy proxy_http rewrite".split()
    + (["cgi"] if environment.default_mpm() == "prefork" else ["cgid"])
)
# "password", as mod_ssl documents it for FakeBasicAuth, whose name is SSLUserName's in trunk; and bob's own password, "secret"
USERS = "/CN=admin:xxj31ZMTZzkVA\nadmin:xxj31ZMTZzkVA\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
BOB = ("Authorization", "Basic Ym9iOnNlY3JldA==")

# Header of the answer -> where its value comes from.
HEADERS = {
    "x-s": '"%{SSL_CLIENT_VERIFY}s"',
    "x-s-lower": '"%{ssl_client_verify}s"',
    "x-env": '"%{SSL_CLIENT_VERIFY}e"',
    "x-expr": '"expr=%{SSL_CLIENT_VERIFY}"',
    "x-expr-lower": '"expr=%{ssl_client_verify}"',
    "x-function": '"expr=%{SSL:SSL_CLIENT_VERIFY}"',
    "x-function-lower": '"expr=%{ssl:ssl_client_verify}"',
    "x-setenvif": '"%{BY_SETENVIF}e"',
    "x-rewrite": '"%{BY_REWRITE}e"',
    "x-rewrite-lower": '"%{BY_REWRITE_LOWER}e"',
    "x-rewrite-expr": '"%{BY_REWRITE_EXPR}e"',
}
# What else mod_ssl tells of a client's certificate: header of the answer -> where its value comes from. The certificates
# of the clients say CA:FALSE, which "CA" in their basicConstraints stands for.
CERTIFICATE = {
    "x-dn": '"%{SSL_CLIENT_S_DN}s"',
    "x-dn-expr": '"expr=%{SSL_CLIENT_S_DN_CN}"',
    "x-dn-function": '"expr=%{SSL:SSL_CLIENT_I_DN}"',
    "x-serial": '"expr=%{SSL_CLIENT_M_SERIAL}"',
    # what mod_proxy_ajp hands to a servlet container; it ends with a newline, which old httpds send as a space: HTTP/2 forbids
    # that at the end of a value
    "x-cert": '"%{SSL_CLIENT_CERT}s."',
    "x-dn-env": '"%{SSL_CLIENT_S_DN_CN}e"',
}
# Headers of the request as a backend gets it.
FORWARDED = ("x-s", "x-env", "x-expr")
GATES = {
    "require-expr": ["Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\""],
    "require-lower": ["Require expr \"%{ssl_client_verify} == 'SUCCESS'\""],
    "require-function": ["Require expr \"%{SSL:SSL_CLIENT_VERIFY} == 'SUCCESS'\""],
    "require-client": ["Require ssl-verify-client"],
    "require-env": ["SSLOptions +StdEnvVars", "Require expr \"reqenv('BY_SETENVIF') == 'SUCCESS'\""],
    "ssl-require": ['SSLRequire %{SSL_CLIENT_VERIFY} eq "SUCCESS"'],
    "if": ["<If \"%{SSL_CLIENT_VERIFY} != 'SUCCESS'\">", "Require all denied", "</If>"],
    "user": ["SSLUserName SSL_CLIENT_S_DN_CN", "Require user admin"],
    "valid-user": ["SSLUserName SSL_CLIENT_S_DN", "Require valid-user"],
    "fake-basic": ["SSLOptions +FakeBasicAuth", "Require valid-user"],
    "fake-user": ["SSLOptions +FakeBasicAuth", "SSLUserName SSL_CLIENT_S_DN_CN", "Require user /CN=admin admin"],
    "extension": ["Require expr \"'CA:FALSE' in PeerExtList('basicConstraints')\""],
    "rewrite": [],
}
CLOSED = (401, 403)
# What httpd says of a closed gate.
DENIALS = ("AH01630", "AH01617", "AH01618", "AH02229", "AH01797", "AH01807")


def outlets() -> list[str]:
    """The lines of a vhost that show mod_ssl's word wherever it can be had."""
    return [
        "SSLOptions +StdEnvVars +ExportCertData",
        "RewriteEngine on",
        "RewriteCond %{SSL:SSL_CLIENT_VERIFY} (.*)",
        "RewriteRule ^ - [E=BY_REWRITE:%1]",
        "RewriteCond %{SSL:ssl_client_verify} (.*)",
        "RewriteRule ^ - [E=BY_REWRITE_LOWER:%1]",
        "RewriteCond expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"",
        "RewriteRule ^ - [E=BY_REWRITE_EXPR:SUCCESS]",
        "RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS",
        "RewriteRule ^/rewrite/ - [F]",
        "SetEnvIfExpr \"%{SSL_CLIENT_VERIFY} =~ /(.*)/\" BY_SETENVIF=$1",
        *(f"Header always set {name} {value}" for name, value in {**HEADERS, **CERTIFICATE}.items()),
        "<If \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\">",
        "  Header always set X-If SUCCESS",
        "</If>",
    ]


def gates(password_file: str) -> list[str]:
    lines = []
    for name, rules in GATES.items():
        basic = ["AuthType Basic", "AuthName gate", "AuthBasicProvider file", f"AuthUserFile {password_file}"]
        lines += [f"<Location /{name}/>", *basic, *rules, "</Location>"]
    return lines


def places(backend: int) -> list[str]:
    """Programs and backends that are told."""
    forward = [f"RequestHeader set {name} {HEADERS[name]}" for name in FORWARDED]
    return [
        "<Location /cgi/>",
        "  SetHandler cgi-script",
        "  Options +ExecCGI",
        "  SSLUserName SSL_CLIENT_S_DN_CN",
        "</Location>",
        "<Location /lua/>",
        "  SetHandler lua-script",
        "</Location>",
        "<Location /ssi/>",
        "  Options +Includes",
        "  SetOutputFilter INCLUDES",
        "</Location>",
        "<Location /backend/>",
        *forward,
        "  SSLOptions +FakeBasicAuth",
        "  AuthType Basic",
        "  AuthName backend",
        "  AuthBasicProvider file",
        "  Require all granted",
        f"  ProxyPass http://127.0.0.1:{backend}/",
        "</Location>",
        # mod_ssl makes the verify result good for each of its requests
        "<Location /none/>",
        "  SSLVerifyClient none",
        "</Location>",
    ]


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    clients: dict[str, Credential]

    def connect(self, way: "Way", tls: str, http: str = "1.1", session: Optional[SSL.Session] = None) -> Client:
        return connect(
            self.port, sni=way.sni, credential=self.clients[way.client], tls=tls, http=http, session=session
        )

    def words_of(self, client: Client, host: str) -> dict[str, str]:
        """Every outlet of a vhost, and what it says."""
        answer = client.request(host=host)
        assert (answer.status, answer.vhost) == (200, host)
        words = {name: answer.header(name) or "" for name in (*HEADERS, "x-if")}
        told = client.request("/backend/", host=host)
        words |= {f"backend {name}": told.header(f"x-told-{name}") or "" for name in FORWARDED}
        words["lua"] = client.request("/lua/word.lua", host=host).text
        words["ssi"] = client.request("/ssi/word.html", host=host).text.strip()
        words["cgi"] = self.environment_of(client, host).get("SSL_CLIENT_VERIFY", "")
        return {name: "" if word == "(null)" else word for name, word in words.items()}

    @staticmethod
    def environment_of(client: Client, host: str) -> dict[str, str]:
        text = client.request("/cgi/env", host=host).text
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def open_gates(self, client: Client, host: str, *names: str) -> set[str]:
        """The gates that let the client through; all others must answer that they do not."""
        for pattern in DENIALS:
            self.httpd.allow(pattern)
        answers = {name: client.request(f"/{name}/", host=host).status for name in names or GATES}
        assert set(answers.values()) <= {200, *CLOSED}, answers
        return {name for name, status in answers.items() if status == 200}

    def logged(self, path: str) -> list[str]:
        """What the log formats say of the last request for this path; written after the answer."""
        log = self.httpd.directory / "logs" / "words.log"

        def lines() -> list[str]:
            return [line for line in log.read_text().splitlines() if f" {path} " in line]

        assert wait_until(lambda: bool(lines())), f"no line for {path}"
        return lines()[-1].split("|")[1:]


@dataclass(frozen=True)
class Way:
    """How a client comes to a vhost where its certificate is worth nothing, and what mod_ssl's word has to be."""

    name: str
    sni: Optional[str]
    client: str
    host: str
    word: str


BAD = "FAILED:untrusted_issuer"
ELSEWHERE = "FAILED:misdirected"
HIDDEN = (
    Way("log-only", "log-a.test", "stranger", "log-a.test", BAD),
    Way("log-only-other-ca", "log-a.test", "edge-b", "log-a.test", BAD),
    Way("off-asked-by-default-bad", None, "stranger", "off.test", BAD),
    Way("off-asked-by-default-good", None, "edge-a", "off.test", ELSEWHERE),
    Way("log-only-of-another-policy", None, "edge-a", "log-b.test", ELSEWHERE),
    Way("off-asked-under-another-name", "log-b.test", "edge-b", "off.test", ELSEWHERE),
)
ACCEPTED = (
    Way("log-only", "log-a.test", "edge-a", "log-a.test", GOOD),
    Way("on", "on-a.test", "edge-a", "on-a.test", GOOD),
    Way("on-by-default", None, "edge-a", "on-a.test", GOOD),
    Way("mod-ssl", "mod-ssl.test", "edge-b", "mod-ssl.test", GOOD),
)


def ways(kind: tuple[Way, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("way", kind, ids=lambda way: way.name)


def write_documents(httpd: Httpd) -> None:
    for name in (*GATES, "none"):
        httpd.put(f"{name}/index.html", f"{name}\n")
    httpd.put("cgi/env", "#!/bin/sh\necho Content-Type: text/plain\necho\nenv\n", mode=0o755)
    word = 'r:ssl_var_lookup("SSL_CLIENT_VERIFY")'
    httpd.put("lua/word.lua", f"function handle(r)\n  r:puts({word})\n  return apache2.OK\nend\n")
    httpd.put("ssi/word.html", '<!--#echo var="SSL_CLIENT_VERIFY" -->\n')


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port, backend = free_port(), free_port()
    cas = {name: pki.root(f"ca-{name}") for name in "ab"}
    files = {name: f"CFOriginPullCACertificateFile {ca.cert_file}" for name, ca in cas.items()}
    password_file = pki.file("users", USERS.encode())
    common = [*outlets(), *gates(str(password_file)), *places(backend)]
    sites = {
        # the default vhost: who sends no SNI is asked under its policy
        "on-a.test": ["CFOriginPull On", files["a"]],
        "log-a.test": ["CFOriginPull LogOnly", files["a"]],
        "log-b.test": ["CFOriginPull LogOnly", files["b"]],
        "off.test": [],
        "mod-ssl.test": ["SSLVerifyClient require", f"SSLCACertificateFile {cas['b'].cert_file}"],
    }
    log = '"%r |%{SSL_CLIENT_VERIFY}x|%{ssl_client_verify}x|%{SSL_CLIENT_VERIFY}e|%{errstr}c|%{subjectdn}c|%{issuerdn}c|%u|%{SSL_TLS_SNI}x"'
    config = f"CustomLog logs/words.log {log}\n"
    config += "".join(vhost(port, name, *lines, *common, tls=server_certificate) for name, lines in sites.items())
    told = [f'Header set X-Told-{name} "expr=%{{req:{name}}}"' for name in (*FORWARDED, "Authorization")]
    config += vhost(backend, "backend.test", *told)
    httpd = servers.prepare_httpd(config, listen=[port, backend], modules=MODULES)
    write_documents(httpd)
    clients = {
        "edge-a": cas["a"].issue("edge-a", subject="admin"),
        "edge-b": cas["b"].issue("edge-b", subject="admin"),
        "stranger": pki.self_signed("stranger", subject="admin"),
    }
    return Bench(httpd.start(), port, clients)


@pytest.fixture(autouse=True)
def refusals_may_be_logged(bench: Bench) -> None:
    bench.httpd.allow_refusals()


# Outlets


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(HIDDEN)
def test_no_outlet_says_success(bench: Bench, way: Way, tls: str, http: str) -> None:
    with bench.connect(way, tls, http) as client:
        words = bench.words_of(client, way.host)
    assert [name for name, word in words.items() if word == GOOD] == []
    assert words["x-s"] == words["x-expr"] == words["x-env"] == words["cgi"] == words["lua"] == way.word


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(HIDDEN + ACCEPTED)
def test_only_an_accepted_certificate_is_mentioned(bench: Bench, way: Way, tls: str, http: str) -> None:
    with bench.connect(way, tls, http) as client:
        answer = client.request(host=way.host)
        environment = bench.environment_of(client, way.host)
    told = {name: (answer.header(name) or "").rstrip(".") for name in CERTIFICATE}
    told = {name: "" if word == "(null)" else word for name, word in told.items()}
    exported = {name for name in environment if name.startswith("SSL_CLIENT_")}
    if way in ACCEPTED:
        assert "" not in told.values() and {"SSL_CLIENT_S_DN_CN", "SSL_CLIENT_CERT"} <= exported
    else:
        assert set(told.values()) == {""} and exported == {"SSL_CLIENT_VERIFY"}


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_access_log_is_one_line_a_request(bench: Bench, tls: str) -> None:
    """An SNI with control bytes and quotes reaches %{...}x as it reaches mod_ssl's own handler: escaped."""
    with connect(bench.port, sni='a\n"b', credential=None, tls=tls) as client:
        assert client.request("/?hostile-sni" + tls, host="off.test").status == 200
    assert bench.logged("/?hostile-sni" + tls)[-1] == r'a\n\"b'


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(ACCEPTED)
def test_every_outlet_says_success_of_a_good_certificate(bench: Bench, way: Way, tls: str, http: str) -> None:
    with bench.connect(way, tls, http) as client:
        words = bench.words_of(client, way.host)
    assert {name: word for name, word in words.items() if word != GOOD} == {}


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(HIDDEN + ACCEPTED)
def test_resumed_session_says_the_same(bench: Bench, way: Way, tls: str) -> None:
    with bench.connect(way, tls) as first:
        first.request(host=way.host)
        session = first.stream.session
    with bench.connect(way, tls, session=session) as again:
        words = bench.words_of(again, way.host)
        resumed = again.stream.resumed
    assert words["x-s"] == words["x-expr"] == words["x-env"] == way.word
    assert (GOOD in words.values()) == (way.word == GOOD)
    # what was not judged good is judged anew; mod_ssl's own sessions are its business
    assert resumed == (way.client != "stranger" and way.word != BAD) or way.host == "mod-ssl.test"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(HIDDEN + ACCEPTED)
def test_log_formats(bench: Bench, way: Way, tls: str, http: str) -> None:
    path = f"/?{way.name}{way.word}{tls}-{http}"
    with bench.connect(way, tls, http) as client:
        assert client.request(path, host=way.host).status == 200
    variable, lower, env, error, subject, issuer, user, _ = bench.logged(path)
    assert (variable, lower, env, user) == (way.word, way.word, way.word, "-")
    assert error == ("-" if way.word == GOOD else way.word.removeprefix("FAILED:"))
    if way in ACCEPTED:
        assert "CN=admin" in subject and issuer != "-"
    else:  # it is not mentioned at all; the guard's own log line names it
        assert subject == issuer == "-"


# Gates


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(HIDDEN)
def test_every_gate_stays_closed(bench: Bench, way: Way, tls: str, http: str) -> None:
    with bench.connect(way, tls, http) as client:
        assert bench.open_gates(client, way.host) == set()
        # mod_ssl makes its verify result good there, with TLS 1.2
        assert client.request("/none/", host=way.host).header("x-s") == way.word
        assert bench.open_gates(client, way.host) == set()


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(ACCEPTED)
def test_every_gate_opens_to_a_good_certificate(bench: Bench, way: Way, tls: str, http: str) -> None:
    with bench.connect(way, tls, http) as client:
        opened = bench.open_gates(client, way.host)
    # mod_ssl's "Require ssl-verify-client" looks at the stream, which has no TLS of its own
    assert set(GATES) - opened == ({"require-client"} if http == "2" else set())


@ways(HIDDEN)
def test_no_user_is_made_of_a_certificate(bench: Bench, way: Way) -> None:
    with bench.connect(way, "1.3") as client:
        assert "REMOTE_USER" not in bench.environment_of(client, way.host)
        assert not client.request("/backend/", host=way.host).header("x-told-authorization")


@ways(ACCEPTED)
def test_a_good_certificate_makes_a_user(bench: Bench, way: Way) -> None:
    with bench.connect(way, "1.3") as client:
        assert bench.environment_of(client, way.host)["REMOTE_USER"] == "admin"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@ways(HIDDEN)
def test_a_password_is_worth_what_it_was(bench: Bench, way: Way, http: str) -> None:
    bench.httpd.allow("AH01617|AH01618")
    with bench.connect(way, "1.3", http) as client:
        assert client.request("/fake-basic/", host=way.host, headers=[_header(BOB, http)]).status == 200
        wrong = ("Authorization", "Basic Ym9iOndyb25n")
        assert client.request("/fake-basic/", host=way.host, headers=[_header(wrong, http)]).status == 401


def _header(header: tuple[str, str], http: str) -> tuple[str, str]:
    return (header[0].lower(), header[1]) if http == "2" else header


# One connection, several vhosts


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_keep_alive_connection_between_vhosts(bench: Bench, tls: str) -> None:
    """A certificate that is good where the connection was asked, and nothing elsewhere, and good again."""
    good, elsewhere = ("on-a.test", "log-a.test"), ("off.test", "log-b.test")
    there_and_back = [(host, other) for host in good for other in elsewhere]
    visits = [visit for host, other in there_and_back for visit in ((host, GOOD), (other, ELSEWHERE), (host, GOOD))]
    with bench.connect(Way("", None, "edge-a", "", ""), tls) as client:
        for host, word in visits:
            assert (client.request(host=host).header("x-s"), host) == (word, host)
            opened = bench.open_gates(client, host, "require-client", "user", "fake-basic", "require-expr")
            assert bool(opened) == (word == GOOD)
            assert len(opened) in (0, 4)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("elsewhere", ("off.test", "log-b.test"))
def test_what_was_hidden_elsewhere_is_there_from_the_first_phase_on(bench: Bench, elsewhere: str, tls: str) -> None:
    """SetEnvIf and mod_rewrite ask before mod_ssl's access hook."""
    with bench.connect(Way("", None, "edge-a", "", ""), tls) as client:
        assert client.request("/none/", host=elsewhere).header("x-s") == ELSEWHERE
        answer = client.request("/rewrite/", host="on-a.test")
    assert (answer.status, answer.header("x-setenvif"), answer.header("x-rewrite")) == (200, GOOD, GOOD)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_request_line_is_judged_by_its_vhost_when_logged(bench: Bench, tls: str) -> None:
    with bench.connect(Way("", None, "edge-a", "", ""), tls) as client:
        for host, word in (("on-a.test", GOOD), ("off.test", ELSEWHERE), ("log-a.test", GOOD)):
            path = f"/?line-{host}-{tls}"
            client.request(path, host=host)
            assert bench.logged(path)[0] == word


# HTTP/2: requests that run at the same time


STREAMS = 50
ROUNDS = 16


@pytest.mark.http2
@pytest.mark.needs("http2-streams")
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways((HIDDEN[0], HIDDEN[3]))
def test_no_lie_among_thousands_of_concurrent_streams(bench: Bench, way: Way, tls: str) -> None:
    for pattern in DENIALS:
        bench.httpd.allow(pattern)
    paths = ("/", "/none/", "/require-expr/", "/user/", "/")
    outlets_seen = ("x-s", "x-env", "x-expr", "x-rewrite", "x-setenvif", "x-if")
    lies = 0
    with bench.connect(way, tls, "2") as client:
        assert isinstance(client, Http2)
        for _ in range(ROUNDS):
            streams = [client.start(paths[number % len(paths)], host=way.host) for number in range(STREAMS)]
            for number, stream in enumerate(streams):
                answer = client.finish(stream)
                gate = paths[number % len(paths)] in ("/require-expr/", "/user/")
                lies += answer.status == 200 if gate else answer.status != 200
                lies += GOOD in [answer.header(name) for name in outlets_seen]
    assert lies == 0


@pytest.mark.http2
@pytest.mark.needs("http2-streams")
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_concurrent_streams_to_several_vhosts(bench: Bench, tls: str) -> None:
    """Each stream is told the truth of its own vhost, whatever runs beside it."""
    truths = {"on-a.test": GOOD, "off.test": ELSEWHERE, "log-a.test": GOOD, "log-b.test": ELSEWHERE}
    with bench.connect(Way("", None, "edge-a", "", ""), tls, "2") as client:
        assert isinstance(client, Http2)
        for _ in range(10):
            streams = [(host, client.start("/none/", host=host)) for host in [*truths] * 10]
            wrong = [host for host, stream in streams if client.finish(stream).header("x-env") != truths[host]]
            assert wrong == []


# The environment is no proof


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_client_cannot_send_the_verdict(bench: Bench, tls: str) -> None:
    """What a client sends arrives as a header, under HTTP_; in its place stands what was frozen."""
    forged = [
        ("Cf-Origin-Pull-Verify", GOOD),
        ("CF_ORIGIN_PULL_VERIFY", GOOD),
        ("SSL_CLIENT_VERIFY", GOOD),
        ("Ssl-Client-Verify", GOOD),
        ("Proxy-SSL_CLIENT_VERIFY", GOOD),
    ]
    with bench.connect(HIDDEN[0], tls) as client:
        assert isinstance(client, Http1)
        text = client.request("/cgi/env", host="log-a.test", headers=forged).text
    lines = text.splitlines()
    assert f"CF_ORIGIN_PULL_VERIFY={BAD}" in lines
    assert f"SSL_CLIENT_VERIFY={BAD}" in lines
    assert "HTTP_CF_ORIGIN_PULL_VERIFY=SUCCESS" in lines
    assert [line for line in lines if line.endswith("=SUCCESS") and not line.startswith("HTTP_")] == []
