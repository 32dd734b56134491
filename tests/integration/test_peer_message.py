"""A client's certificates that cost OpenSSL more than real ones end the handshake before OpenSSL parses them.

A key that spells its elliptic curve out has OpenSSL solve an equation in numbers of the client's choice: a third of a second for a certificate of
550 bytes, before anyone is asked about it. A compressed key on some named curves costs it most of a millisecond. A chain of a hundred tiny certificates costs, too. Each refusal has its control: what is as large,
as long or as alike as can be without that goes on; and a virtual host that is Off takes all of it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import pytest
from cryptography import x509

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect
from support.httpd import Httpd
from support.pki import Credential, Pki, with_public_key
from support.ports import free_port
from support.streams import Reset, TlsAlert
from support.vhost import vhost
from support.views import MODULES, numbers, since, watching

ENDED = "decode error"
FIELD_TYPES = "1.2.840.10045.1"
SECP224R1 = "1.3.132.0.33"
# One of each family of OIDs; on the usual curves a square root is cheap.
COSTLY_CURVES = ("secp224r1", "sect571r1", "c2pnb368w1", "prime192v1", "wap-wsg-idm-ecid-wtls12")
USUAL_CURVES = ("prime256v1", "secp384r1", "secp521r1", "secp256k1", "brainpoolP256r1")
SPELLED_OUT, TOO_MANY = "spells out the curve of a key, or its chain does", "comes with too many others"
COMPRESSED = "has a compressed key on an unusual curve, or its chain does"


def with_oid(oid: str) -> list[x509.GeneralName]:
    """A subjectAltName whose bytes hold that OID."""
    return [x509.OtherName(x509.ObjectIdentifier(oid), b"\x05\x00")]


def on_curve(pki: Pki, name: str, curve: str, encoding: str = "named_curve", form: str = "uncompressed") -> Credential:
    """A certificate with such a key, by OpenSSL's own tool. Only its bytes are of use here."""
    key, cert = pki.directory / f"{name}.curve.key", pki.directory / f"{name}.curve.crt"

    def openssl(*words: str) -> bytes:
        return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout

    openssl("ecparam", "-name", curve, "-genkey", "-noout", "-param_enc", encoding, "-out", str(key))
    openssl("req", "-x509", "-new", "-key", str(key), "-subj", f"/CN={name}", "-days", "30", "-out", str(cert))
    public = ["ec", "-in", str(key), "-param_enc", encoding, "-pubout", "-outform", "DER", "-conv_form"]
    made = x509.load_pem_x509_certificate(Path(cert).read_bytes())
    made = with_public_key(made, openssl(*public, "uncompressed"), openssl(*public, form))
    return pki.keep(Credential(pki, name, made, None))


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    watch: int
    clients: dict[str, Credential]

    def ending(
        self, client: str, sni: Optional[str], tls: str, *, http: str = "1.1", host: str = "", path: str = "/"
    ) -> Union[int, str]:
        """The status of the answer; or how the connection ends instead.

        With TLS 1.3 the client has sent more when the server ends the connection, and the system's reset may overtake the alert.
        """
        try:
            with connect(self.port, sni=sni, credential=self.clients[client], tls=tls, http=http) as connection:
                return connection.request(path, host=host or sni).status
        except TlsAlert as alert:
            return ENDED if ENDED in str(alert) else str(alert)
        except Reset:
            return ENDED if tls == "1.3" else "reset"


@pytest.fixture(scope="module")
def pull(pki: Pki) -> Credential:
    return pki.root("pull")


@pytest.fixture(scope="module")
def staff(pki: Pki) -> Credential:
    return pki.root("staff")


