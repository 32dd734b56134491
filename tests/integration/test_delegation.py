"""mod_ssl's own client authentication stays what it is, beside the guard and on every other vhost.

Two authorities: the guard trusts the CA "pull" and the intermediate "partner"; mod_ssl trusts the CA "staff", which
issued the intermediate. So there are certificates for the guard, for mod_ssl, for both and for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from conftest import Servers
from support.client import TLS_VERSIONS, connect, fetch
from support.environment import BUILTIN_CA, has_openssl_3
from support.http1 import Http1
from support.http2 import StreamError
from support.httpd import Httpd
from support.pki import Credential, Pki, name_attribute
from support.ports import free_port
from support.preload import preloading
from support.response import Response
from support.streams import Reset, TlsAlert, TlsStream, tls_context
from support.vhost import vhost

SHOW = 'Header always set X-Ssl "%{SSL_CLIENT_VERIFY}s"'
SHOW_USER = 'Header always set X-User "expr=%{REMOTE_USER}"'
REFUSED = (TlsAlert, Reset)
# mod_ssl says so where it refuses a renegotiation; at times after the client has gone on to another test.
RENEGOTIATION_FAILED = ("AH02261", "AH02262", "AH02224", "AH02040", "SSL Library Error")


@dataclass(frozen=True)
class Authorities:
    pull: Credential
    staff: Credential
    partner: Credential
    clients: dict[Optional[str], Optional[Credential]]


@pytest.fixture(scope="module")
def authorities(pki: Pki) -> Authorities:
    pull, staff = pki.root("pull"), pki.root("staff")
    partner = staff.issue("partner", ca=True)
    clients = {
        None: None,
        "ours": pull.issue("ours"),
        "theirs": staff.issue("theirs"),
        "both": partner.issue("both").sending(partner),
        "both-revoked": partner.issue("both-revoked").sending(partner),
        "nobody": pki.self_signed("nobody"),
    }
    return Authorities(pull, staff, partner, clients)


def directory(path: str, *lines: str) -> list[str]:
    return [f'<Location "{path}">', *lines, "</Location>"]


QUICK = ["SSLVerifyClient require", "SSLVerifyDepth 2", "SSLOptions +OptRenegotiate"]
OTHER_SECTIONS = ("/quick-directory/", "/quick-file.html", "/quick-if/", "/quick-htaccess/")


def directories() -> list[str]:
    """Places of a vhost that ask for themselves."""
    return [
        *directory("/staff", "SSLVerifyClient require", "SSLVerifyDepth 2"),
        *directory("/deep", "SSLVerifyClient require", "SSLVerifyDepth 1"),
        *directory("/welcome", "SSLVerifyClient optional", "SSLVerifyDepth 2"),
        *directory("/none", "SSLVerifyClient none"),
        *directory("/named", "SSLVerifyClient require", "SSLVerifyDepth 2", "SSLUserName SSL_CLIENT_S_DN_CN", SHOW_USER),
        *directory("/quick", "SSLVerifyClient require", "SSLVerifyDepth 2", "SSLOptions +OptRenegotiate"),
        *directory("/quick-welcome", "SSLVerifyClient optional", "SSLVerifyDepth 2", "SSLOptions +OptRenegotiate"),
        # the other ways to say it
        '<DirectoryMatch "/htdocs/quick-directory">',
        *QUICK,
        "</DirectoryMatch>",
        '<Files "quick-file.html">',
        *QUICK,
        "</Files>",
        "<If \"%{REQUEST_URI} =~ m#^/quick-if/#\">",
        *QUICK,
        "</If>",
    ]


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    stock_port: int
    twins: tuple[int, int, int]
    authorities: Authorities

    def client(self, name: Optional[str]) -> Optional[Credential]:
        return self.authorities.clients[name]

    def fetch(self, sni: str, client: Optional[str], tls: str = "1.3", path: str = "/") -> Response:
        return fetch(self.port, path, sni=sni, credential=self.client(client), tls=tls)

    def connect(self, sni: str, client: Optional[str], tls: str = "1.2") -> Http1:
        connection = connect(self.port, sni=sni, credential=self.client(client), tls=tls)
        assert isinstance(connection, Http1)
        return connection


@pytest.fixture(scope="module")
def bench(
    servers: Servers, pki: Pki, server_certificate: Credential, authorities: Authorities, directory: Path
) -> Bench:
    port, stock_port = free_port(), free_port()
    twins = free_port(), free_port(), free_port()
    trusted = pki.bundle("guard", authorities.pull, authorities.partner)
    guard = [f"CFOriginPullCACertificateFile {trusted}"]
    on = ["CFOriginPull On", *guard]
    staff = [f"SSLCACertificateFile {authorities.staff.cert_file}"]
    verify = [*staff, "SSLVerifyDepth 2"]
    revoked = authorities.clients["both-revoked"]
    crl = authorities.partner.crl("partner-crl", revoked=[revoked])
    sites = {
        "off.test": [],
        "on.test": on,
        "builtin.test": ["CFOriginPull On"],
        "require.test": [*on, *verify, "SSLVerifyClient require"],
        "optional.test": [*on, *verify, "SSLVerifyClient optional"],
        "generous.test": [*on, *verify, "SSLVerifyClient optional_no_ca"],
        "generous-log.test": ["CFOriginPull LogOnly", *guard, *verify, "SSLVerifyClient optional_no_ca"],
        "shallow.test": [*on, *staff, "SSLVerifyClient require", "SSLVerifyDepth 1"],
        "crl.test": [
            *on,
            *verify,
            "SSLVerifyClient require",
            "SSLCARevocationCheck leaf",
            f"SSLCARevocationFile {crl}",
        ],
        "beside.test": [*verify, "SSLVerifyClient require"],
        "dir.test": [*on, *staff, *directories()],
        "dir-log.test": ["CFOriginPull LogOnly", *guard, *staff, *directories()],
        "dir-off.test": [*staff, *directories()],
    }
    config = "".join(vhost(port, name, *lines, SHOW, tls=server_certificate) for name, lines in sites.items())
    ticket_key = pki.directory / "ticket.key"
    ticket_key.write_bytes(bytes(range(48)))
    for twin, lines in zip(twins, (on, on, sites["require.test"])):
        config += vhost(twin, "twin.test", *lines, f"SSLSessionTicketKeyFile {ticket_key}", tls=server_certificate)
    stock = vhost(stock_port, "dir.test", *staff, *directories(), SHOW, tls=server_certificate)
    environment = preloading("ticket_key", directory)
    httpd = servers.prepare_httpd(config, listen=[port, *twins], extra_environment=environment)
    httpd.write_config(config + f'<Directory "{httpd.htdocs}/quick-htaccess">\n  AllowOverride All\n</Directory>\n')
    httpd.expect("CFAOP122: .*require.test")
    httpd.expect("CFAOP160: .*dir.test:")
    httpd.allow("CFAOP137: ")
    httpd.start()
    stock_httpd = servers.httpd(stock.replace("%{CF_ORIGIN_PULL_VERIFY}", ""), listen=[stock_port], with_module=False)
    for server in (httpd, stock_httpd):
        server.log.always += RENEGOTIATION_FAILED
    return Bench(httpd, port, stock_port, twins, authorities)


def test_startup_warns_once_where_both_verify(servers: Servers, server_certificate: Credential, authorities: Authorities) -> None:
    port = free_port()
    twice = ["CFOriginPull On", "SSLVerifyClient optional", f"SSLCACertificateFile {authorities.staff.cert_file}"]
    config = "".join(vhost(port, name, *twice, tls=server_certificate) for name in ("a.test", "b.test"))
    httpd = servers.prepare_httpd(config + vhost(port, "c.test", "CFOriginPull On", tls=server_certificate), listen=[port])
    httpd.expect("CFAOP122: ")
    httpd.start()
    [line] = httpd.log.find("CFAOP122: ")
    assert f"a.test:{port}" in line and f"b.test:{port}" in line
    assert "c.test" not in line
    httpd.stop()


# SSLVerifyClient on the guarded vhost itself


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni", ("require.test", "optional.test"))
class TestBothVerify:
    def test_good_for_both_is_served(self, bench: Bench, sni: str, tls: str) -> None:
        answer = bench.fetch(sni, "both", tls)
        assert (answer.status, answer.verify, answer.header("x-ssl")) == (200, "SUCCESS", "SUCCESS")

    @pytest.mark.parametrize("client", ("ours", "nobody"))
    def test_bad_for_mod_ssl_is_refused_by_alert(self, bench: Bench, sni: str, tls: str, client: str) -> None:
        with pytest.raises(TlsAlert, match="unknown ca"):
            bench.fetch(sni, client, tls)

    def test_bad_for_the_guard_is_refused_by_page(self, bench: Bench, sni: str, tls: str) -> None:
        bench.httpd.expect_refusal("untrusted_issuer")
        assert bench.fetch(sni, "theirs", tls).status == 400


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_no_certificate_is_an_alert_where_mod_ssl_requires_one(bench: Bench, tls: str) -> None:
    with pytest.raises(REFUSED):
        bench.fetch("require.test", None, tls)
    bench.httpd.expect_refusal("no_certificate")
    assert bench.fetch("optional.test", None, tls).status == 400


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_optional_no_ca_lets_the_guard_decide(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("untrusted_issuer")
    assert bench.fetch("generous.test", "both", tls).header("x-ssl") == "SUCCESS"
    assert bench.fetch("generous.test", "ours", tls).status == 200
    assert bench.fetch("generous.test", "nobody", tls).status == 400


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_optional_no_ca_keeps_its_own_word_for_strangers(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("untrusted_issuer", would=True)
    answer = bench.fetch("generous-log.test", "nobody", tls)
    # with TLS 1.3 mod_ssl leaves OpenSSL's result where it is
    hyphen = "-" if has_openssl_3() else " "
    word = "GENEROUS" if tls == "1.2" else f"FAILED:self{hyphen}signed certificate"
    assert (answer.status, answer.header("x-ssl")) == (200, word)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_depth_of_mod_ssl_stays_in_force(bench: Bench, tls: str) -> None:
    bench.httpd.expect("AH02040")  # Certificate Chain too long
    with pytest.raises(TlsAlert):
        bench.fetch("shallow.test", "both", tls)
    bench.httpd.expect_refusal("untrusted_issuer")
    assert bench.fetch("shallow.test", "theirs", tls).status == 400


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_crl_of_mod_ssl_stays_in_force(bench: Bench, tls: str) -> None:
    assert bench.fetch("require.test", "both-revoked", tls).status == 200
    assert bench.fetch("crl.test", "both", tls).status == 200
    with pytest.raises(TlsAlert, match="revoked"):
        bench.fetch("crl.test", "both-revoked", tls)


# SSLVerifyClient on another vhost


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ("ours", "nobody", None))
def test_require_of_another_vhost_is_not_weakened(bench: Bench, tls: str, client: Optional[str]) -> None:
    with pytest.raises(REFUSED):
        bench.fetch("beside.test", client, tls)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ("theirs", "both"))
def test_require_of_another_vhost_lets_its_clients_in(bench: Bench, tls: str, client: str) -> None:
    answer = bench.fetch("beside.test", client, tls)
    assert (answer.status, answer.header("x-ssl"), answer.verify) == (200, "SUCCESS", "")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ("ours", "nobody"))
def test_require_of_another_vhost_is_not_reached_by_host(bench: Bench, tls: str, client: str) -> None:
    """mod_ssl compares the two vhosts: no request passes from one to the other."""
    for sni in ("on.test", "off.test", "dir-log.test"):
        bench.httpd.allow("AH02032|AH02261|AH02262|AH10158|SSL Library Error")
        answer = fetch(bench.port, sni=sni, host="beside.test", credential=bench.client(client), tls=tls)
        assert answer.status in (403, 421)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_session_of_a_guarded_vhost_is_no_proof_for_mod_ssl(bench: Bench, tls: str) -> None:
    """One name, policy and ticket key on several ports; on one mod_ssl requires a certificate of its own CA, too."""
    guarded, twin, twice = bench.twins

    def take_up(port: int, session: Optional[SSL.Session]) -> tuple[bool, Optional[SSL.Session]]:
        with connect(port, sni="twin.test", credential=bench.client("ours"), tls=tls, session=session) as client:
            assert client.request(host="twin.test").status == 200
            return client.stream.resumed, client.stream.session

    _, session = take_up(guarded, None)
    assert take_up(twin, session)[0], "the control: the other port knows the session"
    with pytest.raises(REFUSED):
        take_up(twice, session)


# What a client is asked


def asked_for(bench: Bench, sni: str) -> set[str]:
    """The CAs that a server names in its CertificateRequest."""
    with bench.connect(sni, "both") as client:
        assert isinstance(client.stream, TlsStream)
        return {name.CN for name in client.stream.client_ca_names}


@pytest.mark.parametrize(
    "sni, names",
    (
        ("on.test", {"pull", "partner"}),
        ("require.test", {"pull", "partner", "staff"}),
        ("dir.test", {"pull", "partner", "staff"}),
        ("builtin.test", {"origin-pull.cloudflare.net"}),
        ("beside.test", {"staff"}),
        ("off.test", set()),
    ),
)
def test_names_that_a_client_is_sent(bench: Bench, sni: str, names: set[str]) -> None:
    assert asked_for(bench, sni) == names


def test_builtin_sends_the_whole_name_of_cloudflares_ca(bench: Bench) -> None:
    with bench.connect("builtin.test", None) as client:
        assert isinstance(client.stream, TlsStream)
        sent = [name.der() for name in client.stream.client_ca_names]
    assert sent == [x509.load_pem_x509_certificate(BUILTIN_CA.read_bytes()).subject.public_bytes()]


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni, asks", (("on.test", True), ("builtin.test", True), ("off.test", False), ("dir-off.test", False)))
def test_off_asks_for_nothing(bench: Bench, sni: str, asks: bool, tls: str) -> None:
    steps: list[bytes] = []
    context = tls_context(tls, bench.client("ours"), ["http/1.1"])
    context.set_info_callback(lambda connection, *_: steps.append(connection.get_state_string()))
    with connect(bench.port, sni=sni, context=context) as client:
        assert client.request(host=sni).status in (200, 400)
    assert any(b"certificate request" in step for step in steps) == asks
    bench.httpd.allow("CFAOP30[12]")


def test_too_many_names_of_mod_ssl_are_left_out(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> None:
    """mod_ssl has CAs that it asks for nowhere. With their names OpenSSL could not write the question, and would end each handshake."""
    port, ca, one = free_port(), pki.root("beside-many"), pki.root("one-of-many")
    unit = [name_attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "u" * 64)] * 20
    many = [pki.root(f"many-{i}", name=x509.Name([*unit, name_attribute(NameOID.COMMON_NAME, f"many {i}")])) for i in range(50)]
    files = {"few": [one], "many": many, "many-with-ours": [*many, ca]}
    config = ""
    for name, listed in files.items():
        file = directory / f"{name}.pem"
        file.write_bytes(b"".join(each.cert_file.read_bytes() for each in listed))
        lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", f"SSLCACertificateFile {file}"]
        config += vhost(port, f"{name}.test", *lines, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    edge, sent = ca.issue("beside-many-edge"), {}
    for name in files:
        with connect(port, sni=f"{name}.test", credential=edge) as client:
            assert client.request(host=f"{name}.test").status == 200
            assert isinstance(client.stream, TlsStream)
            sent[name] = {each.CN for each in client.stream.client_ca_names}
    assert sent == {"few": {"one-of-many", "beside-many"}, "many": {"beside-many"}, "many-with-ours": {"beside-many"}}
    for name in ("many", "many-with-ours"):
        line = rf"CFAOP150: the names of mod_ssl's CAs for {name}\.test:{port} "
        server.expect(line)
        assert len(server.log.find(line)) == 1
    server.stop()


# SSLVerifyClient of a directory


@dataclass(frozen=True)
class Visit:
    """A client shows one certificate in the handshake, then another where the directory asks."""

    path: str
    first: Optional[str]
    second: Optional[str]
    status: int
    ssl: str


VISITS = (
    Visit("/staff", "ours", "theirs", 200, "SUCCESS"),
    Visit("/staff", "both", None, 200, "SUCCESS"),
    Visit("/staff", "ours", None, 403, ""),
    Visit("/staff", "both", "nobody", 403, ""),
    Visit("/deep", "ours", "theirs", 200, "SUCCESS"),
    Visit("/deep", "both", None, 403, ""),
    Visit("/welcome", "ours", "theirs", 200, "SUCCESS"),
    Visit("/welcome", "ours", None, 403, ""),
    Visit("/quick", "both", None, 200, "SUCCESS"),
    Visit("/quick", "ours", None, 403, ""),
)


def visit(client: Http1, visit: Visit, bench: Bench) -> Optional[Response]:
    """The directory's answer; None where the server ended the connection."""
    second = bench.client(visit.second)
    if second:
        assert isinstance(client.stream, TlsStream)
        client.stream.show(second)
    try:
        return client.request(visit.path + "/", host="dir.test")
    except REFUSED:
        return None


