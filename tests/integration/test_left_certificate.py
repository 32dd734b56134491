"""mod_ssl keeps a reference to the client's certificate, and leaves it behind where it does not close the connection itself: when the client has gone
while the answer was written. Strangers get as far as that, so the guard frees it. Counted in certificates, not in bytes."""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect
from support.http1 import request_bytes
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.vhost import vhost
from support.waiting import wait_until

CONNECTIONS = 60
MODES = {
    "on.test": ["CFOriginPull On"],
    "log-only.test": ["CFOriginPull LogOnly"],
    "optional.test": ["CFOriginPull Optional"],
    # here mod_ssl asks
    "off.test": ["CFOriginPull Off", "SSLVerifyClient optional_no_ca"],
    # the cipher suite is negotiated anew, and no certificate is asked for
    "cipher.test": ["CFOriginPull LogOnly", "<Location />", "  SSLCipherSuite ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384", "</Location>"],
    "directory.test": ["CFOriginPull LogOnly", "<Location />", "  SSLVerifyClient optional_no_ca", "</Location>"],
}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    clients: dict[str, Credential]
    file: Path

    def certificates(self) -> int:
        """How many are in the memory of the server."""
        return int.from_bytes(self.file.read_bytes(), sys.byteorder, signed=True)

    def come_and_go(self, host: str, client: str, http: str, tls: str) -> None:
        """Ask, and be gone before there is an answer. Where mod_ssl asks for the certificate once more, show it first."""
        connection = connect(self.httpd.port, sni=host, credential=self.clients[client], tls=tls, http=http)
        if host in ("directory.test", "cipher.test"):
            assert connection.request(host=host).status == 200
        if isinstance(connection, Http2):
            connection.start(host=host)
        else:
            connection.send(request_bytes(host=host))
        connection.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.stream.socket.close()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca, port = pki.root("ca"), free_port()
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    file = pki.directory / "certificates"
    file.write_bytes(bytes(8))
    file.chmod(0o666)  # the server gives up root
    environment = {**preloading("certificates", pki.directory), "TEST_CERTIFICATES": str(file)}
    config = "".join(vhost(port, name, *lines, trust, tls=server_certificate) for name, lines in MODES.items())
    httpd = servers.httpd(config, listen=[port], extra_environment=environment)
    httpd.log.always += ["CFAOP30[1238]: "]
    return Bench(httpd, {"stranger": pki.self_signed("stranger"), "edge": ca.issue("edge")}, file)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ("stranger", "edge"))
# mod_ssl does not negotiate for a directory over HTTP/2
@pytest.mark.parametrize(
    "host, http", [(host, http) for host in MODES for http in HTTP_VERSIONS if http == "1.1" or host not in ("directory.test", "cipher.test")]
)
def test_certificate_goes_with_its_connection(bench: Bench, host: str, http: str, client: str, tls: str) -> None:
    before = bench.certificates()
    assert before > 0
    for _ in range(CONNECTIONS):
        bench.come_and_go(host, client, http, tls)
    assert wait_until(lambda: bench.certificates() <= before, seconds=10), bench.certificates() - before
