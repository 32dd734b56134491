"""Counters and restarts: a graceful one loses no count, a full one begins at zero; and there are never too many vhosts.

A test that changes the configuration leaves it changed: each begins with its own, and compares numbers before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, connect, fetch
from support.httpd import Httpd
from support.load import Load
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Route
from support.vhost import vhost
from support.views import MODULES, Numbers, Views, look, since, watching

FOUR_PROCESSES = "ServerLimit 8\nStartServers 4\nThreadsPerChild 8\nMaxRequestWorkers 64\nMinSpareThreads 32\nMaxSpareThreads 64"
ALLOWED = {"handshake verified": 1, "allowed none": 1}
REFUSED = {"handshake no_certificate": 1, "refused no_certificate": 1}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    watch: int
    ca: Credential
    tls: Credential
    edge: Credential

    def site(self, name: str, *lines: str, mode: str = "On", ca: Optional[Path] = None) -> str:
        trust = f"CFOriginPullCACertificateFile {ca or self.ca.cert_file}"
        return vhost(self.port, f"{name}.test", f"CFOriginPull {mode}", trust, *lines, tls=self.tls)

    def write(self, *sites: str) -> None:
        self.httpd.write_config(f"{FOUR_PROCESSES}\n{watching(self.watch)}{''.join(sites)}")

    def reread(self, *sites: str) -> None:
        self.write(*sites)
        self.httpd.graceful()

    def look(self) -> Views:
        return look(self.watch)

    def numbers(self) -> Numbers:
        """By ServerName."""
        return {label.removesuffix(f".test:{self.port}"): entry for label, entry in self.look().numbers.items()}

    def added(self, before: Numbers) -> Numbers:
        return since(before, self.numbers())

    def mode(self, name: str) -> str:
        return self.look().page.rows[f"{name}.test:{self.port}"].mode

    def visit(self, name: str, who: Optional[Credential], *, tls: str = "1.3") -> int:
        return fetch(self.port, sni=f"{name}.test", credential=who, tls=tls).status


@pytest.fixture(scope="module")
def running(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    port, watch = free_port(), free_port()
    # a connection has often just ended when a test restarts the server
    server = servers.prepare_httpd("", listen=[port, watch], modules=MODULES, mpm="worker")
    # what httpd says of a process that outlived two restarts
    server.log.always += ["AH00291: long lost child came home!"]
    bench = Bench(server, port, watch, ca, server_certificate, ca.issue("edge"))
    bench.write(bench.site("on"))
    server.start()
    return bench


@pytest.fixture
def bench(running: Bench) -> Iterator[Bench]:
    running.httpd.allow_refusals()
    yield running


def test_numbers_go_on(bench: Bench) -> None:
    bench.reread(bench.site("on"))
    before = bench.numbers()
    assert (bench.visit("on", bench.edge), bench.visit("on", None)) == (200, 400)
    bench.httpd.graceful()
    assert bench.added(before) == {"on": {**ALLOWED, **REFUSED}}
    assert bench.visit("on", bench.edge) == 200
    bench.httpd.restart()
    assert bench.visit("on", bench.edge) == 200
    assert bench.added(before) == {"on": {"handshake verified": 3, "allowed none": 3, **REFUSED}}


def test_vhost_that_comes_goes_and_comes_back(bench: Bench) -> None:
    stays, moves = bench.site("on"), bench.site("moving")
    before = bench.numbers()
    bench.reread(stays, moves)
    assert bench.added(before) == {}
    assert (bench.visit("moving", bench.edge), bench.mode("moving")) == (200, "On")

    bench.reread(stays)
    assert bench.mode("moving") == "-"
    assert bench.added(before) == {"moving": ALLOWED}
    bench.reread(stays, bench.site("moving", mode="Off"))
    assert bench.visit("moving", None) == 200
    assert (bench.mode("moving"), bench.added(before)) == ("-", {"moving": ALLOWED})

    bench.reread(moves, stays)
    assert bench.mode("moving") == "On"
    assert (bench.visit("moving", None), bench.visit("on", bench.edge)) == (400, 200)
    assert bench.added(before) == {"moving": {**ALLOWED, **REFUSED}, "on": ALLOWED}


def test_new_mode_counts_beside_the_old_one(bench: Bench) -> None:
    before = bench.numbers()
    for mode in ("On", "LogOnly", "Optional"):
        bench.reread(bench.site("modes", mode=mode))
        assert bench.visit("modes", None) == (400 if mode == "On" else 200)
        assert bench.mode("modes") == mode
    assert bench.added(before) == {
        "modes": {
            "handshake no_certificate": 3,
            "refused no_certificate": 1,
            "would_refuse no_certificate": 1,
            "allowed no_certificate": 1,
        }
    }


def test_case_of_a_name_makes_no_difference(bench: Bench) -> None:
    before = bench.numbers()
    for name in ("case", "CASE", "Case"):
        bench.reread(bench.site(name))
        assert bench.visit("case", bench.edge) == 200
    assert bench.added(before) == {"case": {"handshake verified": 3, "allowed none": 3}}


def test_same_name_on_another_address_is_the_same_vhost_and_on_another_port_another(bench: Bench) -> None:
    port = free_port()
    elsewhere = bench.site("twin").replace("127.0.0.1", "127.0.0.2") + f"Listen 127.0.0.2:{bench.port}\n"
    other_port = bench.site("twin").replace(f":{bench.port}", f":{port}") + f"Listen 127.0.0.1:{port}\n"
    before = bench.numbers()
    bench.reread(bench.site("twin"), elsewhere, other_port)
    assert fetch(bench.port, sni="twin.test", route=Route(to="127.0.0.2")).status == 400
    assert bench.visit("twin", bench.edge) == 200
    assert fetch(port, sni="twin.test", credential=bench.edge).status == 200
    assert bench.added(before) == {"twin": {**ALLOWED, **REFUSED}, f"twin.test:{port}": ALLOWED}


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("stays", [True, False], ids=["stays", "goes"])
def test_request_that_comes_to_a_process_of_before(bench: Bench, stays: bool, tls: str) -> None:
    """Its connection was there already. The vhost may be gone by then."""
    bench.reread(bench.site("on"), bench.site("old"))
    before = bench.numbers()
    with connect(bench.port, sni="old.test", credential=bench.edge, tls=tls) as client:
        bench.reread(bench.site("on"), *([bench.site("old")] if stays else []))
        assert bench.added(before) == {"old": {"handshake verified": 1}}
        assert client.request(host="old.test").status == 200
        assert bench.added(before) == {"old": ALLOWED}
        assert bench.mode("old") == ("On" if stays else "-")


def test_policy_that_broke_on_a_restart(bench: Bench, pki: Pki) -> None:
    """Nobody is asked for a certificate then, and all are refused."""
    breaking = pki.file("breaking.pem", bench.ca.cert_pem)
    sites = [bench.site("on"), bench.site("broken", ca=breaking), bench.site("broken-logonly", ca=breaking, mode="LogOnly")]
    bench.reread(*sites)
    before = bench.numbers()
    breaking.write_bytes(b"")
    for pattern in (r"CFAOP103: ", r"CFAOP125: .*broken\.test", r"CFAOP125: .*broken-logonly\.test"):
        bench.httpd.expect(rf"cfaop:crit.*{pattern}")
    bench.reread(*sites)
    assert (bench.visit("broken", bench.edge), bench.visit("broken-logonly", bench.edge)) == (400, 200)
    assert bench.added(before) == {"broken": {"refused configuration": 1}, "broken-logonly": {"would_refuse configuration": 1}}


def test_module_that_is_taken_out_and_put_in_again(bench: Bench) -> None:
    """Numbers of the first time are there the second time."""
    bench.reread(bench.site("on"))
    assert bench.visit("on", bench.edge) == 200
    before = bench.numbers()
    try:
        bench.httpd.with_module = False
        bench.httpd.write_config(f"{FOUR_PROCESSES}\n{vhost(bench.port, 'on.test', tls=bench.tls, with_module=False)}")
        bench.httpd.graceful()
        assert bench.visit("on", None) == 200
    finally:
        bench.httpd.with_module = True
    bench.reread(bench.site("on"))
    assert bench.visit("on", bench.edge) == 200
    assert bench.added(before) == {"on": ALLOWED}


def test_nothing_is_lost_under_load(bench: Bench) -> None:
    """Clients of four processes, while vhosts come and go: what they were told is what was counted."""
    always = [bench.site("on"), bench.site("logonly", mode="LogOnly")]
    bench.reread(*always)
    before = bench.numbers()

    with Load(
        edge=lambda: bench.visit("on", bench.edge),
        edge12=lambda: bench.visit("on", bench.edge, tls="1.2"),
        nobody=lambda: bench.visit("on", None),
        logged=lambda: bench.visit("logonly", None),
    ) as load:
        for step in range(60):  # far fewer, unless the machine is busy with something else
            bench.reread(bench.site(f"moving{step % 3}"), *always, bench.site(f"new{step}"))
            if step >= 4 and min(sum(seen.values()) for seen in load.seen.values()) > 8:
                break
    seen = load.seen
    assert [set(seen[name]) for name in ("edge", "edge12", "nobody", "logged")] == [{200}, {200}, {400}, {200}]
    good, refused, logged = seen["edge"][200] + seen["edge12"][200], seen["nobody"][400], seen["logged"][200]
    assert bench.added(before) == {
        "on": {
            "handshake verified": good,
            "allowed none": good,
            "handshake no_certificate": refused,
            "refused no_certificate": refused,
        },
        "logonly": {"handshake no_certificate": logged, "would_refuse no_certificate": logged},
    }


def test_full_restart_begins_at_zero(bench: Bench) -> None:
    bench.reread(bench.site("on"), bench.site("gone"))
    assert (bench.visit("on", bench.edge), bench.visit("gone", bench.edge)) == (200, 200)
    bench.write(bench.site("on"))
    bench.httpd.stop()
    bench.httpd.start()
    views = bench.look()
    assert (views.numbers, list(views.page.rows)) == ({}, [f"on.test:{bench.port}"])


def test_more_vhosts_than_there_is_room_for(bench: Bench) -> None:
    """The table was made for few; the rest share a place, until a full restart makes room for all."""
    many = [bench.site(f"v{i:04}") for i in range(1100)]
    bench.httpd.stop()
    bench.write(bench.site("on"))
    bench.httpd.start()
    assert bench.visit("on", bench.edge) == 200

    bench.httpd.expect(r"cfaop:warn.*CFAOP129: .* 77 and 0 more ")
    bench.reread(bench.site("on"), *many)
    visited = ["v0000", "v0050", "v0500", "v1050", "v1099", "on"]
    before = bench.numbers()
    assert {bench.visit(name, bench.edge) for name in visited} == {200}
    added = bench.added(before)
    homeless = [name for name in visited if name not in added]
    assert len(homeless) == 2
    assert added == {
        **{name: ALLOWED for name in visited if name not in homeless},
        "other": {what: count * len(homeless) for what, count in ALLOWED.items()},
    }

    bench.httpd.stop()
    bench.httpd.start()
    assert {bench.visit(name, bench.edge) for name in visited} == {200}
    assert bench.numbers() == {name: ALLOWED for name in visited}
