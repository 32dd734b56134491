"""CFOriginPullExempt in the configuration: what it takes, what it refuses, and how vhosts inherit. The dump is the oracle."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from conftest import Servers
from support.client import fetch
from support.dump import dump_by_name
from support.httpd import Httpd
from support.mistakes import place_of
from support.pki import Credential
from support.ports import free_port
from support.vhost import vhost

PATH = "write a path below /, of the characters A-Z a-z 0-9 - . _ ~ and /, without empty, . or .. segments"
ADDRESS = "write an IPv4 or IPv6 address, and after a slash how many bits count: 1 to 32, or 1 to 128"
KIND = "write path PREFIX..., ip ADDRESS[/BITS]... or none"


@dataclass(frozen=True)
class Bench:
    """A server that is not started, with a vhost that inherits, and others."""

    server: Httpd
    port: int
    tls: Credential

    def write(self, *lines: str, before: str = "", others: str = "") -> None:
        text = vhost(self.port, "guarded.test", "CFOriginPull On", *lines, tls=self.tls)
        self.server.write_config(f"{before}\n{text}{others}")

    def exempt(self, *lines: str, before: str = "") -> list[str]:
        """What the dump says of the vhost."""
        self.write(*lines, before=before)
        return exemptions(dump_by_name(self.server)["guarded.test"].text)


def exemptions(text: str) -> list[str]:
    return [line.strip().removeprefix("exempt ") for line in text.splitlines() if line.startswith("    exempt ")]


@pytest.fixture(scope="module")
def bench(servers: Servers, server_certificate: Credential) -> Bench:
    port = free_port()
    return Bench(servers.prepare_httpd("", listen=[port]), port, server_certificate)


GOOD = {
    "path /.well-known/acme-challenge": ["path: /.well-known/acme-challenge"],
    "path /.well-known/acme-challenge/": ["path: /.well-known/acme-challenge"],
    "path /a /b-c/d_e/~f/...": ["path: /a", "path: /b-c/d_e/~f/..."],
    'path "/quoted"': ["path: /quoted"],
    "PATH /case": ["path: /case"],
    "ip 192.0.2.1": ["ip: 192.0.2.1/32"],
    "ip 192.0.2.1/32 127.0.0.0/8": ["ip: 192.0.2.1/32", "ip: 127.0.0.0/8"],
    "ip 0.0.0.0/1": ["ip: 0.0.0.0/1"],
    "ip ::1": ["ip: ::1/128"],
    "ip 2001:db8::/32": ["ip: 2001:db8::/32"],
    "ip 2001:DB8::1/128": ["ip: 2001:DB8::1/128"],
    "ip ::ffff:192.0.2.1": ["ip: 192.0.2.1/32"],
    "ip ::ffff:192.0.2.0/120": ["ip: 192.0.2.0/24"],
    "ip ::FFFF:c000:0201": ["ip: 192.0.2.1/32"],
    "IP 192.0.2.1": ["ip: 192.0.2.1/32"],
    "none": [],
    "None": [],
}


@pytest.mark.parametrize("words", GOOD)
def test_good_values(bench: Bench, words: str) -> None:
    assert bench.exempt(f"CFOriginPullExempt {words}") == GOOD[words]


# The words after the directive, the value that is named, and what is allowed instead. All are tested one by one.
BAD_PATHS = (
    *("/", "//", "open", "./open", "../open", "*", "https://guarded.test/open", "/open//deep", "//open", "/open//", "/.", "/..", "/./open"),
    *("/../open", "/open/.", "/open/..", "/open/../secret", "/open/./deep", "/open/%2e%2e", "/%6fpen", "/open%2fdeep", "/open;a", "/open?"),
    *("/open?a=b", "/open#a", "/open\\deep", "/open*", "/open+", "/open:", "/open@", "/open&", "/op\u00e9n", "^/open", "/open$", "/(open)"),
    *('"/open deep"', '"/open\t"', '""', '" /open"', "/open,/deep", "/[a-z]"),
)
BAD_ADDRESSES = (
    *("localhost", "origin.test", "127.0.0.1/0", "0.0.0.0/0", "::/0", "127.0.0.1/33", "::1/129", "127.0.0.1/-1", "127.0.0.1/+8"),
    *("127.0.0.1/", "127.0.0.1/a", "127.0.0.1/8a", "127.0.0.1/8/8", "127.0.0.1/0x8", "127.0.0.1/255.0.0.0", "127.0.0.1/999999999999999999999"),
    *("127.1", "127", "127.0.0", "0177.0.0.1", "127.0.0.01", "127.0.0.256", "127.0.0.1.", "2130706433", "0x7f000001", "127.0.0.1:443"),
    *("[::1]", "[::1]:443", "fe80::1%eth0", "::1::", ":::", "12345::", "::ffff:127.0.0.1/96", "::ffff:127.0.0.1/95", "::ffff:0.0.0.0/64"),
    *("/8", '"" 127.0.0.1', '" 127.0.0.1"', '"127.0.0.1 "', "127.0.0.1,127.0.0.2", "127.0.0.*", "all", "none", "/open", "::1/ 8", "127.0.0.1/ 8"),
)
BAD_KINDS = (
    *("", "path", "ip", "address 127.0.0.1", "url /open", "/open", "127.0.0.1", "paths /open", "host localhost", "all", "On", "none none"),
    *("none path", "path: /open", "path=/open", '"" /open', '"path /open"'),
)


def refusal(bench: Bench, line: str) -> str:
    """What `-t` says of the line, with its place."""
    bench.write(line)
    outcome = bench.server.config_test()
    assert outcome.returncode != 0, f"accepted: {line}"
    assert "Segmentation" not in outcome.stderr
    place = place_of(bench.server, line).rpartition(":")
    assert f"Syntax error on line {place[2]} of {place[0]}" in outcome.stderr
    return outcome.stderr


@pytest.mark.parametrize("value", BAD_PATHS)
def test_bad_paths(bench: Bench, value: str) -> None:
    text = refusal(bench, f"CFOriginPullExempt path /good {value} /good2")
    assert "CFOriginPullExempt" in text and PATH in text
    # the start of the value, up to what a log line shows in another way
    assert re.split("[\t\u00e9\\\\]", value.strip('"'))[0] in text


@pytest.mark.parametrize("value", BAD_ADDRESSES)
def test_bad_addresses(bench: Bench, value: str) -> None:
    text = refusal(bench, f"CFOriginPullExempt ip 192.0.2.1 {value}")
    assert "CFOriginPullExempt" in text and ADDRESS in text
    first_word = value.split('" ')[0].strip('"')
    assert f"'{first_word.removesuffix('/ 8')}" in text


@pytest.mark.parametrize("words", BAD_KINDS)
def test_bad_kinds(bench: Bench, words: str) -> None:
    text = refusal(bench, f"CFOriginPullExempt {words}".rstrip())
    assert "CFOriginPullExempt" in text and KIND in text


def test_only_server_and_vhost_may_exempt(bench: Bench) -> None:
    for section in ("<Location /open>", "<Directory />", '<If "true">', "<Files x>"):
        end = "</" + section[1:].split()[0].rstrip(">") + ">"
        bench.write(section, "CFOriginPullExempt path /open", end)
        outcome = bench.server.config_test()
        assert outcome.returncode != 0 and "CFOriginPullExempt" in outcome.stderr, section


@pytest.mark.parametrize("kind, shown", (("path", "path: /p{}"), ("ip", "ip: 192.0.2.{}/32")))
def test_long_list_is_read_to_its_end(bench: Bench, kind: str, shown: str) -> None:
    words = " ".join(shown.format(number).split()[1].removesuffix("/32") for number in range(1, 201))
    assert bench.exempt(f"CFOriginPullExempt {kind} {words}") == [shown.format(number) for number in range(1, 201)]


# Merging


def test_repeating_adds(bench: Bench) -> None:
    lines = ["CFOriginPullExempt path /b", "CFOriginPullExempt ip 192.0.2.1", "CFOriginPullExempt path /a /b"]
    assert bench.exempt(*lines)[:3] == ["path: /b", "ip: 192.0.2.1/32", "path: /a"]


def test_vhost_inherits(bench: Bench) -> None:
    before = "CFOriginPullExempt path /a\nCFOriginPullExempt ip ::1"
    assert bench.exempt(before=before) == ["path: /a", "ip: ::1/128"]


@pytest.mark.parametrize("line", ("path /b", "ip 192.0.2.1"))
def test_list_of_a_vhost_replaces_the_inherited_one(bench: Bench, line: str) -> None:
    """Paths and addresses are one list."""
    before = "CFOriginPullExempt path /a\nCFOriginPullExempt ip ::1"
    (shown,) = bench.exempt(f"CFOriginPullExempt {line}", before=before)
    assert shown in ("path: /b", "ip: 192.0.2.1/32")


def test_none_empties(bench: Bench) -> None:
    before = "CFOriginPullExempt path /a"
    assert bench.exempt("CFOriginPullExempt none", before=before) == []
    assert bench.exempt("CFOriginPullExempt path /b", "CFOriginPullExempt none", before=before) == []
    assert bench.exempt("CFOriginPullExempt none", "CFOriginPullExempt path /b", before=before) == ["path: /b"]
    assert bench.exempt(before="CFOriginPullExempt path /a\nCFOriginPullExempt none") == []


def test_vhosts_do_not_share_what_they_inherit(bench: Bench) -> None:
    """One vhost's list is neither the server's nor its neighbour's."""
    others = vhost(bench.port, "inherits.test", tls=bench.tls) + vhost(
        bench.port, "empties.test", "CFOriginPullExempt none", tls=bench.tls
    )
    bench.write("CFOriginPullExempt path /own", before="CFOriginPullExempt path /a", others=others)
    shown = {name: exemptions(entry.text) for name, entry in dump_by_name(bench.server).items()}
    assert shown == {
        "httpd.test": ["path: /a"],
        "guarded.test": ["path: /own"],
        "inherits.test": ["path: /a"],
        "empties.test": [],
    }


