"""TLS-SRP: a password takes the place of certificates, and OpenSSL asks for none. The handshake ends well, also under `alert`; each request is refused."""

from __future__ import annotations

import subprocess

import pytest

from conftest import Servers
from support.client import fetch
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

pytestmark = pytest.mark.needs("tls-srp")
SUITE = "SRP-AES-256-CBC-SHA"
# What curl says: its exit status, which is 52 for a connection that ends without an answer, and the status of the answer
OUTCOMES = {"400": (0, "400"), "close": (52, "000"), "alert": (52, "000")}


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


def curl(port: int) -> tuple[int, str]:
    words = ["--http1.1", "--tls-max", "1.2", "--ciphers", SUITE, "--tlsauthtype", "SRP", "--tlsuser", "somebody", "--tlspassword", "secret"]
    words += ["--insecure", "--silent", "--resolve", f"site.test:{port}:127.0.0.1", "--write-out", "\n%{http_code}"]
    outcome = subprocess.run(["curl", *words, f"https://site.test:{port}/"], capture_output=True, text=True)
    return outcome.returncode, outcome.stdout.splitlines()[-1]


@pytest.mark.parametrize("mode", ("Off", "400", "close", "alert"))
def test_password_is_no_certificate(
    servers: Servers, zone: tuple[Credential, Credential], server_certificate: Credential, passwords: str, mode: str
) -> None:
    port = free_port()
    ca, edge = zone
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", f"CFOriginPullRefuse {mode}"] if mode != "Off" else []
    tls = ["SSLProtocol TLSv1.2", f"SSLCipherSuite {SUITE}:HIGH", f"SSLSRPVerifierFile {passwords}"]
    server = servers.httpd(vhost(port, "site.test", *guard, *tls, tls=server_certificate), listen=[port])
    assert curl(port) == OUTCOMES.get(mode, (0, "200"))
    if guard:
        server.expect_refusal("no_certificate")
    assert fetch(port, sni="site.test", credential=edge, tls="1.2").status == 200
    server.stop()
