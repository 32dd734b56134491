"""The extensions of all certificates that a client sends, and their names: CFOriginPullPeerLimit bounds how many parts they have, each of which
OpenSSL makes an object of and keeps for as long as the connection lasts; and the names of the issuer that CRL distribution points stand for.

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


def with_extensions(pki: Pki, label: str, *extensions: x509.ExtensionType, issuer: x509.Name) -> Credential:
    """Its own signature is not looked at before the extensions are."""
    key, now = make_key("p256"), datetime.utcnow()
    builder = x509.CertificateBuilder(
        issuer, common_name(label), key.public_key(), 1, now - DAY, now + DAY, [x509.Extension(one.oid, False, one) for one in extensions]
    )
    return pki.keep(Credential(pki, label, builder.sign(key, hashes.SHA256()), key))


def empty(count: int) -> list[x509.UnrecognizedExtension]:
    return [x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.2.{number // 100}.{number % 100}"), b"") for number in range(count)]


def with_points(pki: Pki, label: str, count: int, *, issuer: x509.Name, point: x509.DistributionPoint = RELATIVE) -> Credential:
    return with_extensions(pki, label, x509.CRLDistributionPoints([point] * count), issuer=issuer)


def unmarked(points: x509.CRLDistributionPoints) -> x509.UnrecognizedExtension:
    """The same points in a list that is not marked as constructed. OpenSSL reads it."""
    return x509.UnrecognizedExtension(points.oid, b"\x10" + points.public_bytes()[1:])


def names(count: int) -> list[x509.GeneralName]:
    return [x509.DNSName("a")] * count


@pytest.fixture(scope="module")
def clients(pki: Pki) -> dict[str, Credential]:
    issuer = common_name("a")
    above = with_points(pki, "above", 800, issuer=long_issuer())
    longer = with_points(pki, "longer", 30, issuer=long_issuer())
    named = with_extensions(pki, "named", x509.SubjectAlternativeName(names(1000)), issuer=issuer)
    made = {
        "few": with_points(pki, "few", 3, issuer=long_issuer()),
        "few-own-names": with_points(pki, "few-own-names", 90, issuer=long_issuer(), point=ABSOLUTE),
        "few-in-key-id": with_extensions(pki, "few-in-key-id", x509.AuthorityKeyIdentifier(None, names(900), 1), issuer=issuer),
        "few-empty-extensions": with_extensions(pki, "few-empty", *empty(900), issuer=issuer),
        "many": with_points(pki, "many", 850, issuer=long_issuer()),
        "many-in-the-chain": with_points(pki, "leaf", 1, issuer=common_name("above")).sending(above),
        "many-own-names": with_points(pki, "many-own-names", 300, issuer=issuer, point=ABSOLUTE),
        "many-unmarked": with_extensions(pki, "many-unmarked", unmarked(x509.CRLDistributionPoints([ABSOLUTE] * 300)), issuer=issuer),
        "many-in-key-id": with_extensions(pki, "many-in-key-id", x509.AuthorityKeyIdentifier(None, names(1000), 1), issuer=issuer),
        "many-names-in-the-chain": with_points(pki, "below-named", 1, issuer=common_name("named")).sending(named),
        "many-parts-of-a-name-in-the-chain": with_points(pki, "below-parts", 1, issuer=common_name("parts")).sending(
            with_points(pki, "parts", 1, issuer=long_issuer(500))
        ),
        "many-empty-extensions": with_extensions(pki, "many-empty", *empty(1000), issuer=issuer),
        "huge-issuer": with_points(pki, "huge-issuer", 10, issuer=common_name("a" * 3500)),
        "many-parts-of-copies": with_points(pki, "many-parts-of-copies", 6, issuer=long_issuer()),
        "long-issuer": with_points(pki, "long-issuer", 20, issuer=long_issuer()),
        "long-issuer-in-the-chain": with_points(pki, "below-longer", 1, issuer=common_name("longer")).sending(longer),
    }
    for client in made.values():
        assert sum(len(sent.der) for sent in (client, *client.chain)) < LIMIT
    return made


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
@pytest.mark.parametrize("client", ("few", "few-own-names", "few-in-key-id", "few-empty-extensions"))
def test_few_are_judged(httpd: Httpd, clients: dict[str, Credential], client: str, tls: str) -> None:
    assert ending(httpd, clients[client], tls) == 400


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize(
    "client",
    (
        "many",
        "many-in-the-chain",
        "many-own-names",
        "many-unmarked",
        "many-in-key-id",
        "many-names-in-the-chain",
        "many-parts-of-a-name-in-the-chain",
        "many-empty-extensions",
        "huge-issuer",
        "many-parts-of-copies",
        "long-issuer",
        "long-issuer-in-the-chain",
    ),
)
def test_many_end_the_handshake(httpd: Httpd, clients: dict[str, Credential], client: str, tls: str) -> None:
    assert ending(httpd, clients[client], tls) == ENDED
