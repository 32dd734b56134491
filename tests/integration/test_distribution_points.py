"""A certificate with hundreds of CRL distribution points is over CFOriginPullPeerLimit, as one with hundreds of names is.

A distribution point can be named relative to the certificate's issuer. OpenSSL up to 3.0.20 then makes a copy of the issuer's name for each of them
when it first looks at the certificate's extensions, before any signature is checked: 220 ms for a certificate of 16,000 bytes that names its
issuer by a hundred parts, or for one with a hundred points that names its issuer by a thousand. Later versions do so when a CRL with an issuing
distribution point is looked up.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Union

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from conftest import Servers
from support.client import TLS_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki, common_name, make_key
from support.ports import free_port
from support.streams import Reset, TlsAlert
from support.vhost import vhost

ENDED = "ended"
LIMIT = 16384
DAY = timedelta(days=1)


def long_issuer(parts: int = 100) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, str(number)) for number in range(parts)])


# Each of them takes 16 bytes
RELATIVE = x509.DistributionPoint(None, x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "a")]), None, None)
ABSOLUTE = x509.DistributionPoint([x509.UniformResourceIdentifier("http://a")], None, None, None)


def with_points(pki: Pki, label: str, count: int, *, subject: str, issuer: x509.Name, point: x509.DistributionPoint = RELATIVE) -> Credential:
    """Signed by nobody who counts: the signature is not looked at before the points are."""
    key, now = make_key("p256"), datetime.utcnow()
    builder = x509.CertificateBuilder(issuer, common_name(subject), key.public_key(), 1, now - DAY, now + DAY)
    signed = builder.add_extension(x509.CRLDistributionPoints([point] * count), critical=False).sign(key, hashes.SHA256())
    return pki.keep(Credential(pki, label, signed, key))


@pytest.fixture(scope="module")
def clients(pki: Pki) -> dict[str, Credential]:
    many = with_points(pki, "many", 850, subject="many", issuer=long_issuer())
    above = with_points(pki, "above", 800, subject="above", issuer=long_issuer())
    leaf = with_points(pki, "leaf", 1, subject="leaf", issuer=common_name("above"))
    assert len(many.der) < LIMIT and len(above.der) + len(leaf.der) < LIMIT
    by_name = with_points(pki, "by-name", 20, subject="by-name", issuer=long_issuer())
    longer = with_points(pki, "longer", 90, subject="longer", issuer=long_issuer(700))
    below = with_points(pki, "below", 1, subject="below", issuer=common_name("longer"))
    assert len(longer.der) + len(below.der) < LIMIT
    return {
        "by-name": by_name,
        "by-name-in-the-chain": below.sending(longer),
        "own-names": with_points(pki, "own-names", 200, subject="own-names", issuer=common_name("a"), point=ABSOLUTE),
        "few-own-names": with_points(pki, "few-own-names", 90, subject="few-own-names", issuer=long_issuer(), point=ABSOLUTE),
        "few": with_points(pki, "few", 10, subject="few", issuer=long_issuer()),
        "many": many,
        "many-in-the-chain": leaf.sending(above),
    }


@pytest.fixture(scope="module")
def httpd(servers: Servers, server_certificate: Credential) -> Httpd:
    port = free_port()
    return servers.httpd(vhost(port, "on.test", "CFOriginPull On", tls=server_certificate), listen=[port])


def ending(httpd: Httpd, client: Credential, tls: str) -> Union[int, str]:
    """The status of the answer; or that the handshake was ended."""
    httpd.allow("CFAOP301: ")
    httpd.allow("CFAOP202: ")
    httpd.allow_refusals()
    try:
        return fetch(httpd.port, sni="on.test", credential=client, tls=tls).status
    except (TlsAlert, Reset):
        return ENDED


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ("few", "few-own-names"))
def test_few_are_judged(httpd: Httpd, clients: dict[str, Credential], client: str, tls: str) -> None:
    assert ending(httpd, clients[client], tls) == 400


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ("many", "many-in-the-chain", "own-names", "by-name", "by-name-in-the-chain"))
def test_many_end_the_handshake(httpd: Httpd, clients: dict[str, Credential], client: str, tls: str) -> None:
    assert ending(httpd, clients[client], tls) == ENDED
