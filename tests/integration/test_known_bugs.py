"""Bugs that other servers had in this trade, each as a story that must end well here."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest
from OpenSSL import SSL

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.fragments import FragmentedTlsStream
from support.http1 import Http1
from support.httpd import Httpd, StartFailure
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.processes import children_of, cpu_seconds
from support.streams import Reset, TlsAlert
from support.vhost import vhost
from support.visits import TICKETS, Kind, visit

ON = "CFOriginPull On"
CA = "CFOriginPullCACertificateFile"
RESUMED = (200, "SUCCESS", True)

all_tls = pytest.mark.parametrize("tls", TLS_VERSIONS)
ticket_kinds = pytest.mark.parametrize("kind", TICKETS, ids=str)


@dataclass(frozen=True)
class Bench:
    """A server whose default vhost is open, and another port whose default vhost is guarded by CA B."""

    httpd: Httpd
    port: int
    b_port: int
    ca: dict[str, Credential]
    clients: dict[Optional[str], Optional[Credential]]

    def status(
        self, sni: Optional[str], host: str, client: Optional[str] = None, *, tls: str = "1.3", http: str = "1.1"
    ) -> int:
        return fetch(self.port, sni=sni, host=host, credential=self.clients[client], tls=tls, http=http).status


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = {"a": pki.root("ca-a"), "b": pki.root("ca-b")}
    clients = {
        None: None,
        "edge-a": ca["a"].issue("edge-a"),
        "edge-b": ca["b"].issue("edge-b"),
        "server-only": ca["a"].issue("server-only", eku="server"),
        "no-eku": ca["a"].issue("no-eku", eku="none"),
        "rude": pki.self_signed("rude", subject='x"\r\n[core:alert] forged \x1b[31m\\%41'),
    }
    port, b_port = free_port(), free_port()
    guard = {name: [ON, f"{CA} {root.cert_file}"] for name, root in ca.items()}
    per_directory = [
        f"SSLCACertificateFile {ca['a'].cert_file}",
        "<Location /private>\n  SSLVerifyClient require\n</Location>",
    ]
    tls = server_certificate
    config = vhost(port, "off.test", *per_directory, tls=tls)
    config += vhost(port, "guarded.test", *guard["a"], tls=tls, aliases="*.wild.test alias.test")
    config += vhost(port, "b.test", *guard["b"], tls=tls)
    config += vhost(b_port, "b.test", *guard["b"], tls=tls)
    config += vhost(b_port, "guarded.test", *guard["a"], tls=tls)
    httpd = servers.prepare_httpd(config, listen=[port, b_port])
    httpd.write_config(config + htaccess_lines(httpd))
    httpd.log.always.append("AH02304: Discarding directive `CFOriginPull")
    httpd.put("private/index.html", "private\n")
    httpd.start()
    return Bench(httpd, port, b_port, ca, clients)


# Sessions


@ticket_kinds
def test_cve_2025_23048_session_of_one_vhost_opens_no_other(bench: Bench, kind: Kind) -> None:
    """httpd: a client that one vhost trusts resumed its TLS 1.3 session at another with other CAs."""
    bench.httpd.allow_refusals()
    session = visit(bench.port, "guarded.test", tls=kind.tls, credential=bench.clients["edge-a"]).session
    assert visit(bench.port, "guarded.test", tls=kind.tls, session=session).outcome == RESUMED
    assert visit(bench.port, "b.test", tls=kind.tls, session=session).outcome == (400, "NONE", False)
    assert visit(bench.port, "b.test", sni="guarded.test", tls=kind.tls, session=session).answer.status == 421


@ticket_kinds
def test_cve_2025_23419_session_of_the_default_server_opens_no_other(bench: Bench, kind: Kind) -> None:
    """nginx: a session made at the default server, with its CA, passed where another CA is asked for."""
    bench.httpd.allow_refusals()
    with connect(bench.b_port, credential=bench.clients["edge-b"], tls=kind.tls) as client:
        assert client.request(host="b.test").status == 200
        session = client.stream.session
    assert session
    with connect(bench.b_port, tls=kind.tls, session=session) as client:
        assert client.request(host="b.test").status == 200
        assert client.stream.resumed
    with connect(bench.b_port, tls=kind.tls, session=session) as client:
        assert client.request(host="guarded.test").status == 400
    assert visit(bench.b_port, "guarded.test", tls=kind.tls, session=session).outcome == (400, "NONE", False)


@dataclass(frozen=True)
class Reloading:
    """A server with ticket keys that outlive a reload, and its vhost's text for some lines."""

    httpd: Httpd
    tls: Credential
    key_file: Path

    def reload(self, *lines: str) -> None:
        keys = f"SSLSessionTicketKeyFile {self.key_file}"
        self.httpd.write_config(vhost(self.httpd.port, "guarded.test", ON, *lines, keys, tls=self.tls))
        self.httpd.graceful()


