"""Trust that cannot be meant is told of, at `-t`, at a start and at a reload: a CA of the server's own certificate, a CA that the whole system
trusts, and what can verify no client. The guard does as it is told all the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional, Sequence

import base64
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from conftest import Servers
from support.client import fetch
from support.httpd import Httpd
from support.mistakes import our_lines
from support.pki import DAY, Credential, Pki, common_name, make_key
from support.ports import free_port
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
CRL_FILE = "CFOriginPullCARevocationFile"
OWN, SYSTEM, USELESS, NO_CRL = "CFAOP134", "CFAOP135", "CFAOP136", "CFAOP151"
ISSUED = "has issued the server's own certificate"
SELF = "is the server's own certificate"


@dataclass(frozen=True)
class Bench:
    """A server that is not started. Its certificate is of a CA of its own; what Cloudflare shows is of another."""

    server: Httpd
    port: int
    pki: Pki
    server_ca: Credential
    tls: Credential
    zone_ca: Credential
    edge: Credential
    system: Path

    def lines(self, config: str) -> list[str]:
        """What `-t` says of it."""
        self.server.write_config(config)
        outcome = self.server.config_test()
        assert outcome.ok, outcome.stderr
        return our_lines(outcome.stderr)

    def of(self, *lines: str, tls: Optional[Credential] = None) -> list[str]:
        """What `-t` says of these lines in a virtual host."""
        return self.lines(vhost(self.port, "guarded.test", "CFOriginPull On", *lines, tls=tls or self.tls))

    def line(self, *lines: str, tls: Optional[Credential] = None) -> str:
        """The only thing that `-t` says of them."""
        (line,) = self.of(*lines, tls=tls)
        return line

    def listing(self, *certificates: Credential) -> str:
        return f"{CA_FILE} {' '.join(str(one.cert_file) for one in certificates)}"


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki) -> Bench:
    port = free_port()
    system = pki.file("system.pem", b"")
    # OpenSSL's own way to say which CAs this machine trusts
    server = servers.prepare_httpd("", listen=[port], extra_environment={"SSL_CERT_FILE": str(system)})
    server_ca, zone_ca = pki.root("server-ca"), pki.root("zone-ca")
    tls = server_ca.issue("own", eku="server", san=["*.test", "127.0.0.1"])
    return Bench(server, port, pki, server_ca, tls, zone_ca, zone_ca.issue("edge"), system)


def named(line: str) -> list[str]:
    """The virtual hosts that a line names."""
    return line.rpartition("; trusted by ")[2].split(", ")


# The CA of the server's own certificate


def test_ca_of_the_own_certificate(bench: Bench) -> None:
    line = bench.line(bench.listing(bench.server_ca, bench.zone_ca))
    assert line == (
        f'{OWN}: the trusted certificate of "CN=server-ca" ({bench.server_ca.cert_file}) {ISSUED}, and every client with a certificate of that '
        "CA is let in: list only the CA of the certificate that you uploaded at Cloudflare, or pin that certificate with CFOriginPullPin; "
        f"trusted by guarded.test:{bench.port}"
    )


@pytest.mark.parametrize("mode", ("On", "Optional", "LogOnly"))
def test_it_is_told_at_start_and_reload_too(bench: Bench, servers: Servers, mode: str) -> None:
    port = free_port()
    stranger = bench.server_ca.issue(f"stranger-{mode}")
    config = vhost(port, "guarded.test", f"CFOriginPull {mode}", bench.listing(bench.server_ca), tls=bench.tls)
    server = servers.httpd(config, listen=[port])
    server.expect(f'{OWN}: the trusted certificate of "CN=server-ca" .* trusted by guarded.test:{port}')
    # this is what the warning is about
    answer = fetch(port, sni="guarded.test", credential=stranger)
    assert (answer.status, answer.verify) == (200, "SUCCESS")
    server.check()

    server.graceful()
    server.expect(f"{OWN}: ")
    server.check()

    server.write_config(
        vhost(port, "guarded.test", f"CFOriginPull {mode}", bench.listing(bench.zone_ca), tls=bench.tls)
    )
    server.graceful()
    assert fetch(port, sni="guarded.test", credential=bench.edge).verify == "SUCCESS"
    server.stop()


def test_own_certificate_itself(bench: Bench) -> None:
    line = bench.line(bench.listing(bench.tls, bench.zone_ca))
    assert line.startswith(f'{OWN}: the trusted certificate of "CN=own" ({bench.tls.cert_file}) {SELF}, which Cloudflare does not show:')


def test_self_signed_own_certificate(bench: Bench, server_certificate: Credential) -> None:
    assert SELF in bench.line(bench.listing(server_certificate), tls=server_certificate)


def test_full_chain_as_certbot_writes_it(bench: Bench) -> None:
    """The server's certificate, and the intermediate that has issued it: two lines."""
    between = bench.server_ca.issue("between", ca=True)
    leaf = between.issue("chained", eku="server", san=["*.test"])
    chain = bench.pki.bundle("fullchain", leaf, between)
    lines = bench.of(f"{CA_FILE} {chain}", tls=leaf)
    assert [line.startswith(f"{OWN}: ") for line in lines] == [True, True]
    assert sum(SELF in line for line in lines) == sum(ISSUED in line for line in lines) == 1

    # the root above it is told of, too, where SSLCertificateFile shows the way to it
    config = vhost(
        bench.port, "guarded.test", "SSLEngine on", f"SSLCertificateFile {chain}", f"SSLCertificateKeyFile {leaf.key_file}",
        "CFOriginPull On", bench.listing(bench.server_ca),
    )
    (line,) = bench.lines(config)
    assert ISSUED in line


