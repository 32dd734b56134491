"""mod_ssl makes a user of a certificate, and denies access then: httpd calls no access hook after its one, but may go on all the same, by
"Satisfy Any", and tells an ErrorDocument, mod_rewrite's look-aheads and the log of the user. Or it makes variables, and another module ends
the phase right behind it. Nobody may learn of a user or a variable that a certificate which nobody accepted has made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support import environment, installation
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.waiting import wait_until

USER = "SSLUserName SSL_CLIENT_S_DN_CN"
# Evaluated after the user was made: false for a certificate that is hidden, and what is false for everybody.
TRUTH = 'SSLRequire %{SSL_CLIENT_VERIFY} eq "SUCCESS"'
NEVER = "SSLRequire false"
GATES = {
    "user": [USER, TRUTH, "Require user admin"],
    "valid-user": [USER, TRUTH, "Require valid-user"],
    "expr": [USER, TRUTH, "Require expr \"%{REMOTE_USER} == 'admin'\""],
    # mod_ssl makes OpenSSL's verify result good for each of its requests
    "client": ["SSLVerifyClient none", TRUTH, "Require ssl-verify-client"],
}
ERRORS = {
    "program": [USER, NEVER, "ErrorDocument 403 /open/program/env", "SetHandler cgi-script", "Options +ExecCGI"],
    "text": [USER, NEVER, 'ErrorDocument 403 "No."'],
    "page": [USER, NEVER],
}
# mod_access_compat denies before mod_ssl's hook is asked, so that OpenSSL's result is still that of the handshake.
DENIED_FIRST = ["<Location /open/denied-first/>", "Satisfy Any", "Order deny,allow", "Deny from all", "Require ssl-verify-client", "</Location>"]
# mod_alias comes behind mod_ssl here, and ends the phase in which that makes its variables.
REDIRECT = [
    "SSLOptions +StdEnvVars",
    '<DirectoryMatch "/htdocs/open/gone">',
    "  Redirect 410 /open/gone/",
    "  ErrorDocument 410 /open/told/env",
    "</DirectoryMatch>",
    "<Location /open/told/>",
    "  SetHandler cgi-script",
    "  Options +ExecCGI",
    "</Location>",
    'Header always set X-Subject "%{SSL_CLIENT_S_DN_CN}e"',
]
# What the request would be elsewhere, where mod_ssl denies it, decides on it here.
LOOK_AHEAD = [
    "RewriteEngine On",
    "RewriteCond %{LA-U:REMOTE_USER} =admin",
    "RewriteRule ^/open/page/look-ahead$ /open/found.html [PT]",
]
# SNI and Host of who is let through without being accepted
WAYS = (("log.test", "log.test"), ("on.test", "on.test"), (None, "off.test"))
# What httpd says of it.
DENIALS = ("AH01797", "AH02229", "AH01617", "AH01618", "AH01630", "AH01807")


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    clients: dict[str, Credential]

    def user_of(self, path: str) -> str:
        """What the access log calls the user of the request for this path; written after the answer."""
        log = self.httpd.directory / "logs" / "users.log"

        def lines() -> list[str]:
            return [line for line in log.read_text().splitlines() if f" {path} " in line]

        assert wait_until(lambda: bool(lines())), f"no line for {path}"
        return lines()[-1].rpartition(" ")[2]


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port, pull = free_port(), pki.root("pull")
    users = pki.file("users", b"bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    basic = ["AuthType Basic", "AuthName gate", "AuthBasicProvider file", f"AuthUserFile {users}"]
    lines = ['Header always set X-User "expr=%{REMOTE_USER}"', *REDIRECT, *LOOK_AHEAD, *DENIED_FIRST]
    for name, rules in GATES.items():
        lines += [f"<Location /open/{name}/>", *basic, "Satisfy Any", *rules, "</Location>"]
    for name, rules in ERRORS.items():
        lines += [f"<Location /open/{name}/>", *rules, "</Location>"]
    guard = f"CFOriginPullCACertificateFile {pull.cert_file}"
    sites = {
        # the default vhost: who sends no SNI is asked under its policy
        "on.test": ["CFOriginPull On", guard, "CFOriginPullExempt path /open"],
        "log.test": ["CFOriginPull LogOnly", guard],
        "other-log.test": ["CFOriginPull LogOnly", f"CFOriginPullCACertificateFile {pki.root('other').cert_file}"],
        "off.test": [],
    }
    config = f'{installation.load_line("alias")}\nCustomLog logs/users.log "%r %u"\n'
    config += "".join(vhost(port, name, *mode, *lines, tls=server_certificate) for name, mode in sites.items())
    cgi = "cgi" if environment.default_mpm() == "prefork" else "cgid"
    modules = ["access_compat", "auth_basic", "authn_core", "authn_file", "authz_user", "rewrite", cgi]
    httpd = servers.prepare_httpd(config, listen=[port], modules=modules, without=["alias"])
    for name in GATES:
        httpd.put(f"open/{name}/index.html", f"{name}\n")
    httpd.put("open/denied-first/index.html", "denied first\n")
    httpd.put("open/gone/index.html", "gone\n")
    httpd.put("open/found.html", "found\n")
    for name in ("program", "told"):
        httpd.put(f"open/{name}/env", "#!/bin/sh\necho Content-Type: text/plain\necho\nenv\n", mode=0o755)
    clients = {"stranger": pki.self_signed("stranger", subject="admin"), "edge": pull.issue("edge", subject="admin")}
    return Bench(httpd.start(), port, clients)


@pytest.fixture(autouse=True)
def denials_may_be_logged(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    for pattern in DENIALS:
        bench.httpd.allow(pattern)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni, host", WAYS)
@pytest.mark.parametrize("gate", GATES)
def test_satisfy_any_lets_no_stranger_in(
    bench: Bench, gate: str, sni: Optional[str], host: str, tls: str, http: str
) -> None:
    with connect(bench.port, sni=sni, credential=bench.clients["stranger"], tls=tls, http=http) as client:
        answer = client.request(f"/open/{gate}/", host=host)
    assert answer.status in (401, 403)
    assert answer.header("x-user") == ""


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("host", ("log.test", "on.test"))
@pytest.mark.parametrize("gate", GATES)
def test_satisfy_any_lets_a_good_client_in(bench: Bench, gate: str, host: str, tls: str, http: str) -> None:
    with connect(bench.port, sni=host, credential=bench.clients["edge"], tls=tls, http=http) as client:
        answer = client.request(f"/open/{gate}/", host=host)
    assert (answer.status, answer.header("x-user")) == (200, "" if gate == "client" else "admin")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni, host", WAYS)
@pytest.mark.parametrize("error", ERRORS)
def test_nobody_is_told_of_a_user(bench: Bench, error: str, sni: Optional[str], host: str, tls: str) -> None:
    path = f"/open/{error}/?{host}-{tls}"
    with connect(bench.port, sni=sni, credential=bench.clients["stranger"], tls=tls) as client:
        answer = client.request(path, host=host)
    assert answer.status == 403
    assert "REMOTE_USER" not in answer.text
    assert bench.user_of(path) == "-"


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("error", ERRORS)
def test_user_of_a_good_certificate_is_told(bench: Bench, error: str, tls: str) -> None:
    path = f"/open/{error}/?good-{tls}"
    with connect(bench.port, sni="log.test", credential=bench.clients["edge"], tls=tls) as client:
        answer = client.request(path, host="log.test")
    assert answer.status == 403
    assert ("REMOTE_USER=admin" in answer.text) == (error == "program")
    assert bench.user_of(path) == "admin"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni, host", WAYS)
def test_look_ahead_finds_no_user(bench: Bench, sni: Optional[str], host: str, tls: str, http: str) -> None:
    with connect(bench.port, sni=sni, credential=bench.clients["stranger"], tls=tls, http=http) as client:
        assert client.request("/open/page/look-ahead", host=host).status == 403


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_look_ahead_finds_the_user_of_a_good_certificate(bench: Bench, tls: str) -> None:
    with connect(bench.port, sni="log.test", credential=bench.clients["edge"], tls=tls) as client:
        answer = client.request("/open/page/look-ahead", host="log.test")
    assert (answer.status, answer.text) == (200, "found\n")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni, host", WAYS)
def test_variables_are_gone_where_another_module_ends_the_phase(
    bench: Bench, sni: Optional[str], host: str, tls: str, http: str
) -> None:
    with connect(bench.port, sni=sni, credential=bench.clients["stranger"], tls=tls, http=http) as client:
        answer = client.request("/open/gone/", host=host)
    assert (answer.status, answer.header("x-subject")) == (410, "(null)")
    assert "SSL_CLIENT_S_DN" not in answer.text and "SSL_CLIENT_VERIFY=SUCCESS" not in answer.text


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_variables_of_a_good_certificate_are_told_there(bench: Bench, tls: str) -> None:
    with connect(bench.port, sni="log.test", credential=bench.clients["edge"], tls=tls) as client:
        answer = client.request("/open/gone/", host="log.test")
    assert (answer.status, answer.header("x-subject")) == (410, "admin")
    assert "SSL_CLIENT_S_DN_CN=admin" in answer.text


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("client", ("edge", "stranger"))
@pytest.mark.parametrize("host", ("off.test", "other-log.test"))
@pytest.mark.parametrize("sni", ("on.test", "log.test", None))
def test_certificate_for_one_virtual_host_is_none_for_another(
    bench: Bench, sni: Optional[str], host: str, client: str, tls: str
) -> None:
    """On the first request of a connection already, and again when the connection has been to the other one."""
    with connect(bench.port, sni=sni, credential=bench.clients[client], tls=tls) as connection:
        assert connection.request("/open/denied-first/", host=host).status in (401, 403)
        assert connection.request("/open/denied-first/", host=sni or "on.test").status in ((200,) if client == "edge" else (401, 403))
        assert connection.request("/open/denied-first/", host=host).status in (401, 403)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("host", ("on.test", "log.test"))
def test_certificate_for_the_virtual_host_opens_what_it_should(bench: Bench, host: str, tls: str) -> None:
    """The control."""
    with connect(bench.port, sni=host, credential=bench.clients["edge"], tls=tls) as connection:
        assert connection.request("/open/denied-first/", host=host).status == 200
