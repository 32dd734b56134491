"""A good verdict is remembered for a while. That spares work, and must never change an answer: not when a certificate or a CRL ends
meanwhile, not when a clock is set back, not after a reload, not under another policy.

The server has one process, and connections bring no session, so that what one handshake has shown the next could remember. Each story
begins with a certificate that is remembered, as the number of verifications shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from datetime import timedelta
from typing import Iterator

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, fetch
from support.clock import Clock
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.verifications import Verifications
from support.vhost import vhost

GOOD = (200, "SUCCESS")
EXPIRED = (400, "FAILED:expired")
NOT_YET_VALID = (400, "FAILED:not_yet_valid")
REVOKED = (400, "FAILED:revoked")
UNTRUSTED = (400, "FAILED:untrusted_issuer")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    clock: Clock
    verifications: Verifications
    config: str
    after: str

    def ask(self, client: Credential, name: str = "on.test", *, tls: str = "1.3") -> tuple[int, str]:
        """The answer to a client that brings no session."""
        answer = fetch(self.httpd.port, sni=name, credential=client, tls=tls)
        return (answer.status, answer.verify)

    def is_remembered(self, client: Credential, name: str = "on.test", *, tls: str = "1.3") -> bool:
        """Asks, and says whether the good answer came without verifying anything."""
        before = self.verifications.count()
        assert self.ask(client, name, tls=tls) == GOOD
        return self.verifications.count() == before

    def introduce(self, client: Credential, name: str = "on.test", *, tls: str = "1.3") -> None:
        """From now on it is remembered."""
        assert not self.is_remembered(client, name, tls=tls)
        assert self.is_remembered(client, name, tls=tls)


def allow_notices(httpd: Httpd) -> None:
    """Each start may tell of the CRL that begins later, and of what ends soon."""
    httpd.allow('CFAOP142: the CRL of "CN=coming-crl-ca"')
    httpd.allow('CFAOP112: the CRL of "CN=short-crl-ca"')
    httpd.allow('CFAOP112: the certificate that the edge shows, "CN=thirty-minutes-')


@pytest.fixture(scope="module")
def cas(pki: Pki) -> dict[str, Credential]:
    return {name: pki.root(name) for name in ("ca", "other-ca", "crl-ca", "short-crl-ca", "coming-crl-ca")}


@pytest.fixture(scope="module")
def revoked(cas: dict[str, Credential]) -> Credential:
    return cas["crl-ca"].issue("revoked")


@pytest.fixture(scope="module")
def soon_revoked(cas: dict[str, Credential]) -> Credential:
    return cas["coming-crl-ca"].issue("soon-revoked")


@pytest.fixture(scope="module")
def pinned(cas: dict[str, Credential]) -> Credential:
    return cas["ca"].issue("pinned")


@pytest.fixture(scope="module")
def running(
    servers: Servers,
    pki: Pki,
    server_certificate: Credential,
    cas: dict[str, Credential],
    revoked: Credential,
    soon_revoked: Credential,
    pinned: Credential,
) -> Bench:
    short = cas["short-crl-ca"].crl("short", next_update=30 * MINUTE)
    now = cas["coming-crl-ca"].crl("now")
    coming = cas["coming-crl-ca"].crl("coming", revoked=[soon_revoked], last_update=30 * MINUTE)
    empty, full = cas["crl-ca"].crl("empty"), cas["crl-ca"].crl("full", revoked=[revoked])
    port = free_port()

    def sites(crl: object) -> str:
        trust = {
            "on.test": ("ca",),
            "other.test": ("other-ca",),
            "pinned.test": ("ca", f"CFOriginPullPin sha256:{pinned.sha256}"),
            "crl.test": ("crl-ca", f"CFOriginPullCARevocationFile {crl}"),
            "short-crl.test": ("short-crl-ca", f"CFOriginPullCARevocationFile {short}"),
            "coming-crl.test": ("coming-crl-ca", f"CFOriginPullCARevocationFile {now} {coming}"),
        }
        return "".join(
            vhost(
                port,
                name,
                "CFOriginPull On",
                f"CFOriginPullCACertificateFile {cas[ca].cert_file}",
                *lines,
                tls=server_certificate,
            )
            for name, (ca, *lines) in trust.items()
        )

    clock = Clock(pki.directory / "clock")
    verifications = Verifications(pki.directory / "verifications", clock.environment)
    httpd = servers.prepare_httpd(sites(empty), listen=[port], mpm="event", extra_environment=verifications.environment)
    allow_notices(httpd)
    httpd.start()
    return Bench(httpd, clock, verifications, sites(empty), sites(full))


@pytest.fixture
def bench(running: Bench) -> Iterator[Bench]:
    running.clock.set(hours=0)
    running.httpd.allow_refusals()
    yield running
    running.clock.set(hours=0)


both_versions = pytest.mark.parametrize("tls", TLS_VERSIONS)


@both_versions
def test_second_handshake_verifies_nothing(bench: Bench, cas: dict[str, Credential], tls: str) -> None:
    edge = cas["ca"].issue(f"edge-{tls}")
    bench.introduce(edge, tls=tls)
    assert all(bench.is_remembered(edge, tls=version) for version in TLS_VERSIONS)


def test_nothing_is_remembered_for_more_than_an_hour(bench: Bench, cas: dict[str, Credential]) -> None:
    edge = cas["ca"].issue("edge-for-an-hour")
    bench.introduce(edge)
    bench.clock.set(hours=0.9)
    assert bench.is_remembered(edge)
    bench.clock.set(hours=1.1)
    assert not bench.is_remembered(edge)
    assert bench.is_remembered(edge)


@both_versions
def test_leaf_that_needs_its_chain_needs_it_each_time(bench: Bench, cas: dict[str, Credential], tls: str) -> None:
    middle = cas["ca"].issue(f"middle-{tls}", ca=True)
    leaf = middle.issue(f"by-middle-{tls}")
    for _ in range(2):
        assert not bench.is_remembered(leaf.sending(middle), tls=tls)
        assert bench.ask(leaf, tls=tls) == UNTRUSTED


@both_versions
def test_leaf_ends_while_it_is_remembered(bench: Bench, cas: dict[str, Credential], tls: str) -> None:
    leaf = cas["ca"].issue(f"thirty-minutes-{tls}", not_after=30 * MINUTE)
    bench.introduce(leaf, tls=tls)
    bench.clock.set(hours=0.4)
    assert bench.is_remembered(leaf, tls=tls)
    bench.clock.set(hours=0.6)
    assert bench.ask(leaf, tls=tls) == EXPIRED


@both_versions
def test_crl_ends_while_a_leaf_is_remembered(bench: Bench, cas: dict[str, Credential], tls: str) -> None:
    leaf = cas["short-crl-ca"].issue(f"with-short-crl-{tls}")
    bench.introduce(leaf, "short-crl.test", tls=tls)
    bench.clock.set(hours=0.4)
    assert bench.is_remembered(leaf, "short-crl.test", tls=tls)
    bench.clock.set(hours=0.6)
    assert bench.ask(leaf, "short-crl.test", tls=tls) == (400, "FAILED:other")


def test_crl_that_begins_later_counts_from_then_on(bench: Bench, soon_revoked: Credential) -> None:
    bench.introduce(soon_revoked, "coming-crl.test")
    bench.clock.set(hours=0.4)
    assert bench.is_remembered(soon_revoked, "coming-crl.test")
    bench.clock.set(hours=0.6)
    assert bench.ask(soon_revoked, "coming-crl.test") == REVOKED


@pytest.mark.parametrize("how", ("graceful", "restart"))
def test_new_crl_counts_at_once(bench: Bench, revoked: Credential, how: str) -> None:
    allow_notices(bench.httpd)
    bench.httpd.write_config(bench.config)
    bench.httpd.graceful()
    bench.introduce(revoked, "crl.test")
    bench.httpd.write_config(bench.after)
    bench.httpd.graceful() if how == "graceful" else bench.httpd.restart()
    assert bench.ask(revoked, "crl.test") == REVOKED


@both_versions
def test_clock_is_set_back(bench: Bench, cas: dict[str, Credential], tls: str) -> None:
    leaf = cas["ca"].issue(f"since-an-hour-{tls}", not_before=-HOUR)
    bench.introduce(leaf, tls=tls)
    bench.clock.set(hours=-2)
    assert bench.ask(leaf, tls=tls) == NOT_YET_VALID


@pytest.mark.parametrize("name,answer", (("other.test", UNTRUSTED), ("pinned.test", (400, "FAILED:pin"))))
def test_verdict_is_none_under_another_policy(
    bench: Bench, cas: dict[str, Credential], name: str, answer: tuple[int, str]
) -> None:
    leaf = cas["ca"].issue(f"known-elsewhere-than-{name}")
    bench.introduce(leaf)
    for _ in range(2):
        assert bench.ask(leaf, name) == answer
    assert bench.is_remembered(leaf)


def test_same_leaf_is_remembered_for_each_policy(bench: Bench, pinned: Credential) -> None:
    bench.introduce(pinned)
    bench.introduce(pinned, "pinned.test")


def test_bad_verdict_is_not_remembered(bench: Bench, cas: dict[str, Credential]) -> None:
    leaf, stranger = cas["ca"].issue("from-noon", not_before=30 * MINUTE), cas["other-ca"].issue("stranger")
    for _ in range(2):
        assert (bench.ask(leaf), bench.ask(stranger)) == (NOT_YET_VALID, UNTRUSTED)
    bench.clock.set(hours=0.6)
    bench.introduce(leaf)
    assert bench.ask(stranger) == UNTRUSTED


def test_another_certificate_whose_digest_begins_alike(bench: Bench, cas: dict[str, Credential]) -> None:
    """The memo is divided by the beginning of the digest: this one lies beside the other."""
    leaf = cas["ca"].issue("alike")
    bench.introduce(leaf)
    strangers = (cas["other-ca"].issue(f"alike-{number}") for number in count())
    stranger = next(one for one in strangers if (int(one.sha256[:2], 16) ^ int(leaf.sha256[:2], 16)) & 63 == 0)
    assert bench.ask(stranger) == UNTRUSTED
