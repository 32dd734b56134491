"""A rewrite leads an exempt request to a guarded place: the guard refuses it before that place answers.

Else a stranger could try passwords there: a wrong one gets 401, the right one the guard's 400. Or mod_alias tells where the place
redirects to.
"""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, fetch
from support.foreign_module import build_from
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

MOVED_TO = "https://members.test/with/a/secret"
MODULES = ["alias", "auth_basic", "authn_core", "authn_file", "authz_user", "rewrite"]


@pytest.fixture(scope="module")
def ca(pki: Pki) -> Credential:
    return pki.root("ca")


@pytest.fixture(scope="module")
def edge(ca: Credential) -> Credential:
    return ca.issue("edge")


@pytest.fixture(scope="module")
def httpd(servers: Servers, directory: Path, server_certificate: Credential, ca: Credential) -> Httpd:
    port = free_port()
    server = servers.prepare_httpd("", listen=[port], modules=MODULES)
    server.put("members/index.html", "for members")
    users = server.directory / "users"
    subprocess.run(["htpasswd", "-cbm", str(users), "ann", "right"], check=True, capture_output=True)
    users.chmod(0o644)
    members = ["<Location /members>", "AuthType Basic", "AuthName members", f"AuthUserFile {users}", "Require valid-user", "</Location>"]
    rewrite = ["RewriteEngine on", "RewriteRule ^/open/door$ /members/ [PT]", "RewriteRule ^/open/moved$ /moved [PT]"]
    moved = [f"Redirect /moved {MOVED_TO}"]
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", "CFOriginPullExempt path /open"]
    load = f"LoadModule translator_module {build_from(directory, 'translator.c', 'translator')}\n"
    server.write_config(load + vhost(port, "guarded.test", *guard, *members, *moved, *rewrite, tls=server_certificate))
    return server.start()


# mod_rewrite leads there, or a module that comes later
DOORS = ("/open/door", "/open/table")


def knock(httpd: Httpd, door: str, password: str, http: str, credential: Optional[Credential] = None) -> Response:
    login = base64.b64encode(f"ann:{password}".encode()).decode()
    headers = [("Authorization", f"Basic {login}")]
    return fetch(httpd.port, door, sni="guarded.test", http=http, credential=credential, headers=headers)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("password", ("right", "wrong"))
@pytest.mark.parametrize("door", DOORS)
def test_stranger_is_refused_whatever_the_password(httpd: Httpd, door: str, password: str, http: str) -> None:
    httpd.allow("AH01617: user ann: authentication failure")
    httpd.expect_refusal("no_certificate")
    answer = knock(httpd, door, password, http)
    assert (answer.status, answer.header("www-authenticate")) == (400, None)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("door", DOORS)
def test_edge_is_asked_for_the_password(httpd: Httpd, edge: Credential, door: str, http: str) -> None:
    httpd.allow("AH01617: user ann: authentication failure")
    assert knock(httpd, door, "wrong", http, edge).status == 401
    assert knock(httpd, door, "right", http, edge).text == "for members"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_stranger_is_not_told_where_a_guarded_place_redirects_to(httpd: Httpd, edge: Credential, http: str) -> None:
    httpd.expect_refusal("no_certificate")
    answer = fetch(httpd.port, "/open/moved", sni="guarded.test", http=http)
    assert (answer.status, answer.header("location")) == (400, None)

    answer = fetch(httpd.port, "/open/moved", sni="guarded.test", http=http, credential=edge)
    assert (answer.status, answer.header("location")) == (302, MOVED_TO)