def test_each_of_several_certificate_files_counts(bench: Bench) -> None:
    rsa = bench.zone_ca.issue("rsa-server", key="rsa2048", eku="server", san=["*.test"])
    more = (f"SSLCertificateFile {rsa.cert_file}", f"SSLCertificateKeyFile {rsa.key_file}")
    assert '"CN=zone-ca"' in bench.line(*more, bench.listing(bench.zone_ca))
    assert '"CN=server-ca"' in bench.line(*more, bench.listing(bench.server_ca))
    assert bench.of(bench.listing(bench.zone_ca)) == []


def test_inherited_certificate_counts_unless_it_is_replaced(bench: Bench) -> None:
    main = f"SSLCertificateFile {bench.tls.cert_file}\nSSLCertificateKeyFile {bench.tls.key_file}\n"
    guarded = ("CFOriginPull On", bench.listing(bench.server_ca))
    (line,) = bench.lines(main + vhost(bench.port, "guarded.test", "SSLEngine on", *guarded))
    assert line.startswith(OWN) and named(line) == [f"guarded.test:{bench.port}"]

    other = bench.zone_ca.issue("replacing", eku="server", san=["*.test"])
    assert bench.lines(main + vhost(bench.port, "guarded.test", *guarded, tls=other)) == []


def test_relative_path_and_inherited_guard(bench: Bench) -> None:
    (bench.server.directory / "own.pem").write_bytes(bench.tls.cert_pem)
    tls = ("SSLEngine on", "SSLCertificateFile own.pem", f"SSLCertificateKeyFile {bench.tls.key_file}")
    main = f"CFOriginPull On\n{bench.listing(bench.server_ca)}\n"
    plain = vhost(bench.port, "plain.test")
    off = vhost(bench.port, "off.test", *tls, "CFOriginPull Off")
    (line,) = bench.lines(main + plain + off + vhost(bench.port, "guarded.test", *tls))
    assert named(line) == [f"guarded.test:{bench.port}"]