@pytest.fixture(scope="module")
def reloading(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> Reloading:
    httpd = servers.httpd("", listen=[free_port()], extra_environment=preloading("ticket_key", directory))
    httpd.log.always.append("CFAOP137: ")
    return Reloading(httpd, server_certificate, pki.file("ticket.key", secrets.token_bytes(48)))


def test_cve_2025_68121_session_does_not_survive_a_change_of_cas(bench: Bench, reloading: Reloading) -> None:
    """Go: a session was resumed although the CAs had been replaced since."""
    reloading.httpd.allow_refusals()
    port = reloading.httpd.port
    reloading.reload(f"{CA} {bench.ca['a'].cert_file}")
    edge = bench.clients["edge-a"]
    sessions = {tls: visit(port, "guarded.test", tls=tls, credential=edge).session for tls in TLS_VERSIONS}
    reloading.reload(f"{CA} {bench.ca['a'].cert_file}", "# nothing changed")
    for tls, session in sessions.items():
        assert visit(port, "guarded.test", tls=tls, session=session).outcome == RESUMED
    reloading.reload(f"{CA} {bench.ca['b'].cert_file}")
    for tls, session in sessions.items():
        assert visit(port, "guarded.test", tls=tls, session=session).outcome == (400, "NONE", False)


def test_cve_2022_21654_session_does_not_survive_a_change_of_validation(bench: Bench, reloading: Reloading) -> None:
    """Envoy: a session was resumed although the certificate would not pass any more. Here it is revoked."""
    reloading.httpd.allow_refusals()
    port, edge = reloading.httpd.port, bench.clients["edge-a"]
    assert edge
    trust = f"{CA} {bench.ca['a'].cert_file}"
    reloading.reload(trust, f"CFOriginPullCARevocationFile {bench.ca['a'].crl('empty')}")
    sessions = {tls: visit(port, "guarded.test", tls=tls, credential=edge).session for tls in TLS_VERSIONS}
    for tls, session in sessions.items():
        assert visit(port, "guarded.test", tls=tls, session=session).outcome == RESUMED
    reloading.reload(trust, f"CFOriginPullCARevocationFile {bench.ca['a'].crl('revoked', revoked=[edge])}")
    for tls, session in sessions.items():
        late = visit(port, "guarded.test", tls=tls, session=session, credential=edge)
        assert late.outcome == (400, "FAILED:revoked", False)


# mod_ssl's negotiation for directories


def private(bench: Bench, name: str, client: Optional[str], tls: str) -> Optional[int]:
    """The status of /private/; None where TLS ended instead."""
    try:
        with connect(bench.port, sni=name, credential=bench.clients[client], tls=tls) as connection:
            return connection.request("/private/", host=name).status
    except (TlsAlert, Reset):
        return None


@all_tls
def test_cve_2019_0215_directory_that_requires_a_certificate_still_does(bench: Bench, tls: str) -> None:
    """httpd: with TLS 1.3 a client passed SSLVerifyClient in a directory without a certificate."""
    bench.httpd.allow("ssl:error|AH02261|AH01")
    assert bench.status("off.test", "off.test", tls=tls) == 200
    assert private(bench, "off.test", "edge-a", tls) == 200
    assert private(bench, "off.test", None, tls) in (403, None)
    assert private(bench, "off.test", "edge-b", tls) in (403, None)


def test_cve_2019_0190_renegotiation_does_not_loop(bench: Bench) -> None:
    """httpd: a client that renegotiated sent the server into an endless loop."""
    bench.httpd.allow("ssl:|AH02042")
    process = bench.httpd.process
    assert process
    for _ in range(3):
        with connect(bench.port, sni="guarded.test", credential=bench.clients["edge-a"], tls="1.2") as client:
            tls: SSL.Connection = client.stream._tls
            assert tls.renegotiate()
            with pytest.raises((SSL.Error, TlsAlert, Reset)):
                tls.do_handshake()
                client.request(host="guarded.test")
    before = cpu_seconds(children_of(process.pid))
    time.sleep(1)
    assert cpu_seconds(children_of(process.pid)) - before < 0.3
    assert bench.status("guarded.test", "guarded.test", "edge-a") == 200


# Names


all_http = pytest.mark.parametrize("http", HTTP_VERSIONS)


def assert_guarded_under(bench: Bench, host: str, http: str) -> None:
    """No SNI opens that Host without a certificate, and with one it is the guarded vhost's."""
    bench.httpd.allow_refusals()
    for sni in ("off.test", "b.test"):
        assert bench.status(sni, host, "edge-a", http=http) == 421
    for unknown_or_guarded in (host.split(":")[0], "guarded.test", "other.wild.test", "unknown.test", None):
        assert bench.status(unknown_or_guarded, host, http=http) == 400
    assert bench.status("guarded.test", host, "edge-a", http=http) == 200
    assert bench.status("other.wild.test", host, "edge-a", http=http) == 200


@all_http
@pytest.mark.parametrize("host", ("guarded.test.", "guarded.test.:8443", "alias.test.", "x.wild.test."))
def test_cve_2022_23632_trailing_dot_is_no_way_in(bench: Bench, host: str, http: str) -> None:
    """Traefik chose the TLS options by the SNI and the site by the Host, one of them without its trailing dot."""
    assert_guarded_under(bench, host, http)


@all_http
@pytest.mark.parametrize(
    "host", ("GUARDED.TEST", "Guarded.Test:8443", "ALIAS.test", "X.Wild.TEST.", "guarded.test:0443")
)
def test_cve_2026_53622_case_is_no_way_in(bench: Bench, host: str, http: str) -> None:
    """The same by upper and lower case."""
    assert_guarded_under(bench, host, http)


@all_http
@pytest.mark.parametrize("host", ("x.wild.test", "a.b.wild.test", "x.wild.test:8443", "other.wild.test"))
def test_cve_2026_48491_wildcard_is_no_way_in(bench: Bench, host: str, http: str) -> None:
    """The same by a name that only a wildcard covers."""
    assert_guarded_under(bench, host, http)


# The ClientHello


@all_tls
@pytest.mark.parametrize("record,segment", ((16384, 7), (40, 16384), (1, 16384), (40, 25)))
def test_cve_2026_32305_fragmented_client_hello_is_read_as_a_whole(
    bench: Bench, record: int, segment: int, tls: str
) -> None:
    """Traefik: no SNI was found in a ClientHello that came in pieces, and the default options held."""
    bench.httpd.expect_refusal("no_certificate")
    bench.httpd.expect_refusal("misdirected")

    def status(sni: str, client: Optional[str]) -> int:
        credential = bench.clients[client]
        stream = FragmentedTlsStream(
            bench.port, sni=sni, credential=credential, version=tls, record=record, segment=segment
        )
        with Http1(stream) as connection:
            return connection.request(host="guarded.test").status

    assert status("guarded.test", "edge-a") == 200
    assert status("guarded.test", None) == 400
    assert status("off.test", "edge-a") == 421


# Certificates


@all_tls
def test_cve_2022_21657_extended_key_usage_counts(bench: Bench, tls: str) -> None:
    """Envoy: a certificate for servers was good for clients. One that names no usage is good for all."""
    bench.httpd.expect_refusal("wrong_purpose")
    assert bench.status("guarded.test", "guarded.test", "server-only", tls=tls) == 400
    assert bench.status("guarded.test", "guarded.test", "no-eku", tls=tls) == 200


# Configuration


def htaccess_lines(httpd: Httpd) -> str:
    """Two directories that leave all they can to .htaccess."""
    return (
        f"<Directory {httpd.htdocs}/all>\n  AllowOverride All\n</Directory>\n"
        f"<Directory {httpd.htdocs}/listed>\n  AllowOverride None\n"
        f"  AllowOverrideList CFOriginPull Header {CA}\n</Directory>\n"
    )


HTACCESS = (
    "CFOriginPull Off",
    "CFOriginPull LogOnly",
    f"{CA} none",
    "CFOriginPullVerifyDepth 10",
    "<If \"true\">\nCFOriginPull Off\n</If>",
    "<Files *>\nCFOriginPull Off\n</Files>",
)


@pytest.mark.parametrize("folder", ("all", "listed"))
@pytest.mark.parametrize("text", HTACCESS)
def test_cve_2026_59797_htaccess_cannot_switch_the_guard_off(bench: Bench, text: str, folder: str) -> None:
    bench.httpd.expect("core:alert.*htaccess: ")
    bench.httpd.expect_refusal("no_certificate")
    site = bench.httpd.put(f"{folder}/index.html", "the site\n")
    bench.httpd.put(f"{folder}/.htaccess", f"{text}\n")
    with connect(bench.port, sni="guarded.test") as client:
        assert client.request(f"/{folder}/", host="guarded.test").status == 400
    with connect(bench.port, sni="guarded.test", credential=bench.clients["edge-a"]) as client:
        assert client.request(f"/{folder}/", host="guarded.test").status == 500
    (site.parent / ".htaccess").unlink()
    with connect(bench.port, sni="guarded.test", credential=bench.clients["edge-a"]) as client:
        assert client.request(f"/{folder}/", host="guarded.test").status == 200


BAD_FILES = {
    "missing": None,
    "empty": b"",
    "malformed": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "no-certificate": b"just text\n",
}


@pytest.mark.parametrize("mode", ("On", "Optional", "LogOnly"))
@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_cve_2026_27586_bad_ca_file_never_fails_open(
    servers: Servers, bench: Bench, pki: Pki, server_certificate: Credential, content: Optional[bytes], mode: str
) -> None:
    """Caddy: a CA file that could not be read switched the verification off. Here the server does not start."""
    path = pki.directory / "bad-ca.pem"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    port = free_port()
    site = vhost(port, "guarded.test", f"CFOriginPull {mode}", f"{CA} {path}", tls=server_certificate)
    httpd = servers.prepare_httpd(site, listen=[port])
    checked = httpd.config_test()
    assert checked.returncode != 0
    assert "CFAOP103" in checked.stderr
    httpd.expect("CFAOP103: .*bad-ca.pem")
    httpd.allow("AH00014: Configuration check failed")
    with pytest.raises(StartFailure):
        httpd.start()


# Logs


@all_tls
def test_cve_2024_47252_control_bytes_do_not_reach_the_log(bench: Bench, tls: str) -> None:
    """httpd: what a client wrote into its certificate or SNI came into the log as it was."""
    bench.httpd.expect_refusal("untrusted_issuer")
    assert bench.status("guarded.test", "guarded.test", "rude", tls=tls) == 400
    line = bench.httpd.log.wait_for("CFAOP301: ")
    assert all(" " <= byte <= "~" for byte in line)
    subject = line.split(' subject="')[1].split('"')[0]
    assert "\\" not in subject and "%0D%0A" in subject and "%1B" in subject and "%22" in subject
    assert not [forged for forged in bench.httpd.log.new_lines() if forged.startswith("[core:alert] forged")]


@all_tls
def test_cve_2024_47252_control_bytes_of_the_sni_do_not_reach_the_log(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    bench.httpd.allow("ssl:error|ssl:warn")
    assert bench.status('x"\r\n[core:alert] forged\x1b%\\', "guarded.test", tls=tls) == 400
    line = bench.httpd.log.wait_for("CFAOP301: ")
    assert 'sni="x%22%0D%0A[core:alert] forged%1B%25%5C" host="guarded.test"' in line
    assert not [forged for forged in bench.httpd.log.new_lines() if forged.startswith("[core:alert] forged")]
