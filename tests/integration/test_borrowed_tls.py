"""What has TLS is a fact of the connection, not of the virtual host: the TLS of one carries requests to every other one of its address.

A virtual host without SSLEngine of its own inherits CFOriginPull. Requests that reach it over TLS are judged by what it demands; plain HTTP to
it goes on untouched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect_plain, fetch
from support.dump import dump
from support.httpd import Httpd
from support.metrics import PATH, parse
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.visits import visit

MODES = ("On", "Optional", "LogOnly")
CA_FILE = "CFOriginPullCACertificateFile"

# older ones answer 421: the virtual hosts have no certificates of their own
pytestmark = pytest.mark.needs("sni-policy")


@dataclass(frozen=True)
class Bench:
    """`ports`: the TLS virtual host stands first on "shared"; "https" has it by "Listen ... https"; on "open" it is Off; "plain" has no TLS."""

    httpd: Httpd
    ports: dict[str, int]
    clients: dict[Optional[str], Optional[Credential]]
    notices: list[str]


# Status and variable under On, Optional and LogOnly of a request to a virtual host without TLS of its own, by port, SNI and certificate.
SAME = {  # the handshake asked under its policy
    None: ((400, "NONE"), (200, "NONE"), (200, "NONE")),
    "edge": ((200, "SUCCESS"),) * 3,
    "stranger": ((400, "FAILED:untrusted_issuer"), (400, "FAILED:untrusted_issuer"), (200, "FAILED:untrusted_issuer")),
}
NOT_ASKED = {client: ((421, "NONE"), (421, "NONE"), (200, "NONE")) for client in (None, "edge", "stranger")}
NOT_ASKED_NO_SNI = {client: ((400, "NONE"), (200, "NONE"), (200, "NONE")) for client in (None, "edge", "stranger")}
OTHER = {  # it asked under another policy
    None: ((421, "NONE"), (421, "NONE"), (200, "NONE")),
    "edge": ((421, "FAILED:misdirected"), (421, "FAILED:misdirected"), (200, "FAILED:misdirected")),
    "stranger": ((421, "FAILED:misdirected"), (421, "FAILED:misdirected"), (200, "FAILED:misdirected")),
}
CASES = {
    ("shared", "bare.test", "bare.test"): SAME,
    ("shared", None, "bare.test"): SAME,
    ("shared", "g.test", "bare.test"): SAME,
    ("shared", "www.bare.test", "www.bare.test"): SAME,
    ("shared", "foreign.test", "foreign.test"): OTHER,
    ("https", "bare.test", "bare.test"): SAME,
    ("open", "bare.test", "bare.test"): NOT_ASKED,
    ("open", None, "bare.test"): NOT_ASKED_NO_SNI,
}


@pytest.fixture(scope="module", params=MODES)
def bench(request: pytest.FixtureRequest, servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ports = {name: free_port() for name in ("shared", "https", "open", "plain")}
    mode: str = request.param
    pull, other = pki.root(f"pull-{mode}"), pki.root(f"other-{mode}")
    certificate = [f"SSLCertificateFile {server_certificate.cert_file}", f"SSLCertificateKeyFile {server_certificate.key_file}"]
    # mod_ssl's own policy has nothing against it
    config = f"SSLVHostSNIPolicy insecure\nListen 127.0.0.1:{ports['https']} https\nCFOriginPull {mode}\n{CA_FILE} {pull.cert_file}\n"
    config += vhost(ports["shared"], "g.test", tls=server_certificate)
    config += vhost(ports["shared"], "bare.test", aliases="*.bare.test")
    config += vhost(ports["shared"], "foreign.test", f"{CA_FILE} {other.cert_file}")
    config += vhost(ports["shared"], "bare-off.test", "CFOriginPull Off")
    config += vhost(ports["https"], "g.test", *certificate) + vhost(ports["https"], "bare.test")
    config += vhost(ports["open"], "open.test", "CFOriginPull Off", tls=server_certificate) + vhost(ports["open"], "bare.test")
    config += vhost(ports["plain"], "bare.test", "CFOriginPullRemoteIP On", 'Header always set X-Address "expr=%{REMOTE_ADDR}"')
    config += vhost(ports["plain"], "metrics.test", "CFOriginPull Off", f"<Location {PATH}>", "  SetHandler cf-origin-pull-metrics",
                    "</Location>")
    httpd = servers.httpd(config, listen=[ports["shared"], ports["open"], ports["plain"]])
    httpd.expect("CFAOP121: ")
    if mode != "LogOnly":
        httpd.expect("CFAOP156: (foreign|bare).test:")
    clients = {None: None, "edge": pull.issue(f"edge-{mode}"), "stranger": pki.self_signed(f"stranger-{mode}")}
    return Bench(httpd, ports, clients, httpd.log.find("CFAOP121: "))


@pytest.fixture
def column(bench: Bench) -> int:
    return MODES.index(dump(bench.httpd)[0].mode)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", (None, "edge", "stranger"))
@pytest.mark.parametrize("case", CASES, ids=str)
def test_request_over_tls_is_judged(
    bench: Bench, column: int, case: tuple[str, Optional[str], str], client: Optional[str], tls: str, http: str
) -> None:
    port, sni, host = case
    bench.httpd.allow("CFAOP301: ")
    bench.httpd.allow_refusals()
    answer = fetch(bench.ports[port], sni=sni, host=host, credential=bench.clients[client], tls=tls, http=http)
    assert (answer.status, answer.verify) == CASES[case][client][column]
    assert answer.vhost == host.removeprefix("www.")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_virtual_host_that_is_off_is_open(bench: Bench, tls: str) -> None:
    """The control: without CFOriginPull mod_ssl lets the request go on."""
    for sni in ("bare-off.test", "g.test"):
        answer = fetch(bench.ports["shared"], sni=sni, host="bare-off.test", tls=tls)
        assert (answer.status, answer.verify, answer.vhost) == (200, "", "bare-off.test")


def test_plain_http_is_untouched(bench: Bench) -> None:
    """It goes on as if the virtual host were Off, and what it claims is still believed by no module."""
    with connect_plain(bench.ports["plain"]) as client:
        answer = client.request("/", host="bare.test", headers=[("CF-Connecting-IP", "203.0.113.7")])
    assert (answer.status, answer.verify, answer.header("x-address")) == (200, "", "127.0.0.1")


def test_plain_http_on_a_port_with_tls_is_refused_by_httpd(bench: Bench) -> None:
    bench.httpd.allow("CFAOP301: ")
    bench.httpd.allow("AH01996")
    with connect_plain(bench.ports["shared"]) as client:
        assert client.request("/", host="bare.test").status == 400


def test_resumed_session_is_judged_as_its_handshake(bench: Bench, column: int) -> None:
    bench.httpd.allow("CFAOP301: ")
    first = visit(bench.ports["shared"], "bare.test", tls="1.3", credential=bench.clients["edge"])
    again = visit(bench.ports["shared"], "bare.test", tls="1.3", credential=bench.clients["edge"], session=first.session)
    assert (again.answer.status, again.answer.verify, again.resumed) == (200, "SUCCESS", True)


def test_dump_says_what_guards(bench: Bench) -> None:
    shown = {server.label: server for server in dump(bench.httpd)}
    reached, plain = shown[f"bare.test:{bench.ports['shared']}"], shown[f"bare.test:{bench.ports['plain']}"]
    assert "(no TLS of its own: guards requests over another virtual host's TLS, lets plain HTTP go on)" in reached.text
    assert "(no TLS: lets plain HTTP go on)" in plain.text
    assert "no TLS" not in shown[f"g.test:{bench.ports['shared']}"].text


def test_one_notice_names_them(bench: Bench) -> None:
    (line,) = bench.notices
    names = line.partition("of its own: ")[2].split(", ")
    expected = {f"{name}:{bench.ports[port]}" for name, port in (("bare.test", "shared"), ("bare.test", "plain"), ("foreign.test", "shared"))}
    assert expected <= set(names)
    assert not any(name.startswith(("g.test", "bare-off.test", "metrics.test")) for name in names)


def test_operator_sees_what_tls_reaches(bench: Bench) -> None:
    bench.httpd.allow("CFAOP301: ")
    bench.httpd.allow_refusals()
    fetch(bench.ports["shared"], sni="bare.test")
    with connect_plain(bench.ports["plain"]) as client:
        client.request("/", host="bare.test")
    with connect_plain(bench.ports["plain"]) as client:
        labels = {labels[0] for labels in parse(client.request(PATH, host="metrics.test").text).family("requests_total")}
    assert f"bare.test:{bench.ports['shared']}" in labels
    assert f"bare.test:{bench.ports['plain']}" not in labels


@pytest.mark.parametrize("level, status", ((2, 200), (0, 200)))
def test_security_level_is_that_of_the_handshake(
    servers: Servers, pki: Pki, server_certificate: Credential, level: int, status: int
) -> None:
    """A virtual host without TLS has no security level of its own."""
    port, pull = free_port(), pki.root(f"pull-{level}")
    config = f"CFOriginPull On\n{CA_FILE} {pull.cert_file}\n"
    config += vhost(port, "g.test", f"SSLCipherSuite DEFAULT@SECLEVEL={level}", tls=server_certificate) + vhost(port, "bare.test")
    httpd = servers.httpd(config, listen=[port])
    httpd.expect("CFAOP121: ")
    assert fetch(port, sni="bare.test", credential=pull.issue(f"edge-{level}")).status == status
    httpd.expect_refusal("no_certificate")
    assert fetch(port, sni="bare.test").status == 400
    httpd.stop()


CERTIFICATE_OF_NONE = "CFAOP156: "


@pytest.mark.parametrize(
    "line, warns",
    [
        ("CFOriginPull Off", True),
        (f"{CA_FILE} {{other}}", True),
        ("another that asks", True),
        ("CFOriginPull LogOnly", False),
        ("", False),
        ("SSLEngine on", False),
    ],
)
def test_lender_that_asks_for_another_certificate(
    servers: Servers, pki: Pki, server_certificate: Credential, request: pytest.FixtureRequest, line: str, warns: bool
) -> None:
    """The warning is true: the edge is refused, and `-t` says so. "SSLEngine on" stands for TLS of its own. The default virtual host of the address
    counts, even if another one asks."""
    port, number = free_port(), request.node.callspec.indices["line"]
    pull, other = pki.root(f"pull-lender-{number}"), pki.root(f"other-lender-{number}")
    own = line == "SSLEngine on"
    another = line == "another that asks"
    lender = "CFOriginPull Off" if own or another else line.format(other=other.cert_file)
    config = f"SSLVHostSNIPolicy insecure\nCFOriginPull On\n{CA_FILE} {pull.cert_file}\n"
    config += vhost(port, "lender.test", lender, tls=server_certificate)
    if another:
        config += vhost(port, "another.test", tls=server_certificate)
    config += vhost(port, "bare.test", tls=server_certificate if own else None)
    httpd = servers.prepare_httpd(config, listen=[port])
    outcome = httpd.config_test()
    assert outcome.ok and (CERTIFICATE_OF_NONE in outcome.stderr) is warns, outcome.stderr
    httpd.start()
    httpd.allow("CFAOP121: |CFAOP301: |CFAOP309: ")
    if warns:
        httpd.expect(f"{CERTIFICATE_OF_NONE}bare.test:{port} is guarded and has no TLS of its own, and lender.test:{port}, which has TLS")
    assert fetch(port, sni="bare.test", credential=pull.issue(f"edge-lender-{number}")).status == (421 if warns else 200)
    httpd.allow_refusals()
    httpd.stop()
