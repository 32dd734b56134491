"""Two machines behind HAProxy, which passes TCP through in turn and says by the PROXY protocol whose connection it is: whose address is
meant where, and that sessions of one machine are taken up by the other.

The client calls from 127.0.0.7, HAProxy calls the machines from 127.0.0.50.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import pytest

from conftest import Servers
from support import metrics
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect_plain, fetch
from support.environment import TOP
from support.haproxy import LOG_FORMAT, HaProxy, complaints
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.response import Response
from support.streams import Reset, Route, TlsAlert
from support.vhost import vhost
from support.views import MODULES, watching
from support.visits import SESSION_EVIDENCE, TICKETS, Kind, visit
from support.waiting import wait_until

pytestmark = pytest.mark.needs("tool:haproxy")

MACHINES = {"a": "127.0.0.1", "b": "127.0.0.2"}
CLIENT, BALANCER, VISITOR = "127.0.0.7", "127.0.0.50", "192.0.2.9"
SHOWN = (
    'Header always set X-Address "expr=%{REMOTE_ADDR}"',
    'Header always set X-Connection "expr=%{CONN_REMOTE_ADDR}"',
    'Header always set X-Exempt "expr=%{CF_ORIGIN_PULL_EXEMPT}"',
)
VERSIONS = ("send-proxy", "send-proxy-v2")


@dataclass(frozen=True)
class Bench:
    machines: dict[str, Httpd]
    balancers: dict[str, HaProxy]
    ports: dict[str, int]
    machine_port: int
    watch: int
    edge: Credential

    def ask(self, name: str, *, says: str = "send-proxy-v2", **options: object) -> Response:
        return fetch(self.ports[says], sni=name, route=Route(source=CLIENT), **options)

    def ask_both(self, name: str, **options: object) -> list[Response]:
        """Two requests, one to each machine."""
        answers = [self.ask(name, **options) for _ in MACHINES]
        assert {answer.header("x-machine") for answer in answers} == set(MACHINES)
        return answers

    def lines(self, pattern: str) -> list[str]:
        return [self.machines[name].log.wait_for(pattern) for name in MACHINES]

    def expect_refusals(self) -> None:
        for machine in self.machines.values():
            machine.expect_refusal("no_certificate")


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential) -> Iterator[Bench]:
    ca, port, watch = pki.root("zone"), free_port(), free_port()
    key = pki.file("tickets", secrets.token_bytes(48))
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", f"SSLSessionTicketKeyFile {key}", *SHOWN]
    sites = {
        "on.test": [],
        "visitor.test": ["CFOriginPullRemoteIP On"],
        "client.test": [f"CFOriginPullExempt ip {CLIENT}"],
        "balancer.test": [f"CFOriginPullExempt ip {BALANCER}"],
    }
    # without it, whether two machines understand each other's tickets would be left to chance
    shared_key = preloading("ticket_key", directory)
    machines = {}
    for machine, address in MACHINES.items():
        shown = [f"Header always set X-Machine {machine}", *SESSION_EVIDENCE, "RemoteIPProxyProtocol On"]
        config = "".join(vhost(port, name, *guard, *shown, *more, tls=server_certificate) for name, more in sites.items())
        config = (config + watching(watch)).replace("<VirtualHost 127.0.0.1:", f"<VirtualHost {address}:")
        logs = 'CustomLog logs/addresses.log "%v %a %{c}a"\n'
        listen = f"Listen {address}:{port}\nListen {address}:{watch}\n"
        machines[machine] = servers.prepare_httpd(logs + listen + config, modules=[*MODULES, "remoteip"], extra_environment=shared_key)
        machines[machine].log.always.append("CFAOP137: ")
        # an address is exempt there, to show that it is the balancer's
        machines[machine].expect("CFAOP148: ")
        machines[machine].start()
    ports = {says: free_port() for says in (*VERSIONS, "")}
    behind = [f"{address}:{port}" for address in MACHINES.values()]
    balancers = {says: HaProxy(directory / f"haproxy-{says}", ports[says], behind, source=BALANCER, says=says) for says in ports}
    try:
        for balancer in balancers.values():
            balancer.start()
        yield Bench(machines, balancers, ports, port, watch, ca.issue("edge"))
    finally:
        for balancer in balancers.values():
            balancer.stop()


# The guard at work behind it


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("says", VERSIONS)
def test_edge_is_let_in_and_strangers_are_not(bench: Bench, says: str, tls: str, http: str) -> None:
    bench.expect_refusals()
    welcome = bench.ask_both("on.test", says=says, credential=bench.edge, tls=tls, http=http)
    refused = bench.ask_both("on.test", says=says, tls=tls, http=http)
    assert [answer.status for answer in (*welcome, *refused)] == [200, 200, 400, 400]


@pytest.mark.parametrize("kind", TICKETS, ids=str)
def test_session_goes_on_at_whatever_machine_the_balancer_chooses(bench: Bench, kind: Kind) -> None:
    port, route = bench.ports["send-proxy-v2"], Route(source=CLIENT)
    last = visit(port, "on.test", tls=kind.tls, credential=bench.edge, route=route)
    assert not last.resumed
    seen = []
    for _ in range(4):
        last = visit(port, "on.test", tls=kind.tls, session=last.session, route=route)
        assert last.outcome == (200, "SUCCESS", True)
        seen.append(last.answer.header("x-machine"))
    assert set(seen) == set(MACHINES)


def test_connection_without_the_protocol_gets_nothing(bench: Bench) -> None:
    """Whether it comes past the balancer, or from one that does not say whose it is."""
    for port in (bench.machine_port, bench.ports[""]):
        with pytest.raises((Reset, TlsAlert)):
            fetch(port, sni="on.test", credential=bench.edge)


# Whose address


@pytest.mark.parametrize("says", VERSIONS)
def test_address_of_a_request_is_the_balancers_client(bench: Bench, says: str) -> None:
    """REMOTE_ADDR and %a are what the balancer said; CONN_REMOTE_ADDR and %{c}a are the balancer."""
    for answer in bench.ask_both("on.test", says=says, credential=bench.edge):
        assert (answer.header("x-address"), answer.header("x-connection")) == (CLIENT, BALANCER)
    for machine in bench.machines.values():
        log = machine.directory / "logs" / "addresses.log"
        assert wait_until(lambda: f"on.test {CLIENT} {BALANCER}\n" in log.read_text()), log.read_text()


def test_refused_request_has_the_balancers_address_by_which_its_log_tells_the_stranger(bench: Bench) -> None:
    """The guard refuses before mod_remoteip has read what the balancer said."""
    bench.expect_refusals()
    bench.ask_both("on.test")
    for line in bench.lines("CFAOP301: "):
        (source,) = re.findall(rf"\[client ({BALANCER}:\d+)\] ", line)
        assert f" peer={BALANCER} " in line
        balancer = bench.balancers["send-proxy-v2"]
        assert wait_until(lambda: f" -> {source} " in balancer.log()), balancer.log()
        assert re.search(rf"^{CLIENT}:\d+ -> {source} s\d$", balancer.log(), re.MULTILINE)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_visitor_of_a_verified_request_comes_before_what_the_balancer_says(bench: Bench, http: str) -> None:
    header = [("CF-Connecting-IP", VISITOR)]
    for answer in bench.ask_both("visitor.test", credential=bench.edge, headers=header, http=http):
        assert (answer.header("x-address"), answer.header("x-connection")) == (VISITOR, BALANCER)
    for answer in bench.ask_both("visitor.test", credential=bench.edge, http=http):
        assert answer.header("x-address") == CLIENT


def test_stranger_is_not_the_visitor_that_it_names(bench: Bench) -> None:
    bench.expect_refusals()
    for answer in bench.ask_both("visitor.test", headers=[("CF-Connecting-IP", VISITOR)]):
        assert (answer.status, answer.header("x-address")) == (400, BALANCER)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_exemption_of_the_client_exempts_nobody(bench: Bench, http: str) -> None:
    bench.expect_refusals()
    assert [(answer.status, answer.header("x-exempt")) for answer in bench.ask_both("client.test", http=http)] == [(400, "")] * 2


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_exemption_of_the_balancer_exempts_all_that_comes_through_it(bench: Bench, http: str) -> None:
    assert [(answer.status, answer.header("x-exempt")) for answer in bench.ask_both("balancer.test", http=http)] == [(200, "ip")] * 2


def test_metrics_tell_of_no_address(bench: Bench) -> None:
    bench.expect_refusals()
    bench.ask_both("on.test")
    for address in MACHINES.values():
        with connect_plain(bench.watch, Route(to=address)) as client:
            page = client.request(metrics.PATH, host="watch.test").text
        assert (f"on.test:{bench.machine_port}", "refused", "no_certificate") in metrics.parse(page).family("requests_total")
        assert CLIENT not in page and BALANCER not in page


# The recipe


def test_haproxy_accepts_the_recipe(directory: Path) -> None:
    """Its lines of the log are those of the tests above."""
    page = (TOP / "docs" / "fleet.md").read_text()
    (recipe,) = re.findall(r"^```haproxy\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    config = directory / "recipe.cfg"
    config.write_text(recipe)
    assert f"    {LOG_FORMAT}\n" in recipe
    assert complaints(config) == ""