@pytest.fixture(scope="module", autouse=True)
def documents(bench: Bench, servers: Servers) -> None:
    for httpd in servers.httpds:
        names = ["staff", "deep", "welcome", "none", "named", "quick", "quick-welcome"]
        for path in names + [section.strip("/") for section in OTHER_SECTIONS if section.endswith("/")]:
            httpd.put(f"{path}/index.html", f"{path}\n")
        httpd.put("quick-file.html", "quick-file.html\n")
        httpd.put("quick-htaccess/.htaccess", "\n".join(QUICK) + "\n")


@pytest.mark.parametrize("case", VISITS, ids=lambda case: f"{case.path[1:]}-{case.first}-{case.second}")
def test_directory_negotiates_for_itself(bench: Bench, case: Visit) -> None:
    with bench.connect("dir.test", case.first) as client:
        before = client.request(host="dir.test")
        assert (before.status, before.verify) == (200, "SUCCESS")
        answer = visit(client, case, bench)
    if case.status == 403:
        assert answer is None or answer.status == 403
        return
    assert answer is not None
    assert (answer.status, answer.text, answer.header("x-ssl")) == (200, f"{case.path[1:]}\n", case.ssl)
    assert answer.verify == "SUCCESS", "the guard's verdict is that of the first handshake"


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("second, status", (("theirs", 200), ("nobody", 403)))
def test_directory_without_the_module(bench: Bench, servers: Servers, tls: str, second: str, status: int) -> None:
    """The control: what a stock httpd does."""
    stock = servers.httpds[1]
    stock.allow("AH10158")
    try:
        answer = fetch(bench.stock_port, "/staff/", sni="dir.test", credential=bench.client(second), tls=tls)
        assert answer.status == status
    except REFUSED:
        assert status == 403


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client, status", (("theirs", 200), ("both", 200), ("ours", 403), ("nobody", 403)))
def test_directory_of_a_vhost_that_is_off(bench: Bench, tls: str, client: str, status: int) -> None:
    """As without the module: asked after the handshake, in TLS 1.3 too."""
    try:
        answer = bench.fetch("dir-off.test", client, tls, "/staff/")
        assert answer.status == status
    except REFUSED:
        assert status == 403


