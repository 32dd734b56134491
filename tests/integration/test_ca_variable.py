"""CF_ORIGIN_PULL_CA: by which trusted certificate a request is good, for logs, expressions and applications; else nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki, name_attribute
from support.ports import free_port
from support.streams import Route
from support.vhost import vhost
from support.visits import KINDS, STORAGES, Kind, storage_lines, visit
from support.waiting import wait_until

ELSEWHERE = Route(source="127.0.0.2")
SHOWN = (
    'Header always set X-Ca "expr=%{CF_ORIGIN_PULL_CA}"',
    'Header always set X-Ca-Environment "%{CF_ORIGIN_PULL_CA}e"',
    'CustomLog logs/ca.log "%v [%{CF_ORIGIN_PULL_CA}e]"',
)


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    ports: dict[str, int]
    anchors: dict[str, Credential]
    clients: dict[str, Optional[Credential]]

    @property
    def port(self) -> int:
        return self.ports["cache"]

    def word(self, anchor: str) -> str:
        return f"{self.anchors[anchor].sha256[:16]} {anchor}"

    def logged(self) -> list[str]:
        path = self.httpd.directory / "logs" / "ca.log"
        return path.read_text().splitlines() if path.exists() else []

    def shown(
        self, name: str, who: str, path: str = "/", *, host: str = "", http: str = "1.1", tls: str = "1.3", route: Route = Route()
    ) -> str:
        """What the expression says; the environment and the access log say the same."""
        before = len(self.logged())
        credential = self.clients[who]
        host = host or name
        answer = fetch(self.port, path, sni=f"{name}.test", host=f"{host}.test", credential=credential, tls=tls, http=http, route=route)
        word = answer.header("x-ca") or ""
        assert (answer.header("x-ca-environment") or "") == (word or "(null)")
        assert wait_until(lambda: len(self.logged()) > before)
        assert self.logged()[before:] == [f"{host}.test [{word or '-'}]"]
        return word


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    one, two, root = pki.root("one"), pki.root("two"), pki.root("far-root")
    middle, listed = root.issue("middle", ca=True), root.issue("listed")
    anchors = {"one": one, "two": two, "middle": middle, "listed": listed}
    clients = {
        "nobody": None,
        "by-one": one.issue("by-one"),
        "by-two": two.issue("by-two"),
        "by-middle": middle.issue("by-middle").sending(middle),
        "listed": listed,
        "stranger": pki.self_signed("stranger"),
    }
    trust = [f"CFOriginPullCACertificateFile {anchor.cert_file}" for anchor in anchors.values()]
    exempt = ["CFOriginPullExempt path /open", "CFOriginPullExempt ip 127.0.0.2"]
    sites = {
        "on": ["CFOriginPull On", *trust, *exempt],
        "optional": ["CFOriginPull Optional", *trust],
        "logonly": ["CFOriginPull LogOnly", *trust],
        "off": ["CFOriginPull Off"],
        "fewer": ["CFOriginPull On", trust[0]],
        "fewer-logonly": ["CFOriginPull LogOnly", trust[0]],
    }
    ports = {storage: free_port() for storage in STORAGES}
    config = ""
    for storage, port in ports.items():
        for name, lines in sites.items():
            config += vhost(port, f"{name}.test", *lines, *SHOWN, *storage_lines(storage), tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[*ports.values()])
    server.put("open/token.html", "a token")
    return Bench(server.start(), ports, anchors, clients)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("who,anchor", [("by-one", "one"), ("by-two", "two"), ("by-middle", "middle"), ("listed", "listed")])
def test_what_vouches_for_a_request(bench: Bench, who: str, anchor: str, tls: str, http: str) -> None:
    for name in ("on", "optional", "logonly"):
        assert bench.shown(name, who, tls=tls, http=http) == bench.word(anchor)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize(
    "name,who", [("on", "nobody"), ("on", "stranger"), ("optional", "nobody"), ("logonly", "nobody"), ("logonly", "stranger"), ("off", "by-one")]
)
def test_nothing_vouches_for_the_others(bench: Bench, name: str, who: str, tls: str, http: str) -> None:
    bench.httpd.allow_refusals()
    assert bench.shown(name, who, tls=tls, http=http) == ""


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_exempt_requests(bench: Bench, http: str) -> None:
    """A good certificate is told of there, too."""
    for who, word in (("nobody", ""), ("stranger", ""), ("by-two", bench.word("two"))):
        assert bench.shown("on", who, "/open/token.html", http=http) == word
        assert bench.shown("on", who, http=http, route=ELSEWHERE) == word


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_connection_of_another_vhost(bench: Bench, http: str) -> None:
    """Of the same policy it is as good as one's own; of another, and of a vhost that is Off, it is not."""
    bench.httpd.allow_refusals()
    assert bench.shown("on", "by-two", host="optional", http=http) == bench.word("two")
    assert bench.shown("on", "by-one", host="fewer", http=http) == ""
    assert bench.shown("on", "by-one", host="fewer-logonly", http=http) == ""
    assert bench.shown("on", "by-one", host="off", http=http) == ""


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_resumed_connections(bench: Bench, kind: Kind, http: str) -> None:
    port = bench.ports[kind.storage]
    last = visit(port, "on.test", tls=kind.tls, http=http, credential=bench.clients["by-two"])
    for _ in range(2):
        last = visit(port, "on.test", tls=kind.tls, http=http, session=last.session)
        assert last.resumed
        assert last.answer.header("x-ca") == last.answer.header("x-ca-environment") == bench.word("two")


