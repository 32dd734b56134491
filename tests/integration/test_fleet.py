"""Two machines behind one name: the sessions of one are taken up by the other where both demand the same, and the metrics tell where
they do not. Machine a is an httpd on 127.0.0.1, machine b one on 127.0.0.2, with the same ports, files elsewhere, and lines in another
order."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support import metrics
from support.client import connect_plain
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.streams import Route
from support.vhost import vhost
from support.views import MODULES, watching
from support.visits import SESSION_EVIDENCE, TICKETS, Kind, Visit, visit

MACHINES = {"a": "127.0.0.1", "b": "127.0.0.2"}
BOTH_WAYS = pytest.mark.parametrize(("first", "then"), (("a", "b"), ("b", "a")))
VERIFIED = (200, "SUCCESS", False)
RESUMED = (200, "SUCCESS", True)
REFUSED = (400, "NONE", False)

# What machine b demands besides what machine a does. Each certificate that is good on one is good on the other.
OTHER_POLICIES = {
    "ca.test": ["CFOriginPullCACertificateFile {here}/third.pem"],
    "depth.test": ["CFOriginPullVerifyDepth 2"],
    "crl.test": ["CFOriginPullCARevocationFile {here}/zone.crl"],
    "pin.test": ["CFOriginPullPin dns:edge.test", "CFOriginPullPin dns:elsewhere.test"],
}


@dataclass(frozen=True)
class Fleet:
    machines: dict[str, Httpd]
    port: int
    watch: dict[str, int]
    edge: Credential

    def visit(self, machine: str, name: str, kind: Kind, *, session: object = None, certificate: bool = False) -> Visit:
        credential = self.edge if certificate else None
        route = Route(to=MACHINES[machine])
        return visit(self.port, name, tls=kind.tls, credential=credential, session=session, route=route)

    def demands(self, machine: str) -> dict[str, tuple[str, str]]:
        """Name -> mode and policy, as the machine's metrics have them."""
        with connect_plain(self.watch[machine], Route(to=MACHINES[machine])) as client:
            page = metrics.parse(client.request(metrics.PATH, host="watch.test").text)
        return {label.partition(":")[0]: (mode, policy) for label, mode, policy in page.family("vhost_info")}

    def expect_refusals(self) -> None:
        for machine in self.machines.values():
            machine.allow_refusals()


def place_files(here: Path, content: dict[str, bytes], *, joined: bool) -> None:
    """What the machine's lines name; the certificates of the zone and of its successor lie in one file or in two."""
    here.mkdir()
    placed = dict(content)
    if joined:
        placed["cas.pem"] = placed.pop("new.pem") + placed.pop("old.pem")
    for name, data in placed.items():
        (here / name).write_bytes(data)


def lines(machine: str, here: Path) -> list[str]:
    """The same policy, said in the machine's own way."""
    tickets = f"SSLSessionTicketKeyFile {here}/tickets"
    if machine == "a":
        lists = f"CFOriginPullCACertificateFile {here}/old.pem {here}/new.pem"
        return ["CFOriginPull On", lists, "CFOriginPullPin dns:edge.test dns:spare.test", tickets]
    lists = f"CFOriginPullCACertificateFile {here}/cas.pem"
    return [tickets, "CFOriginPullPin dns:spare.test dns:edge.test", lists, "CFOriginPull On"]


def with_crls(machine: str, here: Path) -> list[str]:
    names = ["zone", "successor"] if machine == "a" else ["successor", "zone"]
    return [*lines(machine, here), "CFOriginPullCARevocationFile " + " ".join(f"{here}/{name}.crl" for name in names)]


