"""A site that works must go on working when the module is loaded, and when the whole server is LogOnly: its directories ask for
certificates, make users of them and hand them to programs as before.

One configuration runs without the module, with the module and no directive, and under a server-wide LogOnly. The answers of the first are
the measure, so each comparison has its control in it.
"""

from __future__ import annotations

from typing import Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, connect, fetch
from support.http1 import Http1
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Reset, TlsAlert, tls_context
from support.vhost import vhost

REFUSED = (TlsAlert, Reset)
VARIABLES = ("SSL_CLIENT_VERIFY", "SSL_CLIENT_S_DN_CN", "SSL_CLIENT_M_SERIAL", "SSL_CLIENT_I_DN_CN")
# httpd says so where a client has no certificate that a directory accepts, cannot be asked, or sends too long a body
DENIALS = ("AH0203[39]", "AH02040", "AH022[2-6][0-9]", "AH02018", "AH10158", "AH10228", "AH01618", "AH01630", "SSL Library Error")
CLIENTS = (None, "staff", "guest", "stranger", "edge")
GATES = ("open", "staff", "shallow", "welcome", "generous", "named", "faked", "required", "quick", "narrow")
SERVERS = ("loaded", "log-only")


def gates(users: str) -> dict[str, list[str]]:
    basic = ["AuthType Basic", "AuthName gate", "AuthBasicProvider file", f"AuthUserFile {users}", "Require valid-user"]
    ask = ["SSLVerifyClient require", "SSLVerifyDepth 3"]
    return {
        "open": [],
        "staff": ask,
        "shallow": ["SSLVerifyClient require", "SSLVerifyDepth 1"],
        "welcome": ["SSLVerifyClient optional", "SSLVerifyDepth 3"],
        "generous": ["SSLVerifyClient optional_no_ca", "SSLVerifyDepth 3"],
        "named": [*ask, "SSLUserName SSL_CLIENT_S_DN_CN", "Require user staff"],
        "faked": [*ask, "SSLOptions +FakeBasicAuth", *basic],
        "required": [*ask, "SSLRequireSSL", 'SSLRequire %{SSL_CLIENT_S_DN_CN} in {"staff"}'],
        "quick": [*ask, "SSLOptions +OptRenegotiate"],
        "narrow": [*ask, "SSLRenegBufferSize 10"],
    }


def site(port: int, ca: Credential, certificate: Credential, users: str) -> str:
    lines = [f"SSLCACertificateFile {ca.cert_file}", "SSLOptions +StdEnvVars +ExportCertData"]
    lines += [f'Header always set X-{name.replace("_", "-")} "%{{{name}}}s"' for name in VARIABLES]
    lines.append('Header always set X-User "expr=%{REMOTE_USER}"')
    for name, inside in gates(users).items():
        lines += [f'<Location "/{name}">', *inside, "</Location>"]
    return vhost(port, "site.test", *lines, tls=certificate, with_module=False)


@pytest.fixture(scope="module")
def clients(pki: Pki) -> dict[Optional[str], Optional[Credential]]:
    company = pki.root("company")
    partner = company.issue("partner", ca=True)
    return {
        None: None,
        "company": company,
        "staff": company.issue("staff"),
        "guest": partner.issue("guest").sending(partner),
        "stranger": pki.self_signed("stranger"),
        "edge": pki.root("pull").issue("edge"),
    }


@pytest.fixture(scope="module")
def sites(
    servers: Servers, pki: Pki, server_certificate: Credential, clients: dict[Optional[str], Optional[Credential]]
) -> dict[str, Httpd]:
    company = clients["company"]
    assert company
    # the password is "password", as FakeBasicAuth has it
    users = str(pki.file("users", b"/CN=staff:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"))
    kinds = {"stock": (False, ""), "loaded": (True, ""), "log-only": (True, "CFOriginPull LogOnly\n")}
    started = {}
    for kind, (with_module, line) in kinds.items():
        port = free_port()
        config = line + site(port, company, server_certificate, users)
        modules = ("auth_basic", "authn_core", "authn_file", "authz_user")
        httpd = servers.prepare_httpd(config, listen=[port], modules=modules, with_module=with_module)
        httpd.log.always += DENIALS
        httpd.start()
        httpd.put("index.html", "the site\n")
        for name in GATES:
            httpd.put(f"{name}/index.html", f"{name}\n")
        started[kind] = httpd
    return started


