"""CFOriginPullPin binds a vhost to certificates of one's own: the CA vouches for all that it issued, a pin for one."""

from __future__ import annotations

import base64
import hashlib
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Optional

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ObjectIdentifier

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.dump import dump_by_name
from support.httpd import ConfigTest, Httpd
from support.load import Load
from support.mistakes import our_lines
from support.pki import DAY, Credential, Name, Pki, common_name
from support.ports import free_port
from support.preload import preloading
from support.refusal_line import only_refusal_line
from support.vhost import vhost
from support.visits import KINDS, SESSION_EVIDENCE, STORAGES, Kind, Visit, storage_lines, visit
from support.waiting import wait_until

CA_FILE = "CFOriginPullCACertificateFile"
PIN = "CFOriginPullPin"
GOOD = (200, "SUCCESS")
WRONG = (400, "FAILED:pin")
RESUMED = (200, "SUCCESS", True)
VERIFIED = (200, "SUCCESS", False)
REFUSED = (400, "NONE", False)
UNPINNED = (400, "FAILED:pin", False)
CERTIFICATE_ERROR = "<center>The SSL certificate error</center>"


# Pins of a certificate, in every form


def spki(credential: Credential) -> str:
    """SHA-256 of the public key as RFC 7469 has it, in base64."""
    key = credential.certificate.public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def with_colons(digits: str) -> str:
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


FORMS: dict[str, Callable[[Credential], str]] = {
    "sha256": lambda own: f"sha256:{own.sha256}",
    "sha256-upper": lambda own: f"sha256:{own.sha256.upper()}",
    "sha256-mixed": lambda own: f"SHA256:{own.sha256[:32].upper()}{own.sha256[32:]}",
    "sha256-colons": lambda own: f"sha256:{with_colons(own.sha256)}",
    "sha256-openssl": lambda own: f"sha256:{with_colons(own.sha256.upper())}",
    "spki": lambda own: f"spki-sha256:{spki(own)}",
    "spki-curl": lambda own: f"sha256//{spki(own)}",
    "dns": lambda own: "dns:own.test",
    "dns-upper": lambda own: "dns:OWN.Test",
}
# form up to its first "-" -> the clients that it admits
ADMITTED = {"sha256": {"own"}, "spki": {"own", "renewed"}, "dns": {"own", "namesake"}}
CLIENTS = ("own", "renewed", "namesake", "neighbour")


@dataclass(frozen=True)
class Bench:
    """Vhosts form-<form>.test, each with one pin of the client "own", and some more. All trust one CA.

    own        has the SAN own.test
    renewed    has another certificate for own's key, without a SAN
    namesake   has another key, and the SAN OWN.TEST
    neighbour  has nothing but the same issuer
    """

    httpd: Httpd
    port: int
    ca: Credential
    clients: dict[str, Credential]

    def ask(
        self, name: str, client: Optional[str] = None, *, tls: str = "1.3", http: str = "1.1", sni: Optional[str] = None
    ) -> tuple[int, str]:
        credential = self.clients[client] if client else None
        answer = fetch(self.port, sni=sni or name, host=name, credential=credential, tls=tls, http=http)
        assert answer.vhost == name
        return answer.status, answer.verify


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    other_ca = pki.root("other-ca")
    middle = ca.issue("middle", ca=True)
    own = ca.issue("own", san=["own.test"])
    clients = {
        "own": own,
        "renewed": ca.issue("renewed", same_key_as=own),
        "namesake": ca.issue("namesake", san=["OWN.TEST"]),
        "neighbour": ca.issue("neighbour"),
        "by-middle": middle.issue("by-middle", san=["own.test"]).sending(middle),
        "expired": ca.issue("expired", san=["own.test"], not_before=-3 * DAY, not_after=-DAY),
        "forged": other_ca.issue("forged", san=["own.test"], same_key_as=own),
        "self-signed": pki.self_signed("self-signed", san=["own.test"]),
        "stranger": other_ca.issue("stranger"),
        "expired-stranger": ca.issue("expired-stranger", not_before=-3 * DAY, not_after=-DAY),
    }
    guard = ["CFOriginPull On", f"{CA_FILE} {ca.cert_file}"]
    lists = {f"form-{form}": [f"{PIN} {of(own)}"] for form, of in FORMS.items()}
    of_ca = f"{PIN} sha256:{ca.sha256} sha256//{spki(ca)} sha256:{middle.sha256} sha256//{spki(middle)}"
    pins = " ".join(f"sha256:{clients[name].sha256}" for name in ("own", "expired", "forged", "self-signed"))
    lists.update(
        {
            "unpinned": [],
            "of-issuers": [of_ca],
            "besides-the-chain": [f"{PIN} {pins} sha256//{spki(own)} dns:own.test"],
            "listed-leaf": [f"{CA_FILE} {clients['self-signed'].cert_file}", f"{PIN} dns:own.test"],
            "listed-leaf-unpinned": [f"{CA_FILE} {clients['self-signed'].cert_file}", f"{PIN} dns:else.test"],
            "any-of": [f"{PIN} dns:nobody.test sha256:{clients['neighbour'].sha256}", f"{PIN} sha256//{spki(own)}"],
            "own-same": [f"{PIN} sha256:{own.sha256} dns:own.test"],
            "own-same-too": [f"{PIN} DNS:OWN.test", f"{PIN} SHA256:{with_colons(own.sha256.upper())} dns:own.test"],
            "neighbours": [f"{PIN} sha256:{clients['neighbour'].sha256}"],
            "optional": ["CFOriginPull Optional", f"{PIN} dns:own.test"],
            "logonly": ["CFOriginPull LogOnly", f"{PIN} dns:own.test"],
        }
    )
    port = free_port()
    config = vhost(port, "default.test", tls=server_certificate)
    config += "".join(vhost(port, f"{name}.test", *guard, *lines, tls=server_certificate) for name, lines in lists.items())
    return Bench(servers.httpd(config, listen=[port]), port, ca, clients)