@pytest.mark.parametrize("path", ("/nowhere.pem", "/dev/null", "/dev", "pkcs11:object=own", "junk"))
def test_what_cannot_be_read_is_left_to_mod_ssl(bench: Bench, path: str) -> None:
    junk = str(bench.pki.file("junk.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
    tls = (f"SSLCertificateFile {junk if path == 'junk' else path}", "SSLEngine on")
    bench.server.write_config(vhost(bench.port, "guarded.test", *tls, "CFOriginPull On", bench.listing(bench.server_ca)))
    outcome = bench.server.config_test()
    assert our_lines(outcome.stderr) == []


def test_namesake_of_the_issuer_is_another_ca(bench: Bench) -> None:
    tls = bench.server_ca.issue("no-key-id", eku="server", san=["*.test"], key_id=False)
    namesake = bench.pki.root("namesake", subject="server-ca")
    assert bench.of(bench.listing(namesake), tls=tls) == []
    assert ISSUED in bench.line(bench.listing(bench.server_ca), tls=tls)


def test_pin_makes_it_narrow(bench: Bench) -> None:
    assert bench.of(bench.listing(bench.server_ca), f"CFOriginPullPin sha256:{bench.edge.sha256}") == []
    assert bench.of(f"{CA_FILE} builtin") == []


def test_many_virtual_hosts_are_one_line(bench: Bench) -> None:
    hosts = [f"host{number}.test" for number in range(30)]
    config = "".join(
        vhost(bench.port, host, "CFOriginPull On", bench.listing(bench.server_ca), tls=bench.tls) for host in hosts
    )
    (line,) = bench.lines(config)
    assert line.endswith(" and 10 more") and line.count(".test:") == 20


# CAs that the system trusts


def trusted_by_system(bench: Bench, *certificates: Credential) -> None:
    bench.system.write_bytes(b"".join(one.cert_pem for one in certificates))


def test_ca_of_the_system(bench: Bench, servers: Servers) -> None:
    public = bench.pki.root("public-ca")
    assert bench.of(bench.listing(public)) == []
    same_name = bench.pki.root("other-public", subject="public-ca")
    trusted_by_system(bench, same_name)
    assert bench.of(bench.listing(public)) == []
    trusted_by_system(bench, same_name, public)

    line = bench.line(bench.listing(public, bench.zone_ca))
    assert line.startswith(
        f'{SYSTEM}: the trusted certificate of "CN=public-ca" ({public.cert_file}) is one of the CAs that this system trusts in general'
    )
    assert "or pin that certificate with CFOriginPullPin" in line
    assert bench.of(bench.listing(public), f"CFOriginPullPin sha256:{bench.edge.sha256}") == []

    port = free_port()
    config = vhost(port, "guarded.test", "CFOriginPull On", bench.listing(public), tls=bench.tls)
    server = servers.httpd(config, listen=[port], extra_environment={"SSL_CERT_FILE": str(bench.system)})
    server.expect(f"{SYSTEM}: ")
    server.check()
    server.graceful()
    server.expect(f"{SYSTEM}: ")
    server.stop()


def test_ca_that_a_ca_of_the_system_has_issued(bench: Bench) -> None:
    public = bench.pki.root("public-root")
    branch, ended = public.issue("public-branch", ca=True), public.issue("public-ended", ca=True, not_before=-3 * DAY, not_after=-DAY)
    cross = bench.zone_ca.issue("public-cross", subject="public-root", same_key_as=public, ca=True)
    namesake = bench.zone_ca.issue("public-namesake", subject="public-root", ca=True)
    leaf = public.issue("public-leaf")
    for one in (branch, cross, namesake, leaf):
        assert bench.of(bench.listing(one)) == []
    trusted_by_system(bench, public)
    assert f"{branch.cert_file}) was issued by one of the CAs that this system trusts in general" in bench.line(bench.listing(branch))
    assert f"{cross.cert_file}) is one of the CAs that this system trusts in general" in bench.line(bench.listing(cross))
    for line in bench.of(bench.listing(ended)):
        assert SYSTEM not in line  # an end is told otherwise, and verifies nobody
    # a CA of another key, and a certificate that is listed itself, and lets in nobody else
    assert bench.of(bench.listing(namesake)) == bench.of(bench.listing(leaf)) == []
    assert bench.of(bench.listing(branch), f"CFOriginPullPin sha256:{bench.edge.sha256}") == []


def test_whole_bundle_is_a_handful_of_lines(bench: Bench) -> None:
    public = [bench.pki.root(f"public-{number}") for number in range(12)]
    trusted_by_system(bench, *public)
    bundle = bench.pki.bundle("whole", *public)
    lines = bench.of(f"{CA_FILE} {bundle}")
    assert len(lines) == 6 and all(line.startswith(f"{SYSTEM}: ") for line in lines)
    assert sum('"CN=public-' in line for line in lines) == 5
    assert lines[-1] == f"{SYSTEM}: and 7 more of the trusted certificates, as those above"


def test_own_issuer_that_is_public_has_one_line(bench: Bench) -> None:
    trusted_by_system(bench, bench.server_ca)
    assert bench.line(bench.listing(bench.server_ca)).startswith(f"{OWN}: ")


# What can verify no client


@dataclass(frozen=True)
class Useless:
    """A certificate that is listed, the words for why it is of no use, and what shows that it is of none."""

    listed: Credential
    shown: Credential
    words: str


@pytest.fixture(scope="module")
def useless(pki: Pki) -> dict[str, Useless]:
    no_signer = pki.root("no-signer", signs=False)
    server_ca = pki.root("ca-for-servers", eku="server")
    weak_ca = pki.root("weak-ca", key="rsa1024")
    server_leaf = pki.self_signed("panel", eku="server")
    weak_leaf = pki.self_signed("weak-leaf", key="rsa1024")
    return {
        "leaf-for-servers": Useless(server_leaf, server_leaf, "its extendedKeyUsage lacks clientAuth"),
        "weak-leaf": Useless(weak_leaf, weak_leaf, "its key is too weak for OpenSSL's security level 2"),
        "ca-without-keyCertSign": Useless(no_signer, no_signer.issue("by-no-signer"), "its keyUsage or basicConstraints"),
        "ca-for-servers": Useless(server_ca, server_ca.issue("by-ca-for-servers"), "its extendedKeyUsage lacks clientAuth"),
        "weak-ca": Useless(weak_ca, weak_ca.issue("by-weak-ca"), "its key is too weak for OpenSSL's security level 2"),
    }


USELESS_ONES = ("leaf-for-servers", "weak-leaf", "ca-without-keyCertSign", "ca-for-servers", "weak-ca")


@pytest.mark.parametrize("name", USELESS_ONES)
def test_what_can_verify_no_client_is_told(bench: Bench, useless: dict[str, Useless], name: str) -> None:
    it = useless[name]
    line = bench.line(bench.listing(it.listed, bench.zone_ca))
    subject = it.listed.certificate.subject.rfc4514_string()
    assert line.startswith(f'{USELESS}: the trusted certificate of "{subject}" ({it.listed.cert_file}) can verify no client, since {it.words}')
    assert ": list one " in line and named(line) == [f"guarded.test:{bench.port}"]


def test_it_verifies_no_client_indeed(bench: Bench, servers: Servers, useless: dict[str, Useless]) -> None:
    """Each refuses, in a server that tells of all of them at its start; beside them the edge is welcome."""
    port = free_port()
    config = "".join(
        vhost(port, f"{name}.test", "CFOriginPull On", bench.listing(it.listed, bench.zone_ca), tls=bench.tls)
        for name, it in useless.items()
    )
    server = servers.httpd(config, listen=[port])
    for name, it in useless.items():
        server.expect(f"{USELESS}: .*{it.words}.*; trusted by {name}.test:{port}")
        assert fetch(port, sni=f"{name}.test", credential=bench.edge).status == 200
        assert fetch(port, sni=f"{name}.test", credential=it.shown).status == 400
    server.allow_refusals()
    server.stop()


def test_security_level_is_that_of_the_server(bench: Bench, servers: Servers, useless: dict[str, Useless]) -> None:
    weak = useless["weak-leaf"].listed
    port = free_port()

    def host(name: str, *lines: str) -> str:
        return vhost(port, name, "CFOriginPull On", bench.listing(weak), *lines, tls=bench.tls)

    # SECLEVEL is inherited, and the one that counts is not that of TLS 1.3
    for_tls_13 = "SSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384"
    config = f"SSLCipherSuite DEFAULT@SECLEVEL=0\n{for_tls_13}\n" + host("low.test", for_tls_13)
    config += host("high.test", "SSLCipherSuite DEFAULT@SECLEVEL=3")
    (line,) = bench.lines(config)
    assert "level 3" in line and named(line) == [f"high.test:{port}"]

    server = servers.httpd(config, listen=[port])
    server.expect(f"{USELESS}: .*level 3.*; trusted by high.test:{port}$")
    server.allow_refusals()
    assert fetch(port, sni="low.test", credential=weak, tls="1.2").verify == "SUCCESS"
    server.stop()


def good_ones(pki: Pki) -> Sequence[Credential]:
    ca = pki.root("good-ca")
    return (
        ca.issue("good-no-eku", eku="none"),
        ca.issue("good-both", eku="client+server"),
        ca.issue("good-intermediate", ca=True, path_length=0),
        pki.self_signed("good-self-signed", eku="none"),
        pki.root("good-ca-for-clients", eku="client"),
        pki.root("good-sha1", digest="sha1"),
        pki.root("good-path-length", path_length=0),
    )


def test_what_can_verify_clients_is_not_told_of(bench: Bench) -> None:
    for one in good_ones(bench.pki):
        assert bench.of(bench.listing(one)) == [], one.label


def test_ca_with_an_unknown_critical_extension(bench: Bench) -> None:
    """OpenSSL refuses every chain with it."""
    key, name = make_key("p256"), common_name("strange-ca")
    now = datetime.utcnow()
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - DAY, now + 90 * DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"), critical=True)
    ca = bench.pki.keep(Credential(bench.pki, "strange-ca", builder.sign(key, hashes.SHA256()), key))
    line = bench.line(bench.listing(ca))
    assert line.startswith(f"{USELESS}: ") and "it is refused itself (OpenSSL says: unhandled critical extension)" in line


def test_time_is_another_matter(bench: Bench) -> None:
    ended = bench.zone_ca.issue("ended", not_before=-9 * DAY, not_after=-2 * DAY)
    assert bench.line(bench.listing(ended)).startswith("CFAOP106: ")


def test_listed_leaf_that_its_issuer_has_revoked(bench: Bench) -> None:
    leaf = bench.zone_ca.issue("revoked-leaf")
    crl = bench.zone_ca.crl("zone", revoked=[leaf])
    line = bench.line(bench.listing(leaf, bench.zone_ca), f"CFOriginPullCARevocationFile {crl}")
    assert line.startswith(f"{USELESS}: ") and "it is refused itself (OpenSSL says: certificate revoked)" in line


# CRLs of some CAs only


def scope(**what: bool) -> x509.IssuingDistributionPoint:
    every = dict.fromkeys(("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs"), False)
    return x509.IssuingDistributionPoint(full_name=None, relative_name=None, only_some_reasons=None, **{**every, **what})


def test_ca_without_a_crl_is_told_of(bench: Bench) -> None:
    crl, other = bench.zone_ca.crl("one-of-two"), bench.pki.root("without-crl")
    line = bench.line(bench.listing(bench.zone_ca, other), f"{CRL_FILE} {crl}")
    assert line.startswith(f'{NO_CRL}: there is no CRL of "CN=without-crl" ({other.cert_file}) that OpenSSL uses, and others are listed in {CRL_FILE}: ')
    assert bench.of(bench.listing(bench.zone_ca), f"{CRL_FILE} {crl}") == []
    assert bench.of(bench.listing(bench.zone_ca, other), f"{CRL_FILE} {crl} {other.crl('its-own')}") == []


def test_builtin_ca_has_no_crl(bench: Bench) -> None:
    line = bench.line(f"{CRL_FILE} {bench.zone_ca.crl('beside-builtin')}")
    assert line.startswith(f"{NO_CRL}: ") and "(builtin)" in line and "Cloudflare publishes none" in line


def test_crl_of_a_namesake_is_another_cas(bench: Bench) -> None:
    namesake = bench.pki.root("crl-namesake", subject="zone-ca")
    line = bench.line(bench.listing(bench.zone_ca), f"{CRL_FILE} {namesake.crl('of-the-namesake')}")
    assert line.startswith(f'{NO_CRL}: there is no CRL of "CN=zone-ca" ')


@pytest.mark.parametrize("newer", [True, False], ids=["newer", "older"])
def test_crl_that_may_be_of_two_cas(bench: Bench, servers: Servers, newer: bool) -> None:
    """The warning is true: OpenSSL takes the newer CRL of a name, and the CA that has not signed it has no edge any more."""
    port, label = free_port(), f"twin-{newer}"
    ca = bench.pki.root(label)
    namesake = bench.pki.root(f"{label}-new", subject=label)
    own = ca.crl(f"{label}-own", last_update=-2 * DAY, has_key_identifier=False)
    other = namesake.crl(f"{label}-other", last_update=-(1 if newer else 3) * DAY, has_key_identifier=False)
    lines = ["CFOriginPull On", bench.listing(ca, namesake), f"{CRL_FILE} {own} {other}"]
    server = servers.httpd(vhost(port, "guarded.test", *lines, tls=bench.tls), listen=[port])
    for theirs, cert in ((other, ca), (own, namesake)):
        server.expect(re.escape(f'CFAOP152: the CRL in {theirs} is of "CN={label}" and of another key than the trusted CA of that name ({cert.cert_file})'))
    server.allow_refusals()
    assert fetch(port, sni="guarded.test", credential=ca.issue(f"{label}-edge")).status == (400 if newer else 200)
    assert fetch(port, sni="guarded.test", credential=namesake.issue(f"{label}-edge-2")).status == (200 if newer else 400)
    server.stop()


def test_crls_of_two_cas_with_key_identifiers(bench: Bench) -> None:
    ca, namesake = bench.pki.root("told-apart"), bench.pki.root("told-apart-new", subject="told-apart")
    crls = f"{CRL_FILE} {ca.crl('told-apart')} {namesake.crl('told-apart-new')}"
    assert [line for line in bench.lines(vhost(bench.port, "guarded.test", "CFOriginPull On", bench.listing(ca, namesake), crls, tls=bench.tls)) if "CFAOP15" in line] == []


DELTA, CAS, USERS = x509.DeltaCRLIndicator(1), scope(only_contains_ca_certs=True), scope(only_contains_user_certs=True)
INDIRECT, STRANGE = scope(indirect_crl=True), x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


@pytest.mark.parametrize(
    "name, extensions, is_told",
    [
        ("delta", [DELTA], True),
        ("cas", [CAS], True),
        ("users", [USERS], True),
        ("cas-and-users", [CAS, USERS], False),
        ("indirect", [INDIRECT], True),
        ("strange", [STRANGE], True),
    ],
)
def test_crls_must_be_for_all_certificates_of_a_chain(
    bench: Bench, servers: Servers, name: str, extensions: list[x509.ExtensionType], is_told: bool
) -> None:
    """The warning is true: the edge is refused. A CA that has signed itself needs a CRL for CAs, too."""
    port, ca = free_port(), bench.pki.root(f"ca-{name}")
    crls = " ".join(str(ca.crl(f"{name}-{i}", extension=extension)) for i, extension in enumerate(extensions))
    config = vhost(port, "guarded.test", "CFOriginPull On", bench.listing(ca), f"{CRL_FILE} {crls}", tls=bench.tls)
    server = servers.httpd(config, listen=[port])
    if is_told:
        server.expect(f"{NO_CRL}: ")
        server.allow_refusals()
    assert fetch(port, sni="guarded.test", credential=ca.issue(f"edge-{name}")).status == (400 if is_told else 200)
    server.stop()


KEY_IDENTIFIERS = {
    "other-key": x509.AuthorityKeyIdentifier(b"another", None, None),
    # as of the CA before it was renewed with its key
    "other-serial": x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(common_name("ca-other-serial"))], 1),
}


