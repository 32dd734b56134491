"""The certificates of a run: kinds and sizes as in the field, where Cloudflare's own are RSA."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.pki import Credential, Pki

from bench.servers import HOST, Certificate

# Debian's package ca-certificates: some 140 CAs
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")

SERVER_KEYS = ("p256", "rsa2048")


@dataclass(frozen=True)
class Certificates:
    """Files; the servers' by kind of key; the clients' by name: good is of the trusted CA, bad of another."""

    directory: Path
    servers: dict[str, Certificate]
    ca: Path
    clients: dict[str, Certificate]

    @property
    def server(self) -> Certificate:
        """Of all servers, where the key is not what is compared."""
        return self.servers["p256"]

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
    servers = {
        key: _files(pki.self_signed(f"server-{key}", subject=HOST, key=key, eku="server", san=[HOST])) for key in SERVER_KEYS
    }
    clients = {"good": ca.issue("good", key="rsa2048"), "bad": other.issue("bad", key="rsa2048")}
    return Certificates(directory, servers, ca.cert_file, {name: _files(who) for name, who in clients.items()})


def certificates_in(path: Path) -> int:
    return path.read_text().count("-----BEGIN CERTIFICATE-----")


def _files(credential: Credential) -> Certificate:
    return Certificate(credential.cert_file, credential.key_file)
