"""A reload makes SSLVerifyClient stricter, and the edge comes with the session that it has from before.

Under optional_no_ca mod_ssl lets a certificate in that it cannot verify, and keeps the bad result in the session. Under
optional, mod_ssl would end the connection for that result. No client is refused because its session is old.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import Servers
from support import tickets
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_edge_is_not_refused_for_its_session(
    servers: Servers, pki: Pki, server_certificate: Credential, tmp_path: Path, tls: str
) -> None:
    ca, other = pki.root(f"ca{tls}"), pki.root(f"other{tls}")
    edge = ca.issue(f"edge{tls}")
    key = tmp_path / "ticket.key"  # so that tickets outlive the reload
    key.write_bytes(os.urandom(48))
    port = free_port()

    def config(verify: str, trusted: Credential) -> str:
        return f"SSLSessionTicketKeyFile {key}\n" + vhost(
            port, "g.test", "CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}",
            f"SSLVerifyClient {verify}", f"SSLCACertificateFile {trusted.cert_file}", tls=server_certificate)

    httpd = servers.httpd(config("optional_no_ca", other), listen=[port])
    httpd.allow("CFAOP122|CFAOP137|AH02")
    first = tickets.call(port, "g.test", tmp_path, tls=tls, credential=edge)
    assert first.status == 200
    httpd.write_config(config("optional", ca))
    httpd.graceful()
    again = tickets.call(port, "g.test", tmp_path, tls=tls, credential=edge, session=first.session)
    assert again.status == 200