@pytest.mark.parametrize("client", ("ours", "both"))
def test_directory_of_a_guarded_vhost_is_closed_with_tls_13(bench: Bench, client: str) -> None:
    """OpenSSL asks once in a connection where SSL_VERIFY_CLIENT_ONCE is set, as mod_ssl does it; the guard has asked."""
    bench.httpd.expect("AH10158")
    bench.httpd.allow("SSL Library Error")
    with bench.connect("dir.test", client, "1.3") as connection:
        assert connection.request(host="dir.test").status == 200
        assert connection.request("/staff/", host="dir.test").status == 403
        assert connection.request("/staff/", host="dir.test").status == 403, "not at the second try either"


def resume(bench: Bench, sni: str) -> Http1:
    """A connection with TLS 1.3 whose session the guard has judged good; in such a one OpenSSL asks after the handshake."""
    # LogOnly asks in the handshake only who cannot be asked later
    context = tls_context("1.3", bench.client("ours"), ["http/1.1"], later=False)
    with connect(bench.port, sni=sni, context=context) as first:
        assert first.request(host=sni).status == 200
        session = first.stream.session
    client = connect(bench.port, sni=sni, credential=bench.client("ours"), tls="1.3", session=session)
    assert isinstance(client, Http1) and client.stream.resumed
    return client


