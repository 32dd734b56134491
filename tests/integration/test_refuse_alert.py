"""CFOriginPullRefuse alert: the handshake fails, with the alerts of mod_ssl's "SSLVerifyClient require"; what gets past it is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, connect_plain
from support.http1 import Http1, request_bytes
from support.http2 import Http2, StreamError
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.streams import STRAIGHT, Reset, Route, TlsAlert, TlsStream
from support.vhost import vhost
from support.views import MODULES, Numbers, numbers, since, watching
from support.visits import KINDS, SESSION_EVIDENCE, STORAGES, Kind, storage_lines, visit

# Here, connections end while streams of HTTP/2 are at work
ENDING_HTTP = [pytest.param(http, marks=pytest.mark.needs("http2-ends") if http == "2" else ()) for http in HTTP_VERSIONS]
FRIEND = Route(source="127.0.0.9")
MISSING = {"1.2": "handshake failure", "1.3": "certificate required"}
# Of a bad certificate. mod_ssl knows no pins; an application's own objection is a handshake_failure
ALERTS = {
    "stranger": ("untrusted_issuer", "unknown ca"),
    "other": ("untrusted_issuer", "unknown ca"),
    "expired": ("expired", "certificate expired"),
    "early": ("not_yet_valid", "bad certificate"),
    "for-servers": ("wrong_purpose", "unsupported certificate"),
    "revoked": ("revoked", "certificate revoked"),
    "unpinned": ("pin", "handshake failure"),
}


@dataclass(frozen=True)
class Bench:
    """`ports`: the default virtual host there is of that kind; "alert" stands for the default of it, too."""

    httpd: Httpd
    ports: dict[str, int]
    watch: int
    clients: dict[str, Optional[Credential]]

    def connect(self, port: str, client: str, **options: Any) -> Any:
        return connect(self.ports[port], credential=self.clients[client], **options)

    def alert(self, port: str, client: str, *, sni: Optional[str] = None, tls: str = "1.3", http: str = "1.1", route: Route = STRAIGHT) -> str:
        """The alert that ends the handshake, waited for in silence: what is sent meanwhile could be met by a reset."""
        alpn = ("h2",) if http == "2" else ("http/1.1",)
        with pytest.raises(TlsAlert) as alert:
            stream = TlsStream(self.ports[port], sni=sni, credential=self.clients[client], version=tls, alpn=alpn, route=route)
            stream.recv()
        return str(alert.value).split("alert ")[1]

    def outcome(self, port: str, host: str, client: str, **options: Any) -> str:
        """What comes of a request: "closed" for no answer at all, or the status."""
        with self.connect(port, client, **options) as connection:
            return outcome_of(connection, host)

    def numbers(self) -> Numbers:
        """By the names of virtual host and port: "alert at page"."""
        names = {str(port): name for name, port in self.ports.items()}
        return {f"{label.split('.test:')[0]} at {names[label.split(':')[1]]}": entry for label, entry in numbers(self.watch).items()}


def outcome_of(connection: Any, host: str) -> str:
    if isinstance(connection, Http2):
        stream = connection.start(host=host)
        try:
            return str(connection.finish(stream).status)
        except (Reset, StreamError):
            connection.outlast()
            assert not connection.is_answered(stream)
            return "closed"
    connection.send(request_bytes(host=host))
    try:
        return str(connection.read_response().status)
    except Reset as end:
        assert str(end) == "the server closed after b''", end
        return "closed"


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca, other = pki.root("ca"), pki.root("other")
    ports = {name: free_port() for name in ("alert", "page", "off", "theirs", "cache", "ticket")}
    watch = free_port()
    clients = {
        "edge": ca.issue("edge"),
        "none": None,
        "stranger": pki.self_signed("stranger"),
        "other": other.issue("other-edge"),
        "expired": ca.issue("expired", not_before=-3 * DAY, not_after=-DAY),
        "early": ca.issue("early", not_before=DAY),
        "for-servers": ca.issue("for-servers", eku="server"),
        "revoked": ca.issue("revoked"),
        "unpinned": ca.issue("unpinned"),
    }
    crl = ca.crl("crl", revoked=[clients["revoked"]])
    trust = [f"CFOriginPullCACertificateFile {ca.cert_file}", f"CFOriginPullCARevocationFile {crl}"]
    page = ["CFOriginPull On", *trust]
    alert = [*page, "CFOriginPullRefuse alert"]
    pins = "CFOriginPullPin " + " ".join(f"sha256:{clients[name].sha256}" for name in clients if clients[name] and name != "unpinned")
    verify = [f"SSLCACertificateFile {ca.cert_file}", "SSLVerifyDepth 1"]
    reference = [*verify, "SSLVerifyClient require", "SSLCARevocationCheck leaf", f"SSLCARevocationFile {crl}"]
    sites = {
        "alert": alert,
        "pinned": [*alert, pins],
        "exempt": [*alert, f"CFOriginPullExempt ip {FRIEND.source} 192.0.2.0/24"],
        "builtin": ["CFOriginPull On", "CFOriginPullRefuse alert"],
        "page": page,
        "close": [*page, "CFOriginPullRefuse close"],
        "other": ["CFOriginPull On", f"CFOriginPullCACertificateFile {other.cert_file}", "CFOriginPullRefuse alert"],
        "welcome": [*alert, *verify, "SSLVerifyClient optional", "CFOriginPullExempt ip 127.0.0.9",
                    '<Location "/staff">', "  SSLVerifyClient require", "</Location>"],
        "generous": [*alert, *verify, "SSLVerifyClient optional_no_ca"],
        "require": [*alert, f"SSLCACertificateFile {other.cert_file}", "SSLVerifyClient require", "CFOriginPullExempt ip 127.0.0.9"],
        "off": [],
    }
    config = f"Listen 127.0.0.1:{watch}\n" + watching(watch)
    for port in ("alert", "page", "off"):
        for name in sorted(sites, key=lambda site: site != port):
            config += vhost(ports[port], f"{name}.test", *sites[name], *SESSION_EVIDENCE, tls=server_certificate)
    config += vhost(ports["theirs"], "theirs.test", *reference, tls=server_certificate)
    for storage in STORAGES:
        for name in ("alert", "page", "other", "exempt"):
            config += vhost(ports[storage], f"{name}.test", *sites[name], *storage_lines(storage), *SESSION_EVIDENCE, tls=server_certificate)
    httpd = servers.prepare_httpd(config, listen=[*ports.values()], modules=MODULES)
    httpd.put("staff/index.html", "staff\n")
    httpd.expect("CFAOP122: ")
    httpd.log.always += ["CFAOP30[23]: ", "AH02261|AH02225|AH10158|AH02262"]
    return Bench(httpd.start(), ports, watch, clients)


# The alert is that of mod_ssl; the edge gets its 200 in each


@pytest.mark.parametrize("http", ENDING_HTTP)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("port", ["alert", "page", "off"])
def test_client_without_certificate(bench: Bench, port: str, tls: str, http: str) -> None:
    assert bench.alert(port, "none", sni="alert.test", tls=tls, http=http) == MISSING[tls]
    assert bench.outcome(port, "alert.test", "edge", sni="alert.test", tls=tls, http=http) == "200"
    bench.httpd.log.wait_for("CFAOP307: refused in the handshake: reason=no_certificate ")


@pytest.mark.parametrize("http", ENDING_HTTP)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ALERTS)
def test_bad_certificate_gets_the_alert_of_its_error(bench: Bench, client: str, tls: str, http: str) -> None:
    reason, alert = ALERTS[client]
    host = "pinned.test" if client == "unpinned" else "alert.test"
    assert bench.alert("alert", client, sni=host, tls=tls, http=http) == alert
    assert bench.outcome("alert", host, "edge", sni=host, tls=tls, http=http) == "200"
    line = bench.httpd.log.wait_for(f"CFAOP307: refused in the handshake: reason={reason} ")
    credential = bench.clients[client]
    assert credential
    assert f'sni="{host}" peer=127.0.0.1 subject="CN={credential.label}" ' in line
    assert line.endswith(f"sha256={credential.sha256}")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ["none", *(name for name in ALERTS if name != "unpinned")])
def test_mod_ssl_says_the_same(bench: Bench, client: str, tls: str) -> None:
    assert bench.alert("alert", client, sni="alert.test", tls=tls) == bench.alert("theirs", client, sni="theirs.test", tls=tls)
    assert bench.outcome("theirs", "theirs.test", "edge", sni="theirs.test", tls=tls) == "200"


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_builtin_needs_no_file(bench: Bench, tls: str) -> None:
    assert bench.alert("page", "none", sni="builtin.test", tls=tls) == MISSING[tls]
    assert bench.alert("page", "edge", sni="builtin.test", tls=tls) == "unknown ca"


# The name that the client sends decides, and what it does not decide is closed


@pytest.mark.parametrize("http", ENDING_HTTP)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni", [None, "nobody.test"])
def test_without_a_known_sni_the_default_decides(bench: Bench, sni: Optional[str], tls: str, http: str) -> None:
    options = {"sni": sni, "tls": tls, "http": http}
    assert bench.alert("alert", "none", **options) == MISSING[tls]
    assert bench.outcome("alert", "alert.test", "edge", **options) == "200"
    assert bench.outcome("page", "alert.test", "none", **options) == "closed"
    assert bench.outcome("page", "alert.test", "stranger", **options) == "closed"
    assert bench.outcome("page", "alert.test", "edge", **options) == "200"  # judged by the same policy
    assert bench.outcome("page", "page.test", "none", **options) == "400"
    assert bench.outcome("off", "alert.test", "none", **options) == "closed"
    assert bench.outcome("off", "off.test", "none", **options) == "200"


@pytest.mark.parametrize("http", ENDING_HTTP)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("port", ["alert", "page"])
def test_another_vhosts_connection_is_closed(bench: Bench, port: str, tls: str, http: str) -> None:
    for sni, client, outcome in (
        ("other.test", "other", "closed"),  # good there, and another policy here
        ("page.test", "none", "closed"),
        ("page.test", "expired", "closed"),
        ("off.test", "none", "closed"),
        ("off.test", "edge", "closed"),  # not asked
        ("close.test", "edge", "200"),
    ):
        assert bench.outcome(port, "alert.test", client, sni=sni, tls=tls, http=http) == outcome, (sni, client)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_demand_ends_where_another_name_is_wanted(bench: Bench, tls: str) -> None:
    """The default of the port demands; the virtual hosts behind it decide for themselves."""
    assert bench.outcome("alert", "page.test", "none", sni="page.test", tls=tls) == "400"
    assert bench.outcome("alert", "off.test", "none", sni="off.test", tls=tls) == "200"
    assert bench.outcome("alert", "page.test", "stranger", sni="page.test", tls=tls) == "400"


@pytest.mark.parametrize("http", ENDING_HTTP)
def test_errors_of_an_open_default_are_told(bench: Bench, http: str) -> None:
    with bench.connect("off", "none", sni="close.test", http=http) as client:
        assert client.request("/missing", host="off.test").status == 404


def test_plain_http_on_the_tls_port_gets_nothing(bench: Bench) -> None:
    with connect_plain(bench.ports["alert"]) as client:
        client.send(request_bytes(host="alert.test"))
        assert client.read_to_end() == b""
    with connect_plain(bench.ports["page"]) as client:
        assert client.request(host="page.test").status == 400


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_failed_handshake_for_another_reason_is_not_the_guards(bench: Bench, tls: str) -> None:
    before = bench.numbers()
    with connect_plain(bench.ports["alert"]) as client:
        client.send(b"\x16\x03\x01\x00\x05hello")
        client.read_to_end()
    assert since(before, bench.numbers()) == {}
    assert not bench.httpd.log.find("CFAOP307")


# Exempt addresses


@pytest.mark.parametrize("http", ENDING_HTTP)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("port", ["alert", "page"])
def test_exempt_address_is_asked_and_need_not_answer(bench: Bench, port: str, tls: str, http: str) -> None:
    options = {"sni": "exempt.test", "tls": tls, "http": http}
    for client in ("none", "stranger", "expired", "edge"):
        assert bench.outcome(port, "exempt.test", client, route=FRIEND, **options) == "200", client
    assert bench.alert(port, "none", route=STRAIGHT, **options) == MISSING[tls]
    assert bench.alert(port, "expired", route=STRAIGHT, **options) == "certificate expired"
    assert bench.outcome(port, "exempt.test", "edge", route=STRAIGHT, **options) == "200"
    # the exemption is of this virtual host only
    assert bench.outcome(port, "alert.test", "none", route=FRIEND, **options) == "closed"
    assert bench.alert(port, "none", route=FRIEND, sni="alert.test", tls=tls, http=http) == MISSING[tls]


def test_exempt_client_is_still_asked(bench: Bench) -> None:
    with bench.connect("alert", "edge", sni="exempt.test", route=FRIEND) as client:
        answer = client.request(host="exempt.test")
    assert (answer.status, answer.verify) == (200, "SUCCESS")


# mod_ssl verifies too


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("host", ["welcome.test", "generous.test"])
def test_guard_adds_to_what_mod_ssl_lets_through(bench: Bench, host: str, tls: str) -> None:
    assert bench.alert("alert", "none", sni=host, tls=tls) == MISSING[tls]
    assert bench.alert("alert", "stranger", sni=host, tls=tls) == "unknown ca"
    assert bench.outcome("alert", host, "edge", sni=host, tls=tls) == "200"


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_mod_ssls_own_demand_stays(bench: Bench, tls: str) -> None:
    options = {"sni": "require.test", "tls": tls}
    assert bench.alert("alert", "edge", **options) == "unknown ca"  # mod_ssl wants the other CA
    assert bench.alert("alert", "other", **options) == "unknown ca"  # and the guard its own
    assert bench.alert("alert", "none", route=FRIEND, **options) == MISSING[tls]
    assert bench.outcome("alert", "require.test", "other", route=FRIEND, **options) == "200"


def test_demand_is_not_left_for_mod_ssl_to_find(bench: Bench) -> None:
    """A directory that requires a certificate asks for one again, as without the guard, where the virtual host was content without."""
    with bench.connect("alert", "none", sni="welcome.test", tls="1.2", route=FRIEND) as client:
        assert client.request(host="welcome.test").status == 200
    with bench.connect("alert", "edge", sni="welcome.test", tls="1.2") as client:
        assert client.request("/staff/", host="welcome.test").status == 200


# Sessions


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_good_session_resumes_and_only_where_it_was_judged(bench: Bench, kind: Kind) -> None:
    port, edge = bench.ports[kind.storage], bench.clients["edge"]
    first = visit(port, "alert.test", tls=kind.tls, credential=edge)
    again = visit(port, "alert.test", tls=kind.tls, session=first.session)  # without the certificate
    assert (first.outcome, again.outcome) == ((200, "SUCCESS", False), (200, "SUCCESS", True))


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("client", ["none", "expired"])
def test_session_of_a_page_is_no_way_past_the_alert(bench: Bench, kind: Kind, client: str) -> None:
    """The session of a client that got its 400, or of one that needed no certificate, becomes a full handshake, which fails."""
    port, credential = bench.ports[kind.storage], bench.clients[client]
    refused = visit(port, "page.test", tls=kind.tls, credential=credential)
    assert refused.answer.status == 400
    with connect(port, sni="exempt.test", tls=kind.tls, credential=credential, route=FRIEND) as exempt:
        assert exempt.request(host="exempt.test").status == 200
        spared = exempt.stream.session
    for session, name in ((refused.session, "alert.test"), (spared, "exempt.test")):
        with pytest.raises(TlsAlert):
            visit(port, name, tls=kind.tls, session=session)


@pytest.mark.parametrize("storage", STORAGES)
def test_refused_handshake_leaves_no_session(bench: Bench, storage: str) -> None:
    """With TLS 1.3 the client's own handshake is over when the alert comes, but no ticket has come."""
    client = connect(bench.ports[storage], sni="alert.test", tls="1.3")
    assert isinstance(client, Http1)
    with pytest.raises(TlsAlert):
        client.read_to_end()
    session = client.stream.session
    with connect(bench.ports[storage], sni="alert.test", tls="1.3", credential=bench.clients["edge"], session=session) as again:
        assert again.request(host="alert.test").status == 200
        assert not again.stream.resumed


