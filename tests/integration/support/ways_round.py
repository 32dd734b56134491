"""A guarded virtual host, and what stands beside it: for the tests of CFAOP131, which import the fixtures `bench` and `zone`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conftest import Servers
from support.client import connect_plain
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

ENGINE = "RewriteEngine on"
TO_TLS = "RewriteRule ^ https://www.test%{REQUEST_URI} [R=301,L]"
AWAY = "Redirect permanent / https://www.test/"
DENIED = ("<Location />", "Require all denied", "</Location>")


@dataclass(frozen=True)
class Bench:
    """www.test is guarded at tls; plain is a port without TLS."""

    servers: Servers
    tls: int
    plain: int
    certificate: Credential
    edge: Credential
    ca: str

    def guarded(self, *lines: str, name: str = "www.test") -> str:
        return vhost(self.tls, name, "CFOriginPull On", self.ca, *lines, tls=self.certificate)

    def twin(self, *lines: str, aliases: str = "") -> str:
        return vhost(self.plain, "www.test", *lines, aliases=aliases)

    @property
    def files(self) -> str:
        """A certificate for the whole server."""
        return f"SSLCertificateFile {self.certificate.cert_file}\nSSLCertificateKeyFile {self.certificate.key_file}\n"

    @property
    def guarded_by_files(self) -> str:
        return self.files + vhost(self.tls, "www.test", "SSLEngine on", "CFOriginPull On", self.ca)

    def server(self, config: str, *modules: str, more: tuple[int, ...] = ()) -> Httpd:
        return self.servers.prepare_httpd(config, listen=[self.tls, self.plain, *more], modules=["rewrite", *modules])

    def answer(self, path: str = "/", host: str = "www.test") -> int:
        with connect_plain(self.plain) as client:
            return client.request(path, host=host).status


@pytest.fixture(scope="module")
def zone(pki: Pki) -> tuple[Credential, Credential]:
    """The CA of origin pulls, and what the edge shows."""
    ca = pki.root("zone")
    return ca, ca.issue("edge")


@pytest.fixture
def bench(servers: Servers, zone: tuple[Credential, Credential], server_certificate: Credential) -> Bench:
    """Ports of its own for each test: many servers are started."""
    ca, edge = zone
    return Bench(servers, free_port(), free_port(), server_certificate, edge, f"CFOriginPullCACertificateFile {ca.cert_file}")


def warned(server: Httpd) -> int:
    """How many lines `-t` has of ways round."""
    outcome = server.config_test()
    assert outcome.ok, outcome.stderr
    return outcome.stderr.count("CFAOP131: ")


def started(server: Httpd, *, warns: bool) -> Httpd:
    assert warned(server) == int(warns)
    server.start()
    if warns:
        server.expect("CFAOP131: www.test is guarded by ")
    return server