@pytest.mark.parametrize("flaw", [*KEY_IDENTIFIERS, "entry", "none"])
def test_crl_that_openssl_does_not_use(bench: Bench, servers: Servers, flaw: str) -> None:
    """The warning is true: the edge is refused, though the CA has signed the CRL."""
    port, ca = free_port(), bench.pki.root(f"ca-{flaw}")
    revoked = ca.issue(f"revoked-{flaw}")
    crl = ca.crl(
        flaw, revoked=[revoked], key_identifier=KEY_IDENTIFIERS.get(flaw), entry_extension=STRANGE if flaw == "entry" else None
    )
    config = vhost(port, "guarded.test", "CFOriginPull On", bench.listing(ca), f"{CRL_FILE} {crl}", tls=bench.tls)
    server = servers.httpd(config, listen=[port])
    if flaw != "none":
        server.expect(f"{NO_CRL}: ")
    server.allow_refusals()
    assert fetch(port, sni="guarded.test", credential=ca.issue(f"edge-{flaw}")).status == (200 if flaw == "none" else 400)
    assert fetch(port, sni="guarded.test", credential=revoked).status == 400
    server.stop()


def test_ca_that_may_sign_no_crls(bench: Bench) -> None:
    ca = bench.pki.root("no-crl-sign", signs_crls=False)
    assert bench.line(bench.listing(ca), f"{CRL_FILE} {ca.crl('not-allowed')}").startswith(f"{NO_CRL}: ")


