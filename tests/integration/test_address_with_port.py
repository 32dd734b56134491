"""The visitor's address from a header that holds a port, too; and headers that never hold what they should, which are warned of.

CloudFront-Viewer-Address is such a header: its IPv6 addresses have no brackets, and the port follows the last colon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, Client, connect
from support.http1 import Headers
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.waiting import wait_until

HEADER = "cloudfront-viewer-address"
NAME = "CloudFront-Viewer-Address"
PEER = "127.0.0.1"
WITH_PORT = f"CFOriginPullRemoteIP On {NAME} with-port"
WITHOUT = f"CFOriginPullRemoteIP On {NAME}"
NEVER_FITTED = "CFAOP306: "
MISFIT = "CFAOP304: "
AFTER = 20

# Value -> address and port.
FITTING = {
    "198.51.100.10:46532": ("198.51.100.10", "46532"),
    "2001:db8::1:4653": ("2001:db8::1", "4653"),
    "[2001:db8::1]:4653": ("2001:db8::1", "4653"),
    "2001:0DB8:0000:0000:0000:0000:0000:0001:1": ("2001:db8::1", "1"),
    "[2001:0db8:0000:0000:0000:0000:0000:0001]:65535": ("2001:db8::1", "65535"),
    "::ffff:198.51.100.10:80": ("198.51.100.10", "80"),
    "[::ffff:198.51.100.10]:80": ("198.51.100.10", "80"),
    " 198.51.100.10:46532 ": ("198.51.100.10", "46532"),
}
NOT_FITTING = (
    "198.51.100.10",
    "2001:db8::1",
    "2001:db8:0:0:0:0:0:1",
    "[2001:db8::1]",
    "2001:db8::1]:80",
    "[2001:db8::1:80",
    "[198.51.100.10]:80",
    "[]:80",
    "[:80",
    ":80",
    ":",
    "",
    "198.51.100.10:",
    "198.51.100.10:0",
    "198.51.100.10:080",
    "198.51.100.10:65536",
    "198.51.100.10:100000",
    "198.51.100.10:99999999999999999999",
    "198.51.100.10:-1",
    "198.51.100.10:+1",
    "198.51.100.10:80 1",
    "198.51.100.10 :80",
    "198.51.100.10: 80",
    "198.51.100.10:http",
    "198.51.100.10:0x50",
    "198.51.100.10:80:81",
    "198.51.100.10:80, 198.51.100.11:80",
    "visitor.example.com:80",
    "localhost:80",
    "fe80::1%lo:80",
    "[fe80::1%lo]:80",
    "1" * 300,
)


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential
    stranger: Credential

    def connect(self, host: str, client: Optional[Credential] = None, tls: str = "1.3", http: str = "1.1") -> Client:
        return connect(self.port, sni=host, credential=client or self.edge, tls=tls, http=http)

    def logged(self, mark: str) -> list[str]:
        """Address, its port and the connection's address of the request whose path ends in this; written after the answer."""
        log = self.httpd.directory / "logs" / "address.log"

        def lines() -> list[str]:
            return [line for line in log.read_text(errors="replace").splitlines() if line.endswith(mark)]

        assert wait_until(lambda: bool(lines())), f"no line for {mark}"
        return lines()[-1].split("|")[:3]

    def warnings(self, host: str) -> list[str]:
        return self.httpd.log.find(f"{NEVER_FITTED}.* for {re.escape(host)}:")


def warned_hosts() -> dict[str, str]:
    """Name -> the line of CFOriginPullRemoteIP; each is met by one test only, because a warning comes once."""
    plain = {name: WITHOUT for name in ("has-port", "has-port-6", "has-list", "mixed", "one-short", "fitted", "forged", "refused")}
    return {**plain, "lacks-port": WITH_PORT, "default": "CFOriginPullRemoteIP On"}


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port, ca = free_port(), pki.root("zone")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    config = 'CustomLog logs/address.log "%a|%{remote}p|%{c}a|%U%q"\n'
    config += vhost(port, "with.test", *guard, WITH_PORT, tls=server_certificate)
    config += vhost(port, "logonly.test", "CFOriginPull LogOnly", guard[1], WITH_PORT, tls=server_certificate)
    config += vhost(port, "without.test", *guard, WITHOUT, tls=server_certificate)
    for name, line in warned_hosts().items():
        mode = ["CFOriginPull LogOnly", guard[1]] if name == "refused" else guard
        config += vhost(port, f"{name}.test", *mode, line, "LogLevel warn", tls=server_certificate)
    httpd = servers.httpd(config, listen=[port])
    httpd.log.always.append(f"{NEVER_FITTED}.* for (with|without).test:")
    return Bench(httpd, port, ca.issue("edge"), pki.self_signed("stranger"))


