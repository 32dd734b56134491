"""Certificates of every good and bad kind, made when a test asks for them.

    pki = Pki(directory)
    root = pki.root("origin-pull")
    leaf = root.issue("edge", eku="client")
    crl = root.crl("edge-revoked", revoked=[leaf])

Labels name files and, unless told otherwise, subjects. Keys are P-256 unless a test needs another kind.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from math import gcd
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence, Union

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
_EKU = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}
# Text is an address or a host name
Name = Union[str, x509.GeneralName]
_HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha512": hashes.SHA512}


def make_key(kind: str) -> Any:
    """A private key of kind "p256", "p384", "ed25519", "rsa<bits>" or "rsa<bits>e<bits of its public exponent>"."""
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa") and "e" in kind:
        return _rsa_key(*map(int, kind[3:].split("e")))
    if kind.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[3:]))
    raise ValueError(f"no such kind of key: {kind}")


# 2 ** n - 1 are primes. Products of two, by their size: to look for primes of thousands of bits takes too long.
_LARGE = {7640: (3217, 4423), 8676: (4253, 4423)}


def _rsa_key(bits: int, exponent_bits: int) -> Any:
    """A key with a public exponent of that size; or of 65537 where it is 17."""
    if bits in _LARGE:
        p, q = ((1 << power) - 1 for power in _LARGE[bits])
    else:
        numbers = rsa.generate_private_key(public_exponent=65537, key_size=bits).private_numbers()
        p, q = numbers.p, numbers.q
    e = (1 << (exponent_bits - 1)) + 1
    while gcd(e, (p - 1) * (q - 1)) != 1:
        e += 2
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def common_name(text: str) -> x509.Name:
    return x509.Name([name_attribute(NameOID.COMMON_NAME, text)])


def name_attribute(kind: x509.ObjectIdentifier, text: str) -> x509.NameAttribute:
    """A part of a name, of any length: newer versions of the library have to be told not to count."""
    try:
        return x509.NameAttribute(kind, text, _validate=False)
    except TypeError:
        return x509.NameAttribute(kind, text)


@dataclass(frozen=True)
class Credential:
    """A certificate with its key. `chain` is what its owner sends along in a handshake."""

    pki: "Pki"
    label: str
    certificate: x509.Certificate
    key: Any
    chain: tuple["Credential", ...] = ()

    @property
    def cert_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def old_key_pem(self) -> bytes:
        """Not PKCS#8, which mod_ssl does not read everywhere."""
        form = serialization.PrivateFormat.TraditionalOpenSSL
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    @property
    def sha256(self) -> str:
        """The fingerprint as lower-case hex, as log lines have it."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def subject(self) -> str:
        return self.certificate.subject.rfc4514_string()

    @property
    def cert_file(self) -> Path:
        return self.pki.file(f"{self.label}.cert.pem", self.cert_pem)

    @property
    def key_file(self) -> Path:
        return self.pki.file(f"{self.label}.key.pem", self.key_pem)

    def sending(self, *chain: "Credential") -> "Credential":
        """The same credential, whose owner sends these certificates after his own."""
        return replace(self, chain=chain)

    def issue(
        self,
        label: str,
        *,
        subject: Optional[str] = None,
        name: Optional[x509.Name] = None,
        key: str = "p256",
        ca: bool = False,
        path_length: Optional[int] = None,
        eku: str = "client",
        san: Sequence[Name] = (),
        not_before: timedelta = -DAY,
        not_after: timedelta = 90 * DAY,
        digest: str = "sha256",
        same_key_as: Optional["Credential"] = None,
        key_id: bool = True,
        serial: int = 0,
    ) -> "Credential":
        """A certificate signed by this one, for a new key unless it is another one's.

        `eku` is "none" or a list of "client" and "server" joined by "+"; certificates of CAs have none.
        `not_before` and `not_after` are distances from now. With `key_id` it says which key has signed it.
        `serial` is the length of its serial number in bytes; 0: an ordinary one.
        """
        private = same_key_as.key if same_key_as else make_key(key)
        builder = _unsigned(name or common_name(subject or label), self.certificate.subject, private.public_key())
        builder = _valid(builder, not_before, not_after)
        if ca:
            builder = _as_ca(builder, path_length)
        else:
            builder = _as_leaf(builder, eku, san)
        if key_id:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        certificate = _sign(builder, self.key, digest, serial)
        return self.pki.keep(Credential(self.pki, label, certificate, private))

    def crl(
        self,
        label: str,
        *,
        revoked: Iterable["Credential"] = (),
        last_update: timedelta = -DAY,
        next_update: timedelta = 90 * DAY,
        extension: Optional[x509.ExtensionType] = None,
        has_key_identifier: bool = True,
        key_identifier: Optional[x509.AuthorityKeyIdentifier] = None,
        entry_extension: Optional[x509.ExtensionType] = None,
    ) -> Path:
        """A CRL file signed by this one, with a critical extension more."""
        now = datetime.utcnow()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now + last_update)
            .next_update(now + next_update)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        if has_key_identifier:
            own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(key_identifier or own, critical=False)
        if extension:
            builder = builder.add_extension(extension, critical=True)
        for credential in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(credential.certificate.serial_number).revocation_date(now - DAY)
            if entry_extension:
                entry = entry.add_extension(entry_extension, critical=True)
            builder = builder.add_revoked_certificate(entry.build())
        crl = builder.sign(self.key, _hash_for(self.key, "sha256"))
        return self.pki.file(f"{label}.crl.pem", crl.public_bytes(serialization.Encoding.PEM))


class Pki:
    """A directory of certificates, whose labels are unique."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self._labels: set[str] = set()

    def root(
        self,
        label: str,
        *,
        subject: Optional[str] = None,
        name: Optional[x509.Name] = None,
        key: str = "p256",
        path_length: Optional[int] = None,
        not_before: timedelta = -DAY,
        not_after: timedelta = 365 * DAY,
        digest: str = "sha256",
        signs: bool = True,
        signs_crls: bool = True,
        eku: str = "none",
    ) -> Credential:
        """A self-signed CA. Without `signs` its keyUsage does not allow it to issue certificates, without `signs_crls` no CRLs; `eku` is as
        for issue()."""
        dn = name or common_name(subject or label)
        private = make_key(key)
        builder = _as_ca(_valid(_unsigned(dn, dn, private.public_key()), not_before, not_after), path_length, signs, signs_crls)
        builder = _with_eku(builder, eku)
        return self.keep(Credential(self, label, _sign(builder, private, digest), private))

    def self_signed(
        self,
        label: str,
        *,
        subject: Optional[str] = None,
        key: str = "p256",
        eku: str = "client",
        san: Sequence[str] = (),
        not_before: timedelta = -DAY,
        not_after: timedelta = 90 * DAY,
    ) -> Credential:
        """A leaf that vouches for itself."""
        dn = common_name(subject or label)
        private = make_key(key)
        builder = _as_leaf(_valid(_unsigned(dn, dn, private.public_key()), not_before, not_after), eku, san)
        return self.keep(Credential(self, label, _sign(builder, private, "sha256"), private))

    def keep(self, credential: Credential) -> Credential:
        """Refuse a label's second use: its files would be the first one's."""
        if credential.label in self._labels:
            raise ValueError(f"a certificate named {credential.label} was made before")
        self._labels.add(credential.label)
        return credential

    def bundle(self, label: str, *parts: Credential) -> Path:
        """One PEM file with several certificates."""
        return self.file(f"{label}.bundle.pem", b"".join(part.cert_pem for part in parts))

    def file(self, name: str, content: bytes) -> Path:
        """The file of that name, written once; readable for a server that gave up root."""
        path = self.directory / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            path.chmod(0o644)
        return path