# nginx in the place of the edge


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("host", ["alert.test", "close.test"])
def test_edge_that_keeps_its_sessions(servers: Servers, bench: Bench, host: str, tls: str) -> None:
    entries = {"edge": free_port(), "expired": free_port()}
    config = ""
    for client, port in entries.items():
        credential = bench.clients[client]
        assert credential
        lines = [
            f"listen 127.0.0.1:{port};",
            f"location / {{ proxy_pass https://127.0.0.1:{bench.ports['page']}; proxy_set_header Host {host}; }}",
            f"proxy_ssl_name {host};",
            "proxy_ssl_server_name on;",
            f"proxy_ssl_protocols TLSv{tls};",
            # nginx would take the good edge's session for both, since they go to the same place
            f"proxy_ssl_session_reuse {'on' if client == 'edge' else 'off'};",
            f"proxy_ssl_certificate {credential.cert_file};",
            f"proxy_ssl_certificate_key {credential.key_file};",
        ]
        config += "server {" + " ".join(lines) + "}\n"
    edge = servers.nginx(config)
    for client, statuses in (("edge", [200] * 5), ("expired", [502] * 3)):
        for status in statuses:
            with connect_plain(entries[client]) as visitor:
                assert visitor.request(host=host).status == status
    edge.stop()


