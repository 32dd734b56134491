"""What a running server makes of mistakes, and of vhosts that turn out to have no TLS: it goes on, and never opens."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, connect, connect_plain, fetch
from support.damage import DAMAGES
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.streams import TlsStream
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
CRL_FILE = "CFOriginPullCARevocationFile"
CONFIGURATION = "FAILED:configuration"


# A running server rereads a configuration with a mistake


@dataclass(frozen=True)
class Zone:
    """The vhosts on, optional and logonly share what breaks; healthy has files of its own."""

    server: Httpd
    port: int
    tls: Credential
    ca: Path
    crl: Path
    good_ca: bytes
    good_crl: bytes
    edge: Credential
    healthy: Credential
    stranger: Credential
    healthy_lines: list[str] = field(default_factory=list)

    def write(self, *extra: str, mode: str = "") -> None:
        """The configuration with these lines in the vhosts that share; `mode` replaces that of on.test."""
        config = ""
        for name in ("On", "Optional", "LogOnly"):
            own_mode = mode if mode and name == "On" else name
            lines = [f"CFOriginPull {own_mode}", f"{CA_FILE} {self.ca}", f"{CRL_FILE} {self.crl}"]
            config += vhost(self.port, f"{name.lower()}.test", *lines, *extra, tls=self.tls)
        config += vhost(self.port, "healthy.test", "CFOriginPull On", *self.healthy_lines, tls=self.tls)
        self.server.write_config(config + vhost(self.port, "off.test", tls=self.tls))

    def mend(self) -> None:
        self.ca.write_bytes(self.good_ca)
        self.crl.write_bytes(self.good_crl)
        self.write()

    def answer(self, name: str, credential: Optional[Credential]) -> tuple[int, str]:
        response = fetch(self.port, sni=f"{name}.test", credential=credential)
        return response.status, response.verify

    def assert_well(self) -> None:
        """Everything is as it should be."""
        self.server.allow_refusals()
        for name in ("on", "optional", "logonly"):
            assert self.answer(name, self.edge) == (200, "SUCCESS")
            assert self.answer(name, self.stranger)[0] == (200 if name == "logonly" else 400)
        assert self.answer("on", None) == (400, "NONE")
        self.assert_others_well()

    def assert_others_well(self) -> None:
        assert self.answer("healthy", self.healthy) == (200, "SUCCESS")
        assert self.answer("healthy", self.edge)[0] == 400
        assert self.answer("off", None) == (200, "")

    def assert_closed(self) -> None:
        """What needs the broken part refuses everybody; LogOnly goes on; the others do not notice."""
        self.server.allow_refusals()
        for client in (self.edge, self.stranger, None):
            assert self.answer("on", client) == (400, CONFIGURATION)
            assert self.answer("optional", client) == (400, CONFIGURATION)
            assert self.answer("logonly", client) == (200, CONFIGURATION)
        self.assert_others_well()

    def names_asked_for(self, name: str) -> int:
        stream = TlsStream(self.port, sni=f"{name}.test", credential=None, version="1.2")
        count = len(stream.client_ca_names)
        stream.close()
        return count


@pytest.fixture(scope="module")
def running(servers: Servers, pki: Pki, server_certificate: Credential) -> Zone:
    port, root, healthy = free_port(), pki.root("zone"), pki.root("healthy")
    crl = root.crl("zone")
    zone = Zone(
        servers.prepare_httpd("", listen=[port]),
        port,
        server_certificate,
        pki.file("reloaded-ca.pem", root.cert_pem),
        pki.file("reloaded-crl.pem", crl.read_bytes()),
        root.cert_pem,
        crl.read_bytes(),
        root.issue("edge"),
        healthy.issue("healthy-edge"),
        pki.self_signed("stranger"),
        [f"{CA_FILE} {healthy.cert_file}"],
    )
    zone.write()
    zone.server.start()
    return zone


@pytest.fixture
def zone(running: Zone) -> Iterator[Zone]:
    """The running server in good order, also after the mistake is mended and the configuration read once more."""
    yield running
    running.mend()
    running.server.graceful()
    running.assert_well()


def test_good_order(zone: Zone) -> None:
    zone.assert_well()
    assert zone.names_asked_for("on") == 1


FILE_MISTAKES = {
    "ca-cut-off": ("CFAOP103", "ca", DAMAGES["cut-off"]),
    "ca-is-junk": ("CFAOP103", "ca", lambda good: b"junk\n"),
    "crl-cut-off": ("CFAOP104", "crl", DAMAGES["cut-off"]),
}


@pytest.mark.parametrize("mistake", FILE_MISTAKES)
def test_broken_file_is_critical_and_closes_what_needs_it(zone: Zone, mistake: str) -> None:
    tag, kind, damage = FILE_MISTAKES[mistake]
    path, good = (zone.ca, zone.good_ca) if kind == "ca" else (zone.crl, zone.good_crl)
    path.write_bytes(damage(good))
    zone.server.expect(rf"\[cfaop:crit\] .*{tag}: CFOriginPullCA\w+File: file {path} ")
    answers = {"on": "every request .* 400", "optional": "every request .* 400", "logonly": "nothing is verified"}
    for name, words in answers.items():
        zone.server.expect(rf"\[cfaop:crit\] .*CFAOP125: the policy of {name}\.test:\d+ cannot be used, {words}")

    zone.server.graceful()

    zone.assert_closed()
    assert len(zone.server.log.find(rf"\] {tag}: ")) == 1
    assert len(zone.server.log.find(r"\] CFAOP125: ")) == 3
    assert not zone.server.log.find("CFAOP125: the policy of (healthy|off)")
    assert zone.names_asked_for("on") == 0, "nobody is asked for a certificate that cannot be judged"


@pytest.mark.parametrize("how", ("graceful", "restart"))
def test_missing_file(zone: Zone, how: str) -> None:
    """A graceful restart and a hard one alike."""
    zone.ca.unlink()
    zone.server.expect(rf"\[cfaop:crit\] .*CFAOP103: {CA_FILE}: file {zone.ca} does not exist")
    zone.server.expect("CFAOP125: ")
    getattr(zone.server, how)()
    zone.assert_closed()


def test_broken_for_several_restarts(zone: Zone) -> None:
    zone.ca.unlink()
    zone.server.expect(r"\[cfaop:crit\] .*CFAOP103: ")
    zone.server.expect("CFAOP125: ")
    for _ in range(3):
        zone.server.graceful()
    zone.assert_closed()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_session_of_before_is_worth_nothing_while_it_is_broken(zone: Zone, tls: str) -> None:
    with connect(zone.port, sni="on.test", credential=zone.edge, tls=tls) as client:
        assert client.request(host="on.test").status == 200
        session = client.stream.session
    zone.ca.unlink()
    zone.server.expect("CFAOP103: ")
    zone.server.expect("CFAOP125: ")
    zone.server.graceful()
    zone.server.allow_refusals()
    with connect(zone.port, sni="on.test", credential=zone.edge, tls=tls, session=session) as client:
        answer = client.request(host="on.test")
    assert (answer.status, answer.verify) == (400, CONFIGURATION)


BAD_LINES = {
    "depth": ("CFAOP108", "CFOriginPullVerifyDepth 99", "CFOriginPullVerifyDepth: '99' is not a depth"),
    "empty-list": ("CFAOP141", f"{CA_FILE} none", "the list is empty"),
    "missing-file": ("CFAOP103", f"{CA_FILE} /nowhere.pem", "file /nowhere.pem does not exist"),
    "mode": ("CFAOP108", "CFOriginPull Oui", "CFOriginPull: 'Oui' is not a mode"),
    "mode-missing": ("CFAOP108", "CFOriginPull", "CFOriginPull takes one argument"),
    "limit": ("CFAOP108", "CFOriginPullPeerLimit 16k", "CFOriginPullPeerLimit: '16k' is not a number of bytes"),
    "limit-of-names": ("CFAOP108", "CFOriginPullPeerLimit 16384 0", "CFOriginPullPeerLimit: '0' is not a number of names"),
    "limit-missing": ("CFAOP108", "CFOriginPullPeerLimit", "CFOriginPullPeerLimit takes one or two arguments"),
    "two-depths": ("CFAOP108", "CFOriginPullVerifyDepth 1 2", "CFOriginPullVerifyDepth takes one argument"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line_does_not_end_the_server(zone: Zone, name: str) -> None:
    tag, line, words = BAD_LINES[name]
    zone.write(line)
    zone.server.expect(rf"\[cfaop:crit\] .*{tag}: .*{words}")
    zone.server.expect("CFAOP125: ")
    zone.server.graceful()
    if not name.startswith("mode"):
        zone.assert_closed()
        return
    # what the administrator wanted is not known: the answer is the strictest
    zone.server.allow_refusals()
    for vhost_name in ("on", "optional", "logonly"):
        assert zone.answer(vhost_name, zone.edge) == (400, CONFIGURATION)
    zone.assert_others_well()


def test_off_is_off_whatever_its_lists_say(zone: Zone) -> None:
    """A mistake beside Off closes nothing."""
    zone.write(f"{CA_FILE} /nowhere.pem", mode="Off")
    zone.server.expect("CFAOP103: ")
    zone.server.expect("CFAOP125: ")
    zone.server.graceful()
    zone.server.allow_refusals()
    assert zone.answer("on", None) == (200, "")
    assert zone.answer("optional", None) == (400, CONFIGURATION)


def test_tls_taken_from_an_explicit_on(zone: Zone) -> None:
    zone.write("SSLEngine off")
    zone.server.expect(r"\[cfaop:crit\] .*CFAOP105: CFOriginPull On .*on\.test:\d+ has no TLS")
    zone.server.expect(r"\[cfaop:crit\] .*CFAOP120: CFOriginPull On .*gives on\.test:\d+ no TLS")
    zone.server.expect(r"\[cfaop:notice\] .*CFAOP121: .*: (optional|logonly)\.test:\d+, (optional|logonly)\.test:\d+$")
    zone.server.allow_refusals()
    zone.server.allow(r"\[ssl:warn\]")
    zone.server.graceful()
    answer = plain(zone.port, "on.test")
    assert answer == (400, CONFIGURATION)


def test_mod_ssl_taken_away(zone: Zone) -> None:
    """Without mod_ssl there is no TLS at all, and On still refuses."""
    modules = list(zone.server.modules)
    config = f"<VirtualHost 127.0.0.1:{zone.port}>\nServerName on.test\nCFOriginPull On\n</VirtualHost>\n"
    zone.server.modules.remove("ssl")
    zone.server.write_config(config)
    zone.server.expect(r"\[cfaop:crit\] .*CFAOP101: ")
    zone.server.expect(r"\[cfaop:crit\] .*CFAOP120: ")
    zone.server.allow_refusals()
    zone.server.allow("CFAOP105: ")
    try:
        zone.server.graceful()
        assert {plain(zone.port, "on.test")[0] for _ in range(20)} == {400}
        # strangers fill no log there, either
        zone.server.log.wait_for("CFAOP302: ")
        assert len(zone.server.log.find("CFAOP302: ")) < 10
    finally:
        zone.server.modules[:] = modules


def plain(port: int, host: str) -> tuple[int, str]:
    """An answer over plain HTTP."""
    with connect_plain(port) as client:
        answer = client.request(host=host)
    return answer.status, answer.verify


# Vhosts without TLS


@dataclass(frozen=True)
class Plain:
    """A server with mode On for all, and plain-HTTP vhosts beside one with TLS."""

    server: Httpd
    port: int
    engine_port: int
    notices: list[str]
    critical: list[str]


@pytest.fixture(scope="module")
def without_tls(servers: Servers, server_certificate: Credential) -> Plain:
    port, tls_port, engine_port = free_port(), free_port(), free_port()
    certificate = [
        f"SSLCertificateFile {server_certificate.cert_file}",
        f"SSLCertificateKeyFile {server_certificate.key_file}",
    ]
    config = "CFOriginPull On\n" + vhost(tls_port, "tls.test", tls=server_certificate)
    config += vhost(port, "heir.test") + vhost(port, "other-heir.test") + vhost(port, "off.test", "CFOriginPull Off")
    config += vhost(port, "logonly.test", "CFOriginPull LogOnly")
    # it looks as if it had TLS, but has none: the Listen that says https is for another address
    config += f"Listen 127.0.0.2:{port} https\n" + vhost(port, "explicit.test", "CFOriginPull On", *certificate)
    engine = [*certificate, "SSLEngine optional"]
    for mode in ("On", "Optional", "Off"):
        config += vhost(engine_port, f"engine-{mode.lower()}.test", *engine, f"CFOriginPull {mode}")
    config += vhost(engine_port, "engine-heir.test", *engine)
    server = servers.prepare_httpd(config, listen=[port, tls_port, engine_port])
    outcome = server.config_test()
    assert outcome.ok and "CFAOP" not in outcome.stderr
    server.start()
    server.expect("CFAOP12[01]: ")
    server.allow(r"\[ssl:(warn|notice)\]")
    return Plain(server, port, engine_port, server.log.find("CFAOP121: "), server.log.find("CFAOP120: "))


def test_inherited_on_has_no_effect_without_tls(without_tls: Plain) -> None:
    for name in ("heir.test", "other-heir.test", "logonly.test", "off.test"):
        assert plain(without_tls.port, name) == (200, "")


def test_one_notice_names_the_vhosts_where_it_has_no_effect(without_tls: Plain) -> None:
    (notice,) = without_tls.notices
    assert "[cfaop:notice]" in notice
    names = notice.partition("of its own: ")[2].split(", ")
    labels = {f"{name}:{without_tls.port}" for name in ("heir.test", "other-heir.test", "logonly.test")}
    assert labels <= set(names)
    assert not any(name.startswith(("off.test", "tls.test", "explicit.test")) for name in names)


def test_explicit_on_that_has_no_tls_refuses_everybody(without_tls: Plain) -> None:
    words = f"mod_ssl gives explicit.test:{without_tls.port} no TLS"
    (line,) = [line for line in without_tls.critical if words in line]
    assert "[cfaop:crit]" in line
    without_tls.server.expect_refusal("configuration")
    assert plain(without_tls.port, "explicit.test")[0] == 400


@pytest.mark.parametrize("mode", ("on", "optional", "heir"))
def test_ssl_engine_optional_refuses_all_without_tls(without_tls: Plain, mode: str) -> None:
    without_tls.server.allow_refusals()
    assert plain(without_tls.engine_port, "engine-off.test")[0] == 200
    assert plain(without_tls.engine_port, f"engine-{mode}.test")[0] == 400


# Nothing else is trusted


@dataclass(frozen=True)
class System:
    """A server in whose system a CA is trusted, and which is not told of it."""

    server: Httpd
    port: int
    own: Credential
    of_system: Credential
    environment: dict[str, str]


@pytest.fixture(scope="module")
def system(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> System:
    port, trusted, own = free_port(), pki.root("trusted-by-the-system"), pki.root("own")
    roots = directory / "roots"
    roots.mkdir()
    (roots / "trusted.pem").write_bytes(trusted.cert_pem)
    subprocess.run(["openssl", "rehash", str(roots)], check=True)
    environment = {"SSL_CERT_FILE": str(trusted.cert_file), "SSL_CERT_DIR": str(roots)}
    config = vhost(port, "own.test", "CFOriginPull On", f"{CA_FILE} {own.cert_file}", tls=server_certificate)
    config += vhost(port, "builtin.test", "CFOriginPull On", tls=server_certificate)
    server = servers.httpd(config, listen=[port], extra_environment=environment)
    return System(server, port, own.issue("own-edge"), trusted.issue("of-system"), environment)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_roots_of_the_system_are_not_trusted(system: System, tls: str) -> None:
    for variable, value in system.environment.items():
        check = ["openssl", "verify", "-purpose", "sslclient", str(system.of_system.cert_file)]
        subprocess.run(check, env={"PATH": os.environ["PATH"], variable: value}, check=True, capture_output=True)
    assert fetch(system.port, sni="own.test", credential=system.own, tls=tls).status == 200

    system.server.expect_refusal("untrusted_issuer")
    for name in ("own.test", "builtin.test"):
        answer = fetch(system.port, sni=name, credential=system.of_system, tls=tls)
        assert (answer.status, answer.verify) == (400, "FAILED:untrusted_issuer")


def test_expired_ca_is_not_trusted(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """A server starts with it, warns, and refuses what it issued."""
    port = free_port()
    old = pki.root("old-root", not_before=-9 * DAY, not_after=-DAY)
    config = vhost(port, "a.test", "CFOriginPull On", f"{CA_FILE} {old.cert_file}", tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.expect(r"\[cfaop:warn\] .*CFAOP106: the trusted certificate of .CN=old-root. .* ended on")
    server.expect_refusal("expired")
    assert fetch(port, sni="a.test", credential=old.issue("still-good")).status == 400
    server.stop()
