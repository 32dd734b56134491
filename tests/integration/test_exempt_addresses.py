"""CFOriginPullExempt ip: the TCP peer is exempt, whatever headers and proxies say.

Clients call from several addresses of 127.0.0.0/8, and over IPv6. Each vhost exempts what its name says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.httpd import Httpd
from support.mistakes import our_lines
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.streams import Route
from support.vhost import vhost

SITE = "the site\n"
MODES = {"on": "On", "log-only": "LogOnly", "off": "Off"}
SHOWN = 'Header always set X-Environment "%{CF_ORIGIN_PULL_VERIFY}e %{CF_ORIGIN_PULL_EXEMPT}e"'
SHOWN_EXPRESSION = 'Header always set X-Exempt "expr=%{CF_ORIGIN_PULL_EXEMPT}"'
SHOWN_ADDRESS = 'Header always set X-Address "expr=%{REMOTE_ADDR}"'

EXEMPTIONS = {
    "one": "127.0.0.2",
    "list": "127.0.0.9 127.0.0.2 192.0.2.0/24",
    "net": "127.0.0.0/30",
    "odd-net": "127.0.0.2/31",
    "whole": "127.0.0.2/32",
    "wide": "96.0.0.0/3",
    "mapped": "::ffff:127.0.0.2",
    "mapped-net": "::ffff:127.0.0.0/126",
    "six": "::1",
    "six-net": "::/112",
    "others": "192.0.2.1 2001:db8::/32",
}

# Which of the callers each exempts
CALLERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "::1")
EXEMPT_CALLERS = {
    "one": {"127.0.0.2"},
    "list": {"127.0.0.2"},
    "net": {"127.0.0.2", "127.0.0.3"},
    "odd-net": {"127.0.0.2", "127.0.0.3"},
    "whole": {"127.0.0.2"},
    "wide": {"127.0.0.2", "127.0.0.3", "127.0.0.4"},
    "mapped": {"127.0.0.2"},
    "mapped-net": {"127.0.0.2", "127.0.0.3"},
    "six": {"::1"},
    "six-net": {"::1"},
    "others": set(),
}


@dataclass(frozen=True)
class Bench:
    """`port` has an IPv4 and an IPv6 listener; `dual` one for both, where IPv4 peers are mapped; `proxied` speaks PROXY."""

    httpd: Httpd
    port: int
    dual: int
    proxied: int
    edge: Credential


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", SHOWN, SHOWN_EXPRESSION, SHOWN_ADDRESS]
    port, dual, proxied = free_port(), free_port(), free_port()
    # mod_remoteip believes every caller but those from outside
    remote = ["RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy 127.0.0.0/8 ::1"]
    config = f"Listen [::1]:{port}\nListen [::]:{dual}\nListen 127.0.0.1:{proxied}\n"
    for name, words in EXEMPTIONS.items():
        config += vhost(port, f"{name}.test", *guard, f"CFOriginPullExempt ip {words}", *remote, tls=server_certificate)
    both = ["CFOriginPullExempt ip 127.0.0.2", "CFOriginPullExempt path /open"]
    config += vhost(port, "both.test", *guard, *both, tls=server_certificate)
    config += vhost(port, "off.test", "CFOriginPull Off", SHOWN_EXPRESSION, "CFOriginPullExempt ip 127.0.0.2", tls=server_certificate)
    # the same vhosts on the IPv6 address and on the other port
    config += config[config.index("<VirtualHost") :].replace(f"127.0.0.1:{port}", f"[::1]:{port} *:{dual}")
    config += vhost(proxied, "balanced.test", *guard, "CFOriginPullExempt ip 192.0.2.7", "RemoteIPProxyProtocol On", tls=server_certificate)
    config += vhost(proxied, "local.test", *guard, "CFOriginPullExempt ip 127.0.0.1", "RemoteIPProxyProtocol On", tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], modules=["remoteip"])
    server.put("open/token.html", SITE)
    server.expect("CFAOP148: local.test:")
    server.expect(r"CFAOP153: CFOriginPullExempt ip 96\.0\.0\.0/3 are more addresses than any network has: .*; exempt on wide\.test:")
    return Bench(server.start(), port, dual, proxied, ca.issue("edge"))


def route(caller: str) -> Route:
    return Route(to="::1") if caller == "::1" else Route(source=caller)


def seen(answer: Response) -> tuple[int, str]:
    return answer.status, answer.header("x-exempt") or ""


@pytest.mark.parametrize("listener", ("port", "dual"))
@pytest.mark.parametrize("name", EXEMPTIONS)
def test_peer_decides(bench: Bench, name: str, listener: str) -> None:
    bench.httpd.allow_refusals()
    for caller in CALLERS:
        answer = fetch(getattr(bench, listener), sni=f"{name}.test", route=route(caller))
        exempt = caller in EXEMPT_CALLERS[name]
        assert seen(answer) == ((200, "ip") if exempt else (400, "")), caller
        assert (SITE in answer.text) == exempt
        assert answer.vhost == f"{name}.test"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_exempt_peer_may_have_everything(bench: Bench, tls: str, http: str) -> None:
    for path in ("/", "/open/token.html", "/x/..//index.html", "/%69ndex.html"):
        answer = fetch(bench.port, path, sni="one.test", route=route("127.0.0.2"), tls=tls, http=http)
        assert (answer.status, answer.text, answer.header("x-environment")) == (200, SITE, "NONE ip")
    verified = fetch(bench.port, sni="one.test", route=route("127.0.0.2"), tls=tls, http=http, credential=bench.edge)
    assert verified.header("x-environment") == "SUCCESS ip"
    elsewhere = fetch(bench.port, sni="one.test", tls=tls, http=http, credential=bench.edge)
    assert elsewhere.header("x-environment") == "SUCCESS (null)"
    assert not bench.httpd.log.find("CFAOP30")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("header", ("x-forwarded-for", "cf-connecting-ip", "x-real-ip", "forwarded", "true-client-ip"))
def test_header_exempts_nobody(bench: Bench, header: str, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    value = "for=127.0.0.2" if header == "forwarded" else "127.0.0.2"
    answer = fetch(bench.port, sni="one.test", http=http, headers=[(header, value)])
    assert seen(answer) == (400, "")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_header_that_mod_remoteip_believes_exempts_nobody(bench: Bench, http: str) -> None:
    """Neither does it take an exemption away."""
    bench.httpd.expect_refusal("no_certificate")
    claim = [("x-forwarded-for", "192.0.2.1")]
    believed = fetch(bench.port, sni="others.test", http=http, headers=claim, credential=bench.edge)
    assert (believed.status, believed.header("x-address")) == (200, "192.0.2.1")
    assert seen(fetch(bench.port, sni="others.test", http=http, headers=claim)) == (400, "")
    kept = fetch(bench.port, sni="one.test", http=http, headers=claim, route=route("127.0.0.2"))
    assert (*seen(kept), kept.header("x-address")) == (200, "ip", "192.0.2.1")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_address_of_the_proxy_protocol_exempts_nobody(bench: Bench, http: str) -> None:
    """What the balancer says is nobody's address: behind it `ip` sees the balancer."""
    bench.httpd.expect_refusal("no_certificate")
    said = Route(preamble=b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n")
    believed = fetch(bench.proxied, sni="balanced.test", http=http, route=said, credential=bench.edge)
    assert (believed.status, believed.header("x-address")) == (200, "192.0.2.7")
    assert seen(fetch(bench.proxied, sni="balanced.test", http=http, route=said)) == (400, "")
    balancer = fetch(bench.proxied, sni="local.test", http=http, route=said)
    assert (*seen(balancer), balancer.header("x-address")) == (200, "ip", "192.0.2.7")


def test_addresses_and_paths_are_one_list(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")

    def visit(path: str, caller: Optional[str] = None) -> tuple[int, str]:
        return seen(fetch(bench.port, path, sni="both.test", route=Route(source=caller or "")))

    assert visit("/open/token.html") == (200, "path")
    assert visit("/") == (400, "")
    assert visit("/", "127.0.0.2") == (200, "ip")
    assert visit("/open/token.html", "127.0.0.2") == (200, "ip")


def test_exempt_peer_may_ask_under_any_name(bench: Bench) -> None:
    """A wrong SNI is not held against it."""
    bench.httpd.expect_refusal("misdirected")
    for caller, outcome in (("127.0.0.2", (200, "ip")), ("127.0.0.4", (421, ""))):
        with connect(bench.port, sni="off.test", route=route(caller)) as client:
            assert seen(client.request(host="off.test")) == (200, "")
            assert seen(client.request(host="one.test")) == outcome


@pytest.mark.parametrize(
    "ranges, told",
    [
        ("173.245.48.0/20", {"173.245.48.0/20": "Cloudflare"}),
        ("162.159.1.2", {"162.159.1.2/32": "Cloudflare"}),
        ("2a06:98c0::/29 2606:4700:10::/44", {"2a06:98c0::/29": "Cloudflare", "2606:4700:10::/44": "Cloudflare"}),
        # a part of it is Cloudflare's
        ("104.0.0.0/8 192.0.2.1", {"104.0.0.0/8": "Cloudflare"}),
        ("0.0.0.0/1 128.0.0.0/1", {"0.0.0.0/1": "any network", "128.0.0.0/1": "any network"}),
        ("2000::/3 2600::/8 ::/2", {"2000::/3": "any network", "2600::/8": "any network", "::/2": "any network"}),
        ("104.16.0.1 ::ffff:104.16.0.1", {"104.16.0.1/32": "Cloudflare"}),
        # private addresses
        ("127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1 fc00::/7 fe80::/10", {}),
        ("10.0.0.0/8 127.0.0.1 ::1 2001:db8::/32 192.0.2.0/24", {}),
    ],
)
def test_ranges_that_leave_nothing_guarded_are_told_of(
    servers: Servers, server_certificate: Credential, ranges: str, told: dict[str, str]
) -> None:
    """One line for each range, with the virtual hosts that are asked."""
    port, exempt = free_port(), f"CFOriginPullExempt ip {ranges}"
    config = "".join(vhost(port, f"{name}.test", f"CFOriginPull {mode}", exempt, tls=server_certificate) for name, mode in MODES.items())
    server = servers.prepare_httpd(config, listen=[port])
    outcome = server.config_test()
    lines = [line for line in our_lines(outcome.stderr) if "CFAOP153" in line]
    assert len(lines) == len(told)
    for line, (what, words) in zip(lines, told.items()):
        assert line.startswith(f"CFAOP153: CFOriginPullExempt ip {what} are ") and words in line
        assert sorted(line.partition("; exempt on ")[2].split(", ")) == [f"log-only.test:{port}", f"on.test:{port}"]