# What the operator sees


@pytest.mark.parametrize("http", ENDING_HTTP)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_refusals_are_counted_by_reason(bench: Bench, tls: str, http: str) -> None:
    before = bench.numbers()
    for client in ("none", "none", "expired", "stranger"):
        bench.alert("alert", client, sni="alert.test", tls=tls, http=http)
    assert bench.outcome("alert", "alert.test", "edge", sni="alert.test", tls=tls, http=http) == "200"
    assert since(before, bench.numbers()) == {
        "alert at alert": {
            "handshake no_certificate": 2,
            "handshake failed": 2,
            "handshake verified": 1,
            "refused no_certificate": 2,
            "refused expired": 1,
            "refused untrusted_issuer": 1,
            "allowed none": 1,
        }
    }


def test_request_past_the_handshake_is_counted_as_everywhere(bench: Bench) -> None:
    before = bench.numbers()
    assert bench.outcome("off", "alert.test", "none", sni="off.test") == "closed"
    assert since(before, bench.numbers()) == {"alert at off": {"refused misdirected": 1}}
    bench.httpd.log.wait_for("CFAOP301: refused: reason=misdirected status=421 ")


def test_name_of_the_client_cannot_forge_a_line(bench: Bench) -> None:
    with pytest.raises(TlsAlert):
        with connect(bench.ports["alert"], sni='a"\n%b', tls="1.2"):
            pass
    assert 'sni="a%22%0A%25b" peer=127.0.0.1' in bench.httpd.log.wait_for("CFAOP307: .*no_certificate")


def test_warnings_are_rare(bench: Bench) -> None:
    bench.httpd.log.settle()
    for _ in range(6):
        bench.alert("page", "unpinned", sni="pinned.test")
    bench.httpd.log.wait_for("CFAOP307: .*reason=pin ")
    assert len(bench.httpd.log.find("CFAOP302: .*reason=pin ")) <= 1
