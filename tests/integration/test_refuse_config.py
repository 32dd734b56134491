"""CFOriginPullRefuse in the configuration: inheriting, mistakes at -t and on a reload, the dump, and going from one way to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, connect
from support.dump import dump_by_name
from support.http1 import request_bytes
from support.httpd import ConfigTest, Httpd
from support.mistakes import only_line, our_lines, place_of
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Reset, TlsAlert, TlsStream
from support.vhost import vhost
from support.visits import KINDS, STORAGES, Kind, storage_lines, visit

SITE = "site.test"
ALERT = "CFOriginPullRefuse alert"


@dataclass(frozen=True)
class Bench:
    server: Httpd
    ports: dict[str, int]
    tls: Credential
    ca: Credential
    edge: Credential

    def write(self, *lines: str, before: str = "") -> None:
        """site.test, On, with these lines on a port for each storage of sessions; and page.test beside it."""
        guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {self.ca.cert_file}"]
        config = before
        for storage, port in self.ports.items():
            config += vhost(port, SITE, *guard, *lines, *storage_lines(storage), tls=self.tls)
            config += vhost(port, "page.test", *guard, "CFOriginPullRefuse 400", tls=self.tls)
        self.server.write_config(config)

    def test(self, *lines: str, before: str = "") -> ConfigTest:
        """`-t` with these lines in one virtual host."""
        self.server.write_config(before + vhost(self.ports["ticket"], SITE, *lines, tls=self.tls))
        return self.server.config_test()

    def answer(self, credential: Optional[Credential] = None, tls: str = "1.3", name: str = SITE) -> str:
        """An alert, "closed" or a status."""
        try:
            with connect(self.ports["ticket"], sni=name, credential=credential, tls=tls) as client:
                client.send(request_bytes(host=name, headers=[("Connection", "close")]))
                return client.read_to_end()[9:12].decode() or "closed"
        except TlsAlert:
            return "alert"
        except Reset:
            return "alert" if self.is_refused_in_the_handshake(credential, name) else "reset"

    def is_refused_in_the_handshake(self, credential: Optional[Credential], name: str) -> bool:
        """A request can be met by the reset that follows the alert; without one the alert is read."""
        try:
            TlsStream(self.ports["ticket"], sni=name, credential=credential, version="1.3").recv()
        except TlsAlert:
            return True
        return False


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ports = {storage: free_port() for storage in STORAGES}
    ca = pki.root("ca")
    return Bench(servers.prepare_httpd("", listen=[*ports.values()]), ports, server_certificate, ca, ca.issue("edge"))


@pytest.fixture
def running(bench: Bench) -> Bench:
    """The server, started anew with the page for refused clients."""
    bench.server.stop()
    bench.write()
    bench.server.log.always[:] = [*bench.server.log.always, "CFAOP30[23]: "]
    bench.server.start()
    return bench


# What is accepted


@pytest.mark.parametrize("word", ["400", "close", "alert", "Close", "ALERT"])
def test_good_words(bench: Bench, word: str) -> None:
    outcome = bench.test("CFOriginPull On", f"CFOriginPullRefuse {word}")
    assert outcome.ok and our_lines(outcome.stderr) == []


def test_alert_goes_with_exempt_addresses_and_with_off(bench: Bench) -> None:
    for lines in (
        ["CFOriginPull On", ALERT, "CFOriginPullExempt ip 127.0.0.1"],
        ["CFOriginPull Off", ALERT, "CFOriginPullExempt path /open"],
        [ALERT, "CFOriginPullExempt path /open"],
        ["CFOriginPull On", ALERT, "CFOriginPullExempt path /open", "CFOriginPullExempt none"],
        ["CFOriginPull LogOnly", "CFOriginPullRefuse close", "CFOriginPullExempt path /open"],
        ["CFOriginPull Optional", "CFOriginPullRefuse close"],
    ):
        assert bench.test(*lines).ok, lines


# Mistakes


@pytest.mark.parametrize("words", ["", "403", "close alert", "close 400 alert", "none", '""'])
def test_bad_words(bench: Bench, words: str) -> None:
    outcome = bench.test("CFOriginPull On", f"CFOriginPullRefuse {words}")
    assert not outcome.ok
    said = words.strip('"')
    assert f"CFOriginPullRefuse: '{said}'" in outcome.stderr and "write one of 400, close and alert" in outcome.stderr


@pytest.mark.parametrize(
    "lines, before, told",
    [
        (["CFOriginPull LogOnly", ALERT], "", "CFOriginPull LogOnly"),
        (["CFOriginPull Optional", ALERT], "", "CFOriginPull Optional"),
        (["CFOriginPull On", ALERT, "CFOriginPullExempt path /open"], "", "CFOriginPullExempt path /open"),
        (["CFOriginPull On", ALERT, "CFOriginPullExempt ip ::1", "CFOriginPullExempt path /a"], "", "CFOriginPullExempt path /a"),
        (["CFOriginPull LogOnly"], f"{ALERT}\n", "CFOriginPull LogOnly"),
        (["CFOriginPull On", "CFOriginPullExempt path /open"], f"{ALERT}\n", "CFOriginPullExempt path /open"),
        (["CFOriginPull On", ALERT], "CFOriginPullExempt path /open\n", "CFOriginPullExempt path /open"),
        ([ALERT], "CFOriginPull Optional\n", "CFOriginPull Optional"),
    ],
)
def test_what_alert_cannot_stand_beside(bench: Bench, lines: list[str], before: str, told: str) -> None:
    line = only_line(bench.test(*lines, before=before))
    assert line.startswith("CFAOP115: CFOriginPullRefuse alert (")
    assert f"({place_of(bench.server, ALERT)}) is in force for {SITE}:{bench.ports['ticket']} beside {told}" in line


def test_virtual_host_puts_right_what_it_inherits(bench: Bench) -> None:
    assert bench.test("CFOriginPull LogOnly", "CFOriginPullRefuse close", before=f"{ALERT}\n").ok
    assert bench.test("CFOriginPull On", ALERT, "CFOriginPullExempt none", before="CFOriginPullExempt path /open\n").ok


def test_htaccess_and_sections_have_no_say(bench: Bench) -> None:
    for section in ('<Location "/">', '<Directory "/">', '<If "true">'):
        outcome = bench.test("CFOriginPull On", section, ALERT, f"</{section[1:].split(' ')[0]}>")
        assert not outcome.ok and "not allowed" in outcome.stderr


# The dump


def test_dump_names_the_way(bench: Bench) -> None:
    port = bench.ports["ticket"]
    config = "CFOriginPullRefuse close\n" + vhost(port, "inherits.test", "CFOriginPull On", tls=bench.tls)
    config += vhost(port, "alert.test", "CFOriginPull On", ALERT, tls=bench.tls)
    config += vhost(port, "page.test", "CFOriginPull On", "CFOriginPullRefuse 400", tls=bench.tls)
    bench.server.write_config(config)
    servers = dump_by_name(bench.server)
    assert "\n    refuse: close\n" in servers["inherits.test"].text
    assert "\n    refuse: alert\n" in servers["alert.test"].text
    assert "refuse:" not in servers["page.test"].text


def test_dump_names_limits_that_are_set(bench: Bench) -> None:
    port = bench.ports["ticket"]
    config = "CFOriginPullPeerLimit 2048 7\nCFOriginPullExpiryWarning 14\n" + vhost(port, "inherits.test", "CFOriginPull On", tls=bench.tls)
    config += vhost(
        port, "never.test", "CFOriginPull On", "CFOriginPullExpiryWarning 0", "CFOriginPullSessionTickets Off", tls=bench.tls
    )
    bench.server.write_config(config)
    servers = dump_by_name(bench.server)
    assert "\n    session tickets: On\n" in servers["inherits.test"].text
    assert "\n    session tickets: Off\n" in servers["never.test"].text
    assert "\n    peer limit: 2048 bytes, 7 names\n" in servers["inherits.test"].text
    assert "\n    expiry warning: 14 days before\n" in servers["inherits.test"].text
    assert "\n    expiry warning: never\n" in servers["never.test"].text
    bench.server.write_config(vhost(port, "plain.test", "CFOriginPull On", tls=bench.tls))
    text = dump_by_name(bench.server)["plain.test"].text
    assert "peer limit" not in text and "expiry warning" not in text


# A running server


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_ways_change_with_a_reload(running: Bench, tls: str) -> None:
    for lines, refused in (([], "400"), ([ALERT], "alert"), (["CFOriginPullRefuse close"], "closed"), ([ALERT], "alert"), ([], "400")):
        running.write(*lines)
        running.server.graceful()
        assert running.answer(tls=tls) == refused
        assert running.answer(running.edge, tls=tls) == "200"
        assert running.answer(name="page.test", tls=tls) == "400"


def test_inherited_way(running: Bench) -> None:
    for way, refused in (("close", "closed"), ("alert", "alert"), ("400", "400")):
        running.write(before=f"CFOriginPullRefuse {way}\n")
        running.server.graceful()
        assert (running.answer(), running.answer(name="page.test")) == (refused, "400")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_sessions_in_hand_when_the_way_changes(running: Bench, kind: Kind) -> None:
    """The edge comes back with the session that it has; a refused client's session is no way past the alert."""
    port = running.ports[kind.storage]
    edge = visit(port, SITE, tls=kind.tls, credential=running.edge).session
    refused = visit(port, SITE, tls=kind.tls).session
    running.write(ALERT)
    running.server.graceful()
    assert visit(port, SITE, tls=kind.tls, credential=running.edge, session=edge).answer.status == 200
    with pytest.raises((TlsAlert, Reset)):
        visit(port, SITE, tls=kind.tls, session=refused)
    good = visit(port, SITE, tls=kind.tls, credential=running.edge).session
    running.write()
    running.server.graceful()
    assert visit(port, SITE, tls=kind.tls, credential=running.edge, session=good).answer.status == 200
    assert visit(port, SITE, tls=kind.tls, session=refused).answer.status == 400


