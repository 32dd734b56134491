"""Restarts: nobody is turned away by one, nothing leaks, and no mistake in the configuration ends a running server.

All vhosts are on one port. A test that changes the configuration leaves it changed: each begins with its own.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest
from OpenSSL import SSL

from conftest import Servers
from support import environment
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, connect_plain, fetch
from support.httpd import Httpd
from support.load import Load
from support.pki import Credential, Pki
from support.ports import free_port
from support.processes import resident_kib
from support.streams import Reset
from support.vhost import vhost

ON = "CFOriginPull On"
NO_HOARDING = "quarantine_size_mb=0:thread_local_quarantine_size_kb=0:malloc_context_size=0"


@dataclass
class Bench:
    httpd: Httpd
    ca: Credential
    tls: Credential
    edge: Credential
    stranger: Credential

    def site(self, name: str, *lines: str, ca: Optional[Path] = None) -> str:
        """A vhost that is guarded by the CA of the edge, or by another file."""
        trust = f"CFOriginPullCACertificateFile {ca or self.ca.cert_file}"
        return vhost(self.httpd.port, name, *lines, trust, tls=self.tls)

    def reread(self, config: str) -> None:
        self.httpd.write_config(config)
        self.httpd.graceful()

    def status(self, name: str, credential: Optional[Credential]) -> int:
        return fetch(self.httpd.port, sni=name, credential=credential).status

    def statuses(self, name: str) -> tuple[int, int, int]:
        """What the edge, a stranger and a client without a certificate get."""
        edge, stranger, none = (self.status(name, who) for who in (self.edge, self.stranger, None))
        return edge, stranger, none


GUARDED = (200, 400, 400)
CLOSED = (400, 400, 400)
OPEN = (200, 200, 200)


@pytest.fixture(scope="module")
def running(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    # sanitizers keep what was freed, and who called: that would look like a leak
    httpd = servers.prepare_httpd("", listen=[free_port()], extra_environment={"ASAN_OPTIONS": NO_HOARDING})
    edge, stranger = ca.issue("edge"), pki.self_signed("stranger")
    bench = Bench(httpd, ca, server_certificate, edge, stranger)
    httpd.write_config(bench.site("guarded.test", ON))
    httpd.start()
    return bench


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.httpd.allow_refusals()
    running.reread(running.site("guarded.test", ON))
    running.httpd.allow_refusals()
    return running


# Under load


class Visitor:
    """A client that speaks each HTTP and TLS version in turn; a returning one offers the session of the last visit."""

    def __init__(self, bench: Bench, credential: Optional[Credential], *, returning: bool = False) -> None:
        self._bench = bench
        self._credential = credential
        self._returning = returning
        self._kinds = itertools.cycle(itertools.product(HTTP_VERSIONS, TLS_VERSIONS))
        self._sessions: dict[str, SSL.Session] = {}

    def __call__(self) -> int:
        http, tls = next(self._kinds)
        # httpd ends HTTP/2 connections that have no request yet, and one restart follows the other: a client of HTTP/2
        # comes again then
        for _ in range(5 if http == "2" else 0):
            with suppress(Reset):
                return self._visit(http, tls)
        return self._visit(http, tls)

    def _visit(self, http: str, tls: str) -> int:
        session = self._sessions.get(tls) if self._returning else None
        with connect(
            self._bench.httpd.port, sni="guarded.test", credential=self._credential, tls=tls, http=http, session=session
        ) as client:
            status = client.request(host="guarded.test").status
            self._sessions[tls] = client.stream.session
        return status


def test_nobody_notices_graceful_restarts(bench: Bench) -> None:
    visitors = {
        "edge": Visitor(bench, bench.edge),
        "edge_returning": Visitor(bench, bench.edge, returning=True),
        "stranger": Visitor(bench, bench.stranger),
        "nobody": Visitor(bench, None),
    }
    with Load(**visitors) as load:
        for _ in range(60):  # far fewer, unless the machine is busy with something else
            bench.httpd.graceful()
            if min(sum(seen.values()) for seen in load.seen.values()) > 8:
                break
    for name, seen in load.seen.items():
        assert set(seen) == {200 if name.startswith("edge") else 400}, (name, seen)
        assert sum(seen.values()) > 8, (name, seen)


def test_parent_does_not_grow(bench: Bench, pki: Pki) -> None:
    """Twenty readings of three policies with many certificates, of which one has a CRL."""
    many = pki.bundle("many", bench.ca, *(pki.root(f"one-of-many-{i}") for i in range(50)))
    crl = bench.ca.crl("growing", revoked=[bench.stranger])
    extra = ([], ["CFOriginPullVerifyDepth 3"], [f"CFOriginPullCARevocationFile {crl}"])
    bench.httpd.write_config("".join(bench.site(f"v{i}.test", ON, *extra[i % 3], ca=many) for i in range(6)))
    bench.httpd.allow('CFAOP151: there is no CRL of "CN=one-of-many-')
    process = bench.httpd.process
    assert process
    sizes = []
    for _ in range(20):
        bench.httpd.graceful()
        assert bench.status("v2.test", bench.edge) == 200
        sizes.append(resident_kib(process.pid))
    # a sanitizer notes the module's data each time that it is loaded: some 190 KiB, more with each line of code
    allowed = 15 * 256 if environment.sanitizing() else 256
    assert sizes[-1] - sizes[4] < allowed, sizes


# What a restart changes


def test_new_policy_holds_for_new_connections_at_once(bench: Bench, pki: Pki) -> None:
    other = pki.root("other-ca")
    steps = [
        (bench.site("guarded.test", "CFOriginPull Off"), OPEN),
        (bench.site("guarded.test", ON), GUARDED),
        (bench.site("guarded.test", "CFOriginPull LogOnly"), OPEN),
        (bench.site("guarded.test", ON, ca=other.cert_file), CLOSED),
        (bench.site("guarded.test", "CFOriginPull Optional"), (200, 400, 200)),
        (bench.site("guarded.test", ON), GUARDED),
    ]
    for config, expected in steps:
        bench.reread(config)
        assert bench.statuses("guarded.test") == expected


def test_module_can_be_taken_out_and_put_in_again(bench: Bench) -> None:
    """Its code is unmapped then: nothing may point into it any more."""
    session = None
    for with_module in (True, False, True, False, True):
        bench.httpd.with_module = with_module
        plain = vhost(bench.httpd.port, "guarded.test", tls=bench.tls, with_module=False)
        bench.reread(bench.site("guarded.test", ON) if with_module else plain)
        assert bench.statuses("guarded.test") == (GUARDED if with_module else OPEN)
        with connect(bench.httpd.port, sni="guarded.test", credential=bench.edge, session=session) as client:
            assert client.request(host="guarded.test").status == 200
            session = client.stream.session


# Mistakes that a running server meets


def gone(path: Path, ca: Credential) -> None:
    path.unlink()


def cut_off(path: Path, ca: Credential) -> None:
    path.write_bytes(ca.cert_pem + ca.cert_pem[: len(ca.cert_pem) // 2])


def directory(path: Path, ca: Credential) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = {"gone": gone, "cut-off": cut_off, "directory": directory}


def test_broken_ca_file_closes_the_vhosts_that_need_it(bench: Bench, pki: Pki) -> None:
    files = {damage: pki.file(f"{damage}.pem", bench.ca.cert_pem) for damage in DAMAGES}
    broken = [f"{damage}.test" for damage in DAMAGES]
    config = bench.site("guarded.test", ON)
    config += "".join(bench.site(f"{damage}.test", ON, ca=path) for damage, path in files.items())
    config += bench.site("optional.test", "CFOriginPull Optional", ca=files["gone"])
    config += bench.site("logonly.test", "CFOriginPull LogOnly", ca=files["gone"])
    bench.reread(config)
    assert [bench.statuses(name) for name in broken] == [GUARDED] * 3

    for damage, path in files.items():
        DAMAGES[damage](path, bench.ca)
        bench.httpd.expect(rf"cfaop:crit.*CFAOP103: CFOriginPullCACertificateFile.*{damage}\.pem")
    for name in (*broken, "optional.test", "logonly.test"):
        bench.httpd.expect(rf"cfaop:crit.*CFAOP125: .*{name}")
    bench.httpd.graceful()

    assert bench.statuses("guarded.test") == GUARDED
    assert [bench.statuses(name) for name in broken] == [CLOSED] * 3
    assert bench.statuses("optional.test") == CLOSED
    assert bench.statuses("logonly.test") == OPEN
    answer = fetch(bench.httpd.port, sni="logonly.test", credential=bench.edge)
    assert answer.verify == "FAILED:configuration"
    with connect(bench.httpd.port, sni="gone.test", credential=bench.edge) as client:
        assert client.stream.client_ca_names == []

    files["directory"].rmdir()
    for path in files.values():
        path.write_bytes(bench.ca.cert_pem)
    bench.httpd.graceful()
    assert [bench.statuses(name) for name in broken] == [GUARDED] * 3
    assert bench.statuses("optional.test") == (200, 400, 200)


def test_broken_crl_file_closes_the_vhost_that_needs_it(bench: Bench) -> None:
    crl = bench.ca.crl("breaking")
    config = bench.site("guarded.test", ON) + bench.site("crl.test", ON, f"CFOriginPullCARevocationFile {crl}")
    bench.reread(config)
    assert bench.statuses("crl.test") == GUARDED

    content = crl.read_bytes()
    crl.write_bytes(content[:-40])
    bench.httpd.expect(r"cfaop:crit.*CFAOP104: CFOriginPullCARevocationFile.*breaking\.crl\.pem")
    bench.httpd.expect(r"cfaop:crit.*CFAOP125: .*crl\.test")
    bench.httpd.graceful()
    assert bench.statuses("crl.test") == CLOSED
    assert bench.statuses("guarded.test") == GUARDED

    crl.write_bytes(content)
    bench.httpd.graceful()
    assert bench.statuses("crl.test") == GUARDED


BAD_LINES = {
    "high.test": "CFOriginPullVerifyDepth 99",
    "negative.test": "CFOriginPullVerifyDepth -1",
    "word.test": "CFOriginPullVerifyDepth one",
    "mode.test": "CFOriginPull Onn",
}


def test_bad_value_closes_its_vhost_and_ends_no_server(bench: Bench) -> None:
    for name, line in BAD_LINES.items():
        directive, value = line.split()
        bench.httpd.expect(rf"cfaop:crit.*CFAOP108: .*{directive}: '{value}'")
        bench.httpd.expect(rf"cfaop:crit.*CFAOP125: .*{name}")
    guarded = bench.site("guarded.test", ON)
    bench.reread(guarded + "".join(bench.site(name, ON, line) for name, line in BAD_LINES.items()))
    assert [bench.statuses(name) for name in BAD_LINES] == [CLOSED] * 4
    assert bench.statuses("guarded.test") == GUARDED

    bench.reread(guarded + "".join(bench.site(name, ON) for name in BAD_LINES))
    assert [bench.statuses(name) for name in BAD_LINES] == [GUARDED] * 4


def test_bad_value_of_the_main_server_closes_those_that_inherit_it(bench: Bench) -> None:
    bench.httpd.expect(r"cfaop:crit.*CFAOP108: .*CFOriginPullVerifyDepth: ")
    bench.httpd.expect(r"cfaop:crit.*CFAOP125: .*guarded\.test")
    off = vhost(bench.httpd.port, "off.test", tls=bench.tls)
    bench.reread("CFOriginPullVerifyDepth 99\n" + bench.site("guarded.test", ON) + off)
    assert bench.statuses("guarded.test") == CLOSED
    assert bench.statuses("off.test") == OPEN


def test_bad_value_ends_a_cold_start(bench: Bench) -> None:
    """The control of the tests above: what a running server survives, `-t` and a start do not."""
    bench.httpd.write_config(bench.site("guarded.test", "CFOriginPullVerifyDepth 99"))
    checked = bench.httpd.config_test()
    assert not checked.ok
    assert "CFOriginPullVerifyDepth" in checked.stderr


def test_guard_without_tls_answers_400(bench: Bench) -> None:
    bench.httpd.expect(r"cfaop:crit.*CFAOP105: ")
    bench.httpd.expect(r"cfaop:crit.*CFAOP120: ")
    port = free_port()
    trust = f"CFOriginPullCACertificateFile {bench.ca.cert_file}"
    plain = f"Listen 127.0.0.1:{port}\n" + vhost(port, "plain.test", ON, trust)
    bench.reread(bench.site("guarded.test", ON) + plain)
    assert bench.statuses("guarded.test") == GUARDED
    with connect_plain(port) as client:
        assert client.request(host="plain.test").status == 400