@pytest.fixture(scope="module")
def clients(pki: Pki, pull: Credential, staff: Credential) -> dict[str, Credential]:
    edge, stranger, tiny = pull.issue("edge"), pki.root("other").issue("stranger"), pki.root("tiny")
    prime, binary = on_curve(pki, "prime", "prime256v1", "explicit"), on_curve(pki, "binary", "sect283r1", "explicit")
    full = [on_curve(pki, f"full-{curve}", curve) for curve in COSTLY_CURVES]
    short = {curve: on_curve(pki, f"short-{curve}", curve, form="compressed") for curve in (*COSTLY_CURVES, *USUAL_CURVES)}
    assert bytes.fromhex("2a8648ce3d0101") in prime.der and bytes.fromhex("2a8648ce3d0102") in binary.der
    links = [pki.root("link-0")]
    links += [links[0].issue(f"link-{number}", key=key, ca=True) for number, key in enumerate(("p256", "p384", "rsa2048"), 1)]
    return {
        "edge": edge,
        "edge-p384": pull.issue("edge-p384", key="p384"),
        "edge-in-chain": edge.sending(*links),
        "edge-12": edge.sending(*[tiny] * 11),
        "edge-13": edge.sending(*[tiny] * 12),
        "edge-prime": edge.sending(prime),
        "edge-alike": pull.issue("edge-alike", san=with_oid(f"{FIELD_TYPES}.3") + with_oid("1.2.840.10045.3.1.7")),
        "edge-short": edge.sending(*[short[curve] for curve in USUAL_CURVES]),
        "edge-full": edge.sending(*full),
        "edge-p224": edge.sending(short["secp224r1"]),
        **{curve: stranger.sending(tiny, short[curve]) for curve in COSTLY_CURVES},
        "stranger": stranger,
        "prime": stranger.sending(prime),
        "binary": stranger.sending(tiny, binary),
        "leaf-prime": pki.root("a").issue("leaf-prime", san=with_oid(f"{FIELD_TYPES}.1")),
        "leaf-binary": pki.root("b").issue("leaf-binary", san=with_oid(f"{FIELD_TYPES}.2")),
        "many": stranger.sending(*[tiny] * 30),
        "of-staff": staff.issue("of-staff"),
        "of-staff-p224": staff.issue("of-staff-p224", san=with_oid(SECP224R1)),
        "of-staff-prime": staff.issue("of-staff-prime", san=with_oid(f"{FIELD_TYPES}.1")),
    }


@pytest.fixture(scope="module")
def bench(
    servers: Servers, server_certificate: Credential, pull: Credential, staff: Credential, clients: dict[str, Credential]
) -> Bench:
    port, watch = free_port(), free_port()
    guard = f"CFOriginPullCACertificateFile {pull.cert_file}"
    by_staff = f"SSLCACertificateFile {staff.cert_file}"
    asked = ["<Location /asked/>", "  SSLVerifyClient require", "</Location>"]
    sites = {
        # the default virtual host: the SSL is made for it, whatever the client names
        "on.test": ["CFOriginPull On", guard, "CFOriginPullExempt path /open"],
        "log.test": ["CFOriginPull LogOnly", guard],
        "near.test": ["CFOriginPull On", guard, "CFOriginPullExempt ip 127.0.0.1"],
        "optional.test": ["CFOriginPull Optional", guard],
        "alert.test": ["CFOriginPull On", guard, "CFOriginPullRefuse alert"],
        "twice.test": ["CFOriginPull LogOnly", guard, "SSLVerifyClient optional_no_ca", by_staff],
        "wide.test": ["CFOriginPull LogOnly", guard, "CFOriginPullPeerLimit 102400 10000"],
        "off.test": ["CFOriginPull Off"],
        "staff.test": ["CFOriginPull Off", "SSLVerifyClient optional_no_ca", by_staff],
        "directory.test": ["CFOriginPull Optional", guard, by_staff, *asked],
        "off-directory.test": ["CFOriginPull Off", by_staff, *asked],
    }
    config = "".join(vhost(port, name, *lines, tls=server_certificate) for name, lines in sites.items())
    httpd = servers.prepare_httpd(config + watching(watch), listen=[port, watch], modules=MODULES)
    for name in ("open", "asked"):
        httpd.put(f"{name}/index.html", f"{name}\n")
    return Bench(httpd.start(), port, watch, clients)


@pytest.fixture(autouse=True)
def lines_that_are_rarer_than_what_they_tell(bench: Bench) -> None:
    bench.httpd.allow("CFAOP204: ")
    bench.httpd.allow("CFAOP122: ")
    bench.httpd.allow("CFAOP160: ")
    bench.httpd.allow_refusals()