def visit(httpd: Httpd, path: str, client: Optional[Credential], tls: str, body: bytes) -> list[object]:
    """What the client gets of the path, in a connection that has asked for the open site first."""
    with connect(httpd.port, sni="site.test", credential=client, tls=tls) as connection:
        assert isinstance(connection, Http1)
        assert connection.request(host="site.test").status == 200
        try:
            answer = connection.request(path, host="site.test", method="POST" if body else "GET", body=body)
        except REFUSED:
            return ["denied"]
    if answer.status != 200:
        # over TLS 1.2 mod_ssl may not have asked yet, and then SSL_CLIENT_VERIFY tells of what was shown to the guard
        return ["denied" if answer.status == 403 else answer.status]
    shown = [answer.header("x-" + name.lower().replace("_", "-")) for name in VARIABLES]
    return [answer.text, answer.header("x-user"), *shown]


def allow_what_log_only_says(httpd: Httpd) -> None:
    httpd.allow_refusals()
    httpd.allow("CFAOP305: ")


@pytest.mark.parametrize("body", (b"", b"a body that is longer than ten bytes"), ids=("get", "post"))
@pytest.mark.parametrize("gate", GATES[1:])
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("kind", SERVERS)
def test_directory_answers_as_without_the_module(
    sites: dict[str, Httpd],
    clients: dict[Optional[str], Optional[Credential]],
    kind: str,
    tls: str,
    gate: str,
    body: bytes,
) -> None:
    allow_what_log_only_says(sites[kind])
    stock = {name: visit(sites["stock"], f"/{gate}/index.html", clients[name], tls, body) for name in CLIENTS}
    found = {name: visit(sites[kind], f"/{gate}/index.html", clients[name], tls, body) for name in CLIENTS}
    assert found == stock


# Where the directory stands that asks -> whether the edge, which could be asked later, is asked in the handshake with site.test.
PLACES = {"own": False, "inherited": False, "other": True}


@pytest.mark.parametrize("place", PLACES)
def test_client_is_left_to_mod_ssl_where_the_virtual_host_has_such_a_directory(
    servers: Servers, pki: Pki, server_certificate: Credential, place: str
) -> None:
    port = free_port()
    company, pull = pki.root(f"company-{place}"), pki.root(f"pull-{place}")
    asks = [f"SSLCACertificateFile {company.cert_file}", "<Location /staff>", "  SSLVerifyClient require", "</Location>"]
    lines = {name: asks if name == place else [] for name in PLACES}
    guard = ["CFOriginPull LogOnly", f"CFOriginPullCACertificateFile {pull.cert_file}"]
    config = "\n".join(lines["inherited"]) + "\n"
    config += vhost(port, "site.test", *guard, *lines["own"], tls=server_certificate)
    config += vhost(port, "other.test", *guard, *lines["other"], tls=server_certificate)
    httpd = servers.httpd(config, listen=[port])
    if not PLACES[place]:
        httpd.expect("would refuse: .*reason=no_certificate")

    answer = fetch(port, sni="site.test", credential=pull.issue(f"edge-{place}"), tls="1.3")

    assert (answer.status, answer.verify) == (200, "SUCCESS" if PLACES[place] else "NONE")


@pytest.mark.parametrize("mode", ("On", "Optional"))
def test_other_virtual_host_sends_a_client_that_was_not_asked_to_a_connection_of_its_own(
    servers: Servers, pki: Pki, server_certificate: Credential, mode: str
) -> None:
    """They have one policy, but LogOnly left the question to mod_ssl. 421 makes the client ask again with the right name."""
    port = free_port()
    pull = pki.root(f"pull-of-two-{mode}")
    edge = pull.issue(f"edge-of-two-{mode}")
    # the same for both, else mod_ssl answers 421
    same = [f"CFOriginPullCACertificateFile {pull.cert_file}", f"SSLCACertificateFile {pull.cert_file}"]
    asks = ["<Location /staff>", "  SSLVerifyClient require", "</Location>"]
    config = vhost(port, "log.test", "CFOriginPull LogOnly", *same, *asks, tls=server_certificate)
    config += vhost(port, "other.test", f"CFOriginPull {mode}", *same, tls=server_certificate)
    httpd = servers.httpd(config, listen=[port])
    httpd.allow_refusals()

    coalesced = fetch(port, sni="log.test", host="other.test", credential=edge, tls="1.3")
    alone = fetch(port, sni="other.test", credential=edge, tls="1.3")

    assert (coalesced.status, alone.status, alone.verify) == (421, 200, "SUCCESS")
    assert with_a_session(port, edge) == (200, "SUCCESS")


def with_a_session(port: int, edge: Credential) -> tuple[int, str]:
    """A session in which the guard asked is taken up by a client that could be asked later: nothing was left open."""
    context = tls_context("1.3", edge, ["http/1.1"], later=False)
    with connect(port, sni="log.test", tls="1.3", context=context) as first:
        assert first.request(host="log.test").verify == "SUCCESS"
        session = first.stream.session
    with connect(port, sni="log.test", credential=edge, tls="1.3", session=session) as second:
        assert second.stream.resumed
        answer = second.request(host="other.test")
    return answer.status, answer.verify