def _unsigned(subject: x509.Name, issuer: x509.Name, public_key: Any) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _valid(builder: x509.CertificateBuilder, start: timedelta, end: timedelta) -> x509.CertificateBuilder:
    now = datetime.utcnow()
    return builder.not_valid_before(now + start).not_valid_after(now + end)


def _as_ca(
    builder: x509.CertificateBuilder, path_length: Optional[int], signs: bool = True, signs_crls: bool = True
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs_crls,
        encipher_only=False,
        decipher_only=False,
    )
    return builder.add_extension(x509.BasicConstraints(True, path_length), critical=True).add_extension(
        usage, critical=True
    )


def _as_leaf(builder: x509.CertificateBuilder, eku: str, san: Sequence[Name]) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = _with_eku(builder, eku)
    if san:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(entry) for entry in san]), critical=False
        )
    return builder


def _with_eku(builder: x509.CertificateBuilder, eku: str) -> x509.CertificateBuilder:
    if eku == "none":
        return builder
    return builder.add_extension(x509.ExtendedKeyUsage([_EKU[part] for part in eku.split("+")]), critical=False)


def _general_name(text: Name) -> x509.GeneralName:
    if isinstance(text, x509.GeneralName):
        return text
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _sign(builder: x509.CertificateBuilder, key: Any, digest: str, serial: int = 0) -> x509.Certificate:
    """The library signs, but for SHA-1, which newer ones refuse, and for serial numbers of a length that it does not write."""
    if digest != "sha1" and not serial:
        return builder.sign(key, _hash_for(key, digest))
    return _signed_anew(builder.sign(key, hashes.SHA256()), key, digest, serial)