# What is taken


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_address_and_port_are_the_visitors(bench: Bench, tls: str, http: str) -> None:
    with bench.connect("with.test", tls=tls, http=http) as client:
        for number, (value, (address, port)) in enumerate(FITTING.items()):
            mark = f"?fits-{number}-{tls}-{http}-"
            sent = value if http == "1.1" else value.strip()  # HTTP/2 has no blanks there
            assert client.request(f"/{mark}", host="with.test", headers=[(HEADER, sent)]).status == 200
            assert bench.logged(mark) == [address, port, PEER], value


@pytest.mark.parametrize("value", NOT_FITTING)
def test_other_value_does_not_fit(bench: Bench, value: str) -> None:
    bench.httpd.expect(f"{MISFIT}{NAME} is not one address with a port, the peer's stands: ")
    mark = f"?misfit-{NOT_FITTING.index(value)}-"
    with bench.connect("with.test") as client:
        assert client.request(f"/{mark}", host="with.test", headers=[(HEADER, value)]).status == 200
    address, port, _ = bench.logged(mark)
    assert address == PEER and int(port) > 1023


def test_stranger_gets_no_address_by_it(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    with bench.connect("logonly.test") as client:
        client.request("/?edge-", host="logonly.test", headers=[(HEADER, "198.51.100.10:46532")])
    assert bench.logged("?edge-") == ["198.51.100.10", "46532", PEER]
    with bench.connect("logonly.test", bench.stranger) as client:
        client.request("/?stranger-", host="logonly.test", headers=[(HEADER, "198.51.100.10:46532")])
    address, port, _ = bench.logged("?stranger-")
    assert (address, port != "46532") == (PEER, True)


def test_without_the_word_nothing_changes(bench: Bench) -> None:
    bench.httpd.expect(f"{MISFIT}{NAME} is not one address, the peer's stands: .198.51.100.10:46532")
    with bench.connect("without.test") as client:
        for number, (value, address) in enumerate(
            (("198.51.100.10:46532", PEER), ("198.51.100.10", "198.51.100.10"), ("2001:db8::1:4653", "2001:db8::1:4653"))
        ):
            client.request(f"/?without-{number}-", host="without.test", headers=[(HEADER, value)])
            found, port, _ = bench.logged(f"?without-{number}-")
            assert (found, port != "46532") == (address, True)


# What never fits


def send(bench: Bench, host: str, values: list[str], *, http: str = "1.1", header: str = HEADER, client: Optional[Credential] = None) -> None:
    """So many requests by one connection, and so to one process."""
    with bench.connect(host, client, http=http) as connection:
        for value in values:
            headers: Headers = [(header, value)]
            assert connection.request(host=host, headers=headers).status == 200


def only_warning(bench: Bench, host: str) -> str:
    bench.httpd.expect(f"{NEVER_FITTED}.* for {host}:")
    assert wait_until(lambda: bool(bench.warnings(host)))
    (line,) = bench.warnings(host)
    assert "[cfaop:warn]" in line
    return line


@pytest.mark.parametrize("host, value, http", (("has-port.test", "198.51.100.10:46532", "1.1"),
                                               pytest.param("has-port-6.test", "[2001:db8::1]:4653", "2", marks=pytest.mark.http2)))
def test_header_with_ports_is_one_warning(bench: Bench, host: str, value: str, http: str) -> None:
    """At the default log level, where the single requests say nothing."""
    send(bench, host, [value] * (AFTER - 1), http=http)
    assert bench.warnings(host) == []
    send(bench, host, [value] * (AFTER + 1), http=http)
    line = only_warning(bench, host)
    assert f"{NAME} held no visitor's address in any of {AFTER} verified requests" in line
    assert f'"{value}": it looks like an address with a port' in line
    assert f'"{WITH_PORT}"' in line
    assert bench.httpd.log.find(f"{MISFIT}.*{re.escape(value)}") == []


def test_header_without_ports_is_one_warning_too(bench: Bench) -> None:
    send(bench, "lacks-port.test", ["198.51.100.10"] * 45)
    assert "address without a port: remove the word with-port" in only_warning(bench, "lacks-port.test")


@pytest.mark.parametrize("host, header, named", (("has-list.test", HEADER, NAME), ("default.test", "cf-connecting-ip", "CF-Connecting-IP")))
def test_header_that_holds_something_else(bench: Bench, host: str, header: str, named: str) -> None:
    send(bench, host, ["198.51.100.10, 198.51.100.11"] * 45, header=header)
    line = only_warning(bench, host)
    assert f"{NEVER_FITTED}{named} held" in line and "name a header in CFOriginPullRemoteIP that holds one address" in line
    assert "with-port" not in line


def test_address_that_may_be_one_with_a_port_proves_nothing(bench: Bench) -> None:
    """CloudFront's IPv6 visitors are taken for others where the word is missing; that must not hide that it is missing."""
    send(bench, "mixed.test", ["2001:db8::1:4653", "198.51.100.10:46532"] * AFTER)
    assert "with-port" in only_warning(bench, "mixed.test")


def test_no_warning_where_one_fitted(bench: Bench) -> None:
    send(bench, "fitted.test", ["unknown"] * 10 + ["198.51.100.10"] + ["unknown"] * 40)
    assert bench.warnings("fitted.test") == []


def test_no_warning_before_there_are_enough(bench: Bench) -> None:
    send(bench, "one-short.test", ["unknown"] * (AFTER - 1))
    with bench.connect("one-short.test") as client:
        for _ in range(AFTER):
            assert client.request(host="one-short.test").status == 200  # without the header
    assert bench.warnings("one-short.test") == []


def test_value_cannot_forge_a_log_line(bench: Bench) -> None:
    send(bench, "forged.test", ['x"\\%\x80 ' + "1" * 100] * AFTER)
    line = only_warning(bench, "forged.test")
    assert '"x%22%5C%25%80 1' in line and "1" * 65 not in line


def test_strangers_cannot_cause_it(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    send(bench, "refused.test", ["198.51.100.10:46532"] * 45, client=bench.stranger)
    assert bench.warnings("refused.test") == []
    send(bench, "refused.test", ["198.51.100.10:46532"] * AFTER)
    assert only_warning(bench, "refused.test")


# Configuration


BAD_LINES = {
    "no-header": ("CFOriginPullRemoteIP On with-port", "'with-port' is not allowed, write the header's name before it"),
    "no-header-in-capitals": ("CFOriginPullRemoteIP On With-Port", "write the header's name before it"),
    "twice": ("CFOriginPullRemoteIP On with-port with-port", "write the header's name before it"),
    "off-without-header": ("CFOriginPullRemoteIP Off with-port", "write the header's name before it"),
    "other-word": ("CFOriginPullRemoteIP On X-Visitor port", "'port' is not allowed, write On or Off, the header's name, and with-port or nothing after it"),
    "four": ("CFOriginPullRemoteIP On X-Visitor with-port with-port", "write On or Off"),
    "bad-header": ("CFOriginPullRemoteIP On X:Visitor with-port", "'X:Visitor' is not allowed, write the name of a request header"),
}


@pytest.fixture(scope="module")
def idle(servers: Servers) -> Httpd:
    """A server that is not started."""
    return servers.prepare_httpd("", listen=[free_port()])


@pytest.mark.parametrize("name", BAD_LINES)
def test_mistake_is_refused(idle: Httpd, server_certificate: Credential, name: str) -> None:
    line, words = BAD_LINES[name]
    idle.write_config(vhost(idle.port, "a.test", "CFOriginPull On", line, tls=server_certificate))
    outcome = idle.config_test()
    assert not outcome.ok and words in outcome.stderr, outcome.stderr


def test_vhosts_inherit_and_replace(idle: Httpd, server_certificate: Credential) -> None:
    config = "CFOriginPullRemoteIP On X-Everywhere With-Port\n"
    own = ([], ["CFOriginPullRemoteIP On X-Own"], ["CFOriginPullRemoteIP Off X-Own with-port"], ["CFOriginPullRemoteIP On"])
    for number, lines in enumerate(own):
        config += vhost(idle.port, f"v{number}.test", "CFOriginPull On", *lines, tls=server_certificate)
    idle.write_config(config)
    outcome = idle.config_test(defines=["DUMP_CF_ORIGIN_PULL"])
    assert outcome.returncode == 0, outcome.stderr
    found = re.findall(r"remote ip: (.+)", outcome.stdout)
    assert found == ["X-Everywhere with-port", "X-Everywhere with-port", "X-Own", "CF-Connecting-IP"]
