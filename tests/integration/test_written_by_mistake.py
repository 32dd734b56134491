"""Lines that people bring along from before the guard, or write in the belief that httpd adds them to others. Each warning is true: what a client
gets shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

NAMELESS, ASKED_AGAIN = "CFAOP159: ", "CFAOP160: "
ON = "CFOriginPull On"


@dataclass(frozen=True)
class Bench:
    servers: Servers
    certificate: Credential
    ca: Credential
    edge: Credential

    @property
    def trust(self) -> str:
        return f"CFOriginPullCACertificateFile {self.ca.cert_file}"

    def server(self, config: str, port: int) -> Httpd:
        return self.servers.prepare_httpd(config, listen=[port])

    def site(self, port: int, *lines: str, name: str = "www.test", address: str = "127.0.0.1") -> str:
        return vhost(port, name, *lines, self.trust, tls=self.certificate).replace("127.0.0.1:", f"{address}:", 1)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("mistaken")
    return Bench(servers, server_certificate, ca, ca.issue("mistaken-edge"))


# A directory's SSLVerifyClient: mod_ssl asks for the certificate once more


def directory(bench: Bench, section: str = '<Location "/">', verify: str = "require") -> list[str]:
    return [f"SSLCACertificateFile {bench.ca.cert_file}", section, f"SSLVerifyClient {verify}", f"</{section[1:].split()[0]}>"]


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_directory_asks_the_edge_again(bench: Bench, tls: str) -> None:
    port, lines = free_port(), directory(bench)
    server = bench.server(bench.site(port, ON, *lines), port).start()
    server.expect(rf"{ASKED_AGAIN}a directory has SSLVerifyClient beside CFOriginPull on www\.test:{port}: ")
    assert fetch(port, sni="www.test", tls=tls, credential=bench.edge).status == (403 if tls == "1.3" else 200)
    server.allow("AH10158|AH10129|AH02039|SSL Library Error")
    server.stop()


@pytest.mark.parametrize(
    "mode, verify, protocol, warns",
    [
        ("Optional", "optional", "all", True),
        ("On", "none", "all", False),
        ("LogOnly", "require", "all", False),
        ("Off", "require", "all", False),
        ("On", "require", "all -TLSv1.3", False),
        ("On", "require", "TLSv1.2", False),
        ("On", "require", "-all +TLSv1.3", True),
        ("On\nCFOriginPullExempt ip 127.0.0.9", "require", "all", False),
    ],
)
def test_directory_that_may_ask(bench: Bench, mode: str, verify: str, protocol: str, warns: bool) -> None:
    port = free_port()
    lines = [*f"CFOriginPull {mode}".splitlines(), f"SSLProtocol {protocol}", *directory(bench, verify=verify)]
    server = bench.server(bench.site(port, *lines), port).start()
    if warns:
        server.expect(ASKED_AGAIN)
    server.allow("CFAOP149: ")
    server.stop()


def test_directory_of_the_main_server_may_be_anothers(bench: Bench) -> None:
    """Nothing is told: to remove SSLVerifyClient might open what another virtual host serves."""
    port = free_port()
    lines = directory(bench, section='<Directory "/srv/admin">')
    server = bench.server("\n".join(lines) + "\n" + bench.site(port, ON) + bench.site(port, "CFOriginPull Off", name="admin.test"), port).start()
    server.allow("AH01909")
    assert fetch(port, sni="www.test", credential=bench.edge).status == 200
    server.stop()


# A virtual host beside that of the site


def nameless(bench: Bench, port: int, *lines: str, address: str = "127.0.0.1") -> str:
    return bench.site(port, *lines, address=address).replace("ServerName www.test", "")


def test_addition_without_a_name_guards_nothing(bench: Bench) -> None:
    port = free_port()
    server = bench.server(bench.site(port, "CFOriginPull Off") + nameless(bench, port, ON), port)
    outcome = server.config_test()
    assert outcome.ok and NAMELESS in outcome.stderr
    server.start()
    server.expect(rf"{NAMELESS}the virtual host at .*:\d+ has CFOriginPull and no ServerName: requests for other names than ")
    server.allow("AH01909")
    assert fetch(port, sni="www.test").status == 200
    server.stop()


@pytest.mark.parametrize("case", ("first", "own-address", "off", "alias", "named", "any-address-before", "inherits"))
def test_virtual_host_that_is_reached(bench: Bench, case: str) -> None:
    port = free_port()
    site = bench.site(port, "CFOriginPull Off")
    other = {
        "first": nameless(bench, port, ON) + site,
        "own-address": site + nameless(bench, port, ON, address="127.0.0.2"),
        "off": site + nameless(bench, port, "CFOriginPull Off"),
        "alias": site + nameless(bench, port, ON, "ServerAlias shop.test"),
        "named": site + bench.site(port, ON, name="shop.test"),
        "any-address-before": bench.site(port, "CFOriginPull Off", address="*") + nameless(bench, port, ON),
        "inherits": "CFOriginPull On\n" + site + nameless(bench, port),
    }[case]
    outcome = bench.server(other, port).config_test()
    assert outcome.ok and NAMELESS not in outcome.stderr, outcome.stderr


# All wildcards are one address


@pytest.mark.parametrize("guarded, open_", [("*", "0.0.0.0"), ("0.0.0.0", "*"), ("_default_", "0.0.0.0"), ("[::]", "*"), ("0.0.0.0", "[::]")])
@pytest.mark.parametrize("first", ("guarded", "open"))
def test_first_of_two_at_all_addresses(bench: Bench, guarded: str, open_: str, first: Optional[str]) -> None:
    """httpd takes the first one: the other is no way round."""
    port = free_port()
    on, off = bench.site(port, ON, address=guarded), bench.site(port, "CFOriginPull Off", address=open_)
    server = bench.server(on + off if first == "guarded" else off + on, port).start()
    if first == "open":
        server.expect("CFAOP131: www.test is guarded by ")
    assert fetch(port, sni="www.test").status == (400 if first == "guarded" else 200)
    server.allow_refusals()
    server.stop()
