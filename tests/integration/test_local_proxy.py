"""Requests that a proxy on this machine passes on: Cloudflare's certificate ended at the proxy, and the setting at Cloudflare is not to blame.

The server here has far_peers.c preloaded: to it, clients from 127.0.0.9 come from another machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, connect
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.streams import Route
from support.vhost import vhost

PROXY_HINT = "CFAOP308: "
SETTING_HINT = "CFAOP303: "
AFTER = 20

LOOPBACK = Route()
ANOTHER_LOOPBACK = Route(source="127.0.0.11")
ELSEWHERE = Route(source="127.0.0.9")
INTERFACE = Route(source="127.0.0.10")

# A vhost each: its hint comes once.
NAMES = ("loopback-1-2", "loopback-1-3", "loopback-2-2", "loopback-2-3", "logonly", "interface", "elsewhere", "first", "last", "after",
         "mixed-own", "verified")


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential

    def ask(self, name: str, times: int, route: Route, *, client: Optional[Credential] = None, tls: str = "1.3", http: str = "1.1") -> None:
        """Requests as Cloudflare makes them, but for the certificate. By HTTP/1.1 each refusal ends its connection."""
        for _ in range(times):
            with connect(self.port, sni=f"{name}.test", credential=client, tls=tls, http=http, route=route) as connection:
                connection.request(host=f"{name}.test", headers=[("cf-ray", "8f2c1a3b4d5e6f70-FRA")])

    def hints(self, name: str) -> list[str]:
        return self.httpd.log.find(f"({PROXY_HINT}|{SETTING_HINT}).* for {name}.test:")

    def only_hint(self, name: str, tag: str) -> str:
        self.httpd.expect(f"{tag}.* for {name}.test:")
        self.httpd.log.wait_for(f"{tag}.* for {name}.test:")
        (line,) = self.hints(name)
        assert "[cfaop:warn]" in line and f"{AFTER} requests for {name}.test:{self.port} " in line
        return line


@pytest.fixture(scope="module")
def bench(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    """One process, which so sees all requests."""
    port, ca = free_port(), pki.root("zone")
    config = "ServerLimit 1\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16\n"
    for name in NAMES:
        mode = "LogOnly" if name == "logonly" else "On"
        config += vhost(port, f"{name}.test", f"CFOriginPull {mode}", f"CFOriginPullCACertificateFile {ca.cert_file}", "LogLevel warn",
                        tls=server_certificate)
    httpd = servers.httpd(config, listen=[port], mpm="worker", extra_environment=preloading("far_peers", directory))
    return Bench(httpd, port, ca.issue("edge"))


@pytest.mark.parametrize("http", ("1.1", "2"))
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_all_from_this_machine(bench: Bench, tls: str, http: str) -> None:
    name = f"loopback-{http[0]}-{tls[-1]}"
    bench.ask(name, AFTER - 1, LOOPBACK, tls=tls, http=http)
    assert bench.hints(name) == []
    bench.ask(name, AFTER, ANOTHER_LOOPBACK, tls=tls, http=http)
    line = bench.only_hint(name, PROXY_HINT)
    assert "all of them from this machine" in line and "let the proxy verify it" in line
    assert "switched on" not in line


def test_log_only(bench: Bench) -> None:
    """The case of a panel with nginx in front: 90 requests, and one line that helps."""
    bench.ask("logonly", 90, LOOPBACK)
    bench.only_hint("logonly", PROXY_HINT)


def test_address_of_an_interface_is_this_machine(bench: Bench) -> None:
    bench.ask("interface", AFTER, INTERFACE)
    bench.only_hint("interface", PROXY_HINT)


def test_mixture_of_own_addresses(bench: Bench) -> None:
    bench.ask("mixed-own", AFTER // 2, INTERFACE)
    bench.ask("mixed-own", AFTER // 2, LOOPBACK)
    bench.only_hint("mixed-own", PROXY_HINT)


@pytest.mark.parametrize(
    "name, visits",
    (
        ("elsewhere", [(AFTER, ELSEWHERE)]),
        ("first", [(1, ELSEWHERE), (AFTER - 1, LOOPBACK)]),
        ("last", [(AFTER - 1, LOOPBACK), (1, ELSEWHERE)]),
    ),
)
def test_one_from_elsewhere_is_enough_for_the_other_question(bench: Bench, name: str, visits: list[tuple[int, Route]]) -> None:
    for times, route in visits:
        bench.ask(name, times, route)
    assert "switched on for this zone at Cloudflare" in bench.only_hint(name, SETTING_HINT)


def test_who_comes_after_the_hint_changes_nothing(bench: Bench) -> None:
    bench.ask("after", AFTER, LOOPBACK)
    bench.ask("after", 2 * AFTER, ELSEWHERE)
    bench.only_hint("after", PROXY_HINT)


def test_no_hint_where_one_was_verified(bench: Bench) -> None:
    bench.ask("verified", 10, LOOPBACK)
    bench.ask("verified", 1, LOOPBACK, client=bench.edge)
    bench.ask("verified", 2 * AFTER, LOOPBACK)
    assert bench.hints("verified") == []