def test_exemptions_are_no_part_of_the_policy(bench: Bench) -> None:
    """Sessions outlive a changed list."""
    others = vhost(bench.port, "other.test", "CFOriginPull On", tls=bench.tls)
    bench.write("CFOriginPullExempt path /own", "CFOriginPullExempt ip ::1", others=others)
    servers = dump_by_name(bench.server)
    assert servers["guarded.test"].digest == servers["other.test"].digest != ""


def test_bad_value_met_on_a_restart(servers: Servers, server_certificate: Credential) -> None:
    """The server lives on, exempts nothing by the bad line, and says so."""
    port = free_port()
    # the event MPM itself may stumble over a connection that ends in the moment of a graceful restart
    server = servers.prepare_httpd("", listen=[port], mpm="worker")
    server.put("open/token.html", "the exempt text")

    def configure(exempt: str) -> None:
        lines = ["CFOriginPull On", exempt]
        server.write_config(vhost(port, "guarded.test", *lines, tls=server_certificate))

    configure("CFOriginPullExempt path /open")
    server.start()
    assert fetch(port, "/open/token.html", sni="guarded.test").status == 200

    configure("CFOriginPullExempt path /")
    server.expect("CFAOP108: .*CFOriginPullExempt")
    server.allow("CFAOP125: ")
    server.allow_refusals()
    server.graceful()
    for path in ("/", "/open/token.html"):
        assert fetch(port, path, sni="guarded.test").status == 400
    server.stop()


