"""A flood of certificates, each a good one and each another: every one of them is verified, and the server's memory stays as it was."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Iterator

import pytest

from conftest import Servers
from support import environment
from support.client import TLS_VERSIONS
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.processes import children_of, resident_kib
from support.verifications import Verifications
from support.vhost import vhost

# Sanitizers keep what was freed for a while, so that memory says little there, and take their time.
CERTIFICATES = 2_000 if environment.sanitizing() else 20_000
ALLOWED_KIB = 256 * 1024 if environment.sanitizing() else 256
CLIENTS = 2


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    verifications: Verifications
    program: Path
    ca: Credential
    serials: Iterator[int]

    def flood(self, certificates: int, tls: str) -> None:
        """Full handshakes with so many certificates that were never seen before, each answered with 200."""
        # a thread still closes its last connection while its client has the next: now and then all four are at work
        self.httpd.allow("AH00484: server reached MaxRequestWorkers")
        each = certificates // CLIENTS
        clients = []
        for _ in range(CLIENTS):
            words = (self.program, self.httpd.port, "on.test", tls, next(self.serials) * CERTIFICATES, each)
            files = (self.ca.cert_file, self.ca.key_file)
            clients.append(subprocess.Popen([str(word) for word in (*words, *files)], stderr=subprocess.PIPE, text=True))
        # only clients that hang need an hour
        ends = [(client.communicate(timeout=3600)[1], client.returncode) for client in clients]
        assert ends == [("", 0)] * CLIENTS

    def memory(self) -> int:
        """KiB of the one process that serves."""
        assert self.httpd.process
        (child,) = children_of(self.httpd.process.pid)
        return resident_kib(child)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential) -> Bench:
    program = directory / "flood"
    source = Path(__file__).parent / "support" / "flood.c"
    subprocess.run(["gcc", "-O1", "-o", str(program), str(source), "-lssl", "-lcrypto"], check=True)
    ca, port = pki.root("ca"), free_port()
    verifications = Verifications(pki.directory / "verifications")
    httpd = servers.httpd(
        # few threads, each of which has been at work when the counting begins: each has memory of its own
        "StartServers 1\nServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nMinSpareThreads 1\nMaxSpareThreads 4\nLogLevel warn\n"
        + vhost(port, "on.test", "CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", tls=server_certificate),
        listen=[port],
        mpm="event",
        extra_environment=verifications.environment,
    )
    return Bench(httpd, verifications, program, ca, count(1))


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_memory_stays_flat(bench: Bench, tls: str) -> None:
    verified = bench.verifications.count()
    # fills the memo several times, and whatever else grows at first
    bench.flood(CERTIFICATES // 10, tls)
    before = bench.memory()
    bench.flood(CERTIFICATES - CERTIFICATES // 10, tls)
    assert bench.memory() - before < ALLOWED_KIB
    assert bench.verifications.count() - verified == CERTIFICATES
