"""Directives of the module where CFOriginPull itself was forgotten: nothing is guarded, and CFAOP149 says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import pytest

from conftest import Servers
from support.client import fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

TAG = "CFAOP149: "


@dataclass(frozen=True)
class Bench:
    server: Httpd
    port: int
    tls: Credential
    ca: str

    def warned(self, main: Sequence[str], one: Sequence[str], other: Sequence[str]) -> list[str]:
        """What `-t` says of a server with these lines in the main server, and in two virtual hosts."""
        lines = ["\n".join(main), vhost(self.port, "one.test", *one, tls=self.tls), vhost(self.port, "other.test", *other, tls=self.tls)]
        self.server.write_config("\n".join(lines))
        outcome = self.server.config_test()
        assert outcome.ok, outcome.stderr
        return [line for line in outcome.stderr.splitlines() if TAG in line]


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port = free_port()
    server = servers.prepare_httpd("", listen=[port])
    return Bench(server, port, server_certificate, f"CFOriginPullCACertificateFile {pki.root('ca').cert_file}")


ON, OFF, CLOSE, EXEMPT = "CFOriginPull On", "CFOriginPull Off", "CFOriginPullRefuse close", "CFOriginPullExempt path /x"
REQUIRE = "<Location /inside>\nRequire cf-origin-pull\n</Location>"


@pytest.mark.parametrize(
    "main, one, other, place",
    [
        ((), (CLOSE,), (), "one.test"),
        ((), (CLOSE,), (ON,), "one.test"),
        ((), (ON,), (EXEMPT, CLOSE), "other.test"),
        ((CLOSE,), (), (), "httpd.test"),  # the main server
        ((CLOSE,), (EXEMPT,), (OFF,), "httpd.test"),
        ((CLOSE, OFF), (OFF,), (EXEMPT,), "other.test"),
        ((OFF,), (CLOSE,), (ON,), "one.test"),
        ((CLOSE,), (OFF,), (), "httpd.test"),
        # it denies that place to all clients
        ((), (REQUIRE,), (ON,), "one.test"),
        ((REQUIRE,), (), (), "httpd.test"),
        # nothing is forgotten
        ((), (ON, CLOSE), (), None),
        ((), (CLOSE, "CFOriginPull LogOnly"), (), None),
        ((), (OFF, CLOSE), (), None),
        ((CLOSE,), (ON,), (), None),
        ((CLOSE, OFF), (OFF,), (), None),
        ((ON,), (CLOSE,), (EXEMPT,), None),
        ((OFF,), (CLOSE, OFF), (), None),
        ((), (ON, REQUIRE), (), None),
        ((REQUIRE,), ("CFOriginPull Optional",), (), None),
        # it does something by itself: it removes the header
        ((), ("CFOriginPullRemoteIP On",), (), None),
        ((), (), (), None),
    ],
)
def test_mode_that_was_forgotten(bench: Bench, main: tuple[str, ...], one: tuple[str, ...], other: tuple[str, ...], place: Optional[str]) -> None:
    lines = bench.warned(main, one, other)
    assert len(lines) == (place is not None)
    if place:
        assert place in lines[0] and "add CFOriginPull On, or write CFOriginPull Off there" in lines[0]


def test_it_is_told_at_start_and_reload_too(bench: Bench, servers: Servers) -> None:
    port = free_port()
    server = servers.httpd(vhost(port, "one.test", bench.ca, tls=bench.tls), listen=[port])
    server.expect(rf"{TAG}one.test:{port} has directives of mod_cfaop \(.*:\d+\)")
    # this is what the warning is about
    assert fetch(port, sni="one.test").status == 200
    server.graceful()
    server.expect(TAG)
    server.stop()


@pytest.mark.parametrize("name, warns", [("one.test", False), ("third.test", True)])
def test_sections_that_both_virtual_hosts_of_a_site_have(bench: Bench, name: str, warns: bool) -> None:
    """Over plain HTTP the place is denied to all, as it is meant: there is nothing to switch on."""
    plain = free_port()
    lines = [REQUIRE, "CFOriginPull Optional"]
    config = f"Listen 127.0.0.1:{plain}\n" + vhost(bench.port, "one.test", *lines, bench.ca, tls=bench.tls) + vhost(plain, name, REQUIRE)
    bench.server.write_config(config)
    outcome = bench.server.config_test()
    assert outcome.ok and (TAG in outcome.stderr) is warns, outcome.stderr