@pytest.fixture
def refusing(bench: Bench) -> Iterator[Bench]:
    """A bench whose test ends after at least one refusal for want of a pin."""
    bench.httpd.expect_refusal("pin")
    yield bench


# Who is admitted


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("form", FORMS)
def test_pin_admits_what_it_names_and_nothing_else(refusing: Bench, form: str, tls: str, http: str) -> None:
    admitted = ADMITTED[form.partition("-")[0]]
    for client in CLIENTS:
        assert refusing.ask("unpinned.test", client, tls=tls, http=http) == GOOD
        expected = GOOD if client in admitted else WRONG
        assert (client, refusing.ask(f"form-{form}.test", client, tls=tls, http=http)) == (client, expected)


@pytest.mark.parametrize("form", ("sha256", "spki", "dns"))
def test_no_certificate_is_still_no_certificate(bench: Bench, form: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    assert bench.ask(f"form-{form}.test") == (400, "NONE")


def test_pins_are_what_the_usual_commands_print(bench: Bench) -> None:
    """The certificate's fingerprint by openssl x509, and the key's by the commands of curl's manual."""
    own = bench.clients["own"].cert_file
    printed = run(["openssl", "x509", "-in", str(own), "-noout", "-fingerprint", "-sha256"]).decode()
    assert FORMS["sha256-openssl"](bench.clients["own"]) == "sha256:" + printed.strip().partition("=")[2]

    pem = run(["openssl", "x509", "-in", str(own), "-noout", "-pubkey"])
    der = run(["openssl", "pkey", "-pubin", "-outform", "der"], pem)
    digest = run(["openssl", "dgst", "-sha256", "-binary"], der)
    assert FORMS["spki-curl"](bench.clients["own"]) == "sha256//" + base64.b64encode(digest).decode()


def run(words: list[str], given: bytes = b"") -> bytes:
    return subprocess.run(words, input=given, check=True, capture_output=True).stdout


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_any_of_several_pins_is_enough(refusing: Bench, tls: str) -> None:
    answers = {client: refusing.ask("any-of.test", client, tls=tls) for client in CLIENTS}
    assert answers == {"own": GOOD, "renewed": GOOD, "namesake": WRONG, "neighbour": GOOD}


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_pin_of_an_issuer_admits_nobody(refusing: Bench, tls: str) -> None:
    """What is pinned is the client's own certificate."""
    for client in ("own", "by-middle"):
        assert refusing.ask("unpinned.test", client, tls=tls) == GOOD
        assert refusing.ask("of-issuers.test", client, tls=tls) == WRONG


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_leaf_behind_an_intermediate_is_pinned_too(bench: Bench, tls: str) -> None:
    assert bench.ask("form-dns.test", "by-middle", tls=tls) == GOOD


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize(
    ("client", "reason"),
    [("expired", "expired"), ("forged", "untrusted_issuer"), ("self-signed", "untrusted_issuer")],
)
def test_pin_does_not_stand_for_the_chain(bench: Bench, client: str, reason: str, tls: str) -> None:
    """All three are pinned by certificate, by name, and one by its key."""
    bench.httpd.expect_refusal(reason)
    assert bench.ask("besides-the-chain.test", "own", tls=tls) == GOOD
    assert bench.ask("besides-the-chain.test", client, tls=tls) == (400, f"FAILED:{reason}")


@pytest.mark.parametrize("form", ("sha256", "spki", "dns"))
@pytest.mark.parametrize(("client", "reason"), [("stranger", "untrusted_issuer"), ("expired-stranger", "expired")])
def test_what_is_wrong_with_the_chain_is_said_first(bench: Bench, client: str, reason: str, form: str) -> None:
    bench.httpd.expect_refusal(reason)
    assert bench.ask(f"form-{form}.test", client) == (400, f"FAILED:{reason}")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_listed_leaf_must_be_pinned_as_well(refusing: Bench, tls: str) -> None:
    assert refusing.ask("listed-leaf.test", "self-signed", tls=tls) == GOOD
    assert refusing.ask("listed-leaf-unpinned.test", "self-signed", tls=tls) == WRONG


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_refusal_is_the_page_of_a_bad_certificate_and_says_which(refusing: Bench, http: str) -> None:
    neighbour = refusing.clients["neighbour"]
    answer = fetch(refusing.port, sni="form-dns.test", credential=neighbour, http=http)
    assert (answer.status, CERTIFICATE_ERROR in answer.text) == (400, True)
    line = only_refusal_line(refusing.httpd)
    assert (line.reason, line.status, line.host) == ("pin", 400, "form-dns.test")
    assert (line.subject, line.sha256) == ("CN=neighbour", neighbour.sha256)


# Modes


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_optional_forgives_absence_and_not_another_certificate(refusing: Bench, tls: str, http: str) -> None:
    assert refusing.ask("optional.test", "own", tls=tls, http=http) == GOOD
    assert refusing.ask("optional.test", tls=tls, http=http) == (200, "NONE")
    assert refusing.ask("optional.test", "neighbour", tls=tls, http=http) == WRONG


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_log_only_says_what_on_would_do(bench: Bench, tls: str, http: str) -> None:
    bench.httpd.expect_refusal("pin", would=True)
    assert bench.ask("logonly.test", "own", tls=tls, http=http) == GOOD
    assert bench.httpd.log.find("CFAOP301: ") == []
    assert bench.ask("logonly.test", "neighbour", tls=tls, http=http) == (200, "FAILED:pin")
    line = only_refusal_line(bench.httpd)
    assert (line.action, line.reason, line.status) == ("would refuse", "pin", 400)


# Pins are part of the policy


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_connection_is_worth_nothing_where_other_pins_count(bench: Bench, tls: str, http: str) -> None:
    """The control: equal pins in another order and spelling are one policy."""
    bench.httpd.expect_refusal("misdirected")
    assert bench.ask("own-same-too.test", "own", sni="own-same.test", tls=tls, http=http) == GOOD
    for name, client in (("neighbours.test", "own"), ("unpinned.test", "own"), ("own-same.test", "neighbour")):
        elsewhere = "unpinned.test" if client == "neighbour" else "own-same.test"
        assert bench.ask(name, client, sni=elsewhere, tls=tls, http=http) == (421, "FAILED:misdirected")


# Names


def other_name(text: str) -> x509.OtherName:
    """A userPrincipalName, as UTF8String."""
    data = text.encode()
    return x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), bytes([12, len(data)]) + data)


