"""Mistakes in exemptions, addresses and Require that a running server meets: it goes on, and nothing is open for them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conftest import Servers
from support.client import connect, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

VISITOR = "203.0.113.9"
NAMED = "True-Client-IP"


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    tls: Credential
    edge: Credential
    trust: str

    def reread(self, *lines: str) -> None:
        """Have the running server read a configuration of one virtual host."""
        headers = {"X-Told": NAMED, "X-Default": "CF-Connecting-IP"}
        told = [f'Header always set {name} "expr=%{{req:{header}}}"' for name, header in headers.items()]
        self.httpd.write_config(vhost(self.port, "site.test", self.trust, *told, *lines, tls=self.tls))
        self.httpd.graceful()

    def expect_mistake(self, tag: str = "CFAOP108") -> None:
        self.httpd.expect(f"{tag}: ")
        self.httpd.allow("CFAOP125: ")
        self.httpd.allow_refusals()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    zone = pki.root("zone")
    trust = f"CFOriginPullCACertificateFile {zone.cert_file}"
    port = free_port()
    # the event MPM itself may stumble over a connection that ends in the moment of a graceful restart
    config = vhost(port, "site.test", trust, "CFOriginPull On", tls=server_certificate)
    httpd = servers.prepare_httpd(config, listen=[port], mpm="worker")
    httpd.put("open/page.html", "open\n")
    return Bench(httpd.start(), port, server_certificate, zone.issue("edge"), trust)


@pytest.mark.parametrize("line", (f"On {NAMED.replace('-', '.')}", f"Onn {NAMED}", f"On {NAMED} more", NAMED))
def test_bad_remote_ip_leaves_no_claim_in(bench: Bench, line: str) -> None:
    """The header that was meant is removed, and the usual one: from LogOnly, which goes on."""
    bench.expect_mistake()
    bench.reread("CFOriginPull LogOnly", f"CFOriginPullRemoteIP {line}")
    claims = [("CF-Connecting-IP", VISITOR)] + ([] if "." in line else [(NAMED, VISITOR)])
    answer = fetch(bench.port, sni="site.test", headers=claims)
    assert (answer.status, answer.header("x-told"), answer.header("x-default")) == (200, "", "")


def test_half_a_line_of_exemptions_exempts_nothing(bench: Bench) -> None:
    bench.expect_mistake()
    bench.reread("CFOriginPull On", "CFOriginPullExempt path /open /open/../x")
    bench.httpd.expect_refusal("configuration")
    assert fetch(bench.port, "/open/page.html", sni="site.test").status == 400
    bench.reread("CFOriginPull On", "CFOriginPullExempt path /open")
    assert fetch(bench.port, "/open/page.html", sni="site.test").status == 200


def test_bad_require_ends_no_server_and_grants_nothing(bench: Bench) -> None:
    bench.expect_mistake("CFAOP143")
    turned = ("<RequireNone>", "Require cf-origin-pull nonsense", "</RequireNone>", "Require all granted")
    bench.reread("CFOriginPull LogOnly", "<Location />", "<RequireAll>", *turned, "</RequireAll>", "</Location>")
    for credential in (None, bench.edge):
        assert fetch(bench.port, sni="site.test", credential=credential).status == 500
    bench.reread("CFOriginPull LogOnly", "<Location />", "Require cf-origin-pull", "</Location>")
    bench.httpd.allow("AH01630")
    assert fetch(bench.port, sni="site.test").status == 403
    assert fetch(bench.port, sni="site.test", credential=bench.edge).status == 200


@pytest.mark.parametrize(
    "broken",
    (
        b"Host: a b\r\n",
        # httpd before 2.4.49 sends nothing yet where the connection may stay
        pytest.param(
            b"Host: site.test\r\nConnection: close\r\nExpect: nonsense\r\n", marks=pytest.mark.needs("unknown-expectations")
        ),
    ),
)
def test_broken_request_makes_no_claim(bench: Bench, broken: bytes) -> None:
    """httpd answers and logs it before a module sees it."""
    bench.reread("CFOriginPull LogOnly", f"CFOriginPullRemoteIP On {NAMED}")
    bench.httpd.allow_refusals()
    request = b"GET / HTTP/1.1\r\n" + broken + f"{NAMED}: {VISITOR}\r\n\r\n".encode()
    with connect(bench.port, sni="site.test") as client:
        client.stream.send(request)
        answer = client.stream.recv()
    assert answer.startswith(b"HTTP/1.1 4") and VISITOR.encode() not in answer
