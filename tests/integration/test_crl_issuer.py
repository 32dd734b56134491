"""A client sends a certificate that has the name of the CA, and OpenSSL takes it for the issuer of the CA's CRL. OpenSSL checks a CRL before it checks
the chain: with a key that the client has chosen, and that costs what the client likes. The guard shows no CRL to a chain that no CA has vouched for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from conftest import Servers
from support.client import TLS_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki, common_name, make_key
from support.ports import free_port
from support.vhost import vhost


DAY = timedelta(days=1)


def forged(ca: Credential, label: str, subject: x509.Name, serial: int, issued_by: int, *extensions: x509.ExtensionType) -> Credential:
    """Says that it was issued by a certificate of the CA's name and that serial number. No CA has signed it."""
    key, now = make_key("p256"), datetime.utcnow()
    name = ca.certificate.subject
    builder = x509.CertificateBuilder(name, subject, key.public_key(), serial, now - DAY, now + DAY)
    for extension in (x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(name)], issued_by), *extensions):
        builder = builder.add_extension(extension, critical=False)
    return ca.pki.keep(Credential(ca.pki, label, builder.sign(make_key("p256"), hashes.SHA256()), key))


@pytest.fixture(scope="module")
def clients(pki: Pki) -> dict[str, Credential]:
    ca = pki.root("ca")
    key_id = x509.SubjectKeyIdentifier.from_public_key(ca.key.public_key())
    namesake = forged(ca, "namesake", ca.certificate.subject, 5, ca.certificate.serial_number, key_id, x509.BasicConstraints(True, None))
    return {
        "ca": ca,
        "edge": ca.issue("edge"),
        "revoked": ca.issue("revoked"),
        "of-namesake": forged(ca, "of-namesake", common_name("of-namesake"), 6, 5).sending(namesake),
    }


@pytest.fixture(scope="module")
def httpd(servers: Servers, clients: dict[str, Credential], server_certificate: Credential) -> Httpd:
    port = free_port()
    crl = clients["ca"].crl("ca", revoked=[clients["revoked"]])
    trust = (f"CFOriginPullCACertificateFile {clients['ca'].cert_file}", f"CFOriginPullCARevocationFile {crl}", "CFOriginPullVerifyDepth 3")
    return servers.httpd(vhost(port, "on.test", "CFOriginPull On", *trust, tls=server_certificate), listen=[port])


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client, reason", [("of-namesake", "untrusted_issuer"), ("revoked", "revoked"), ("edge", "")])
def test_crl_is_for_what_a_ca_has_signed(httpd: Httpd, clients: dict[str, Credential], client: str, reason: str, tls: str) -> None:
    assert fetch(httpd.port, sni="on.test", credential=clients[client], tls=tls).status == (400 if reason else 200)
    if reason:
        httpd.expect_refusal(reason)
