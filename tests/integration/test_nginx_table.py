"""Every kind of client certificate gets nginx's answer: nginx runs beside httpd, and the two are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect_plain, fetch
from support.httpd import Httpd
from support.nginx import client_auth, nginx_server
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.response import Response
from support.streams import TlsStream
from support.vhost import vhost

SENT_NONE = "No required SSL certificate was sent"
BAD = "The SSL certificate error"
PLAIN = "The plain HTTP request was sent to HTTPS port"


@dataclass(frozen=True)
class Row:
    """A client, the policy that it meets (see policies()), and nginx's answer in mode `on`.

    `reason` is ours for a refusal, "" where the client is welcome.
    """

    client: str
    policy: str
    reason: str

    def __str__(self) -> str:
        return f"{self.client}@{self.policy}"


ROWS = (
    Row("none", "depth1", "no_certificate"),
    Row("rsa", "depth1", ""),
    Row("ecdsa", "depth1", ""),
    Row("no-eku", "depth1", ""),
    Row("client-auth", "depth1", ""),
    Row("client-and-server-auth", "depth1", ""),
    Row("server-auth", "depth1", "wrong_purpose"),
    Row("expired", "depth1", "expired"),
    Row("not-yet-valid", "depth1", "not_yet_valid"),
    Row("self-signed", "depth1", "untrusted_issuer"),
    Row("other-ca", "depth1", "untrusted_issuer"),
    Row("same-name-other-key", "depth1", "untrusted_issuer"),
    Row("by-intermediate", "depth1", ""),
    Row("by-intermediate-not-sent", "depth1", "untrusted_issuer"),
    Row("by-two-intermediates", "depth1", "depth"),
    Row("issued-by-a-leaf", "depth1", "untrusted_issuer"),
    Row("the-ca-itself", "depth1", "wrong_purpose"),
    Row("by-two-intermediates", "depth3", ""),
    Row("revoked", "crl", "revoked"),
    Row("client-auth", "crl", ""),
    Row("revoked", "depth1", ""),
    Row("by-intermediate", "crl", "other"),
    Row("by-intermediate", "both-crls", ""),
    Row("by-revoked-intermediate", "both-crls", "revoked"),
    Row("client-auth", "expired-crl", "other"),
    Row("sha1", "depth1", "other"),
    Row("rsa1024", "depth1", "other"),
    Row("by-1024-bit-ca", "weak-ca", "other"),
)


@dataclass(frozen=True)
class Policy:
    ca: Path
    depth: int = 1
    crl: Optional[Path] = None


@dataclass(frozen=True)
class Bench:
    """The two servers with the same vhosts, and the clients of the table."""

    httpd: Httpd
    httpd_port: int
    nginx_port: int
    clients: dict[str, Optional[Credential]]


def make_clients(pki: Pki, root: Credential, weak_ca: Credential) -> dict[str, Optional[Credential]]:
    middle = root.issue("middle", ca=True, path_length=1)
    inner = middle.issue("inner", ca=True, path_length=0)
    leaf = root.issue("client-auth", eku="client")
    by_middle = middle.issue("by-middle")
    return {
        "none": None,
        "rsa": root.issue("rsa", key="rsa2048"),
        "ecdsa": root.issue("ecdsa", key="p256"),
        "no-eku": root.issue("no-eku", eku="none"),
        "client-auth": leaf,
        "client-and-server-auth": root.issue("both-auth", eku="client+server"),
        "server-auth": root.issue("server-auth", eku="server"),
        "expired": root.issue("expired", not_before=-3 * DAY, not_after=-DAY),
        "not-yet-valid": root.issue("not-yet-valid", not_before=DAY, not_after=3 * DAY),
        "self-signed": pki.self_signed("self-signed"),
        "other-ca": pki.root("other-ca").issue("of-other-ca"),
        "same-name-other-key": pki.root("impostor", name=root.certificate.subject, key="rsa2048").issue("of-impostor"),
        "by-intermediate": by_middle.sending(middle),
        "by-intermediate-not-sent": by_middle,
        "by-two-intermediates": inner.issue("by-inner").sending(inner, middle),
        "issued-by-a-leaf": leaf.issue("by-a-leaf").sending(leaf),
        "the-ca-itself": root,
        "revoked": root.issue("revoked"),
        "by-revoked-intermediate": revoked_middle(root),
        "sha1": root.issue("sha1", digest="sha1"),
        "rsa1024": root.issue("rsa1024", key="rsa1024"),
        "by-1024-bit-ca": weak_ca.issue("by-weak-ca"),
    }


def revoked_middle(root: Credential) -> Credential:
    middle = root.issue("revoked-middle", ca=True, path_length=0)
    return middle.issue("by-revoked-middle").sending(middle)


def policies(
    pki: Pki, root: Credential, weak_ca: Credential, clients: dict[str, Optional[Credential]]
) -> dict[str, Policy]:
    middle = chain_of(clients["by-intermediate"])[0]
    bad_middle = chain_of(clients["by-revoked-intermediate"])[0]
    revoked = clients["revoked"]
    assert revoked
    crl = root.crl("root", revoked=[revoked, bad_middle])
    both = [crl, middle.crl("middle"), bad_middle.crl("revoked-middle")]
    ca = root.cert_file
    return {
        "depth1": Policy(ca),
        "depth3": Policy(ca, depth=3),
        "crl": Policy(ca, crl=crl),
        "both-crls": Policy(ca, crl=pki.file("both.crl.pem", b"".join(path.read_bytes() for path in both))),
        "expired-crl": Policy(ca, crl=root.crl("expired", last_update=-3 * DAY, next_update=-DAY)),
        "weak-ca": Policy(weak_ca.cert_file),
    }


def chain_of(credential: Optional[Credential]) -> tuple[Credential, ...]:
    assert credential
    return credential.chain


def httpd_lines(mode: str, policy: Policy) -> list[str]:
    lines = [
        f"CFOriginPull {mode}",
        f"CFOriginPullCACertificateFile {policy.ca}",
        f"CFOriginPullVerifyDepth {policy.depth}",
    ]
    return lines + ([f"CFOriginPullCARevocationFile {policy.crl}"] if policy.crl else [])


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    root = pki.root("origin-pull", key="rsa2048", digest="sha512", path_length=2)
    weak_ca = pki.root("weak-ca", key="rsa1024")
    clients = make_clients(pki, root, weak_ca)
    httpd_port, nginx_port = free_port(), free_port()
    ours, theirs = [], []
    for label, policy in policies(pki, root, weak_ca, clients).items():
        for mode in ("on", "optional"):
            name = f"{mode}-{label}.test"
            ours.append(vhost(httpd_port, name, *httpd_lines(mode, policy), tls=server_certificate))
            auth = client_auth(mode, policy.ca, depth=policy.depth, crl=policy.crl)
            theirs.append(nginx_server(nginx_port, name, *auth, tls=server_certificate))
    httpd = servers.prepare_httpd("".join(ours), listen=[httpd_port])
    # the CRL that ended yesterday, met by two vhosts
    httpd.expect("CFAOP106: ")
    httpd.expect("CFAOP136: .*CN=weak-ca.* its key is too weak")
    servers.nginx("".join(theirs))
    return Bench(httpd.start(), httpd_port, nginx_port, clients)


def ask_both(bench: Bench, name: str, client: str, tls: str, http: str, method: str = "GET") -> tuple[Response, Response]:
    credential = bench.clients[client]
    ours, theirs = (
        fetch(port, sni=name, credential=credential, tls=tls, http=http, method=method)
        for port in (bench.httpd_port, bench.nginx_port)
    )
    return ours, theirs


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("mode", ("on", "optional"))
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_answer_is_nginxs(bench: Bench, row: Row, mode: str, tls: str, http: str) -> None:
    welcome = not row.reason or (mode == "optional" and row.client == "none")
    if not welcome:
        bench.httpd.expect_refusal(row.reason)

    ours, theirs = ask_both(bench, f"{mode}-{row.policy}.test", row.client, tls, http)

    assert theirs.status == (200 if welcome else 400)
    assert ours.status == theirs.status
    if welcome:
        assert ours.text == theirs.text
        assert ours.verify == ("NONE" if row.client == "none" else "SUCCESS")
    else:
        assert_same_refusal(ours, theirs, SENT_NONE if row.client == "none" else BAD)
        assert ours.verify == ("NONE" if row.client == "none" else f"FAILED:{row.reason}")


def assert_same_refusal(ours: Response, theirs: Response, sentence: str) -> None:
    assert sentence in theirs.text
    assert ours.page == theirs.page
    for name in ("content-type", "connection"):
        assert ours.header(name) == theirs.header(name), name


def test_page_ends_with_the_servers_banner(bench: Bench) -> None:
    bench.httpd.expect_refusal("no_certificate")

    answer = fetch(bench.httpd_port, sni="on-depth1.test")

    assert f"<hr><center>{answer.header('server')}</center>\r\n</body>\r\n</html>\r\n" in answer.text


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("client", ("none", "self-signed"))
def test_head_has_the_headers_but_no_body(bench: Bench, client: str, http: str) -> None:
    bench.httpd.allow_refusals()

    ours, theirs = ask_both(bench, "on-depth1.test", client, "1.3", http, method="HEAD")

    assert (ours.status, theirs.status) == (400, 400)
    assert (ours.body, theirs.body) == (b"", b"")
    for name in ("content-type", "connection"):
        assert ours.header(name) == theirs.header(name), name


def test_plain_http_on_the_tls_port(bench: Bench) -> None:
    # Broken requests come to the default vhost of the address: on-depth1.test in both servers.
    answers = []
    for port in (bench.httpd_port, bench.nginx_port):
        with connect_plain(port) as client:
            answers.append(client.request(host="on-depth1.test"))
            assert client.is_closed()

    ours, theirs = answers
    assert (ours.status, theirs.status) == (400, 400)
    assert f"<head><title>400 {PLAIN}</title></head>" in theirs.text
    assert ours.page == theirs.page
    assert ours.header("connection") == theirs.header("connection") == "close"


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_client_ca_names_are_those_of_the_vhost(bench: Bench, tls: str) -> None:
    for port in (bench.httpd_port, bench.nginx_port):
        stream = TlsStream(port, sni="on-depth1.test", credential=None, version=tls)
        names = [name.commonName for name in stream.client_ca_names]
        stream.close()
        assert names == ["origin-pull"]


# The one wanted difference: what is listed is trusted, even where it is no root.


@dataclass(frozen=True)
class Listed:
    httpd: Httpd
    httpd_port: int
    nginx_port: int
    leaf: Credential
    sibling: Credential
    by_middle: Credential


@pytest.fixture(scope="module")
def listed(servers: Servers, pki: Pki, server_certificate: Credential) -> Listed:
    root = pki.root("zone-root")
    middle = root.issue("zone-middle", ca=True, path_length=0)
    leaf, sibling = root.issue("zone-leaf"), root.issue("zone-sibling")
    revoked = root.crl("zone-leaf-revoked", revoked=[leaf])
    vhosts = {
        "leaf.test": Policy(leaf.cert_file),
        "middle.test": Policy(middle.cert_file),
        "leaf-with-crl.test": Policy(leaf.cert_file, crl=revoked),
    }
    ports = free_port(), free_port()
    ours = [vhost(ports[0], name, *httpd_lines("On", policy), tls=server_certificate) for name, policy in vhosts.items()]
    theirs = [
        nginx_server(ports[1], name, *client_auth("on", policy.ca, crl=policy.crl), tls=server_certificate)
        for name, policy in vhosts.items()
    ]
    httpd = servers.prepare_httpd("".join(ours), listen=[ports[0]])
    httpd.expect("CFAOP107: ")
    servers.nginx("".join(theirs))
    return Listed(httpd.start(), *ports, leaf, sibling, middle.issue("by-zone-middle"))


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
class TestListedAlone:
    def test_leaf_is_trusted_by_itself(self, listed: Listed, tls: str, http: str) -> None:
        ours, theirs = both(listed, "leaf.test", listed.leaf, tls, http)
        assert (ours.status, theirs.status) == (200, 400)
        assert ours.verify == "SUCCESS"

    def test_sibling_of_a_listed_leaf_is_not(self, listed: Listed, tls: str, http: str) -> None:
        listed.httpd.expect_refusal("untrusted_issuer")
        ours, theirs = both(listed, "leaf.test", listed.sibling, tls, http)
        assert (ours.status, theirs.status) == (400, 400)

    def test_intermediate_is_trusted_by_itself(self, listed: Listed, tls: str, http: str) -> None:
        ours, theirs = both(listed, "middle.test", listed.by_middle, tls, http)
        assert (ours.status, theirs.status) == (200, 400)
        assert ours.verify == "SUCCESS"

    def test_root_of_a_listed_intermediate_is_not(self, listed: Listed, tls: str, http: str) -> None:
        listed.httpd.expect_refusal("untrusted_issuer")
        ours, theirs = both(listed, "middle.test", listed.leaf, tls, http)
        assert (ours.status, theirs.status) == (400, 400)

    def test_leaf_needs_no_crl_of_its_issuer(self, listed: Listed, tls: str, http: str) -> None:
        ours, theirs = both(listed, "leaf-with-crl.test", listed.leaf, tls, http)
        assert (ours.status, theirs.status) == (200, 400)


def both(listed: Listed, name: str, credential: Credential, tls: str, http: str) -> tuple[Response, Response]:
    ours, theirs = (
        fetch(port, sni=name, credential=credential, tls=tls, http=http)
        for port in (listed.httpd_port, listed.nginx_port)
    )
    return ours, theirs