WAYS = {
    "on": ("on.test", "on.test", "/"),
    "log-only": ("log.test", "log.test", "/"),
    "optional": ("optional.test", "optional.test", "/"),
    "alert": ("alert.test", "alert.test", "/"),
    "exempt-path": ("on.test", "on.test", "/open/"),
    "exempt-address": ("near.test", "near.test", "/"),
    "off-by-default": (None, "off.test", "/"),
    "beside-mod-ssl": ("twice.test", "twice.test", "/"),
    "wide-limit": ("wide.test", "wide.test", "/"),
}


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("way", WAYS)
def test_costly_certificates_end_the_handshake(bench: Bench, way: str, tls: str, http: str) -> None:
    sni, host, path = WAYS[way]
    costly = ("edge-13", "edge-prime", "prime", "binary", "leaf-prime", "leaf-binary", "many", "edge-p224", *COSTLY_CURVES)
    endings = {name: bench.ending(name, sni, tls, http=http, host=host, path=path) for name in costly}
    assert endings == dict.fromkeys(costly, ENDED)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("way", WAYS)
def test_certificates_as_they_are_go_on(bench: Bench, way: str, tls: str, http: str) -> None:
    sni, host, path = WAYS[way]
    good = ("edge", "edge-p384", "edge-in-chain", "edge-12", "edge-alike", "edge-short", "edge-full")
    endings = {name: bench.ending(name, sni, tls, http=http, host=host, path=path) for name in good}
    assert endings == dict.fromkeys(good, 200)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_virtual_host_that_is_off_is_mod_ssls_alone(bench: Bench, tls: str) -> None:
    """And shows that OpenSSL takes these certificates, if nothing stops it."""
    endings = {name: bench.ending(name, "staff.test", tls) for name in ("edge", "edge-13", "prime", "leaf-binary", "many", *COSTLY_CURVES)}
    assert set(endings.values()) == {200}, endings


# What mod_ssl asks for later


# With TLS 1.3 mod_ssl cannot ask again where the guard has asked.
@pytest.mark.parametrize("sni, tls", (("directory.test", "1.2"), ("off-directory.test", "1.2"), ("off-directory.test", "1.3")))
def test_certificate_that_a_directory_asks_for_is_looked_at(bench: Bench, sni: str, tls: str) -> None:
    bench.httpd.expect("AH0226[13]: Re-negotiation handshake failed")
    bench.httpd.allow("SSL Library Error: .*length mismatch")
    endings = {}
    for name in ("of-staff", "of-staff-prime", "of-staff-p224"):
        with connect(bench.port, sni=sni, credential=bench.clients["edge"], tls=tls) as client:
            assert client.request("/", host=sni).status == 200
            client.stream.show(bench.clients[name])
            try:
                endings[name] = str(client.request("/asked/", host=sni).status)
            except TlsAlert as alert:
                endings[name] = str(alert)
    assert endings["of-staff"] == "200"
    assert ENDED in endings["of-staff-prime"] and ENDED in endings["of-staff-p224"]


# What is told


def test_log_line_is_rare_and_names_the_fault(
    servers: Servers, server_certificate: Credential, pull: Credential, clients: dict[str, Credential]
) -> None:
    port = free_port()
    lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {pull.cert_file}"]
    sites = "".join(vhost(port, name, *lines, tls=server_certificate) for name in ("a.test", "b.test", "c.test"))
    httpd = servers.httpd(sites, listen=[port])
    bench = Bench(httpd, port, 0, clients)
    for number in range(30):
        assert bench.ending("prime", "a.test", TLS_VERSIONS[number % 2]) == ENDED
    assert bench.ending("many", "b.test", "1.3") == ENDED
    assert bench.ending("secp224r1", "c.test", "1.3") == ENDED
    line = r"cfaop:warn.*CFAOP204: handshake ended: the client's certificate {}: sni=\"{}\" peer=127.0.0.1( \(\d+ more like this.*\))?$"
    httpd.expect(line.format(SPELLED_OUT, "a.test"))
    httpd.expect(line.format(TOO_MANY, "b.test"))
    httpd.expect(line.format(COMPRESSED, "c.test"))
    httpd.log.wait_for("CFAOP204: .*c.test")
    assert len(httpd.log.find("CFAOP204: ")) < 15
    httpd.stop()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_it_counts_as_a_failed_handshake(bench: Bench, tls: str) -> None:
    before = numbers(bench.watch)
    assert bench.ending("prime", "log.test", tls) == ENDED
    assert bench.ending("many", "on.test", tls) == ENDED
    failed = {"handshake failed": 1}
    assert since(before, numbers(bench.watch)) == {f"log.test:{bench.port}": failed, f"on.test:{bench.port}": failed}