@pytest.mark.parametrize(
    "lines, tag",
    [
        (["CFOriginPullRefuse 403"], "CFAOP108"),
        (["CFOriginPullRefuse"], "CFAOP108"),
        ([ALERT, "CFOriginPullExempt path /open"], "CFAOP115"),
        ([ALERT, "CFOriginPull Optional"], "CFAOP115"),
    ],
)
def test_mistake_closes_its_vhost_and_ends_no_server(running: Bench, lines: list[str], tag: str) -> None:
    running.write(*lines)
    running.server.expect(f"{tag}: ")
    running.server.expect(f"CFAOP125: the policy of {SITE}:.* every request to it ends its connection: {tag}: ")
    running.server.graceful()
    assert (running.answer(), running.answer(running.edge)) == ("closed", "closed")
    assert (running.answer(name="page.test"), running.answer(running.edge, name="page.test")) == ("400", "200")
    running.server.log.settle()
    running.write()
    running.server.graceful()
    assert (running.answer(), running.answer(running.edge)) == ("400", "200")


def test_mistake_under_logonly_goes_on_as_others_do(running: Bench) -> None:
    running.write("CFOriginPull LogOnly", ALERT)
    running.server.expect("CFAOP115: ")
    running.server.expect("CFAOP125: .* nothing is verified: CFAOP115: ")
    running.server.graceful()
    assert running.answer() == "200"