@dataclass(frozen=True)
class Naming:
    """Names in a certificate, and whether a vhost pinned to `pin` admits it."""

    label: str
    san: tuple[Name, ...]
    admitted: bool
    pin: str = "own.test"
    subject: str = "somebody"


NAMINGS = (
    Naming("exact", ("own.test",), True),
    Naming("upper-case", ("OWN.TEST",), True),
    Naming("among-others", ("a.test", x509.RFC822Name("own@own.test"), "own.test", "b.test"), True),
    Naming("no-name", (), False),
    Naming("another-name", ("else.test",), False),
    Naming("subdomain", ("a.own.test",), False),
    Naming("parent", ("test",), False),
    Naming("longer", ("own.testing",), False),
    Naming("longer-before", ("my-own.test",), False),
    Naming("shorter", ("own.tes",), False),
    Naming("closing-dot", ("own.test.",), False),
    Naming("leading-dot", (".own.test",), False),
    Naming("blank-after", ("own.test ",), False),
    Naming("empty", (x509.DNSName(""),), False),
    Naming("nul-after", ("own.test\0",), False),
    Naming("nul-and-more", ("own.test\0.evil.test",), False),
    Naming("nul-before", ("\0own.test",), False),
    Naming("nul-inside", ("own\0test",), False),
    Naming("wildcard-of-the-name", ("*.own.test",), False, pin="a.own.test"),
    Naming("wildcard-of-all", ("*",), False),
    Naming("wildcard-of-the-parent", ("*.test",), False),
    Naming("common-name", (), False, subject="own.test"),
    Naming("common-name-beside-another", ("else.test",), False, subject="own.test"),
    Naming("mail", (x509.RFC822Name("own.test"),), False),
    Naming("uri", (x509.UniformResourceIdentifier("own.test"),), False),
    Naming("uri-whole", (x509.UniformResourceIdentifier("dns:own.test"),), False),
    Naming("directory", (x509.DirectoryName(common_name("own.test")),), False),
    Naming("other-name", (other_name("own.test"),), False),
    Naming("address", ("127.0.0.1",), False, pin="127.0.0.1"),
    # four bytes that spell a name
    Naming("address-bytes", ("111.119.110.97",), False, pin="owna"),
    Naming("underscore", ("_own-1.test",), True, pin="_own-1.test"),
)