def test_root_of_intermediates_needs_no_crl_for_clients(bench: Bench, servers: Servers) -> None:
    """The usual CRL of a root that is kept offline is for CAs only. A revoked intermediate is refused by it."""
    port, root = free_port(), bench.pki.root("offline")
    between, revoked = root.issue("online", ca=True), root.issue("online-revoked", ca=True)
    crls = f"{CRL_FILE} {root.crl('offline', extension=CAS, revoked=[revoked])} {between.crl('online')} {revoked.crl('online-revoked')}"
    server = servers.httpd(vhost(port, "guarded.test", "CFOriginPull On", bench.listing(root), crls, tls=bench.tls), listen=[port])
    server.allow_refusals()
    edge, other = between.issue("offline-edge").sending(between), revoked.issue("offline-other").sending(revoked)
    assert [fetch(port, sni="guarded.test", credential=each).status for each in (edge, other)] == [200, 400]
    server.stop()


@pytest.mark.parametrize("issuer_is_listed", (True, False))
def test_listed_ca_that_a_listed_crl_revokes(bench: Bench, servers: Servers, issuer_is_listed: bool) -> None:
    """The warning is true: the edge is refused. A CRL whose issuer is not listed revokes nothing here."""
    port, root = free_port(), bench.pki.root(f"revoker-{issuer_is_listed}")
    between = root.issue(f"revoked-ca-{issuer_is_listed}", ca=True)
    theirs, own = root.crl(f"revokes-{issuer_is_listed}", revoked=[between]), between.crl(f"of-revoked-{issuer_is_listed}")
    listing = bench.listing(*([root] if issuer_is_listed else []), between)
    config = vhost(port, "guarded.test", "CFOriginPull On", listing, f"{CRL_FILE} {theirs} {own}", tls=bench.tls)
    server = servers.httpd(config, listen=[port])
    if issuer_is_listed:
        label = f"revoked-ca-{issuer_is_listed}"
        server.expect(re.escape(f'CFAOP155: the trusted CA "CN={label}" ({between.cert_file}) is revoked by the CRL in {theirs}: '))
        edge = between.issue("edge-of-revoked").sending(between)
        assert fetch(port, sni="guarded.test", credential=edge).status == 400
        server.allow_refusals()
    server.stop()


