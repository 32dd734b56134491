"""A TLS session carries its verdict: which sessions are taken up, where, and what the answer is then.

Every story is told for the four ways in which a session can live. For each there are two ports, "main" and "other",
whose vhosts have the same names: mod_ssl lets sessions pass between vhosts of one name, so only the module's own
rules stand between the two.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Optional

import pytest
from OpenSSL import SSL

from conftest import Servers
from support.client import HTTP_VERSIONS
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.streams import Reset, TlsAlert
from support.vhost import vhost
from support.visits import KINDS, SESSION_EVIDENCE, STORAGES, TICKETS, Kind, Visit, storage_lines, visit

MODES = ("on", "optional", "logonly")
plain_vhost = partial(vhost, with_module=False)
RESUMED = (200, "SUCCESS", True)
VERIFIED = (200, "SUCCESS", False)

# name: what it says on the main port, and what on the other one
SITES = {
    "off.test": ("Off", "Off"),
    "on.test": ("On A", "On A"),
    "optional.test": ("Optional A", "Optional A"),
    "logonly.test": ("LogOnly A", "LogOnly A"),
    "on-twin.test": ("On A", "On A"),
    "foreign.test": ("On B", "On B"),
    "other-ca.test": ("On A", "On B"),
    "other-depth.test": ("On A", "On A depth"),
    "other-crl.test": ("On A", "On A crl"),
    "then-off.test": ("On A", "Off"),
    "then-on.test": ("LogOnly A", "On A"),
    "then-logonly.test": ("On A", "LogOnly A"),
    "then-require.test": ("On A", "require"),
    "logonly-require.test": ("LogOnly A", "require"),
    "perdir.test": ("On A perdir", "On A"),
}


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    unguarded: Httpd
    ports: dict[tuple[str, str], int]
    clients: dict[Optional[str], Optional[Credential]]
    ca: Credential

    def visit(
        self,
        name: str,
        kind: Kind,
        client: Optional[str] = None,
        *,
        at: str = "main",
        session: Optional[SSL.Session] = None,
        http: str = "1.1",
        path: str = "/",
    ) -> Visit:
        port = self.ports[at, kind.storage]
        credential = self.clients[client]
        return visit(port, name, tls=kind.tls, credential=credential, session=session, http=http, path=path)


def site_lines(words: str, ca: dict[str, Credential], crl: str) -> list[str]:
    """The lines of a vhost, from the words of SITES."""
    mode, *rest = words.split()
    if mode == "require":
        return ["SSLVerifyClient require", f"SSLCACertificateFile {ca['A'].cert_file}"]
    lines = [f"CFOriginPull {mode}"]
    if rest:
        lines.append(f"CFOriginPullCACertificateFile {ca[rest[0]].cert_file}")
    if "depth" in rest:
        lines.append("CFOriginPullVerifyDepth 2")
    if "crl" in rest:
        lines.append(f"CFOriginPullCARevocationFile {crl}")
    if "perdir" in rest:
        lines.append(f"SSLCACertificateFile {ca['A'].cert_file}")
        lines.append("<Location /ciphers>\n  SSLCipherSuite AES256-SHA256:AES256-SHA\n</Location>")
        lines.append("<Location /ask>\n  SSLVerifyClient optional_no_ca\n</Location>")
    return lines


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> Bench:
    ca = {"A": pki.root("ca-a"), "B": pki.root("ca-b")}
    middle = ca["A"].issue("middle", ca=True)
    clients = {
        None: None,
        "edge": ca["A"].issue("edge"),
        "edge-by-middle": middle.issue("edge-by-middle").sending(middle),
        "edge-b": ca["B"].issue("edge-b"),
        "revoked": ca["A"].issue("revoked"),
        "stranger": pki.self_signed("stranger"),
    }
    revoked = clients["revoked"]
    assert revoked
    crl = str(ca["A"].crl("crl-a", revoked=[revoked]))
    key_file = pki.file("ticket.key", secrets.token_bytes(48))
    # The directory with ciphers of its own wants those without forward secrecy, which need an RSA key.
    rsa_server = pki.self_signed("rsa-server", eku="server", key="rsa2048", san=["*.test"])
    ports = {(at, storage): free_port() for at in ("main", "other", "unguarded") for storage in STORAGES}
    config = ""
    for column, at in enumerate(("main", "other")):
        for storage in STORAGES:
            shared = [*SESSION_EVIDENCE, *storage_lines(storage, key_file)]
            for name, words in SITES.items():
                lines = [*shared, *site_lines(words[column], ca, crl)]
                tls = rsa_server if name == "perdir.test" else server_certificate
                config += vhost(ports[at, storage], name, *lines, tls=tls)
    # without it, whether the two servers understand each other's tickets would be left to chance
    shared_key = preloading("ticket_key", directory)
    listen = [port for (at, _), port in ports.items() if at != "unguarded"]
    httpd = servers.httpd(config, listen=listen, extra_environment=shared_key)
    httpd.allow("CFAOP137: ")
    httpd.expect("CFAOP160: .*perdir.test:")
    httpd.expect("CFAOP131: ")  # names are on several ports, with other modes
    unguarded = ""
    for storage in STORAGES:
        shared = [*SESSION_EVIDENCE, *storage_lines(storage, key_file)]
        open_lines = ["SSLVerifyClient optional_no_ca", f"SSLCACertificateFile {ca['A'].cert_file}"]
        for name in ("on.test", "optional.test", "logonly.test"):
            unguarded += plain_vhost(ports["unguarded", storage], name, *shared, *open_lines, tls=server_certificate)
        strict = site_lines("require", ca, crl)
        for name in ("then-require.test", "logonly-require.test"):
            unguarded += plain_vhost(ports["unguarded", storage], name, *shared, *strict, tls=server_certificate)
    plain = servers.httpd(
        unguarded,
        listen=[ports["unguarded", storage] for storage in STORAGES],
        with_module=False,
        extra_environment=shared_key,
    )
    return Bench(httpd, plain, ports, clients, ca["A"])


all_kinds = pytest.mark.parametrize("kind", KINDS, ids=str)
ticket_kinds = pytest.mark.parametrize("kind", TICKETS, ids=str)


# On the vhost that made the session


@all_kinds
@pytest.mark.parametrize("client", ("edge", "edge-by-middle"))
@pytest.mark.parametrize("mode", MODES)
def test_good_session_is_taken_up_again_and_again(bench: Bench, mode: str, client: str, kind: Kind) -> None:
    last = bench.visit(f"{mode}.test", kind, client)
    assert last.outcome == VERIFIED
    for _ in range(3):
        last = bench.visit(f"{mode}.test", kind, session=last.session)
        assert last.outcome == RESUMED
        assert last.answer.header("x-client-verify") == "SUCCESS"


@pytest.mark.parametrize("tls", ("1.2", "1.3"))
def test_good_session_passes_between_http_versions(bench: Bench, tls: str) -> None:
    kind = Kind(tls, "ticket")
    session = bench.visit("on.test", kind, "edge", http="1.1").session
    for http in HTTP_VERSIONS:
        assert bench.visit("on.test", kind, session=session, http=http).outcome == RESUMED


@all_kinds
def test_vhost_that_is_off_takes_up_its_sessions(bench: Bench, kind: Kind) -> None:
    first = bench.visit("off.test", kind)
    assert bench.visit("off.test", kind, session=first.session).outcome == (200, "", True)


@all_kinds
@pytest.mark.parametrize("client", (None, "stranger", "edge-b"))
@pytest.mark.parametrize("mode", MODES)
def test_session_of_none_or_failed_is_never_taken_up(
    bench: Bench, mode: str, client: Optional[str], kind: Kind
) -> None:
    bench.httpd.allow_refusals()
    first = bench.visit(f"{mode}.test", kind, client)
    verdict = "FAILED:untrusted_issuer" if client else "NONE"
    status = {"on": 400, "logonly": 200, "optional": 400 if client else 200}[mode]
    assert first.outcome == (status, verdict, False)

    again = bench.visit(f"{mode}.test", kind, client, session=first.session)
    bare = bench.visit(f"{mode}.test", kind, session=first.session)
    mended = bench.visit(f"{mode}.test", kind, "edge", session=first.session)

    assert again.outcome == first.outcome
    assert bare.outcome == (400 if mode == "on" else 200, "NONE", False)
    assert mended.outcome == VERIFIED
    assert bench.visit(f"{mode}.test", kind, session=mended.session).outcome == RESUMED


# Offered to a vhost of another name


@all_kinds
@pytest.mark.parametrize("target", ("on-twin.test", "foreign.test", "optional.test", "logonly.test", "off.test"))
def test_session_of_another_name_is_never_taken_up(bench: Bench, target: str, kind: Kind) -> None:
    bench.httpd.allow_refusals()
    session = bench.visit("on.test", kind, "edge").session
    bare = bench.visit(target, kind, session=session)
    assert not bare.resumed
    assert bare.answer.status == (400 if target in ("on-twin.test", "foreign.test") else 200)
    assert bare.answer.verify == ("" if target == "off.test" else "NONE")
    client = "edge-b" if target == "foreign.test" else "edge"
    welcome = bench.visit(target, kind, client, session=session)
    assert (welcome.answer.status, welcome.resumed) == (200, False)


@all_kinds
def test_sni_of_the_session_does_not_open_another_host(bench: Bench, kind: Kind) -> None:
    """A session resumed under its own name is still judged for the name that the request asks for."""
    bench.httpd.expect_refusal("misdirected")
    port = bench.ports["main", kind.storage]
    session = bench.visit("on.test", kind, "edge").session
    elsewhere = visit(port, "foreign.test", sni="on.test", tls=kind.tls, session=session)
    twin = visit(port, "on-twin.test", sni="on.test", tls=kind.tls, session=session)
    assert elsewhere.outcome == (421, "FAILED:misdirected", True)
    assert twin.outcome == RESUMED


# Offered to the vhost of the same name on another port


@dataclass(frozen=True)
class Crossing:
    """A session made on one port, offered on the other; `bare` and `welcome` are the outcomes there without a
    certificate and with the one that is good there."""

    name: str
    made_at: str
    made_by: Optional[str]
    bare: tuple[int, str, bool]
    good: str
    welcome: tuple[int, str, bool]


REFUSED = (400, "NONE", False)
OPEN = (200, "", False)
LOGGED = (200, "NONE", False)
CROSSINGS = (
    Crossing("on.test", "main", "edge", RESUMED, "edge", RESUMED),
    Crossing("on.test", "main", "edge-by-middle", RESUMED, "edge-by-middle", RESUMED),
    Crossing("on.test", "main", None, REFUSED, "edge", VERIFIED),
    Crossing("on.test", "main", "stranger", REFUSED, "edge", VERIFIED),
    Crossing("other-ca.test", "main", "edge", REFUSED, "edge-b", VERIFIED),
    Crossing("other-ca.test", "main", "edge-b", REFUSED, "edge-b", VERIFIED),
    Crossing("other-ca.test", "other", "edge-b", REFUSED, "edge", VERIFIED),
    Crossing("other-ca.test", "other", "edge", REFUSED, "edge", VERIFIED),
    Crossing("other-depth.test", "main", "edge", REFUSED, "edge", VERIFIED),
    Crossing("other-depth.test", "other", "edge-by-middle", REFUSED, "edge-by-middle", VERIFIED),
    Crossing("other-crl.test", "main", "revoked", REFUSED, "edge", VERIFIED),
    Crossing("other-crl.test", "other", "revoked", REFUSED, "edge", VERIFIED),
    Crossing("then-off.test", "main", "edge", OPEN, "edge", OPEN),
    Crossing("then-off.test", "main", "stranger", OPEN, "edge", OPEN),
    Crossing("then-off.test", "other", None, REFUSED, "edge", VERIFIED),
    Crossing("then-off.test", "other", "edge", REFUSED, "edge", VERIFIED),
    Crossing("then-on.test", "main", "edge", RESUMED, "edge", RESUMED),
    Crossing("then-on.test", "main", "stranger", REFUSED, "edge", VERIFIED),
    Crossing("then-on.test", "main", None, REFUSED, "edge", VERIFIED),
    Crossing("then-logonly.test", "main", "edge", RESUMED, "edge", RESUMED),
    Crossing("then-logonly.test", "main", "stranger", LOGGED, "edge", VERIFIED),
)


@all_kinds
@pytest.mark.parametrize("crossing", CROSSINGS, ids=lambda c: f"{c.name}-{c.made_at}-{c.made_by}")
def test_session_crosses_to_the_same_name_on_another_port(bench: Bench, crossing: Crossing, kind: Kind) -> None:
    bench.httpd.allow_refusals()
    there = "other" if crossing.made_at == "main" else "main"
    session = bench.visit(crossing.name, kind, crossing.made_by, at=crossing.made_at).session

    bare = bench.visit(crossing.name, kind, at=there, session=session)
    welcome = bench.visit(crossing.name, kind, crossing.good, at=there, session=session)

    assert bare.outcome == crossing.bare
    assert welcome.outcome == crossing.welcome
    if crossing.bare == OPEN:
        assert bare.answer.header("x-client-verify") == "NONE"


# mod_ssl's own verification must not profit from what was let through here


@all_kinds
@pytest.mark.parametrize("name", ("then-require.test", "logonly-require.test"))
@pytest.mark.parametrize("at", ("other", "unguarded"))
@pytest.mark.parametrize("client", ("stranger", "edge-b", None))
def test_session_of_a_bad_client_does_not_open_sslverifyclient_require(
    bench: Bench, client: Optional[str], at: str, name: str, kind: Kind
) -> None:
    bench.httpd.allow_refusals()
    session = bench.visit(name, kind, client).session

    with pytest.raises((TlsAlert, Reset)):
        bench.visit(name, kind, at=at, session=session)

    welcome = bench.visit(name, kind, "edge", at=at)
    assert welcome.answer.status == 200
    assert welcome.answer.header("x-client-verify") == "SUCCESS"


@ticket_kinds
@pytest.mark.parametrize("client", (None, "stranger", "edge"))
@pytest.mark.parametrize("mode", MODES)
def test_session_of_a_server_without_the_module_is_never_taken_up(
    bench: Bench, mode: str, client: Optional[str], kind: Kind
) -> None:
    """The two servers share the ticket key, and that one takes up its own sessions."""
    bench.httpd.allow_refusals()
    name = f"{mode}.test"
    foreign = bench.visit(name, kind, client, at="unguarded")
    assert bench.visit(name, kind, at="unguarded", session=foreign.session).resumed

    bare = bench.visit(name, kind, session=foreign.session)
    welcome = bench.visit(name, kind, "edge", session=foreign.session)

    assert bare.outcome == (400 if mode == "on" else 200, "NONE", False)
    assert welcome.outcome == VERIFIED


@ticket_kinds
def test_ticket_keys_are_really_shared(bench: Bench, kind: Kind) -> None:
    """The control of the tests above: a good session of ours is taken up by the server without the module."""
    session = bench.visit("then-require.test", kind, "edge").session
    there = bench.visit("then-require.test", kind, at="unguarded", session=session)
    assert (there.answer.status, there.resumed) == (200, True)
    assert there.answer.header("x-client-verify") == "SUCCESS"


# Directories that negotiate for themselves


@pytest.mark.parametrize("storage", STORAGES)
def test_session_renegotiated_for_a_directorys_ciphers_serves_its_client(bench: Bench, storage: str) -> None:
    kind = Kind("1.2", storage)
    bench.httpd.put("ciphers/index.html", "its own\n")
    bench.httpd.expect("AH02226: Awaiting re-negotiation handshake")
    first = bench.visit("perdir.test", kind, "edge", path="/ciphers/")
    assert first.outcome == VERIFIED

    again = bench.visit("perdir.test", kind, "edge", session=first.session)

    assert (again.answer.status, again.answer.verify) == (200, "SUCCESS")


@all_kinds
@pytest.mark.parametrize("client", ("stranger", "edge", None))
def test_session_after_a_directory_asked_again_is_judged_anew(
    bench: Bench, client: Optional[str], kind: Kind
) -> None:
    """The edge's connection goes on with what this client shows to mod_ssl later: that was never judged here."""
    bench.httpd.allow_refusals()
    bench.httpd.put("ask/index.html", "asked\n")
    session = bench.visit("perdir.test", kind, "edge").session
    asked = bench.visit("perdir.test", kind, client, session=session, path="/ask/")
    assert asked.outcome == RESUMED
    assert asked.answer.text == "asked\n"

    bare = bench.visit("perdir.test", kind, session=asked.session)
    assert bare.outcome == REFUSED
    assert bench.visit("perdir.test", kind, "edge", session=asked.session).outcome == VERIFIED
