"""`apache2 -t` and a first start refuse each mistake with one line that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from conftest import Servers
from support import environment
from support.damage import DAMAGES
from support.httpd import ConfigTest, Httpd, StartFailure
from support.mistakes import only_line, other_openssl, our_lines, place_of
from support.pki import DAY, Credential, Pki, common_name
from support.ports import free_port
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
CRL_FILE = "CFOriginPullCARevocationFile"
TAGS = {CA_FILE: "CFAOP103", CRL_FILE: "CFAOP104"}
COPY_AGAIN = "copy the file again"


@dataclass(frozen=True)
class Bench:
    """A server that is never started: its configuration is tested, with one guarded vhost."""

    server: Httpd
    port: int
    tls: Credential
    root: Credential
    crl: Path
    pki: Pki

    def test(self, *lines: str, before: str = "", defines: Sequence[str] = ()) -> ConfigTest:
        """`-t` with these lines in a TLS vhost."""
        self.server.write_config(before + vhost(self.port, "guarded.test", *lines, tls=self.tls))
        return self.server.config_test(defines=defines)

    def test_file(self, directive: str, path: object) -> ConfigTest:
        lines = ["CFOriginPull On", f"{directive} {path}"]
        if directive == CRL_FILE:
            lines.append(f"{CA_FILE} {self.root.cert_file}")
        return self.test(*lines)

    def good(self, directive: str) -> bytes:
        return self.root.cert_pem if directive == CA_FILE else self.crl.read_bytes()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port = free_port()
    root = pki.root("root")
    return Bench(servers.prepare_httpd("", listen=[port]), port, server_certificate, root, root.crl("good"), pki)


def test_good_files_are_accepted_in_silence(bench: Bench) -> None:
    bundle = bench.pki.bundle("two", bench.root, bench.pki.root("second"))
    outcome = bench.test("CFOriginPull On", f"{CA_FILE} builtin {bundle}", f"{CRL_FILE} {bench.crl}")
    assert outcome.ok
    assert our_lines(outcome.stderr) == []


# Files

Spoiled = dict[str, tuple[bytes, str]]


def spoiled_files(good: bytes, key: bytes, der: bytes, request: bytes, kind: str) -> Spoiled:
    """Files without what is wanted, and the words that say what to do."""
    files = {
        "empty": (b"", "is empty"),
        "junk": (b"These are not the certificates you are looking for.\n" * 20, "holds no PEM block"),
        "zeros": (bytes(4096), "holds no PEM block"),
        "only-a-key": (key, f"holds a private key and no {kind}"),
        "only-a-request": (request, f"holds no {kind}"),
        "der": (der, "is DER, not PEM: convert it"),
    }
    for name, damage in DAMAGES.items():
        files[name] = (damage(good), COPY_AGAIN if name not in ("damaged-begin",) else "")
        files[f"bundle-with-{name}-first"] = (damage(good) + good + good, COPY_AGAIN)
        files[f"bundle-with-{name}-in-the-middle"] = (good + damage(good) + good, COPY_AGAIN)
        files[f"bundle-with-{name}-last"] = (good + good + damage(good), COPY_AGAIN)
    return files


def request_pem(root: Credential) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(common_name("request"))
    return builder.sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def spoiled_for(bench: Bench, directive: str) -> Spoiled:
    good = bench.good(directive)
    if directive == CA_FILE:
        return spoiled_files(good, bench.root.key_pem, bench.root.der, request_pem(bench.root), "certificate")
    crl = x509.load_pem_x509_crl(good)
    der = crl.public_bytes(serialization.Encoding.DER)
    return spoiled_files(good, bench.root.key_pem, der, request_pem(bench.root), "CRL")


SPOILED = sorted(spoiled_files(b"", b"", b"", b"", "") if False else [])
