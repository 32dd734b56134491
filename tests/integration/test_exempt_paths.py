"""Spellings of paths: what is not plainly below the exempt prefix needs the certificate, whoever serves it.

Every kind of vhost is there twice: guarded-<kind>.test exempts /open, open-<kind>.test is the same with the guard Off. There
hundreds of spellings that begin with /open end at /secret.html: these are the ways in that have to be shut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, Client, connect
from support.error_log import INVALID_PATH
from support.http2 import StreamError
from support.httpd import Httpd
from support.lax_backend import lax_backend
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.spellings import is_plain, spellings
from support.streams import Reset
from support.vhost import vhost

SECRET = "the guarded file"
TOKEN = "the exempt file"
SPELLINGS = spellings("/open", "secret.html")

# The lines of a kind, and how many spellings reach the secret there when the guard is Off.
KINDS = {
    "files": (("AllowEncodedSlashes On",), 60),
    "alias": (
        (
            "DocumentRoot {empty}",
            "<Directory {empty}>",
            "Require all granted",
            "</Directory>",
            "Alias /open {htdocs}/open",
            "Alias /secret.html {htdocs}/secret.html",
            "AllowEncodedSlashes On",
            "MergeSlashes Off",
        ),
        60,
    ),
    "proxy": (("AllowEncodedSlashes NoDecode", "ProxyPass / http://127.0.0.1:{httpd}/"), 60),
    "raw-proxy": (("AllowEncodedSlashes NoDecode", "ProxyPass / http://127.0.0.1:{lax}/ nocanon"), 200),
    "raw-prefix": (("AllowEncodedSlashes NoDecode", "ProxyPass /open http://127.0.0.1:{lax}/open nocanon"), 60),
}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    edge: Credential


@pytest.fixture(scope="module")
def lax() -> Iterator[int]:
    with lax_backend({"/secret.html": SECRET, "/open/token.html": TOKEN}) as port:
        yield port


@pytest.fixture(scope="module")
def backend(servers: Servers) -> Httpd:
    server = servers.prepare_httpd("AllowEncodedSlashes On\n", listen=[free_port()])
    fill(server)
    return server.start()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential, backend: Httpd, lax: int) -> Bench:
    ca = pki.root("ca")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", "CFOriginPullExempt path /open"]
    shown = 'Header always set X-Exempt "expr=%{CF_ORIGIN_PULL_EXEMPT}"'
    port = free_port()
    server = servers.prepare_httpd("", listen=[port], modules=["proxy", "proxy_http"])
    fill(server)
    empty = server.directory / "empty"
    empty.mkdir()
    values = {"htdocs": server.htdocs, "empty": empty, "httpd": backend.port, "lax": lax}
    config = ""
    for kind, (lines, _) in KINDS.items():
        body = [line.format(**values) for line in lines]
        config += vhost(port, f"guarded-{kind}.test", *guard, shown, *body, tls=server_certificate)
        config += vhost(port, f"open-{kind}.test", shown, *body, tls=server_certificate)
    server.write_config(config)
    return Bench(server.start(), port, ca.issue("edge"))


def fill(server: Httpd) -> None:
    server.put("secret.html", SECRET)
    server.put("open/token.html", TOKEN)
    server.put("open/below/token.html", TOKEN)
    server.put("openness/secret.html", SECRET)
    server.put("OPEN/token.html", SECRET)


class Caller:
    """Sends one target after another to a vhost, on as few connections as the server likes."""

    def __init__(self, bench: Bench, host: str, tls: str, http: str, credential: Optional[Credential] = None) -> None:
        self._open = lambda: connect(bench.port, sni=host, credential=credential, tls=tls, http=http)
        self._host = host
        self._client: Optional[Client] = None

    def get(self, target: str, method: str = "GET") -> Optional[Response]:
        """The answer; None where the server reset the stream or the connection."""
        if self._client is None:
            self._client = self._open()
        try:
            answer = self._client.request(target.replace("{host}", self._host), host=self._host, method=method)
        except (StreamError, Reset):
            self.close()
            return None
        if answer.version != "2" and (answer.version == "0.9" or answer.header("connection") == "close"):
            self.close()
        return answer

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def allow_complaints(httpd: Httpd) -> None:
    """What httpd says of spellings that it does not take, and of backends."""
    httpd.allow(INVALID_PATH)
    httpd.allow("AH01136: Unescaped URL path matched ProxyPass; ignoring unsafe nocanon")
    httpd.allow_refusals()


def is_inside(answer: Optional[Response]) -> bool:
    return answer is not None and SECRET in answer.text


def test_there_are_enough_spellings() -> None:
    assert len(SPELLINGS) >= 200
    assert sum(not is_plain("/open", target) for target in SPELLINGS) >= 200


# all versions with the first kind, and each of them with every kind
CASES = [
    (kind, tls, http)
    for kind in KINDS
    for tls in TLS_VERSIONS
    for http in HTTP_VERSIONS
    if kind == "files" or (tls, http) in (("1.2", "1.1"), ("1.3", HTTP_VERSIONS[-1]))
]


@pytest.mark.parametrize("kind, tls, http", CASES)
def test_no_spelling_leads_inside(bench: Bench, kind: str, tls: str, http: str) -> None:
    allow_complaints(bench.httpd)
    bench.httpd.expect_refusal("no_certificate")
    found = []
    with Caller(bench, f"open-{kind}.test", tls, http) as caller:
        reached = {target for target in SPELLINGS if is_inside(caller.get(target))}
    with Caller(bench, f"guarded-{kind}.test", tls, http) as caller:
        for target in SPELLINGS:
            answer = caller.get(target)
            exempt = answer is not None and answer.header("x-exempt") == "path"
            refused = answer is None or answer.status == 400
            if is_inside(answer) or exempt != is_plain("/open", target) or refused == exempt:
                found.append((target, answer and answer.status, answer and answer.header("x-exempt")))

    assert not found
    by_the_prefix = {target for target in reached if re.match(r"(https?://\{host\})?/open\b", target)}
    assert len(by_the_prefix) >= KINDS[kind][1]