def pinned_to(pin: str) -> str:
    """The name of the vhost with this pin."""
    return pin.replace(".", "-") + ".test"


@dataclass(frozen=True)
class Names:
    httpd: Httpd
    port: int
    clients: dict[str, Credential]


@pytest.fixture(scope="module")
def names(servers: Servers, pki: Pki, server_certificate: Credential) -> Names:
    """A vhost for each pin."""
    ca = pki.root("names-ca")
    port = free_port()
    config = "".join(
        vhost(port, pinned_to(pin), "CFOriginPull On", f"{CA_FILE} {ca.cert_file}", f"{PIN} dns:{pin}", tls=server_certificate)
        for pin in dict.fromkeys(naming.pin for naming in NAMINGS)
    )
    clients = {
        naming.label: ca.issue(f"naming-{naming.label}", subject=naming.subject, san=naming.san) for naming in NAMINGS
    }
    return Names(servers.httpd(config, listen=[port]), port, clients)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("naming", NAMINGS, ids=lambda naming: naming.label)
def test_name_counts_only_as_a_dns_name_of_the_san(names: Names, naming: Naming, tls: str) -> None:
    if not naming.admitted:
        names.httpd.expect_refusal("pin")
    answer = fetch(names.port, sni=pinned_to(naming.pin), credential=names.clients[naming.label], tls=tls)
    assert (answer.status, answer.verify) == (GOOD if naming.admitted else WRONG)


# Across a graceful restart


