"""Modules that look at requests as early as they can see no stranger's request and no claimed address, in every load order.

The onlooker has hooks at APR_HOOK_REALLY_FIRST wherever the guard has some. It is loaded before or after the guard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support import environment, installation
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.foreign_module import build_from
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

HEADER = "cf-connecting-ip"
CLAIM = "198.51.100.66"
VISITOR = "203.0.113.7"
PEER = "127.0.0.1"
JUDGING = {"post_read_request", "quick_handler", "map_to_storage", "type_checker", "fixups", "handler"}
JUDGING |= {"pre_translate_name"} if installation.version() >= (2, 4, 49) else set()


@dataclass(frozen=True)
class Sight:
    """What the onlooker saw of a request in one hook."""

    hook: str
    claim: str
    address: str


@dataclass(frozen=True)
class Bench:
    server: Httpd
    port: int
    edge: Credential
    stranger: Credential

    def sights(self, mark: str) -> set[Sight]:
        """What it saw of the request for this path, which was logged last of all."""
        self.server.log.wait_for(rf"onlooker saw: {re.escape(mark)}\|log_transaction\|")
        lines = self.server.log.find(rf"onlooker saw: {re.escape(mark)}\|")
        return {Sight(*line.partition(" saw: ")[2].split("|")[1:4]) for line in lines}


def vhosts(port: int, ca: Credential, server_certificate: Credential) -> str:
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    verdict = 'Header always set X-Ssl-Verify "expr=%{SSL_CLIENT_VERIFY} %{SSL:SSL_CLIENT_VERIFY}"'
    # mod_remoteip believes the header of every client, if the header is there
    visitors = [trust, "CFOriginPullRemoteIP On", f"RemoteIPHeader {HEADER}", verdict]
    modes = {
        "on.test": ["CFOriginPull On", "CFOriginPullExempt path /open", *visitors],
        "logonly.test": ["CFOriginPull LogOnly", *visitors],
        "off.test": ["CFOriginPull Off", *visitors],
        "control.test": [],
    }
    return "".join(vhost(port, name, *lines, tls=server_certificate) for name, lines in modes.items())


@pytest.fixture(scope="module", params=("guard-last", "guard-first"))
def bench(request: pytest.FixtureRequest, servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    order, port = request.param, free_port()
    module = build_from(directory, "onlooker.c", "onlooker", ORDER="APR_HOOK_REALLY_FIRST")
    ca = pki.root(f"ca-{order}")
    loads = [f"LoadModule onlooker_module {module}", f"LoadModule cfaop_module {environment.module_path()}"]
    config = "\n".join(loads if order == "guard-last" else loads[::-1]) + "\n" + vhosts(port, ca, server_certificate)
    server = servers.prepare_httpd(config, listen=[port], with_module=False, modules=["remoteip"])
    server.put("open/token", "token\n")
    return Bench(server.start(), port, ca.issue(f"edge-{order}"), pki.self_signed(f"stranger-{order}"))


@pytest.fixture(autouse=True)
def refusals_may_be_warned_of(bench: Bench) -> None:
    bench.server.allow_refusals()


WAYS = [(tls, http) for tls in TLS_VERSIONS for http in HTTP_VERSIONS]


@pytest.mark.parametrize("tls, http", WAYS)
def test_control_shows_that_it_looks_and_answers(bench: Bench, tls: str, http: str) -> None:
    answer = fetch(bench.port, "/of-onlooker", sni="control.test", tls=tls, http=http, headers=[(HEADER, CLAIM)])
    assert answer.status == 410
    assert Sight("post_read_request", CLAIM, PEER) in bench.sights("/of-onlooker")
    fetch(bench.port, "/?control", sni="control.test", tls=tls, http=http, headers=[(HEADER, CLAIM)])
    assert {sight.hook for sight in bench.sights("/?control")} == JUDGING | {"insert_filter", "log_transaction"}


@pytest.mark.parametrize("tls, http", WAYS)
@pytest.mark.parametrize("shown", (False, True), ids=("none", "bad"))
def test_refused_request_is_not_seen(bench: Bench, tls: str, http: str, shown: bool) -> None:
    credential = bench.stranger if shown else None
    answer = fetch(
        bench.port, "/of-onlooker", sni="on.test", tls=tls, http=http, credential=credential, headers=[(HEADER, CLAIM)]
    )
    assert answer.status == 400
    seen = bench.sights("/of-onlooker")
    assert not {sight.hook for sight in seen} & JUDGING
    assert {(sight.claim, sight.address) for sight in seen} == {("-", PEER)}
    assert not bench.server.log.find(re.escape(CLAIM))


@pytest.mark.parametrize("tls, http", WAYS)
@pytest.mark.parametrize("host, path", (("on.test", "/open/token"), ("logonly.test", "/?lo"), ("off.test", "/?off")))
def test_claim_is_not_seen_where_a_stranger_goes_on(bench: Bench, host: str, path: str, tls: str, http: str) -> None:
    with connect(bench.port, sni=host, credential=bench.stranger, tls=tls, http=http) as client:
        answer = client.request(path, host=host, headers=[(HEADER, CLAIM)])
    assert answer.status == 200
    seen = bench.sights(path)
    assert {sight.hook for sight in seen} == JUDGING | {"insert_filter", "log_transaction"}
    assert {(sight.claim, sight.address) for sight in seen} == {("-", PEER)}
    assert not bench.server.log.find(re.escape(CLAIM))


@pytest.mark.parametrize("host", ("on.test", "logonly.test"))
def test_it_cannot_vouch_for_a_certificate(bench: Bench, host: str) -> None:
    answer = fetch(bench.port, "/open/token", sni=host, credential=bench.stranger)
    assert "SUCCESS" not in f"{answer.header('x-ssl-verify')} {answer.header('x-verify')}"
    assert (answer.header("x-verify") or "").startswith("FAILED:")


@pytest.mark.parametrize("tls, http", WAYS)
def test_edge_is_seen_with_the_visitors_address(bench: Bench, tls: str, http: str) -> None:
    answer = fetch(
        bench.port, "/?edge", sni="on.test", credential=bench.edge, tls=tls, http=http, headers=[(HEADER, VISITOR)]
    )
    assert answer.status == 200
    assert {sight.address for sight in bench.sights("/?edge")} == {VISITOR}


@pytest.mark.parametrize("broken", (
    b"Host: a b\r\n",
    b"Host: on.test\r\nHost: on.test\r\n",
    pytest.param(b"Host: on.test\r\nX:" + b"x" * 9000 + b"\r\n", marks=pytest.mark.needs("unread-requests")),
))
def test_claim_of_a_broken_request_is_not_seen(bench: Bench, broken: bytes) -> None:
    """httpd answers it before any module has seen the request."""
    with connect(bench.port, sni="on.test") as client:
        client.send(b"GET /?broken HTTP/1.1\r\nCF-Connecting-IP: " + CLAIM.encode() + b"\r\n" + broken + b"\r\n")  # type: ignore[union-attr]
        assert client.read_response().status == 400  # type: ignore[union-attr]
    assert {(sight.claim, sight.address) for sight in bench.sights("/?broken")} == {("-", PEER)}


def test_it_is_not_named(bench: Bench) -> None:
    assert "CFAOP123" not in bench.server.log.text()
    assert "CFAOP" not in bench.server.config_test().stderr
