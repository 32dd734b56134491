"""CFOriginPullPeerLimit: a certificate with more bytes or names, or a larger key, than a real one has ends the handshake.

mod_ssl makes a variable of each name for each request. Under LogOnly, on an exempt path and on a virtual host that is
Off, strangers could buy seconds with a small request. Each refusal has its control: the largest certificate that is
allowed is judged as every other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect
from support.httpd import Httpd
from support.pki import Credential, Pki, name_attribute
from support.ports import free_port
from support.preload import preloading
from support.streams import Reset, TlsAlert
from support.vhost import vhost
from support.views import MODULES, numbers, since, watching

LIMIT = "CFOriginPullPeerLimit"
# The alerts: OpenSSL's own where a message is too long, and "bad certificate".
ALERTS = {"illegal parameter": "too large", "bad certificate": "too many"}
TOO_LARGE, TOO_MANY = ALERTS.values()


def names(count: int, length: int = 1) -> list[x509.GeneralName]:
    return [x509.DNSName(f"{number:x}".rjust(length, "x")) for number in range(count)]


def parts(count: int) -> x509.Name:
    """A DN of so many parts."""
    return x509.Name([name_attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, str(number)) for number in range(count)])


def long_name(length: int) -> x509.Name:
    """A DN of one part of so many bytes, that OpenSSL does not keep short."""
    return x509.Name([name_attribute(NameOID.DN_QUALIFIER, "x" * length)])


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

        A client of TLS 1.3 has sent more when the server ends the connection. The system answers that with a reset, which may
        overtake the alert; this counts as whatever ends this client's connection in a version that shows the alert.
        """
        try:
            with connect(self.port, sni=sni, credential=self.clients[client], tls=tls, http=http) as connection:
                return connection.request(path, host=host or sni).status
        except TlsAlert as alert:
            return next((end for words, end in ALERTS.items() if words in str(alert)), str(alert))
        except Reset:
            return OVER.get(client.removeprefix("edge-"), "reset")


@dataclass(frozen=True)
class Way:
    """How a certificate that is not accepted gets through the handshake, and a request goes on with it."""

    name: str
    sni: Optional[str]
    host: str
    path: str = "/"


WAYS = (
    Way("log-only", "log.test", "log.test"),
    Way("exempt-path", "on.test", "on.test", "/open/"),
    Way("exempt-address", "near.test", "near.test"),
    Way("off-by-default", None, "off.test"),
    Way("beside-mod-ssl", "twice.test", "twice.test"),
)
OVER = {
    "long-serial": TOO_MANY,
    "long-subject": TOO_MANY,
    "long-issuer": TOO_MANY,
    "long-san": TOO_MANY,
    "many-parts-in-a-name": TOO_MANY,
    "many-names": TOO_MANY,
    "many-subject-parts": TOO_MANY,
    "many-issuer-parts": TOO_MANY,
    "long-exponent": TOO_MANY,
    "large-key": TOO_MANY,
    "large": TOO_LARGE,
    "large-chain": TOO_LARGE,
}


@pytest.fixture(scope="module")
def pull(pki: Pki) -> Credential:
    return pki.root("pull")


@pytest.fixture(scope="module")
def staff(pki: Pki) -> Credential:
    return pki.root("staff")


@pytest.fixture(scope="module")
def clients(pki: Pki, pull: Credential, staff: Credential) -> dict[str, Credential]:
    other = pki.root("other")
    link = pki.root("link", name=parts(100))
    made = {
        "stranger": other.issue("stranger"),
        "full": other.issue("full", name=parts(100), san=names(100, 38)),
        "many-names": other.issue("many-names", san=names(101)),
        "many-subject-parts": other.issue("many-subject-parts", name=parts(101)),
        "many-issuer-parts": pki.root("long-ca", name=parts(101)).issue("many-issuer-parts"),
        "large": other.issue("large", san=names(90, 190)),
        "long-serial": other.issue("long-serial", serial=65),
        "long-subject": other.issue("long-subject", name=long_name(4096)),
        "long-issuer": pki.root("long-name-ca", name=long_name(4096)).issue("long-issuer"),
        "long-san": other.issue("long-san", san=names(1, 4100)),
        "long-exponent": other.issue("long-exponent", key="rsa2048e65"),
        "large-key": other.issue("large-key", key="rsa8676e17"),
        "as-large-key": other.issue("as-large-key", key="rsa7640e64"),
        "many-parts-in-a-name": other.issue("many-parts-in-a-name", san=[x509.DirectoryName(parts(100))]),
        "as-long": other.issue("as-long", name=long_name(4000), serial=64, san=[x509.DirectoryName(parts(99))]),
        "edge": pull.issue("edge"),
        "edge-long-exponent": pull.issue("edge-long-exponent", key="rsa2048e2000"),
        "edge-full": pull.issue("edge-full", name=parts(100), san=names(100, 38)),
        "edge-many-names": pull.issue("edge-many-names", san=names(101)),
        "of-staff": staff.issue("of-staff", san=names(200, 100)),
    }
    assert len(made["large"].der) > 16384 > len(made["full"].der)
    return {**made, "large-chain": made["stranger"].sending(*[link] * 8), "chain": made["stranger"].sending(link, link)}


