"""An old and a new CA of one name stand side by side while Cloudflare moves from one to the other: what each has issued is welcome, and clients
that send many certificates of that name cost no more than others. Work is counted in signatures, not in time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.verifications import Verifications
from support.vhost import vhost

GOOD = (200, "SUCCESS")
UNTRUSTED = (400, "FAILED:untrusted_issuer")
# Two CAs of the name, a leaf and an intermediate: see tests/unit/test_rotation.c
SIGNATURES_MAX = 3 * 3


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    signatures: Verifications
    old: Credential
    new: Credential
    other: Credential

    def ask(self, client: Credential, name: str = "both.test", *, tls: str = "1.3") -> tuple[int, str]:
        answer = fetch(self.httpd.port, sni=name, credential=client, tls=tls)
        return (answer.status, answer.verify)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential) -> Bench:
    old, new, other = (pki.root(label, subject="zone ca") for label in ("old", "new", "other"))
    port = free_port()
    signatures = Verifications(directory / "signatures", counted="signatures")
    listed = {"both.test": [old, new], "one.test": [old]}
    config = "".join(
        vhost(
            port, name, "CFOriginPull On", f"CFOriginPullCACertificateFile {' '.join(str(ca.cert_file) for ca in cas)}",
            # what eighty CAs take: verifying has a bound of its own
            "CFOriginPullPeerLimit 102400", tls=server_certificate,
        )
        for name, cas in listed.items()
    )
    httpd = servers.httpd(config, listen=[port], extra_environment=signatures.environment)
    return Bench(httpd, signatures, old, new, other)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("key_id", (True, False), ids=("key-id", "no-key-id"))
@pytest.mark.parametrize("by", ("old", "new"))
def test_both_cas_are_good_for_what_they_issued(bench: Bench, by: str, key_id: bool, tls: str) -> None:
    ca: Credential = getattr(bench, by)
    label = f"{by}-{key_id}-{tls}"
    leaf = ca.issue(f"edge-{label}", key_id=key_id)
    between = ca.issue(f"between-{label}", ca=True, key_id=key_id)
    below = between.issue(f"below-{label}", key_id=key_id)

    assert bench.ask(leaf, tls=tls) == GOOD
    assert bench.ask(leaf.sending(ca), tls=tls) == GOOD
    assert bench.ask(below.sending(between), tls=tls) == GOOD
    assert bench.ask(below.sending(between, ca), tls=tls) == GOOD
    # where only the old one is listed, the new one's leaf is a stranger's
    assert bench.ask(leaf, "one.test", tls=tls) == (GOOD if by == "old" else UNTRUSTED)
    bench.httpd.allow_refusals()


@pytest.mark.parametrize("key_id", (True, False), ids=("key-id", "no-key-id"))
def test_third_ca_of_the_name_is_a_strangers(bench: Bench, key_id: bool) -> None:
    leaf = bench.other.issue(f"stranger-{key_id}", key_id=key_id)
    assert bench.ask(leaf) == UNTRUSTED
    assert bench.ask(leaf.sending(bench.other)) == UNTRUSTED
    bench.httpd.expect_refusal("untrusted_issuer")


@pytest.mark.needs("seen-signatures")
@pytest.mark.parametrize("name", ("both.test", "one.test"))
def test_many_cas_of_the_name_buy_no_work(bench: Bench, pki: Pki, name: str) -> None:
    """None of the CAs says which key signed the leaf, so each could have: the one that did is the last of them.

    There are as many as a client may send without ending the handshake.
    """
    cas = [pki.root(f"attacker-{name}-{number}", subject="zone ca") for number in range(11)]
    leaf = cas[-1].issue(f"attack-{name}", key_id=False).sending(*cas)
    positive = bench.old.issue(f"positive-{name}", key_id=False)
    before = bench.signatures.count()
    assert bench.ask(positive, name) == GOOD
    assert bench.signatures.count() > before

    before = bench.signatures.count()
    assert bench.ask(leaf, name) == UNTRUSTED
    assert bench.signatures.count() - before <= SIGNATURES_MAX
    bench.httpd.expect_refusal("untrusted_issuer")
