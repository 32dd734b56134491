"""TLS-SRP: a password takes the place of certificates, and OpenSSL asks for none. The handshake ends well, also where a certificate is demanded."""

from __future__ import annotations

import subprocess

import pytest

from conftest import Servers
from support.client import connect, fetch
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

pytestmark = pytest.mark.needs("tls-srp")
SUITE = "SRP-AES-256-CBC-SHA"
# What curl says of a connection that ends without an answer: it was empty, or reset
ENDS = (52, 56)


@pytest.fixture(scope="module")
def zone(pki: Pki) -> tuple[Credential, Credential]:
    """The CA of origin pulls, and what the edge shows."""
    ca = pki.root("zone")
    return ca, ca.issue("edge")


@pytest.fixture(scope="module")
def passwords(zone: tuple[Credential, Credential]) -> str:
    file = zone[0].cert_file.with_suffix(".srpv")
    file.touch()
    words = ["-srpvfile", str(file), "-gn", "2048", "-passout", "pass:secret", "somebody"]
    subprocess.run(["openssl", "srp", "-add", *words], check=True, capture_output=True)
    return str(file)


def curl(port: int, *options: str) -> str:
    """The status of the answer, or "closed" """
    words = ["--http1.1", "--tls-max", "1.2", "--ciphers", SUITE, "--tlsauthtype", "SRP", "--tlsuser", "somebody", "--tlspassword", "secret"]
    words += ["--insecure", "--silent", "--resolve", f"site.test:{port}:127.0.0.1", "--write-out", "\n%{http_code}"]
    outcome = subprocess.run(["curl", *words, *options, f"https://site.test:{port}/"], capture_output=True, text=True)
    if outcome.returncode in ENDS:
        assert outcome.stdout == "\n000"
        return "closed"
    return outcome.stdout.splitlines()[-1]


def guarded_by(mode: str, zone: tuple[Credential, Credential], passwords: str) -> list[str]:
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {zone[0].cert_file}", f"CFOriginPullRefuse {mode}"] if mode != "Off" else []
    return [*guard, "SSLProtocol TLSv1.2", f"SSLCipherSuite {SUITE}:HIGH", f"SSLSRPVerifierFile {passwords}"]


@pytest.mark.parametrize("mode", ("Off", "400", "close", "alert"))
def test_password_is_no_certificate(
    servers: Servers, zone: tuple[Credential, Credential], server_certificate: Credential, passwords: str, mode: str
) -> None:
    port = free_port()
    server = servers.httpd(vhost(port, "site.test", *guarded_by(mode, zone, passwords), tls=server_certificate), listen=[port])
    assert curl(port) == {"Off": "200", "400": "400"}.get(mode, "closed")
    if mode == "alert":
        server.expect("CFAOP307: refused in the handshake: reason=no_certificate ")
        server.allow_refusals()
    elif mode != "Off":
        server.expect_refusal("no_certificate")
    assert fetch(port, sni="site.test", credential=zone[1], tls="1.2").status == 200
    server.stop()


def test_alert_keeps_it_from_other_protocols(
    servers: Servers, zone: tuple[Credential, Credential], server_certificate: Credential, passwords: str
) -> None:
    """mod_echo would answer as soon as the handshake is over."""
    port = free_port()
    lines = [*guarded_by("alert", zone, passwords), "ProtocolEcho On"]
    server = servers.httpd(vhost(port, "site.test", *lines, tls=server_certificate), listen=[port], modules=["echo"])
    assert curl(port, "--http0.9") == "closed"
    server.expect("CFAOP307: refused in the handshake: reason=no_certificate ")
    with connect(port, sni="site.test", credential=zone[1], tls="1.2") as edge:
        edge.send(b"Hallo\n")
        assert edge.stream.recv() == b"Hallo\n"
    server.stop()