@pytest.fixture(scope="module")
def bench(
    servers: Servers,
    server_certificate: Credential,
    pull: Credential,
    staff: Credential,
    clients: dict[str, Credential],
) -> Bench:
    port, watch = free_port(), free_port()
    guard = f"CFOriginPullCACertificateFile {pull.cert_file}"
    by_staff = f"SSLCACertificateFile {staff.cert_file}"
    sites = {
        # the default virtual host: the SSL is made for it, whatever the client names
        "on.test": ["CFOriginPull On", guard, "CFOriginPullExempt path /open"],
        "log.test": ["CFOriginPull LogOnly", guard],
        "near.test": ["CFOriginPull On", guard, "CFOriginPullExempt ip 127.0.0.1"],
        "twice.test": ["CFOriginPull LogOnly", guard, "SSLVerifyClient optional_no_ca", by_staff],
        "wide.test": ["CFOriginPull LogOnly", guard, f"{LIMIT} 102400 10000"],
        "tight.test": ["CFOriginPull LogOnly", guard, f"{LIMIT} 1024 5"],
        "off.test": ["CFOriginPull Off"],
        "staff.test": ["CFOriginPull Off", "SSLVerifyClient require", by_staff],
        "guests.test": ["CFOriginPull Off", "SSLVerifyClient optional_no_ca"],
        "directory.test": [
            "CFOriginPull Optional",
            guard,
            by_staff,
            "<Location /asked/>",
            "  SSLVerifyClient require",
            "</Location>",
        ],
    }
    outlets = [
        "SSLOptions +StdEnvVars",
        "SetEnv SSL_CLIENT_FORGED yes",
        "SetEnv GREETING hello",
        'Header always set X-Name "%{SSL_CLIENT_SAN_DNS_99}e"',
        'Header always set X-Verify "%{SSL_CLIENT_VERIFY}e"',
        'Header always set X-Forged "%{SSL_CLIENT_FORGED}e"',
        'Header always set X-Kept "%{SSL_PROTOCOL}e %{SSL_SERVER_S_DN_CN}e %{HTTPS}e %{GREETING}e"',
    ]
    config = "".join(vhost(port, name, *lines, *outlets, tls=server_certificate) for name, lines in sites.items())
    httpd = servers.prepare_httpd(config + watching(watch), listen=[port, watch], modules=MODULES)
    for name in ("open", "asked"):
        httpd.put(f"{name}/index.html", f"{name}\n")
    return Bench(httpd.start(), port, watch, clients)


@pytest.fixture(autouse=True)
def lines_that_are_rarer_than_what_they_tell(bench: Bench) -> None:
    bench.httpd.allow("CFAOP202: ")
    bench.httpd.allow("CFAOP122: ")
    bench.httpd.allow("CFAOP160: ")
    bench.httpd.allow("AH01875: session is too big")
    bench.httpd.allow_refusals()


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("client", OVER)
def test_stranger_over_the_limit_gets_an_alert(bench: Bench, client: str, way: Way, tls: str, http: str) -> None:
    assert bench.ending(client, way.sni, tls, http=http, host=way.host, path=way.path) == OVER[client]


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("client", ("stranger", "full", "chain", "as-long", "as-large-key"))
def test_stranger_within_the_limit_goes_on(bench: Bench, client: str, way: Way, tls: str, http: str) -> None:
    assert bench.ending(client, way.sni, tls, http=http, host=way.host, path=way.path) == 200


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_certificate_that_would_be_accepted_is_no_exception(bench: Bench, tls: str) -> None:
    expected = {"edge": 200, "edge-full": 200, "edge-many-names": TOO_MANY, "edge-long-exponent": TOO_MANY, "stranger": 400}
    assert {name: bench.ending(name, "on.test", tls) for name in expected} == expected


# Which limit


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_limit_is_that_of_the_name_in_the_handshake(bench: Bench, tls: str) -> None:
    """The SSL is made for the default virtual host, with its limit, before the client has named another one."""
    clients = ("stranger", "full", "many-names", "large")
    endings = {sni: [bench.ending(name, sni, tls) for name in clients] for sni in ("log.test", "wide.test", "tight.test")}
    assert endings == {
        "log.test": [200, 200, TOO_MANY, TOO_LARGE],
        "wide.test": [200, 200, 200, 200],
        "tight.test": [200, TOO_LARGE, TOO_MANY, TOO_LARGE],
    }


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_no_limit_lets_a_large_key_through(bench: Bench, tls: str) -> None:
    endings = {name: bench.ending(name, "wide.test", tls) for name in ("long-exponent", "large-key", "as-large-key")}
    assert endings == {"long-exponent": TOO_MANY, "large-key": TOO_MANY, "as-large-key": 200}


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_virtual_host_that_is_off_takes_any_key(bench: Bench, tls: str) -> None:
    """And shows that OpenSSL takes these keys, if nothing stops it."""
    assert bench.ending("long-exponent", "guests.test", tls) == 200


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_limit_of_what_mod_ssl_alone_asks_for_is_openssls(bench: Bench, tls: str) -> None:
    assert len(bench.clients["of-staff"].der) > 16384
    assert bench.ending("of-staff", "staff.test", tls) == 200