@pytest.mark.parametrize("sni", ("dir.test", "dir-log.test"))
@pytest.mark.parametrize(
    "second, status",
    (pytest.param("theirs", 200, marks=pytest.mark.needs("late-answer")), ("ours", 403), ("nobody", 403)),
)
def test_directory_asks_after_a_resumed_handshake(bench: Bench, sni: str, second: str, status: int) -> None:
    """The client answers."""
    with resume(bench, sni) as client:
        assert isinstance(client.stream, TlsStream)
        client.stream.show(bench.authorities.clients[second])
        try:
            answer = client.request("/staff/", host=sni)
            assert (answer.status, answer.header("x-ssl")) == (status, "SUCCESS")
            assert client.request(host=sni).status == 200
        except REFUSED:
            assert status == 403


@pytest.mark.parametrize("sni, client", (("dir.test", "ours"), ("dir-log.test", "nobody"), ("dir-log.test", "ours")))
@pytest.mark.parametrize("path", ("/staff/", "/quick/", "/deep/", *OTHER_SECTIONS))
@pytest.mark.parametrize("through", (None, "/none/"))
def test_closed_directory_stays_closed(bench: Bench, sni: str, client: str, path: str, through: Optional[str]) -> None:
    """A certificate that mod_ssl's CA does not know never gets in: not at the second try, not after another directory."""
    bench.httpd.allow("CFAOP30[12]")
    statuses = []
    with bench.connect(sni, client) as connection:
        try:
            for _ in range(3):
                if through:
                    assert connection.request(through, host=sni).status == 200
                statuses.append(connection.request(path, host=sni).status)
        except REFUSED:
            pass
    assert set(statuses) <= {403}


