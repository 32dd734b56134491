"""Modules of third parties give a request another vhost after its host was read: the new one judges it too."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, fetch
from support.foreign_module import compile_module
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

MOVES = ("post-read", "translate")
SITE = "the site\n"


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential

    def visit(self, host: str, when: str, to: str, *, edge: bool = False, http: str = "1.1", path: str = "/") -> Response:
        """A request for `host` that is moved to the vhost `to`."""
        headers = [("x-move", when), ("x-move-to", to)]
        return fetch(self.port, path, sni=host, credential=self.edge if edge else None, http=http, headers=headers)


@pytest.fixture(scope="module")
def bench(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    return start(servers, directory, pki, server_certificate, "bench", "")


@pytest.fixture(scope="module")
def exempting(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    """An exemption anywhere brings more hooks of the guard, which would do the work of others in the tests without one."""
    return start(servers, directory, pki, server_certificate, "exempting", "CFOriginPullExempt path /open")


def start(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential, name: str, exemption: str) -> Bench:
    ca = pki.root(f"{name}-ca")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    # with a canonical name the cache keeps a moved request's answer under the name of its new vhost
    cache = ["CacheEnable disk /", "CacheHeader on", "UseCanonicalName On"]
    port = free_port()
    server = servers.prepare_httpd("", listen=[port], modules=["cache", "cache_disk"])
    (server.directory / "cache").mkdir()
    (server.directory / "cache").chmod(0o777)
    past = time.time() - 86400
    os.utime(server.put("cached.html", SITE), (past, past))
    source = (Path(__file__).parent / "support" / "mover.c").read_text()
    config = f"LoadModule mover_module {compile_module(directory, f'mover_{name}', source)}\nCacheRoot {server.directory}/cache\n"
    config += vhost(port, "start.test", tls=server_certificate)
    config += vhost(port, "open.test", *cache, tls=server_certificate)
    config += vhost(port, "guarded.test", *guard, *cache, tls=server_certificate)
    config += vhost(port, "twin.test", *guard, tls=server_certificate)
    config += vhost(port, "other.test", guard[0], f"CFOriginPullCACertificateFile {pki.root(f'{name}-other-ca').cert_file}", tls=server_certificate)
    config += vhost(port, "lenient.test", "CFOriginPull LogOnly", *guard[1:], tls=server_certificate)
    config += vhost(port, "exempt.test", *guard, exemption, tls=server_certificate)
    server.put("open/index.html", SITE)
    server.write_config(config)
    return Bench(server.start(), port, ca.issue(f"{name}-edge"))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("when", MOVES)
def test_request_moved_to_a_guarded_vhost_is_judged_there(bench: Bench, when: str, http: str) -> None:
    bench.httpd.expect_refusal("misdirected")
    control = bench.visit("start.test", when, "open.test", http=http)
    assert (control.status, control.vhost, control.text) == (200, "open.test", SITE)

    refused = bench.visit("start.test", when, "guarded.test", http=http)
    assert (refused.status, refused.vhost) == (421, "guarded.test")
    assert SITE not in refused.text


@pytest.mark.parametrize("when", MOVES)
def test_certificate_for_the_new_vhost_is_enough(bench: Bench, when: str) -> None:
    answer = bench.visit("twin.test", when, "guarded.test", edge=True)
    assert (answer.status, answer.vhost, answer.verify) == (200, "guarded.test", "SUCCESS")


@pytest.mark.parametrize("when", MOVES)
def test_request_is_judged_where_it_came_in_as_well(bench: Bench, when: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    answer = bench.visit("guarded.test", when, "open.test")
    assert (answer.status, answer.vhost) == (400, "guarded.test")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("when", MOVES)
def test_to_be_let_through_once_is_not_enough(bench: Bench, when: str, http: str) -> None:
    """LogOnly lets everybody through; the vhost that the request is moved to does not."""
    bench.httpd.expect("CFAOP301: would refuse: reason=no_certificate ")
    bench.httpd.allow_refusals()
    # not "/", for which mod_dir looks up others that would be judged
    answer = bench.visit("lenient.test", when, "guarded.test", http=http, path="/index.html")
    assert (answer.status, answer.vhost, SITE in answer.text) == (400, "guarded.test", False)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("when", MOVES)
def test_refusal_of_a_moved_request_does_not_follow_others(bench: Bench, when: str, http: str) -> None:
    """All requests that twin.test lets through share what the module keeps for them, until one of them goes another way."""
    bench.httpd.expect_refusal("misdirected")
    for _ in range(10):
        refused = bench.visit("twin.test", when, "other.test", edge=True, http=http)
        assert (refused.status, refused.vhost) == (421, "other.test")
        answer = bench.visit("twin.test", "never", "", edge=True, http=http)
        assert (answer.status, answer.vhost, answer.verify, answer.text) == (200, "twin.test", "SUCCESS", SITE)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("when", MOVES)
def test_exemption_is_that_of_its_vhost(exempting: Bench, when: str, http: str) -> None:
    path = "/open/index.html"
    control = exempting.visit("exempt.test", when, "open.test", http=http, path=path)
    assert (control.status, control.vhost, control.text) == (200, "open.test", SITE)
    exempting.httpd.expect_refusal("no_certificate")
    refused = exempting.visit("exempt.test", when, "guarded.test", http=http, path=path)
    assert (refused.status, refused.vhost, SITE in refused.text) == (400, "guarded.test", False)


def test_cache_of_the_new_vhost_is_closed_too(bench: Bench) -> None:
    """mod_cache answers before any hook that sees a path."""
    bench.httpd.expect_refusal("misdirected")

    def visit(to: str, *, edge: bool) -> Response:
        host = "twin.test" if edge else "start.test"
        return bench.visit(host, "post-read", to, edge=edge, path="/cached.html")

    assert [(visit("open.test", edge=False).header("x-cache") or "")[:4] for _ in range(2)] == ["MISS", "HIT "]
    assert [(visit("guarded.test", edge=True).header("x-cache") or "")[:4] for _ in range(2)] == ["MISS", "HIT "]
    refused = visit("guarded.test", edge=False)
    assert (refused.status, SITE in refused.text) == (421, False)