@pytest.mark.parametrize("what", ("certificate", "CRL"))
def test_time_that_cannot_be_read(bench: Bench, servers: Servers, what: str) -> None:
    """The warning is true: the edge is refused."""
    port, ca = free_port(), bench.pki.root(f"bad-time-{what}")
    crl = ca.crl(f"bad-time-{what}")
    bad, lines = crl, [bench.listing(ca), f"{CRL_FILE} {crl}"]
    if what == "certificate":
        bad = bench.pki.file("broken-times.pem", with_broken_times(ca.cert_pem))
        lines = [f"{CA_FILE} {bad}"]
    else:
        crl.write_bytes(with_broken_times(crl.read_bytes()))
    server = servers.httpd(vhost(port, "guarded.test", "CFOriginPull On", *lines, tls=bench.tls), listen=[port])
    server.expect(rf'CFAOP157: the (trusted certificate|CRL) of "CN=bad-time-{what}" \({re.escape(str(bad))}\) has a time that OpenSSL cannot read')
    server.allow(f"{NO_CRL}: ")
    assert fetch(port, sni="guarded.test", credential=ca.issue(f"edge-{what}")).status == 400
    server.allow_refusals()
    server.stop()


def with_broken_times(pem: bytes) -> bytes:
    """The same certificate or CRL with 99 seconds in each time."""
    lines = pem.decode().splitlines()
    der = base64.b64decode("".join(lines[1:-1]))
    der = re.sub(rb"\x17\x0d(\d{10})\d\dZ", lambda time: b"\x17\x0d" + time[1] + b"99Z", der)
    return "\n".join([lines[0], base64.b64encode(der).decode(), lines[-1], ""]).encode()