def test_requests_of_one_connection(bench: Bench) -> None:
    with connect(bench.port, sni="on.test", credential=bench.clients["by-one"]) as client:
        shown = [client.request(host="on.test").header("x-ca") for _ in range(3)]
    assert shown == [bench.word("one")] * 3


def test_client_cannot_claim_it(bench: Bench) -> None:
    headers = [("CF_ORIGIN_PULL_CA", "mine"), ("Cf-Origin-Pull-Ca", "mine")]
    answer = fetch(bench.port, sni="logonly.test", headers=headers)
    assert (answer.header("x-ca"), answer.header("x-ca-environment")) == ("", "(null)")
    bench.httpd.expect_refusal("no_certificate", would=True)


ODD = {
    "markup": ("<b>\"a' \\ 100%", "<b>%22a' %5C 100%25"),
    "lines": ("one\r\ntwo: three", "one%0D%0Atwo: three"),
    "utf-8": ("größe", "gr%C3%B6%C3%9Fe"),
    "long": ("x" * 3000, "x" * 64),
    "no-name": (None, "O=nameless"),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_names_of_certificates(odd: dict[str, tuple[Credential, str]], what: str) -> None:
    ca, shown = odd[what]
    assert shown == f"{ca.sha256[:16]} {ODD[what][1]}"


@pytest.fixture(scope="module")
def odd(servers: Servers, pki: Pki, server_certificate: Credential) -> dict[str, tuple[Credential, str]]:
    """Each CA, and what a request by it is told to be."""
    port = free_port()
    cas = {}
    for what, (text, _) in ODD.items():
        kind, value = (NameOID.ORGANIZATION_NAME, "nameless") if text is None else (NameOID.COMMON_NAME, text)
        cas[what] = pki.root(f"odd-{what}", name=x509.Name([name_attribute(kind, value)]))
    trust = [f"CFOriginPullCACertificateFile {ca.cert_file}" for ca in cas.values()]
    servers.httpd(vhost(port, "on.test", "CFOriginPull On", *trust, *SHOWN, tls=server_certificate), listen=[port])
    answers = {
        what: fetch(port, sni="on.test", credential=ca.issue(f"by-odd-{what}")).header("x-ca") or "" for what, ca in cas.items()
    }
    return {what: (ca, answers[what]) for what, ca in cas.items()}