@pytest.mark.parametrize("path", OTHER_SECTIONS)
def test_closed_directory_opens_to_its_own(bench: Bench, path: str) -> None:
    """The control."""
    with bench.connect("dir.test", "both") as connection:
        assert connection.request(path, host="dir.test").status == 200


def test_what_a_directory_accepted_is_no_longer_hidden(bench: Bench) -> None:
    """LogOnly hides a stranger's certificate; the one that mod_ssl asked for and verified is mod_ssl's to vouch for."""
    bench.httpd.expect_refusal("untrusted_issuer", would=True)
    with bench.connect("dir-log.test", "nobody") as client:
        before = client.request(host="dir-log.test")
        assert (before.verify, before.header("x-ssl")) == ("FAILED:untrusted_issuer", "FAILED:untrusted_issuer")
        assert isinstance(client.stream, TlsStream)
        client.stream.show(bench.authorities.clients["theirs"])
        answer = client.request("/named/", host="dir-log.test")
        assert (answer.status, answer.verify, answer.header("x-ssl")) == (200, "FAILED:untrusted_issuer", "SUCCESS")
        assert answer.header("x-user") == "theirs"


@pytest.mark.parametrize("client", ("ours", "nobody"))
def test_directory_that_would_welcome_its_own_does_not_vouch_for_others(bench: Bench, client: str) -> None:
    """SSLVerifyClient optional with OptRenegotiate: mod_ssl's CA does not know the certificate that the guard got."""
    bench.httpd.allow("CFAOP30[12]")
    with bench.connect("dir-log.test", client) as connection:
        try:
            answers = [connection.request("/quick-welcome/", host="dir-log.test") for _ in range(2)]
        except REFUSED:
            return
    assert "SUCCESS" not in [answer.header("x-ssl") for answer in answers]


@pytest.mark.http2
def test_h2_streams_cannot_renegotiate(bench: Bench) -> None:
    """mod_ssl's own rule; nothing of ours lets the request through."""
    bench.httpd.allow("AH02032|ssl-renegotiate")
    with connect(bench.port, sni="dir.test", credential=bench.client("both"), http="2") as client:
        assert client.request(host="dir.test").status == 200
        try:
            assert client.request("/staff/", host="dir.test").status == 403
        except StreamError as error:
            assert error.args[0] == 13  # HTTP_1_1_REQUIRED
