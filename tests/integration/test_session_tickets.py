"""CFOriginPullSessionTickets: a verified client of TLS 1.3 gets a ticket where it costs less than it saves, or as the directive says. The
rule goes by OpenSSL and by the key that the server signs with. Whatever it says, no client is refused, and what it holds resumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.environment import has_openssl_3
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.stay import Stay, client_context, stay
from support.vhost import vhost
from support.visits import storage_lines, visit

DIRECTIVE = "CFOriginPullSessionTickets"
BY_RULE = {"p256": not has_openssl_3(), "rsa2048": True}
KEYS = tuple(BY_RULE)


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    ports: dict[tuple[str, str], int]
    edge: Credential
    stranger: Credential

    def visits(self, word: str, key: str, *, edge: Optional[Credential] = None) -> tuple[Stay, Stay]:
        """A client comes, and comes again with what it got."""
        context = client_context(edge or self.edge)
        first = stay(context, self.ports[word, key], "on.test")
        return first, stay(context, self.ports[word, key], "on.test", first.session)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki) -> Bench:
    ca = pki.root("ca")
    guard = ("CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}")
    kept = storage_lines("ticket", pki.file("ticket.key", bytes(range(48))))
    ports, config = {}, ""
    for key in KEYS:
        tls = pki.self_signed(f"server-{key}", subject="on.test", key=key, eku="server", san=["on.test"])
        for word in ("Auto", "On", "Off"):
            port = ports[word, key] = free_port()
            config += vhost(port, "on.test", *guard, f"{DIRECTIVE} {word}", tls=tls)
            port = ports[f"{word}, kept", key] = free_port()
            config += vhost(port, "on.test", *guard, f"{DIRECTIVE} {word}", *kept, tls=tls)
        port = ports["cache", key] = free_port()
        config += vhost(port, "on.test", *guard, *storage_lines("cache"), f"{DIRECTIVE} Auto", tls=tls)
    httpd = servers.httpd(config, listen=list(ports.values()))
    httpd.allow("CFAOP137")
    return Bench(httpd, ports, ca.issue("edge"), pki.self_signed("stranger"))


@pytest.mark.parametrize("key", KEYS)
def test_auto_sends_tickets_where_they_pay(bench: Bench, key: str) -> None:
    pays = BY_RULE[key]
    first, second = bench.visits("Auto", key)
    assert (first.status, first.tickets, first.resumed) == (200, int(pays), False)
    assert (second.status, second.tickets, second.resumed) == (200, int(pays), pays)


@pytest.mark.parametrize("key", KEYS)
def test_on_always_sends_one(bench: Bench, key: str) -> None:
    first, second = bench.visits("On", key)
    assert (first.status, first.tickets, first.resumed) == (200, 1, False)
    assert (second.status, second.tickets, second.resumed) == (200, 1, True)


@pytest.mark.parametrize("key", KEYS)
def test_off_never_sends_one(bench: Bench, key: str) -> None:
    first, second = bench.visits("Off", key)
    assert (first.status, first.tickets, first.resumed) == (200, 0, False)
    assert (second.status, second.tickets, second.resumed) == (200, 0, False)


@pytest.mark.parametrize("word", ("Auto", "Off"))
@pytest.mark.parametrize("key", KEYS)
def test_a_ticket_that_is_there_is_taken(bench: Bench, key: str, word: str) -> None:
    """As from another machine, or from before a reload, with the same key file."""
    context = client_context(bench.edge)
    before = stay(context, bench.ports["On, kept", key], "on.test")
    after = stay(context, bench.ports[f"{word}, kept", key], "on.test", before.session)
    assert (before.tickets, after.status, after.resumed) == (1, 200, True)


@pytest.mark.parametrize("key", KEYS)
def test_sessions_in_the_cache_need_no_rule(bench: Bench, key: str) -> None:
    """With SSLSessionTickets off a ticket is a session's name, and cheap with every OpenSSL."""
    first, second = bench.visits("cache", key)
    assert (first.status, first.tickets, first.resumed) == (200, 1, False)
    assert (second.status, second.tickets, second.resumed) == (200, 1, True)


@pytest.mark.parametrize("word", ("Auto", "Off"))
@pytest.mark.parametrize("key", KEYS)
def test_tls_12_resumes_whatever_the_rule(bench: Bench, key: str, word: str) -> None:
    """There a resumed handshake is cheaper with every OpenSSL."""
    first = visit(bench.ports[word, key], "on.test", tls="1.2", credential=bench.edge)
    assert first.outcome == (200, "SUCCESS", False)
    again = visit(bench.ports[word, key], "on.test", tls="1.2", session=first.session)
    assert again.outcome == (200, "SUCCESS", True)


@pytest.mark.parametrize("word", ("Auto", "On", "Off"))
@pytest.mark.parametrize("key", KEYS)
def test_a_stranger_gets_none(bench: Bench, key: str, word: str) -> None:
    bench.httpd.expect_refusal("untrusted_issuer")
    for answer in bench.visits(word, key, edge=bench.stranger):
        assert (answer.status, answer.tickets, answer.resumed) == (400, 0, False)


@pytest.mark.parametrize("words", ("Sometimes", "On Off", ""))
def test_another_word_is_a_mistake(servers: Servers, server_certificate: Credential, words: str) -> None:
    port = free_port()
    httpd = servers.prepare_httpd(vhost(port, "on.test", f"{DIRECTIVE} {words}", tls=server_certificate), listen=[port])
    outcome = httpd.config_test()
    assert outcome.returncode != 0
    assert f"{DIRECTIVE}: '{words}' is not allowed, write one of Auto, On and Off" in outcome.stderr
