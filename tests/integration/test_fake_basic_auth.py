"""FakeBasicAuth while many streams run at once on one HTTP/2 connection.

mod_ssl makes the certificate's DN once for a connection, in the memory of the stream that needs it first, and keeps it
when that stream has ended. A client that opens streams side by side has mod_ssl read freed memory then, which ends the
process. The guard keeps mod_ssl from the DN of a certificate that was not accepted, and has it make the DN of another one
in memory that lives as long as the connection.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.vhost import vhost
from support.waiting import wait_until

STREAMS = 150
ROUNDS = 12
# Long, so that memory that was used anew shows.
NAME = "admin-" + "x" * 58
DN = f"/CN={NAME}"
# What mod_ssl says at info when it makes a password of a DN.
FAKED = "AH02036"
DENIALS = ("AH01617", "AH01618", "AH02035")
SPOOF = "Basic " + base64.b64encode(f"{DN}:password".encode()).decode()
BOB = "Basic " + base64.b64encode(b"bob:secret").decode()


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    clients: dict[str, Credential]

    def users_of(self, path: str, count: int) -> list[str]:
        """What the access log calls the users of so many requests for this path; written after the answers."""
        log = self.httpd.directory / "logs" / "users.log"

        def users() -> list[str]:
            return [line.rpartition(" ")[2] for line in log.read_text().splitlines() if f" {path} " in line]

        assert wait_until(lambda: len(users()) == count), users()
        return users()


@dataclass(frozen=True)
class Way:
    """How a client comes to a directory with FakeBasicAuth, and the answer."""

    name: str
    client: str
    sni: Optional[str]
    host: str
    status: int


WAYS = (
    Way("log-only", "stranger", "log.test", "log.test", 401),
    Way("exempt", "stranger", "on.test", "on.test", 401),
    Way("off", "stranger", None, "off.test", 401),
    Way("other-policy", "edge", None, "off.test", 401),
    Way("verified", "edge", "on.test", "on.test", 200),
    Way("verified-log-only", "edge", "log.test", "log.test", 200),
    Way("of-mod-ssl", "edge", "mod-ssl.test", "mod-ssl.test", 200),
)
STRANGERS = tuple(way for way in WAYS if way.status == 401)
ACCEPTED = tuple(way for way in WAYS if way.status == 200)


def ways(kind: tuple[Way, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("way", kind, ids=lambda way: way.name)


def server(
    servers: Servers, pki: Pki, certificate: Credential, pull: Credential, environment: dict[str, str] = {}
) -> Httpd:
    port = free_port()
    # "password", as mod_ssl documents it for FakeBasicAuth; and bob's own password, "secret"
    users = pki.file("users", f"{DN}:xxj31ZMTZzkVA\nbob:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n".encode())
    gate = [
        "H2MaxSessionStreams 200",
        "<Location /open/>",
        "  AuthType Basic",
        "  AuthName gate",
        "  AuthBasicProvider file",
        f"  AuthUserFile {users}",
        "  SSLOptions +FakeBasicAuth",
        "  Require valid-user",
        "</Location>",
    ]
    guard = f"CFOriginPullCACertificateFile {pull.cert_file}"
    sites = {
        # the default virtual host: a client that sends no SNI is asked under its policy
        "on.test": ["CFOriginPull On", guard, "CFOriginPullExempt path /open"],
        "log.test": ["CFOriginPull LogOnly", guard],
        "off.test": [],
        "mod-ssl.test": ["SSLVerifyClient require", f"SSLCACertificateFile {pull.cert_file}"],
    }
    if "2" not in HTTP_VERSIONS:
        gate = gate[1:]
    config = 'CustomLog logs/users.log "%r %u"\n'
    config += "".join(vhost(port, name, *mode, *gate, tls=certificate) for name, mode in sites.items())
    modules = ["auth_basic", "authn_core", "authn_file", "authz_user"]
    httpd = servers.prepare_httpd(config, listen=[port], modules=modules, extra_environment=environment)
    httpd.put("open/index.html", "inside\n")
    return httpd.start()


@pytest.fixture(scope="module")
def pull(pki: Pki) -> Credential:
    return pki.root("pull")


@pytest.fixture(scope="module")
def clients(pki: Pki, pull: Credential) -> dict[str, Credential]:
    return {"stranger": pki.self_signed("stranger", subject=NAME), "edge": pull.issue("edge", subject=NAME)}


@pytest.fixture(scope="module")
def bench(
    servers: Servers, pki: Pki, server_certificate: Credential, pull: Credential, clients: dict[str, Credential]
) -> Bench:
    httpd = server(servers, pki, server_certificate, pull)
    return Bench(httpd, httpd.port, clients)


@pytest.fixture(autouse=True)
def denials_may_be_logged(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    for pattern in DENIALS:
        bench.httpd.allow(pattern)


def faked(bench: Bench) -> set[str]:
    """The users that mod_ssl has made of certificates during this test."""
    words = [line.rpartition("Authorization: Basic ")[2].strip('"') for line in bench.httpd.log.find(FAKED)]
    return {base64.b64decode(word).decode("latin-1") for word in words}


@pytest.mark.http2
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(WAYS)
def test_answers_of_concurrent_streams(bench: Bench, way: Way, tls: str) -> None:
    answers: list[int] = []
    for _ in range(ROUNDS):
        with connect(bench.port, sni=way.sni, credential=bench.clients[way.client], tls=tls, http="2") as client:
            assert isinstance(client, Http2)
            for _ in range(2):
                streams = [client.start("/open/", host=way.host) for _ in range(STREAMS)]
                answers += [client.finish(stream).status for stream in streams]
    assert answers == [way.status] * (2 * ROUNDS * STREAMS)
    assert faked(bench) == ({f"{DN}:password"} if way in ACCEPTED else set())


@pytest.mark.http2
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_answers_of_concurrent_streams_to_several_hosts(bench: Bench, tls: str) -> None:
    """The certificate is good for one virtual host of the connection and nothing to the other."""
    for _ in range(ROUNDS):
        with connect(bench.port, sni=None, credential=bench.clients["edge"], tls=tls, http="2") as client:
            assert isinstance(client, Http2)
            hosts = ["on.test", "off.test"] * (STREAMS // 2)
            streams = [(host, client.start("/open/", host=host)) for host in hosts]
            wrong = [host for host, stream in streams if (client.finish(stream).status == 200) != (host == "on.test")]
            assert wrong == []
    assert faked(bench) == {f"{DN}:password"}


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(WAYS)
def test_requests_one_after_another(bench: Bench, way: Way, tls: str, http: str) -> None:
    with connect(bench.port, sni=way.sni, credential=bench.clients[way.client], tls=tls, http=http) as client:
        path = f"/open/?{way.name}-{tls}-{http}"
        answers = [client.request(path, host=way.host).status for _ in range(3)]
    assert answers == [way.status] * 3
    assert bench.users_of(path, 3) == [DN if way in ACCEPTED else "-"] * 3
    assert faked(bench) == ({f"{DN}:password"} if way in ACCEPTED else set())


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(WAYS)
def test_faked_login_with_a_dn_is_refused(bench: Bench, way: Way, tls: str, http: str) -> None:
    header = ("authorization" if http == "2" else "Authorization", SPOOF)
    with connect(bench.port, sni=way.sni, credential=bench.clients[way.client], tls=tls, http=http) as client:
        answer = client.request("/open/", host=way.host, headers=[header])
    assert answer.status == 403
    assert faked(bench) == set()


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@ways(STRANGERS)
def test_password_of_ones_own_is_still_good(bench: Bench, way: Way, tls: str, http: str) -> None:
    header = ("authorization" if http == "2" else "Authorization", BOB)
    with connect(bench.port, sni=way.sni, credential=bench.clients[way.client], tls=tls, http=http) as client:
        assert client.request("/open/", host=way.host, headers=[header]).status == 200


@pytest.mark.http2
def test_without_a_mutex_no_user_is_made_over_http2(
    servers: Servers,
    pki: Pki,
    server_certificate: Credential,
    pull: Credential,
    clients: dict[str, Credential],
    directory: Path,
) -> None:
    poor = server(servers, pki, server_certificate, pull, preloading("no_mutex", directory))
    poor.expect("cfaop:crit.*CFAOP203: ")
    poor.allow("AH01617|AH01618")
    for http, status in (("1.1", 200), ("2", 401)):
        with connect(poor.port, sni="on.test", credential=clients["edge"], http=http) as client:
            assert client.request("/open/", host="on.test").status == status
            assert client.request("/", host="on.test").status == 200
    assert len(poor.log.find(FAKED)) == 1
    poor.stop()
