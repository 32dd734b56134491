"""mod_security2 beside the guard, loaded before and after it: strangers are the guard's, and visitors come with their own address.

The WAF logs each request that it sees in its first phase, and denies ?x=evil there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from conftest import Servers
from support import environment, installation
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.httpd import Httpd
from support.mistakes import our_lines
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

HEADER, CLAIM, VISITOR, PEER = "cf-connecting-ip", "198.51.100.66", "203.0.113.7", "127.0.0.1"
pytestmark = pytest.mark.needs("module:security2")
LOAD_ORDERS = ("guard-last", "guard-first")
WAYS = [(tls, http) for tls in TLS_VERSIONS for http in HTTP_VERSIONS]
_RULES = """SecRuleEngine On
SecDataDir {directory}/run
SecRule REMOTE_ADDR "@unconditionalMatch" \
  "id:1,phase:1,log,pass,msg:'WAF %{{REQUEST_URI}} addr=%{{REMOTE_ADDR}} claimed=%{{REQUEST_HEADERS.CF-Connecting-IP}}.'"
SecRule ARGS:x "@streq evil" "id:2,phase:1,deny,status:403"
SecRule REQUEST_URI "@beginsWith /admin" "id:3,phase:2,chain,deny,status:403"
SecRule REMOTE_ADDR "!@ipMatch 203.0.113.7" ""
"""


def load_lines(order: str) -> str:
    lines = [
        installation.load_line("security2"),
        f"LoadModule cfaop_module {environment.module_path()}",
    ]
    return "\n".join(lines if order == "guard-last" else lines[::-1]) + "\n"


def prepare(servers: Servers, port: int, order: str, config: str, modules: list[str]) -> Httpd:
    server = servers.prepare_httpd("", listen=[port], with_module=False, modules=["unique_id", *modules])
    server.write_config(load_lines(order) + _RULES.format(directory=server.directory) + config)
    for name in ("admin/index.html", "open/token"):
        server.put(name, f"{name}\n")
    return server


@dataclass(frozen=True)
class Bench:
    server: Httpd
    port: int
    edge: Credential
    stranger: Credential

    def ask(self, host: str, path: str, tls: str, http: str, **options: object) -> Response:
        self.server.allow_refusals()
        self.server.allow("ModSecurity: ")
        return fetch(self.port, path, sni=host, tls=tls, http=http, **options)  # type: ignore[arg-type]

    def seen(self, path: str) -> set[tuple[str, str]]:
        """The address, and the claim, of each request for this path that the WAF has logged."""
        found = re.findall(rf"WAF {re.escape(path)} addr=(\S*) claimed=([^\"]*?)\.\"", "\n".join(self.server.log.new_lines()))
        return set(found)


@pytest.fixture(scope="module", params=LOAD_ORDERS)
def bench(request: pytest.FixtureRequest, servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    order, port = request.param, free_port()
    ca = pki.root(f"ca-{order}")
    visitors = [f"CFOriginPullCACertificateFile {ca.cert_file}", "CFOriginPullRemoteIP On"]
    inside = ["<Location /open/>", f"  Require ip {CLAIM}", "</Location>"]
    config = ""
    for name, lines in {
        "on.test": ["CFOriginPull On", "CFOriginPullExempt path /open", *visitors],
        "logonly.test": ["CFOriginPull LogOnly", *visitors],
        "off.test": ["CFOriginPull Off", *visitors],
        "both.test": ["CFOriginPull On", *visitors, "RemoteIPHeader X-Forwarded-For"],
        "control.test": [],
    }.items():
        config += vhost(port, name, *lines, *(inside if name != "control.test" else []), tls=server_certificate)
    server = prepare(servers, port, order, config, ["remoteip"]).start()
    assert "CFAOP1" not in server.log.text()
    return Bench(server, port, ca.issue(f"edge-{order}"), pki.self_signed(f"stranger-{order}"))


@pytest.mark.parametrize("tls, http", WAYS)
def test_control_shows_that_the_waf_works(bench: Bench, tls: str, http: str) -> None:
    path = f"/?control{tls}{http}"
    assert bench.ask("control.test", path, tls, http, headers=[(HEADER, CLAIM)]).status == 200
    assert bench.seen(path) == {(PEER, CLAIM)}
    assert bench.ask("control.test", "/?x=evil", tls, http).status == 403


@pytest.mark.parametrize("tls, http", WAYS)
@pytest.mark.parametrize("shown", (False, True), ids=("none", "bad"))
def test_stranger_is_refused_by_the_guard_and_unknown_to_the_waf(bench: Bench, shown: bool, tls: str, http: str) -> None:
    credential = bench.stranger if shown else None
    answer = bench.ask("on.test", "/?x=evil", tls, http, headers=[(HEADER, CLAIM)], credential=credential)
    assert answer.status == 400
    assert not bench.server.log.find("ModSecurity: ")
    assert not bench.server.log.find(re.escape(CLAIM))


@pytest.mark.parametrize("tls, http", WAYS)
@pytest.mark.parametrize("host", ("on.test", "logonly.test", "off.test"))
def test_claim_is_believed_nowhere(bench: Bench, host: str, tls: str, http: str) -> None:
    """A stranger goes on, but not past `Require ip`."""
    bench.server.expect("AH01630")
    answer = bench.ask(host, "/open/token", tls, http, headers=[(HEADER, CLAIM)], credential=bench.stranger)
    assert answer.status == 403
    assert bench.seen("/open/token") == {(PEER, "")}
    assert not bench.server.log.find(re.escape(CLAIM))


@pytest.mark.parametrize("tls, http", WAYS)
def test_waf_knows_the_visitor_from_its_first_phase_on(bench: Bench, tls: str, http: str) -> None:
    path = f"/?edge{tls}{http}"
    assert bench.ask("on.test", path, tls, http, headers=[(HEADER, VISITOR)], credential=bench.edge).status == 200
    assert bench.seen(path) == {(VISITOR, VISITOR)}
    assert bench.ask("on.test", "/?x=evil", tls, http, headers=[(HEADER, VISITOR)], credential=bench.edge).status == 403


@pytest.mark.parametrize("tls, http", WAYS)
def test_waf_knows_the_visitor_where_mod_remoteip_has_a_header_of_its_own(bench: Bench, tls: str, http: str) -> None:
    """mod_security2 has mod_remoteip run before itself; between the two the guard has the last word."""
    path = f"/?both{tls}{http}"
    headers = [(HEADER, VISITOR), ("X-Forwarded-For", "198.51.100.9")]
    assert bench.ask("both.test", path, tls, http, headers=headers, credential=bench.edge).status == 200
    assert bench.seen(path) == {(VISITOR, VISITOR)}


def test_requests_of_one_connection_have_an_address_each(bench: Bench) -> None:
    bench.server.allow("ModSecurity: ")
    with connect(bench.port, sni="on.test", credential=bench.edge) as client:
        for visitor in (VISITOR, "2001:db8::7", "198.51.100.9"):
            assert client.request(f"/?{visitor}", host="on.test", headers=[(HEADER, visitor)]).status == 200
    for visitor in (VISITOR, "2001:db8::7", "198.51.100.9"):
        assert bench.seen(f"/?{visitor}") == {(visitor, visitor)}


# Without mod_remoteip mod_security2 does not look at the request's address


def visitors(port: int, ca: Credential, server_certificate: Credential, *lines: str) -> str:
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    return vhost(port, "on.test", trust, *lines, tls=server_certificate)


@pytest.mark.parametrize("order", LOAD_ORDERS)
@pytest.mark.parametrize("modules", ([], ["remoteip"]), ids=("without", "with"))
def test_waf_needs_mod_remoteip_and_the_guard_says_so(
    servers: Servers, pki: Pki, server_certificate: Credential, order: str, modules: list[str]
) -> None:
    port = free_port()
    ca = pki.root(f"ca-{order}-{len(modules)}")
    config = visitors(port, ca, server_certificate, "CFOriginPull On", "CFOriginPullRemoteIP On")
    server = prepare(servers, port, order, config, modules)
    told = our_lines(server.config_test().stderr)
    server.allow("CFAOP133: ")
    server.start()
    assert our_lines("\n".join(server.log.find("CFAOP"))) == told
    server.allow("ModSecurity: ")
    edge = ca.issue(f"edge-{order}-{len(modules)}")
    answers = {
        http: fetch(port, "/admin/index.html", sni="on.test", http=http, credential=edge, headers=[(HEADER, VISITOR)]).status
        for http in HTTP_VERSIONS
    }
    if modules:
        assert told == [] and set(answers.values()) == {200}
    else:
        assert len(told) == 1 and set(answers.values()) == {403}
        assert f"CFAOP133: CFOriginPullRemoteIP is On (on.test:{port})" in told[0] and "load it (LoadModule remoteip_module" in told[0]
    server.stop()


NOT_WARNED = {
    "off": ["CFOriginPull Off", "CFOriginPullRemoteIP On"],
    "no-visitors": ["CFOriginPull On"],
    "visitors-off": ["CFOriginPull On", "CFOriginPullRemoteIP Off"],
}


@pytest.mark.parametrize("name", NOT_WARNED)
def test_nothing_is_said_where_no_visitor_is_named(servers: Servers, pki: Pki, server_certificate: Credential, name: str) -> None:
    port = free_port()
    config = visitors(port, pki.root(f"ca-{name}"), server_certificate, *NOT_WARNED[name])
    outcome = prepare(servers, port, "guard-first", config, []).config_test()
    assert outcome.ok and our_lines(outcome.stderr) == []


def test_one_of_many_is_named(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """Inherited from the main server, and by a virtual host that is not the first."""
    port = free_port()
    ca = pki.root("ca-inherited")
    config = "CFOriginPullRemoteIP On\n" + vhost(port, "other.test", tls=server_certificate)
    config += visitors(port, ca, server_certificate, "CFOriginPull Optional")
    told = our_lines(prepare(servers, port, "guard-first", config, []).config_test().stderr)
    assert len(told) == 1 and f"(on.test:{port})" in told[0]