def test_intermediate_needs_no_crl_for_cas(bench: Bench) -> None:
    between = bench.pki.root("root-of-between").issue("between-with-crl", ca=True)
    assert bench.of(bench.listing(between), f"{CRL_FILE} {between.crl('users-of-between', extension=USERS)}") == []


def test_crls_of_a_server_that_asks_nobody_are_not_looked_at(bench: Bench) -> None:
    """The cure would take them from the virtual hosts that inherit them."""
    crl = f"{CRL_FILE} {bench.zone_ca.crl('of-all')}\n"
    guarded = vhost(bench.port, "guarded.test", "CFOriginPull On", bench.listing(bench.zone_ca), tls=bench.tls)
    off = vhost(bench.port, "off.test", "CFOriginPull Off", tls=bench.tls)
    assert [line for line in bench.lines(crl + guarded + off) if NO_CRL in line] == []


def self_signed(pki: Pki, label: str, key: Any, serial: int, days: tuple[int, int]) -> Credential:
    name, now = common_name("renewed-ca"), datetime.utcnow()
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, now + days[0] * DAY, now + days[1] * DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return pki.keep(Credential(pki, label, builder.sign(key, hashes.SHA256()), key))


@pytest.mark.parametrize("serial", range(2, 8))
def test_ca_that_was_renewed_with_its_key(bench: Bench, servers: Servers, serial: int) -> None:
    """Old and new stand side by side, and the old one ends: one CRL is that of both, whichever digest is smaller."""
    key, port = make_key("p256"), free_port()
    old = self_signed(bench.pki, f"ended-{serial}", key, 1, (-9, -1))
    new = self_signed(bench.pki, f"renewed-{serial}", key, serial, (-9, 90))
    lines = ["CFOriginPull On", bench.listing(old, new), f"{CRL_FILE} {new.crl(f'renewed-{serial}')}"]
    server = servers.httpd(vhost(port, "guarded.test", *lines, tls=bench.tls), listen=[port])
    server.expect("CFAOP106: ")
    assert fetch(port, sni="guarded.test", credential=new.issue(f"edge-of-renewed-{serial}")).status == 200
    server.stop()