def _hash_for(key: Any, digest: str) -> Optional[hashes.HashAlgorithm]:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else _HASHES[digest]()


# AlgorithmIdentifier by kind of key and digest (RFC 5758, section 3.2; RFC 4055, section 5)
_ALGORITHMS = {
    "ecdsa": {"sha1": bytes.fromhex("300906072a8648ce3d0401"), "sha256": bytes.fromhex("300a06082a8648ce3d040302")},
    "rsa": {"sha1": bytes.fromhex("300d06092a864886f70d0101050500"), "sha256": bytes.fromhex("300d06092a864886f70d01010b0500")},
}


def _signed_anew(certificate: x509.Certificate, key: Any, digest: str, serial: int) -> x509.Certificate:
    """The same, signed with another digest, and with a serial number of so many bytes (0: its own)."""
    algorithms = _ALGORITHMS["rsa" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa"]
    version = bytes.fromhex("a003020102")
    _, rest = certificate.tbs_certificate_bytes.split(version, 1)
    number, rest = rest[: 2 + rest[1]], rest[2 + rest[1] :]
    assert rest.startswith(algorithms["sha256"])
    if serial:
        number = _der(0x02, b"\x7f" * serial)
    tbs = _der(0x30, version + number + algorithms[digest] + rest[len(algorithms["sha256"]) :])
    signature = _der(0x03, b"\0" + _signature(key, tbs, _HASHES[digest]()))
    return x509.load_der_x509_certificate(_der(0x30, tbs + algorithms[digest] + signature))


def with_public_key(certificate: x509.Certificate, old: bytes, new: bytes) -> x509.Certificate:
    """The same with another SubjectPublicKeyInfo, so that its signature is wrong."""
    whole, tbs = certificate.public_bytes(serialization.Encoding.DER), certificate.tbs_certificate_bytes
    head = 2 + (tbs[1] & 0x7F if tbs[1] & 0x80 else 0)
    before, after = tbs[head:].split(old)
    _, signature = whole.split(tbs)
    return x509.load_der_x509_certificate(_der(0x30, _der(0x30, before + new + after) + signature))


def _signature(key: Any, data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest)
    return key.sign(data, ec.ECDSA(digest))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (size if len(content) < 128 else bytes([0x80 | len(size)]) + size) + content