def test_certificate_that_a_directory_asks_for_later_is_not_limited(bench: Bench) -> None:
    with connect(bench.port, sni="directory.test", tls="1.2") as client:
        assert client.request("/", host="directory.test").status == 200
        client.stream.show(bench.clients["of-staff"])
        assert client.request("/asked/", host="directory.test").status == 200


def test_limit_is_inherited_and_replaced(
    servers: Servers, server_certificate: Credential, pull: Credential, clients: dict[str, Credential]
) -> None:
    port = free_port()
    guard = f"CFOriginPull LogOnly\nCFOriginPullCACertificateFile {pull.cert_file}\n{LIMIT} 102400 150\n"
    config = guard + vhost(port, "heir.test", tls=server_certificate)
    config += vhost(port, "own.test", f"{LIMIT} 16384", tls=server_certificate)
    httpd = servers.httpd(config, listen=[port])
    bench = Bench(httpd, port, 0, clients)
    httpd.allow_refusals()
    httpd.expect("CFAOP202: ")
    httpd.allow("CFAOP121: ")
    endings = [[bench.ending(name, sni, "1.3") for name in ("many-names", "large")] for sni in ("heir.test", "own.test")]
    assert endings == [[200, 200], [TOO_MANY, TOO_LARGE]]
    httpd.stop()


# What is told


def test_log_line_is_rare_and_names_the_directive(
    servers: Servers, server_certificate: Credential, pull: Credential, clients: dict[str, Credential]
) -> None:
    port = free_port()
    lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {pull.cert_file}"]
    sites = "".join(vhost(port, name, *lines, tls=server_certificate) for name in ("a.test", "b.test"))
    httpd = servers.httpd(sites, listen=[port])
    bench = Bench(httpd, port, 0, clients)
    for number in range(30):
        assert bench.ending("many-names", "a.test", TLS_VERSIONS[number % 2]) == TOO_MANY
    assert bench.ending("large", "b.test", "1.3") == TOO_LARGE
    end = r"\(CFOriginPullPeerLimit\): sni=\"{}\" peer=127.0.0.1( \(\d+ more like this since the last line\))?$"
    start = "cfaop:warn.*CFAOP202: handshake ended: the client's certificate has more than "
    httpd.expect(f"{start}100 names " + end.format("a.test"))
    httpd.expect(f"{start}16384 bytes " + end.format("b.test"))
    httpd.log.wait_for("CFAOP202: .*b.test")
    assert len(httpd.log.find("CFAOP202: ")) < 15
    httpd.stop()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_it_counts_as_a_failed_handshake(bench: Bench, tls: str) -> None:
    before = numbers(bench.watch)
    assert bench.ending("many-names", "log.test", tls) == TOO_MANY
    assert bench.ending("large", "on.test", tls) == TOO_LARGE
    failed = {"handshake failed": 1}
    assert since(before, numbers(bench.watch)) == {f"log.test:{bench.port}": failed, f"on.test:{bench.port}": failed}


# What a request costs


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("way", WAYS[:4], ids=lambda way: way.name)
def test_environment_keeps_what_is_not_the_clients(bench: Bench, way: Way, tls: str, http: str) -> None:
    with connect(bench.port, sni=way.sni, credential=bench.clients["full"], tls=tls, http=http) as client:
        answer = client.request(way.path, host=way.host)
    assert answer.header("x-kept") == f"TLSv{tls} server on hello"
    assert (answer.header("x-name"), answer.header("x-forged")) == ("(null)", "(null)")
    assert (answer.header("x-verify") or "").startswith("FAILED:")


def test_variables_are_not_removed_one_by_one(
    servers: Servers, server_certificate: Credential, pull: Credential, pki: Pki, directory: Path
) -> None:
    """Each apr_table_unset() walks the whole table: thousands of them took seconds."""
    calls = directory / "table-unsets"
    calls.touch()
    calls.chmod(0o666)
    environment = {**preloading("table_unsets", directory), "TEST_TABLE_UNSETS": str(calls)}
    port = free_port()
    lines = ["CFOriginPull LogOnly", f"CFOriginPullCACertificateFile {pull.cert_file}", f"{LIMIT} 102400 10000"]
    outlets = ["SSLOptions +StdEnvVars", 'Header always set X-Name "%{SSL_CLIENT_SAN_DNS_1999}e"']
    config = vhost(port, "log.test", *lines, *outlets, tls=server_certificate)
    httpd = servers.httpd(config, listen=[port], extra_environment=environment)
    httpd.allow_refusals()
    seen = {}
    for name, issuer in (("edge", pull), ("stranger", pki.root("unknown"))):
        credential = issuer.issue(f"{name}-2000", san=names(2000))
        with connect(port, sni="log.test", credential=credential) as client:
            seen[name] = client.request("/", host="log.test").header("x-name")
    assert seen == {"edge": "7cf", "stranger": "(null)"}
    assert len(calls.read_bytes()) < 20
    httpd.stop()
