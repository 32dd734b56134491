"""The certificates of a run: kinds and sizes as in the field, where Cloudflare's own are RSA."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.pki import Credential, Pki

from bench.servers import HOST, Certificate

# Debian's package ca-certificates: some 140 CAs
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Certificates:
    """Files; the clients' by name: good is of the trusted CA, bad of another."""

    directory: Path
    server: Certificate
    ca: Path
    clients: dict[str, Certificate]

    def own_cas(self, count: int) -> list[Path]:
        """As many CAs as are asked for, each in a file of its own."""
        folder = self.directory / "own"
        folder.mkdir(exist_ok=True)
        pki = Pki(folder)
        return [self._own_ca(pki, folder / f"{number}.cert.pem", str(number)) for number in range(count)]

    @staticmethod
    def _own_ca(pki: Pki, path: Path, label: str) -> Path:
        return path if path.exists() else pki.root(label).cert_file


def make_certificates(directory: Path) -> Certificates:
    pki = Pki(directory)
    ca, other = pki.root("ca", key="rsa4096"), pki.root("other", key="rsa4096")
    server = pki.self_signed("server", subject=HOST, eku="server", san=[HOST])
    clients = {"good": ca.issue("good", key="rsa2048"), "bad": other.issue("bad", key="rsa2048")}
    return Certificates(directory, _files(server), ca.cert_file, {name: _files(who) for name, who in clients.items()})


def certificates_in(path: Path) -> int:
    return path.read_text().count("-----BEGIN CERTIFICATE-----")


def _files(credential: Credential) -> Certificate:
    return Certificate(credential.cert_file, credential.key_file)