# What mod_ssl is told of revoked certificates is not for the guard


@pytest.mark.parametrize(
    "lines, named",
    [
        (("SSLCARevocationCheck chain",), "SSLCARevocationCheck"),
        (("SSLCARevocationCheck leaf", "SSLOCSPEnable off"), "SSLCARevocationCheck"),
        (("SSLCARevocationCheck none", "SSLOCSPEnable on"), "SSLOCSPEnable"),
        (("SSLCARevocationCheck chain", "SSLVerifyClient none"), "SSLCARevocationCheck"),
        (("SSLCARevocationCheck chain", "CFOriginPull LogOnly"), "SSLCARevocationCheck"),
        (("SSLCARevocationCheck none",), None),
        (("SSLCARevocationCheck chain", "CFOriginPull Off"), None),
        (("SSLCARevocationCheck chain", "SSLVerifyClient optional"), None),
        (("SSLCARevocationCheck chain", "<Location /admin>", "SSLVerifyClient require", "</Location>"), None),
    ],
)
def test_revocation_that_only_mod_ssl_knows(bench: Bench, lines: tuple[str, ...], named: Optional[str]) -> None:
    crl = f"SSLCARevocationFile {bench.zone_ca.crl('for-mod-ssl')}"
    found = bench.of(bench.listing(bench.zone_ca), f"SSLCACertificateFile {bench.zone_ca.cert_file}", crl, *lines)
    assert len(found) == (named is not None), found
    if named:
        assert found[0].startswith(f"CFAOP158: {named} is not for the certificates that CFOriginPull asks for, and no SSLVerifyClient")


def test_revocation_that_is_inherited(bench: Bench, servers: Servers) -> None:
    """The warning is true: the revoked edge is let in."""
    port, ca = free_port(), bench.pki.root("revokes-for-mod-ssl")
    edge = ca.issue("edge-revoked-for-mod-ssl")
    config = f"SSLCARevocationCheck chain\nSSLCARevocationFile {ca.crl('revokes-for-mod-ssl', revoked=[edge])}\nSSLCACertificateFile {ca.cert_file}\n"
    server = servers.httpd(config + vhost(port, "guarded.test", "CFOriginPull On", bench.listing(ca), tls=bench.tls), listen=[port])
    server.expect("CFAOP158: SSLCARevocationCheck is not for .* in force for guarded.test:")
    assert fetch(port, sni="guarded.test", credential=edge).status == 200
    server.stop()


@pytest.mark.parametrize("own", (True, False))
def test_revocation_that_another_virtual_host_uses(bench: Bench, own: bool) -> None:
    """What is inherited may be for that one: to remove it would disarm mod_ssl there."""
    check = "SSLCARevocationCheck chain"
    lines = ["CFOriginPull On", bench.listing(bench.zone_ca), *[check] * own]
    other = vhost(bench.port, "admin.test", "CFOriginPull Off", "SSLVerifyClient require", f"SSLCACertificateFile {bench.zone_ca.cert_file}", tls=bench.tls)
    config = check * (not own) + "\n" + vhost(bench.port, "guarded.test", *lines, tls=bench.tls) + other
    assert any("CFAOP158" in line for line in bench.lines(config)) is own
