"""What the guard reads of other modules' directives, it reads as httpd does: a word may stand in quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Servers
from support.client import connect_plain
from support.pki import Credential
from support.ports import free_port
from support.vhost import vhost

QUOTED = ("off", '"off"', "'Off'")


@pytest.mark.parametrize("word", QUOTED)
def test_virtual_host_without_tls_goes_on(servers: Servers, server_certificate: Credential, word: str) -> None:
    port, plain = free_port(), free_port()
    httpd = servers.httpd(
        "CFOriginPull On\n" + vhost(port, "a.test", tls=server_certificate) + vhost(plain, "b.test", f"SSLEngine {word}"),
        listen=[port, plain])
    httpd.expect("CFAOP121: .*b.test")
    with connect_plain(plain) as client:
        assert client.request(host="b.test").status == 200


@pytest.mark.parametrize("word", QUOTED)
def test_no_tickets_need_no_warning(servers: Servers, server_certificate: Credential, tmp_path: Path, word: str) -> None:
    key = tmp_path / "ticket.key"
    key.write_bytes(bytes(range(48)))
    port = free_port()
    lines = [f"SSLSessionTicketKeyFile '{key}'", f"SSLSessionTickets {word}"]
    httpd = servers.prepare_httpd("\n".join(lines) + "\n" + vhost(port, "a.test", "CFOriginPull On", tls=server_certificate), listen=[port])
    assert "CFAOP137" not in httpd.config_test().stderr


def test_plain_host_that_redirects_by_a_quoted_engine(servers: Servers, server_certificate: Credential) -> None:
    port, plain = free_port(), free_port()
    redirect = ['RewriteEngine "on"', 'RewriteRule "^" "https://a.test%{REQUEST_URI}" "[R=301,L]"']
    httpd = servers.prepare_httpd(
        vhost(port, "a.test", "CFOriginPull On", tls=server_certificate) + vhost(plain, "a.test", *redirect),
        listen=[port, plain], modules=["rewrite"])
    assert "CFAOP131" not in httpd.config_test().stderr
