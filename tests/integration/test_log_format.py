"""The log format that conf/cfaop.conf brings: one line a request, whose fields a program can tell apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, fetch
from support.environment import TOP
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.waiting import wait_until

CONF = TOP / "conf" / "cfaop.conf"
RAY = "8f2c1a3b4d5e6f70-FRA"
VISITOR = "203.0.113.7"
FIELDS = re.compile(
    r'(?P<vhost>\S+) (?P<visitor>\S+) (?P<peer>\S+) \[[^\]]+\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    r'"(?P<verify>(?:[^"\\]|\\.)*)" "(?P<ca>(?:[^"\\]|\\.)*)" "(?P<ray>(?:[^"\\]|\\.)*)"\n'
)


@dataclass(frozen=True)
class Bench:
    server: Httpd
    ca: Credential
    edge: Credential
    stranger: Credential

    @property
    def log(self) -> Path:
        return self.server.directory / "logs" / "cforigin.log"

    def logged(self, name: str, *, client: Optional[Credential] = None, http: str = "1.1", path: str = "/",
               ray: str = RAY) -> dict[str, str]:
        """The fields of the line that one request makes."""
        before = len(self.log.read_text())
        headers = [("CF-Ray", ray), ("CF-Connecting-IP", VISITOR)]
        fetch(self.server.port, path, sni=name, credential=client, http=http, headers=headers)
        assert wait_until(lambda: self.log.read_text()[before:].endswith("\n"))
        line = self.log.read_text()[before:]
        fields = FIELDS.fullmatch(line)
        assert fields, line
        return fields.groupdict()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("zone", subject='CA of "my" zone')
    port = free_port()
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    config = f"Include {CONF}\nCustomLog logs/cforigin.log cforigin\nHttpProtocolOptions Unsafe\n"
    for mode in ("On", "Optional", "LogOnly", "Off"):
        config += vhost(port, f"{mode.lower()}.test", f"CFOriginPull {mode}", trust, tls=server_certificate)
    config += vhost(port, "visitor.test", "CFOriginPull On", "CFOriginPullRemoteIP On", trust, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.log.always.append("CFAOP302: ")
    return Bench(server, ca, ca.issue("edge"), pki.self_signed("stranger"))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_verified_request(bench: Bench, http: str) -> None:
    fields = bench.logged("on.test", client=bench.edge, http=http)
    assert fields == {
        "vhost": f"on.test:{bench.server.port}",
        "visitor": "127.0.0.1",
        "peer": "127.0.0.1",
        "request": f"GET / HTTP/{'2.0' if http == '2' else '1.1'}",
        "status": "200",
        "bytes": str(len("the site\n")),
        "verify": "SUCCESS",
        "ca": f"{bench.ca.sha256[:16]} CA of %22my%22 zone",
        "ray": RAY,
    }


def test_visitor_and_peer(bench: Bench) -> None:
    fields = bench.logged("visitor.test", client=bench.edge)
    assert (fields["visitor"], fields["peer"]) == (VISITOR, "127.0.0.1")
    stranger = bench.logged("visitor.test")
    assert (stranger["visitor"], stranger["peer"], stranger["status"]) == ("127.0.0.1", "127.0.0.1", "400")


@pytest.mark.parametrize(
    ("name", "status", "verify"),
    (("on.test", "400", "NONE"), ("optional.test", "200", "NONE"), ("logonly.test", "200", "NONE"), ("off.test", "200", "-")),
)
def test_request_without_a_certificate(bench: Bench, name: str, status: str, verify: str) -> None:
    fields = bench.logged(name)
    assert (fields["status"], fields["verify"], fields["ca"]) == (status, verify, "-")


@pytest.mark.parametrize(("name", "status"), (("on.test", "400"), ("logonly.test", "200")))
def test_bad_certificate_names_no_ca(bench: Bench, name: str, status: str) -> None:
    fields = bench.logged(name, client=bench.stranger)
    assert (fields["status"], fields["verify"], fields["ca"]) == (status, "FAILED:untrusted_issuer", "-")


def test_hostile_text_stays_in_its_field(bench: Bench) -> None:
    hostile = 'a" "SUCCESS" "b\x1b\\'
    fields = bench.logged("on.test", path='/"%20"SUCCESS"', ray=hostile)
    assert (fields["verify"], fields["ca"]) == ("NONE", "-")
    assert fields["ray"] == 'a\\" \\"SUCCESS\\" \\"b\\x1b\\\\'