# What `apachectl -t` says of exempt addresses behind a balancer

EXEMPT, PROXY = "CFOriginPullExempt ip 192.0.2.7", "RemoteIPProxyProtocol On"
# Lines of the main server, of www.test, and of other.test; its address ("": that of www.test); is there a warning?
CONFIGURATIONS = {
    "own": ("", [EXEMPT, PROXY], [], "", True),
    "main-server": (PROXY, [EXEMPT], [], "", True),
    "neighbour": ("", [EXEMPT], [PROXY], "", True),
    "neighbour-everywhere": ("", [EXEMPT], [PROXY], "*:{port}", True),
    "neighbour-elsewhere": ("", [EXEMPT], [PROXY], "127.0.0.2:{port}", False),
    "neighbour-on-another-port": ("", [EXEMPT], [PROXY], "127.0.0.1:{other_port}", False),
    "paths-only": ("", ["CFOriginPullExempt path /health", PROXY], [], "", False),
    "not-guarded": ("", [EXEMPT, PROXY, "CFOriginPull Off"], ["CFOriginPull On"], "", False),
    "no-proxy": ("", [EXEMPT], [], "", False),
    "off-again": (PROXY, [EXEMPT, "RemoteIPProxyProtocol Off"], [], "", False),
    "direct-clients": ("RemoteIPProxyProtocolExceptions 192.0.2.7", [EXEMPT, PROXY], [], "", False),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_exempt_addresses_behind_a_balancer_are_told(servers: Servers, server_certificate: Credential, case: str) -> None:
    main, own, others, address, warns = CONFIGURATIONS[case]
    port, other_port = free_port(), free_port()
    www = vhost(port, "www.test", "CFOriginPull On", *own, tls=server_certificate)
    other = vhost(port, "other.test", *others, tls=server_certificate)
    if address:
        other = other.replace(f"127.0.0.1:{port}", address.format(port=port, other_port=other_port))
    outcome = servers.prepare_httpd(f"{main}\n{www}{other}", listen=[port, other_port], modules=["remoteip"]).config_test()
    assert outcome.ok, outcome.stderr
    assert (f"CFAOP148: www.test:{port} (" in outcome.stderr) == warns
    assert outcome.stderr.count("CFAOP148") == int(warns)
