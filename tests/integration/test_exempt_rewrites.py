"""A rewrite leads an exempt request to a guarded place: the guard refuses it before that place asks for a password.

Else a stranger could try passwords there: a wrong one gets 401, the right one the guard's 400.
"""

from __future__ import annotations

import base64
import subprocess
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

MODULES = ["auth_basic", "authn_core", "authn_file", "authz_user", "rewrite"]


@pytest.fixture(scope="module")
def ca(pki: Pki) -> Credential:
    return pki.root("ca")


@pytest.fixture(scope="module")
def edge(ca: Credential) -> Credential:
    return ca.issue("edge")


@pytest.fixture(scope="module")
def httpd(servers: Servers, server_certificate: Credential, ca: Credential) -> Httpd:
    port = free_port()
    server = servers.prepare_httpd("", listen=[port], modules=MODULES)
    server.put("members/index.html", "for members")
    users = server.directory / "users"
    subprocess.run(["htpasswd", "-cbm", str(users), "ann", "right"], check=True, capture_output=True)
    users.chmod(0o644)
    members = ["<Location /members>", "AuthType Basic", "AuthName members", f"AuthUserFile {users}", "Require valid-user", "</Location>"]
    rewrite = ["RewriteEngine on", "RewriteRule ^/open/door$ /members/ [PT]"]
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", "CFOriginPullExempt path /open"]
    server.write_config(vhost(port, "guarded.test", *guard, *members, *rewrite, tls=server_certificate))
    return server.start()


def knock(httpd: Httpd, password: str, http: str, credential: Optional[Credential] = None) -> Response:
    login = base64.b64encode(f"ann:{password}".encode()).decode()
    return fetch(httpd.port, "/open/door", sni="guarded.test", http=http, credential=credential, headers=[("Authorization", f"Basic {login}")])


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("password", ("right", "wrong"))
def test_stranger_is_refused_whatever_the_password(httpd: Httpd, password: str, http: str) -> None:
    httpd.allow("AH01617: user ann: authentication failure")
    httpd.expect_refusal("no_certificate")
    answer = knock(httpd, password, http)
    assert (answer.status, answer.header("www-authenticate")) == (400, None)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_edge_is_asked_for_the_password(httpd: Httpd, edge: Credential, http: str) -> None:
    httpd.allow("AH01617: user ann: authentication failure")
    assert knock(httpd, "wrong", http, edge).status == 401
    assert knock(httpd, "right", http, edge).text == "for members"