@dataclass(frozen=True)
class Renewal:
    """The pins of a vhost before and after a graceful restart, as clients, and what an old session is worth then."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    made_by: str
    bare: tuple[int, str, bool]
    again: tuple[int, str, bool]


RENEWALS = (
    Renewal("kept", ("old",), ("old",), "old", RESUMED, RESUMED),
    Renewal("replaced", ("old",), ("new",), "old", REFUSED, UNPINNED),
    Renewal("reduced", ("old", "new"), ("new",), "old", REFUSED, UNPINNED),
    Renewal("reduced-new", ("old", "new"), ("new",), "new", REFUSED, VERIFIED),
    Renewal("widened", ("old",), ("old", "new"), "old", REFUSED, VERIFIED),
    Renewal("pinned", (), ("new",), "old", REFUSED, UNPINNED),
    Renewal("unpinned", ("old",), (), "old", REFUSED, VERIFIED),
)


@dataclass(frozen=True)
class Rotation:
    """A vhost <renewal>.test for each, on a port for each storage of sessions; the pins are by certificate and by key."""

    httpd: Httpd
    ports: dict[str, int]
    clients: dict[str, Credential]
    ca: Credential
    key_file: Path
    tls: Credential

    def config(self, stage: int) -> str:
        text = ""
        for storage, port in self.ports.items():
            for renewal in RENEWALS:
                names_ = (renewal.before, renewal.after)[stage]
                lines = ["CFOriginPull On", f"{CA_FILE} {self.ca.cert_file}", *SESSION_EVIDENCE]
                lines += storage_lines(storage, self.key_file)
                lines += [self.pin(name) for name in names_]
                text += vhost(port, f"{renewal.name}.test", *lines, tls=self.tls)
        return text

    def pin(self, client: str) -> str:
        of = FORMS["sha256"] if client == "old" else FORMS["spki"]
        return f"{PIN} {of(self.clients[client])}"

    def visit(
        self, name: str, kind: Kind, client: Optional[str] = None, *, after: Optional[Visit] = None, http: str = "1.1"
    ) -> Visit:
        credential = self.clients[client] if client else None
        port = self.ports[kind.storage]
        return visit(
            port, f"{name}.test", tls=kind.tls, credential=credential, session=after and after.session, http=http
        )


@pytest.fixture(scope="module")
def rotation(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> Rotation:
    ca = pki.root("rotation-ca")
    clients = {name: ca.issue(f"rotation-{name}") for name in ("old", "new")}
    ports = {storage: free_port() for storage in STORAGES}
    key_file = pki.file("rotation-ticket.key", secrets.token_bytes(48))
    environment = preloading("ticket_key", directory)
    server = servers.prepare_httpd("", listen=list(ports.values()), extra_environment=environment)
    server.log.always.append("CFAOP137: ")
    return Rotation(server, ports, clients, ca, key_file, server_certificate)


def session_in_hand(rotation: Rotation, renewal: Renewal, kind: Kind, http: str) -> Visit:
    """The newest session of a good client, which was taken up before."""
    first = rotation.visit(renewal.name, kind, renewal.made_by, http=http)
    second = rotation.visit(renewal.name, kind, after=first, http=http)
    assert (first.outcome, second.outcome) == (VERIFIED, RESUMED)
    return second


def test_sessions_end_with_the_pins_that_they_were_judged_by(rotation: Rotation) -> None:
    """The control is the vhost whose pins were kept: its sessions outlive the restart."""
    rotation.httpd.write_config(rotation.config(0))
    rotation.httpd.start()
    rotation.httpd.allow_refusals()
    cases = [(renewal, kind, http) for renewal in RENEWALS for kind in KINDS for http in HTTP_VERSIONS]
    old = {case: [session_in_hand(rotation, *case) for _ in range(2)] for case in cases}

    rotation.httpd.write_config(rotation.config(1))
    rotation.httpd.graceful()

    def offer(case: tuple[Renewal, Kind, str], client: Optional[str], session: Visit) -> tuple[int, str, bool]:
        renewal, kind, http = case
        return rotation.visit(renewal.name, kind, client, after=session, http=http).outcome

    for case in cases:
        renewal, kind, _ = case
        # httpd makes its cache anew when it restarts: what was in it is lost, tickets are not
        lost = kind.storage == "cache" and renewal.bare == RESUMED
        assert (case, offer(case, None, old[case][0])) == (case, REFUSED if lost else renewal.bare)
        assert (case, offer(case, renewal.made_by, old[case][1])) == (case, VERIFIED if lost else renewal.again)
    for renewal in RENEWALS:
        welcome = "new" if not renewal.after else renewal.after[-1]
        for kind in KINDS:
            fresh = rotation.visit(renewal.name, kind, welcome)
            assert fresh.outcome == VERIFIED
            assert rotation.visit(renewal.name, kind, after=fresh).outcome == RESUMED
    rotation.httpd.log.wait_for("CFAOP301: refused: reason=pin ")


def test_certificate_is_exchanged_without_an_outage(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """Two pins while the edge goes over from one certificate to the other; visitors come all the time."""
    ca = pki.root("outage-ca")
    clients = {name: ca.issue(f"outage-{name}") for name in ("old", "new")}
    port = free_port()

    def config(*pinned: str) -> str:
        lines = [f"{PIN} sha256:{clients[name].sha256}" for name in pinned]
        return vhost(port, "www.test", "CFOriginPull On", f"{CA_FILE} {ca.cert_file}", *lines, tls=server_certificate)

    current = {"name": "old"}

    def visitor(tls: str) -> Callable[[], str]:
        def come() -> str:
            name = current["name"]
            answer = fetch(port, sni="www.test", credential=clients[name], tls=tls)
            return f"{name} {answer.status} {answer.verify}"

        return come

    server = servers.httpd(config("old"), listen=[port])
    server.expect_refusal("pin")
    assert fetch(port, sni="www.test", credential=clients["new"]).status == 400
    with Load(tls12=visitor("1.2"), tls13=visitor("1.3")) as load:
        server.write_config(config("old", "new"))
        server.graceful()
        current["name"] = "new"
        assert fetch(port, sni="www.test", credential=clients["old"]).status == 200
        # whoever began with the old certificate has come to an end
        settled = {name: sum(seen.values()) + 2 for name, seen in load.seen.items()}
        assert wait_until(lambda: all(sum(seen.values()) >= settled[name] for name, seen in load.seen.items()))
        server.write_config(config("new"))
        server.graceful()
    assert fetch(port, sni="www.test", credential=clients["old"]).status == 400
    for seen in load.seen.values():
        assert set(seen) == {"old 200 SUCCESS", "new 200 SUCCESS"}


# Directives


@dataclass(frozen=True)
class Paper:
    """A server that is not started: configurations are tested and dumped."""

    httpd: Httpd
    port: int
    tls: Credential
    ca: Credential
    leaf: Credential

    def test(self, *lines: str, before: str = "") -> ConfigTest:
        self.httpd.write_config(before + vhost(self.port, "a.test", *lines, tls=self.tls))
        return self.httpd.config_test()

    def dump(self, sites: dict[str, list[str]], *, before: str = "") -> dict[str, tuple[str, list[str]]]:
        """Name -> policy digest and pins."""
        guard = ["CFOriginPull On", f"{CA_FILE} {self.ca.cert_file}"]
        text = "".join(vhost(self.port, f"{name}.test", *guard, *lines, tls=self.tls) for name, lines in sites.items())
        self.httpd.write_config(before + text)
        dumped = dump_by_name(self.httpd)
        return {name: (dumped[f"{name}.test"].digest, pins_of(dumped[f"{name}.test"].text)) for name in sites}


def pins_of(block: str) -> list[str]:
    return [line.strip().removeprefix("pin: ") for line in block.splitlines() if line.strip().startswith("pin: ")]


@pytest.fixture(scope="module")
def paper(servers: Servers, pki: Pki, server_certificate: Credential) -> Paper:
    port = free_port()
    ca = pki.root("paper-ca")
    return Paper(servers.prepare_httpd("", listen=[port]), port, server_certificate, ca, ca.issue("paper-leaf"))


@pytest.mark.parametrize("place", ("vhost", "server"))
def test_pin_that_fits_no_certificate_is_told_of(paper: Paper, place: str) -> None:
    """Where no CA is listed, the certificates that can come are known."""
    other = paper.ca.issue(f"paper-other-{place}")
    guard = ["CFOriginPull On", f"{CA_FILE} {paper.leaf.cert_file}"]

    def told(pin: str, *lines: str) -> bool:
        before, own = (f"{PIN} {pin}\n", []) if place == "server" else ("", [f"{PIN} {pin}"])
        outcome = paper.test(*guard, *own, *lines, before=before)
        assert outcome.ok, outcome.stderr
        return "CFAOP154: " in outcome.stderr

    assert told(f"sha256:{other.sha256}")
    assert not told(f"sha256:{paper.leaf.sha256}")
    assert not told(f"sha256:{other.sha256} spki-sha256:{spki(paper.leaf)}")
    assert not told(f"sha256:{other.sha256}", f"{PIN} none")
    assert not told(f"sha256:{other.sha256}", f"{CA_FILE} {other.cert_file}")
    assert not told(f"sha256:{other.sha256}", f"{CA_FILE} {paper.ca.cert_file}")


def test_pins_are_part_of_the_digest_and_dumped_in_one_spelling(paper: Paper) -> None:
    digits, key = paper.leaf.sha256, spki(paper.leaf)
    sites = {
        "none": [],
        "emptied": [f"{PIN} dns:a.test", f"{PIN} none"],
        "sha256": [f"{PIN} sha256:{digits}"],
        "sha256-again": [f"{PIN} SHA256:{with_colons(digits.upper())} sha256:{digits}"],
        "spki": [f"{PIN} spki-sha256:{key}"],
        "spki-again": [f"{PIN} sha256//{key}"],
        "dns": [f"{PIN} dns:a.test"],
        "dns-again": [f"{PIN} DNS:A.Test"],
        "dns-other": [f"{PIN} dns:b.test"],
        "two": [f"{PIN} dns:a.test dns:b.test"],
        "two-again": [f"{PIN} dns:b.test", f"{PIN} dns:a.test"],
        # one name that reads like two
        "joined": [f"{PIN} dns:a.testdns.b.test"],
        # 32 bytes are 32 bytes: the kind counts
        "sha256-of-spki": [f"{PIN} sha256:{base64.b64decode(key).hex()}"],
    }
    dumped = paper.dump(sites)
    assert {name: sorted(pins) for name, (_, pins) in dumped.items()} == {
        "none": [],
        "emptied": [],
        "sha256": [f"sha256:{digits}"],
        "sha256-again": [f"sha256:{digits}"],
        "spki": [f"spki-sha256:{key}"],
        "spki-again": [f"spki-sha256:{key}"],
        "dns": ["dns:a.test"],
        "dns-again": ["dns:a.test"],
        "dns-other": ["dns:b.test"],
        "two": ["dns:a.test", "dns:b.test"],
        "two-again": ["dns:a.test", "dns:b.test"],
        "joined": ["dns:a.testdns.b.test"],
        "sha256-of-spki": [f"sha256:{base64.b64decode(key).hex()}"],
    }
    digests = {name: digest for name, (digest, _) in dumped.items()}
    for again, name in (("sha256-again", "sha256"), ("spki-again", "spki"), ("dns-again", "dns"), ("two-again", "two")):
        assert digests.pop(again) == digests[name]
    assert digests.pop("emptied") == digests["none"]
    assert len(set(digests.values())) == len(digests)


def test_list_of_a_vhost_replaces_the_inherited_one(paper: Paper) -> None:
    sites = {
        "inherits": [],
        "replaces": [f"{PIN} dns:own.test"],
        "repeats": [f"{PIN} dns:own.test", f"{PIN} dns:more.test"],
        "empties": [f"{PIN} none"],
        "begins-anew": [f"{PIN} dns:own.test none dns:more.test"],
        "none-in-any-case": [f"{PIN} NONE"],
    }
    dumped = paper.dump(sites, before=f"{PIN} dns:main.test\n{PIN} dns:main-too.test\n")
    assert {name: sorted(pins) for name, (_, pins) in dumped.items()} == {
        "inherits": ["dns:main-too.test", "dns:main.test"],
        "replaces": ["dns:own.test"],
        "repeats": ["dns:more.test", "dns:own.test"],
        "empties": [],
        "begins-anew": ["dns:more.test"],
        "none-in-any-case": [],
    }


HEX = "0123456789abcdef" * 4
BASE64 = base64.b64encode(bytes(range(32))).decode()
# bad pin -> what is said of it
HEX_WANTED = "64 hexadecimal digits, with or without colons"
BASE64_WANTED = "base64, 44 characters"
NAME_WANTED = "write a host name after dns:, without wildcards"
ALL_FORMS = "write sha256:HEX, spki-sha256:BASE64, sha256//BASE64 or dns:NAME"
BAD_PINS = {
    "sha256:": HEX_WANTED,
    f"sha256:{HEX[:-1]}": HEX_WANTED,
    f"sha256:{HEX}0": HEX_WANTED,
    f"sha256:{HEX[:-1]}g": HEX_WANTED,
    f"sha256:{HEX[:40]}": HEX_WANTED,
    f"sha256:{with_colons(HEX)}:": HEX_WANTED,
    f"sha256::{with_colons(HEX)}": HEX_WANTED,
    f"sha256:{with_colons(HEX)[:-3]}": HEX_WANTED,
    f"sha256:{HEX[:2]}:{HEX[2:]}": HEX_WANTED,
    f"sha256:{with_colons(HEX).replace(':', '-')}": HEX_WANTED,
    f"sha256:{BASE64}": HEX_WANTED,
    f"sha256:0x{HEX[2:]}": HEX_WANTED,
    f"spki-sha256:{HEX}": BASE64_WANTED,
    f"spki-sha256:{BASE64[:-1]}": BASE64_WANTED,
    f"spki-sha256:{BASE64}=": BASE64_WANTED,
    f"spki-sha256:{BASE64[:-2]}9=": BASE64_WANTED,  # bits left over: another spelling of the same 32 bytes
    f"spki-sha256:-{BASE64[1:]}": BASE64_WANTED,
    f"spki-sha256:{BASE64[:20]}={BASE64[21:]}": BASE64_WANTED,
    f"spki-sha256://{BASE64}": BASE64_WANTED,
    "spki-sha256:": BASE64_WANTED,
    "sha256//": BASE64_WANTED,
    f"sha256//{HEX}": BASE64_WANTED,
    f"sha256//{BASE64};sha256//{BASE64}": BASE64_WANTED,
    "dns:": NAME_WANTED,
    "dns:*": NAME_WANTED,
    "dns:*.own.test": NAME_WANTED,
    "dns:a.*.test": NAME_WANTED,
    "dns:own..test": NAME_WANTED,
    "dns:.own.test": NAME_WANTED,
    "dns:own.test.": NAME_WANTED,
    "dns:own/test": NAME_WANTED,
    "dns:own.test:443": NAME_WANTED,
    "dns:https://own.test": NAME_WANTED,
    "dns:\u00f6wn.test": NAME_WANTED,
    '"dns:own test"': NAME_WANTED,
    "dns:" + "a" * 254: NAME_WANTED,
    HEX: ALL_FORMS,
    with_colons(HEX): ALL_FORMS,
    "own.test": ALL_FORMS,
    f"sha1:{HEX[:40]}": ALL_FORMS,
    f"sha512:{HEX}{HEX}": ALL_FORMS,
    f"sha256/{BASE64}": ALL_FORMS,
    f"sha256={HEX}": ALL_FORMS,
    "uri:own.test": ALL_FORMS,
    "builtin": ALL_FORMS,
    "/etc/ssl/own.pem": ALL_FORMS,
    '""': ALL_FORMS,
}


@pytest.mark.parametrize("pin", BAD_PINS)
def test_bad_pin_is_refused_by_name(paper: Paper, pin: str) -> None:
    outcome = paper.test("CFOriginPull On", f"{CA_FILE} {paper.ca.cert_file}", f"{PIN} dns:good.test {pin} dns:good.test")
    assert outcome.returncode != 0
    # as httpd writes what is not ASCII
    value = repr(pin.strip('"').encode())[2:-1]
    assert f"{PIN}: '{value}' is not allowed, " in outcome.stderr
    assert BAD_PINS[pin] in outcome.stderr


def test_pins_are_wanted(paper: Paper) -> None:
    outcome = paper.test("CFOriginPull On", PIN)
    assert (outcome.returncode != 0, f"{PIN} takes pins, or none" in outcome.stderr) == (True, True)


@pytest.mark.parametrize("section", ("Directory /", "Location /", "Files x", 'If "true"'))
def test_pins_belong_to_servers(paper: Paper, section: str) -> None:
    end = section.split()[0]
    outcome = paper.test(f"<{section}>", f"{PIN} dns:own.test", f"</{end}>")
    assert outcome.returncode != 0
    assert f"{PIN} not allowed" in outcome.stderr


def test_bad_pin_does_not_end_a_running_server(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """It closes the vhost for everybody, and no other one."""
    ca = pki.root("reread-ca")
    edge = ca.issue("reread-edge", san=["own.test"])
    port = free_port()

    def config(pin: str) -> str:
        guard = ["CFOriginPull On", f"{CA_FILE} {ca.cert_file}"]
        good = vhost(port, "good.test", *guard, f"{PIN} dns:own.test", tls=server_certificate)
        return good + vhost(port, "bad.test", *guard, f"{PIN} dns:own.test {pin}", tls=server_certificate)

    def statuses(credential: Optional[Credential]) -> list[int]:
        return [fetch(port, sni=name, credential=credential).status for name in ("good.test", "bad.test")]

    server = servers.httpd(config(""), listen=[port])
    server.allow_refusals()
    assert (statuses(edge), statuses(None)) == ([200, 200], [400, 400])

    server.write_config(config("dns:*.test"))
    server.expect(r"\[cfaop:crit\] .*CFAOP108: .*CFOriginPullPin: 'dns:\*\.test' is not allowed")
    server.expect("CFAOP125: ")
    server.graceful()
    assert (statuses(edge), statuses(None)) == ([200, 400], [400, 400])

    server.write_config(config(""))
    server.graceful()
    assert (statuses(edge), statuses(None)) == ([200, 200], [400, 400])


# Whose certificate it is


def tagged(text: str, tag: str) -> list[str]:
    return [line for line in our_lines(text) if line.startswith(tag)]


def test_pin_of_everyones_certificate_is_a_warning(paper: Paper) -> None:
    """Beside builtin alone; the controls have a CA of their own, or no pin."""
    own = f"{CA_FILE} {paper.ca.cert_file}"
    for lines, warned in (
        (("CFOriginPull On", f"{PIN} sha256:{HEX}"), True),
        (("CFOriginPull LogOnly", f"{PIN} sha256//{BASE64}"), True),
        (("CFOriginPull Optional", f"{CA_FILE} builtin", f"{PIN} dns:own.test"), True),
        (("CFOriginPull On",), False),
        (("CFOriginPull On", f"{PIN} dns:own.test", f"{PIN} none"), False),
        (("CFOriginPull On", own, f"{PIN} dns:own.test"), False),
        (("CFOriginPull On", f"{CA_FILE} builtin", own, f"{PIN} dns:own.test"), False),
    ):
        outcome = paper.test(*lines)
        assert outcome.ok
        assert (lines, len(tagged(outcome.stderr, "CFAOP111: "))) == (lines, int(warned))
        if warned:
            pin = lines[-1].removeprefix(PIN).strip().replace("sha256//", "spki-sha256:")
            assert tagged(outcome.stderr, "CFAOP111: ")[0].startswith(f"CFAOP111: {PIN} {pin} stands beside only builtin: ")


def test_starting_server_names_once_who_trusts_everyones_certificate(
    servers: Servers, pki: Pki, server_certificate: Credential
) -> None:
    ca = pki.root("named-ca")
    port, plain = free_port(), free_port()
    own = f"{CA_FILE} {ca.cert_file}"
    sites = {
        "on": ["CFOriginPull On"],
        "optional": ["CFOriginPull Optional", f"{CA_FILE} builtin"],
        "logonly": ["CFOriginPull LogOnly", f"{PIN} none"],
        "pinned": ["CFOriginPull On", f"{PIN} dns:own.test"],
        "zone": ["CFOriginPull On", own],
        "both": ["CFOriginPull On", f"{CA_FILE} builtin", own],
        "off": ["CFOriginPull Off"],
    }
    config = "".join(vhost(port, f"{name}.test", *lines, tls=server_certificate) for name, lines in sites.items())
    server = servers.prepare_httpd(config + vhost(plain, "plain.test"), listen=[port, plain])
    server.expect(r"\[cfaop:warn\] .*CFAOP111: CFOriginPullPin dns:own\.test ")
    server.expect(r"\[cfaop:info\] .*CFAOP126: ")
    server.start()

    (line,) = server.log.find("CFAOP126: ")
    named = {name for name in [*sites, "plain"] if f"{name}.test" in line}
    assert named == {"on", "optional", "logonly"}
    assert len(server.log.find("CFAOP111: ")) == 1
    # the cure
    assert PIN in line and CA_FILE in line


def test_nothing_is_said_where_nobody_trusts_builtin_alone(bench: Bench) -> None:
    assert "CFAOP126: " not in bench.httpd.log.text()
    assert "CFAOP111: " not in bench.httpd.log.text()


# One connection, before and after


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_every_request_of_a_connection_is_judged_by_its_pins(refusing: Bench, tls: str) -> None:
    for http in HTTP_VERSIONS:
        with connect(refusing.port, sni="form-dns.test", credential=refusing.clients["own"], tls=tls, http=http) as client:
            for _ in range(3):
                assert client.request(host="form-dns.test").verify == "SUCCESS"
        with connect(
            refusing.port, sni="form-dns.test", credential=refusing.clients["neighbour"], tls=tls, http=http
        ) as client:
            assert client.request(host="form-dns.test").verify == "FAILED:pin"