@pytest.fixture(scope="module")
def fleet(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential) -> Fleet:
    ca, successor, third = pki.root("zone"), pki.root("successor"), pki.root("third")
    port = free_port()
    # CRLs are made once: one that is signed anew is another one
    content = {
        "old.pem": ca.cert_pem,
        "new.pem": successor.cert_pem,
        "third.pem": third.cert_pem,
        "zone.crl": ca.crl("zone").read_bytes(),
        "successor.crl": successor.crl("successor").read_bytes(),
        "tickets": secrets.token_bytes(48),
        "other-tickets": secrets.token_bytes(48),
    }
    # without it, whether two machines understand each other's tickets would be left to chance
    shared_key = preloading("ticket_key", directory)
    machines, watch = {}, {}
    for machine, address in MACHINES.items():
        here = directory / f"etc-of-{machine}"
        place_files(here, content, joined=machine == "b")
        sites = {"same.test": lines(machine, here), "crls.test": with_crls(machine, here), "key.test": lines(machine, here)}
        for name, more in OTHER_POLICIES.items():
            sites[name] = lines(machine, here) + [line.format(here=here) for line in more if machine == "b"]
        if machine == "b":
            sites["key.test"][0] = f"SSLSessionTicketKeyFile {here}/other-tickets"
        watch[machine] = free_port()
        config = "".join(vhost(port, name, *SESSION_EVIDENCE, *words, tls=server_certificate) for name, words in sites.items())
        config = (config + watching(watch[machine])).replace("<VirtualHost 127.0.0.1:", f"<VirtualHost {address}:")
        listen = "".join(f"Listen {address}:{number}\n" for number in (port, watch[machine]))
        machines[machine] = servers.prepare_httpd(listen + config, modules=MODULES, extra_environment=shared_key)
        machines[machine].allow("CFAOP137: ")
        machines[machine].allow('CFAOP151: there is no CRL of "CN=successor"')  # of crl.test, which has another policy by it
        machines[machine].start()
    return Fleet(machines, port, watch, ca.issue("edge", san=["edge.test"]))


# One policy


@BOTH_WAYS
@pytest.mark.parametrize("kind", TICKETS, ids=str)
@pytest.mark.parametrize("name", ("same.test", "crls.test"))
def test_session_of_one_machine_is_taken_up_by_the_other(fleet: Fleet, name: str, kind: Kind, first: str, then: str) -> None:
    made = fleet.visit(first, name, kind, certificate=True)
    assert made.outcome == VERIFIED
    there = fleet.visit(then, name, kind, session=made.session)
    assert there.outcome == RESUMED
    # and that of the other one, renewed there, is taken up at home
    assert fleet.visit(first, name, kind, session=there.session).outcome == RESUMED


def test_metrics_show_one_policy(fleet: Fleet) -> None:
    a, b = fleet.demands("a"), fleet.demands("b")
    for name in ("same.test", "crls.test", "key.test"):
        assert a[name] == b[name] and a[name][0] == "On"
    assert a["same.test"] == a["key.test"] != a["crls.test"]


# Two policies


@BOTH_WAYS
@pytest.mark.parametrize("kind", TICKETS, ids=str)
@pytest.mark.parametrize("name", OTHER_POLICIES)
def test_session_is_a_full_handshake_where_another_policy_holds(fleet: Fleet, name: str, kind: Kind, first: str, then: str) -> None:
    fleet.expect_refusals()
    made = fleet.visit(first, name, kind, certificate=True)
    assert made.outcome == VERIFIED
    assert fleet.visit(first, name, kind, session=made.session).outcome == RESUMED
    assert fleet.visit(then, name, kind, session=made.session).outcome == REFUSED
    assert fleet.visit(then, name, kind, session=made.session, certificate=True).outcome == VERIFIED


@pytest.mark.parametrize("name", OTHER_POLICIES)
def test_metrics_show_two_policies(fleet: Fleet, name: str) -> None:
    assert fleet.demands("a")[name] != fleet.demands("b")[name]


# Two keys


@BOTH_WAYS
@pytest.mark.parametrize("kind", TICKETS, ids=str)
def test_session_is_a_full_handshake_where_another_ticket_key_is(fleet: Fleet, kind: Kind, first: str, then: str) -> None:
    made = fleet.visit(first, "key.test", kind, certificate=True)
    assert fleet.visit(then, "key.test", kind, session=made.session, certificate=True).outcome == VERIFIED
