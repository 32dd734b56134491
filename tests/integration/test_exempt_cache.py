"""An exempt URL leads to a guarded place, and mod_cache keeps what the edge got there: strangers are refused as without the cache."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

SECRET = "for the edge\n"
# URL -> what leads from there to /inside.html
WAYS = {
    "/open/rewritten": "a rewrite with [PT]",
    "/open/shop/anything": "FallbackResource",
    "/open/list/": "DirectoryIndex",
}
SITES = {"quick": [], "handler": ["CacheQuickHandler off"]}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    edge: Credential

    def get(self, site: str, path: str, http: str, *, edge: bool = False) -> Response:
        return fetch(self.httpd.port, path, sni=f"{site}.test", credential=self.edge if edge else None, http=http)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    port = free_port()
    server = servers.prepare_httpd("", listen=[port], modules=["cache", "cache_disk", "dir", "include", "rewrite"])
    past = time.time() - 86400
    for name in ("inside.html", "open/plain.html", "open/shop/goods.html", "open/list/listed.html"):
        os.utime(server.put(name, SECRET if name == "inside.html" else "for all\n"), (past, past))
    server.put("open/page.shtml", 'for all, and <!--#include virtual="/inside.html" -->')
    lines = [
        "CFOriginPull On",
        f"CFOriginPullCACertificateFile {ca.cert_file}",
        "CFOriginPullExempt path /open",
        "CacheEnable disk /",
        "CacheHeader on",
        "CacheIgnoreNoLastMod On",
        "Options +Includes",
        "AddOutputFilter INCLUDES .shtml",
        "Header set Cache-Control max-age=600",
        "RewriteEngine on",
        "RewriteRule ^/open/rewritten$ /inside.html [PT]",
        f'<Directory "{server.htdocs}/open/shop">',
        "  FallbackResource /inside.html",
        "</Directory>",
        f'<Directory "{server.htdocs}/open/list">',
        "  DirectoryIndex /inside.html",
        "</Directory>",
    ]
    config = ""
    for site, more in SITES.items():
        folder = server.directory / f"cache-{site}"
        folder.mkdir()
        folder.chmod(0o777)
        config += vhost(port, f"{site}.test", *lines, *more, f"CacheRoot {folder}", tls=server_certificate)
    server.write_config(config)
    return Bench(server.start(), ca.issue("edge"))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize("site", SITES)
def test_stranger_gets_nothing_of_what_the_edge_got(bench: Bench, site: str, path: str, http: str) -> None:
    bench.httpd.allow_refusals()
    path = f"{path}?{http}"
    assert bench.get(site, path, http).status == 400
    for _ in range(2):
        assert bench.get(site, path, http, edge=True).text == SECRET
        answer = bench.get(site, path, http)
        assert (answer.status, SECRET in answer.text) == (400, False)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("site", SITES)
def test_stranger_gets_the_exempt_page_without_its_guarded_part(bench: Bench, site: str, http: str) -> None:
    """mod_include fetches the part for the edge, and the cache keeps it within the page."""
    bench.httpd.allow_refusals()
    bench.httpd.allow(r"include:error\].* unable to include \"/inside.html\"")
    path = f"/open/page.shtml?{http}"
    for _ in range(2):
        assert SECRET in bench.get(site, path, http, edge=True).text
        answer = bench.get(site, path, http)
        assert (answer.status, answer.text.startswith("for all, and "), SECRET in answer.text) == (200, True, False)
    assert (bench.get(site, path, http, edge=True).header("x-cache") or "")[:3] == "HIT"


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_edge_is_answered_by_the_cache(bench: Bench, http: str) -> None:
    """The control: it keeps the guarded answer under the exempt URL."""
    path = f"/open/rewritten?control-{http}"
    bench.get("quick", path, http, edge=True)
    answer = bench.get("quick", path, http, edge=True)
    assert (answer.text, (answer.header("x-cache") or "")[:3]) == (SECRET, "HIT")


@pytest.mark.parametrize("site", SITES)
def test_stranger_cannot_have_the_cache_forget(bench: Bench, site: str) -> None:
    """mod_cache drops what it keeps of a URL at POST, PUT and DELETE."""
    path = "/open/plain.html?kept"
    for _ in range(2):
        bench.get(site, path, "1.1", edge=True)
    for method in ("POST", "PUT", "DELETE"):
        fetch(bench.httpd.port, path, sni=f"{site}.test", method=method)
        kept = bench.get(site, path, "1.1", edge=True)
        assert (kept.header("x-cache") or "")[:3] == "HIT", method


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("site", SITES)
def test_exempt_page_stays_open(bench: Bench, site: str, http: str) -> None:
    for edge in (False, True, False):
        assert bench.get(site, "/open/plain.html", http, edge=edge).text == "for all\n"
