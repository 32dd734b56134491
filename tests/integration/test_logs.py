"""What is logged of refused requests: each at info, what matters at warn but not too often, and never two lines."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki, make_key, name_attribute
from support.ports import free_port
from support.preload import preloading
from support.refusal_line import RefusalLine, only_refusal_line, refusal_lines
from support.streams import Route
from support.verifications import Verifications
from support.vhost import vhost
from support.waiting import wait_until

CA_FILE = "CFOriginPullCACertificateFile"
HINT = "CFAOP303: "
# To the servers here, which far_peers.c is preloaded into, this is another machine.
FAR = Route(source="127.0.0.9")


@dataclass(frozen=True)
class Bench:
    """Vhosts of one zone: on, optional, logonly, off, other (another policy) and quiet (LogLevel warn).

    On `port` off.test is the default vhost, on `on_port` there is on.test only.
    """

    server: Httpd
    port: int
    on_port: int
    edge: Credential
    expired: Credential
    stranger: Credential
    weak: Credential
    pki: Pki


def hosts(port: int, tls: Credential, ca: Credential) -> str:
    """A host is met once by a test that counts: lines at warn are held back after the first."""
    zone = f"{CA_FILE} {ca.cert_file}"
    config = vhost(port, "off.test", tls=tls)
    for mode in ("On", "Optional", "LogOnly"):
        config += vhost(port, f"{mode.lower()}.test", f"CFOriginPull {mode}", zone, tls=tls)
    config += vhost(port, "other.test", "CFOriginPull On", tls=tls)
    config += vhost(port, "quiet.test", "CFOriginPull On", zone, "LogLevel warn", tls=tls)
    for name in ("warned", "warned-logonly", "hinted", "hinted-logonly", "verified", "one-short"):
        mode = "LogOnly" if name.endswith("logonly") else "On"
        config += vhost(port, f"{name}.test", f"CFOriginPull {mode}", zone, tls=tls)
    return config


@pytest.fixture(scope="module")
def bench(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    """One process, which so sees all requests: each gives the hint for itself."""
    port, on_port = free_port(), free_port()
    ca = pki.root("zone")
    # so that hostile bytes of headers get through to us; Strict refuses most of them
    config = "HttpProtocolOptions Unsafe\nServerLimit 1\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16\n"
    config += hosts(port, server_certificate, ca)
    config += vhost(on_port, "on.test", "CFOriginPull On", f"{CA_FILE} {ca.cert_file}", tls=server_certificate)
    server = servers.httpd(config, listen=[port, on_port], extra_environment=preloading("far_peers", directory))
    # these meet so many refusals, from this machine, that the hint is due
    server.log.always.append("CFAOP308: .* for (on|logonly).test:")
    expired = ca.issue("expired", not_before=-3 * DAY, not_after=-DAY)
    weak = ca.issue("weak", digest="sha1")
    return Bench(server, port, on_port, ca.issue("edge"), expired, pki.self_signed("stranger"), weak, pki)


# What stands in a line


def test_refusal_without_a_certificate(bench: Bench) -> None:
    answer = fetch(bench.port, sni="on.test", headers=[("CF-Ray", "8f2c1a3b4d5e6f70-FRA")])
    assert answer.status == 400
    line = only_refusal_line(bench.server)
    assert (line.level, line.action, line.reason, line.status) == ("info", "refused", "no_certificate", 400)
    assert (line.sni, line.host, line.peer, line.cf_ray) == ("on.test", "on.test", "127.0.0.1", "8f2c1a3b4d5e6f70-FRA")
    assert (line.subject, line.issuer, line.sha256) == ("", "", "")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_refusal_of_a_certificate(bench: Bench, tls: str, http: str) -> None:
    bench.server.allow_refusals()
    fetch(bench.port, sni="on.test", credential=bench.expired, tls=tls, http=http, headers=[("CF-Ray", "x")])
    line = only_refusal_line(bench.server)
    assert (line.level, line.action, line.reason, line.status) == ("info", "refused", "expired", 400)
    assert (line.subject, line.issuer, line.sha256) == ("CN=expired", "CN=zone", bench.expired.sha256)
    assert (line.sni, line.host, line.cf_ray) == ("on.test", "on.test", "x")


def test_misdirected_request(bench: Bench) -> None:
    bench.server.allow_refusals()
    assert fetch(bench.port, sni="on.test", host="other.test", credential=bench.edge).status == 421
    line = only_refusal_line(bench.server)
    assert (line.action, line.reason, line.status) == ("refused", "misdirected", 421)
    assert (line.sni, line.host, line.sha256) == ("on.test", "other.test", bench.edge.sha256)


def test_log_only_would_refuse(bench: Bench) -> None:
    bench.server.allow_refusals()
    assert fetch(bench.port, sni="logonly.test").status == 200
    line = only_refusal_line(bench.server)
    assert (line.action, line.reason, line.status, line.sha256) == ("would refuse", "no_certificate", 400, "")


def test_what_is_missing_is_a_dash(bench: Bench) -> None:
    bench.server.allow_refusals()
    with connect(bench.port, credential=bench.edge) as client:
        answer = client.request(host="other.test")
    assert answer.status == 400
    line = only_refusal_line(bench.server)
    assert (line.sni, line.host, line.cf_ray) == ("-", "other.test", "-")


def test_reason_other_says_what_openssl_says(bench: Bench) -> None:
    bench.server.allow_refusals()
    assert fetch(bench.port, sni="on.test", credential=bench.weak).status == 400
    line = only_refusal_line(bench.server)
    assert (line.reason, line.openssl) == ("other", "CA signature digest algorithm too weak")


def test_ray_is_cut_at_64_bytes(bench: Bench) -> None:
    for ray, shown in (("r" * 64, "r" * 64), ("r" * 65, "r" * 64), ("%" * 4000, "%25" * 64)):
        fetch(bench.port, sni="on.test", headers=[("CF-Ray", ray)])
        assert only_refusal_line(bench.server).cf_ray == shown
        bench.server.check()


def named(bench: Bench, label: str, subject: x509.Name, issuer: x509.Name) -> Credential:
    """A certificate of nobody's with these very names."""
    key = make_key("p256")
    plain = bench.stranger.certificate
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=plain.not_valid_before,
        not_valid_after=plain.not_valid_after,
    )
    return Credential(bench.pki, label, builder.sign(key, hashes.SHA256()), key)


def units(*texts: str) -> x509.Name:
    return x509.Name([name_attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, text) for text in texts])


def test_subject_and_issuer_are_cut_at_256_bytes(bench: Bench) -> None:
    bench.server.allow_refusals()
    long = named(bench, "long", units(*(["s" * 60] * 9)), units(*(["i" * 60] * 9)))
    assert fetch(bench.port, sni="on.test", credential=long).status == 400
    line = only_refusal_line(bench.server)
    assert (len(line.subject), len(line.issuer)) == (256, 256)
    assert line.subject.startswith("OU=" + "s" * 60) and line.issuer.startswith("OU=" + "i" * 60)
    assert line.sha256 == long.sha256


def test_longest_line_is_whole(bench: Bench) -> None:
    """Whatever a client makes as long as it can, the end of the line is there."""
    bench.server.allow_refusals()
    longest = named(bench, "longest", units(*(["\x01" * 60] * 9)), units(*(["\x02" * 60] * 9)))
    bench.server.allow("AH")
    with connect(bench.on_port, sni="\x03" * 255, credential=longest) as client:
        client.request("https://on.test/", host="h\x04" * 120, headers=[("CF-Ray", "\x7f" * 3000)])
    line = only_refusal_line(bench.server)
    assert (len(line.sni), len(line.cf_ray), line.sha256) == (3 * 255, 3 * 64, longest.sha256)


# Hostile bytes

HOSTILE = 'a\nb\r"c\\d%e\x1b[2J\x7fé\t'
ESCAPED = "a%0Ab%0D%22c%5Cd%25e%1B[2J%7F{e}%09"


def assert_no_line_is_split(server: Httpd) -> None:
    assert all(re.match(r"^\[[A-Z][a-z]{2} ", line) for line in server.log.new_lines())


def test_names_of_a_certificate_are_escaped(bench: Bench) -> None:
    bench.server.allow_refusals()
    hostile = named(bench, "hostile", units(HOSTILE), units("issuer " + HOSTILE))
    assert fetch(bench.port, sni="on.test", credential=hostile).status == 400
    line = only_refusal_line(bench.server)
    assert line.subject == "OU=" + ESCAPED.format(e="%C3%A9")
    assert line.issuer == "OU=issuer " + ESCAPED.format(e="%C3%A9")
    assert_no_line_is_split(bench.server)


def test_nul_in_a_name_hides_nothing(bench: Bench) -> None:
    bench.server.allow_refusals()
    sly = named(bench, "sly", units("good\0evil"), units("issuer\0evil"))
    assert fetch(bench.port, sni="on.test", credential=sly).status == 400
    line = only_refusal_line(bench.server)
    assert (line.subject, line.issuer) == ("OU=good%00evil", "OU=issuer%00evil")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_sni_is_escaped(bench: Bench, tls: str) -> None:
    bench.server.allow("AH")  # mod_ssl has its say, too
    with connect(bench.port, sni=HOSTILE, tls=tls) as client:
        assert client.request(host="on.test").status == 400
    assert only_refusal_line(bench.server).sni == ESCAPED.format(e="%E9")
    assert_no_line_is_split(bench.server)


def test_ray_is_escaped(bench: Bench) -> None:
    hostile = HOSTILE.replace("\n", "").replace("\r", "").rstrip("\t") + "\t."
    fetch(bench.port, sni="on.test", headers=[("CF-Ray", hostile)])
    expected = ESCAPED.format(e="%E9").replace("%0A", "").replace("%0D", "") + "."
    assert only_refusal_line(bench.server).cf_ray == expected
    assert_no_line_is_split(bench.server)


def test_ray_sent_twice_is_one_value(bench: Bench) -> None:
    fetch(bench.port, sni="on.test", headers=[("CF-Ray", "one"), ("CF-Ray", "two")])
    assert only_refusal_line(bench.server).cf_ray == "one, two"


def test_host_is_escaped(bench: Bench) -> None:
    hostile = 'on.test"c%e\x1b[2Jé'
    with connect(bench.port, sni="on.test") as client:
        client.request(host=hostile)
    assert refusal_lines(bench.server) == []  # nobody has such a name: the default vhost, which is off, answers
    with connect(bench.port, sni="on.test") as client:
        client.request("https://on.test/", host=hostile)
    lines = refusal_lines(bench.server)
    assert [line.host for line in lines] == ["on.test%22c%25e%1B[2J%E9"]
    assert_no_line_is_split(bench.server)


# What is not logged


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_nothing_is_logged_of_good_requests(bench: Bench, http: str) -> None:
    for name in ("on.test", "optional.test", "logonly.test", "quiet.test"):
        assert fetch(bench.port, sni=name, credential=bench.edge, http=http).status == 200
    for client in (None, bench.edge, bench.stranger):
        assert fetch(bench.port, sni="off.test", credential=client, http=http).status == 200
    assert fetch(bench.port, sni="optional.test", http=http).status == 200
    assert bench.server.log.find("CFAOP") == []

    fetch(bench.port, sni="on.test", http=http)
    bench.server.log.wait_for("CFAOP301: ")


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_each_refusal_is_logged_once(bench: Bench, http: str) -> None:
    """Whatever requests httpd makes of it inside."""
    for _ in range(5):
        fetch(bench.port, "/nowhere/", sni="on.test", http=http)
        fetch(bench.port, "/", sni="logonly.test", http=http)
    bench.server.allow_refusals()
    bench.server.log.wait_for("CFAOP301: ")
    assert wait_until(lambda: len(refusal_lines(bench.server)) >= 10)
    actions = [line.action for line in refusal_lines(bench.server)]
    assert (actions.count("refused"), actions.count("would refuse")) == (5, 5)


def test_no_certificate_is_not_worth_a_warning(bench: Bench) -> None:
    """Anybody on the Internet can ask without one."""
    assert fetch(bench.port, sni="quiet.test").status == 400
    fetch(bench.port, sni="on.test")
    bench.server.log.wait_for("CFAOP301: ")
    assert refusal_lines(bench.server, "CFAOP302") == []
    assert [line.host for line in refusal_lines(bench.server)] == ["on.test"]


@pytest.mark.parametrize(("name", "action"), (("warned.test", "refused"), ("warned-logonly.test", "would refuse")))
def test_certificate_that_is_refused_is_worth_a_warning(bench: Bench, name: str, action: str) -> None:
    fetch(bench.port, sni=name, credential=bench.stranger)
    bench.server.expect("CFAOP302: ")
    warning = only_refusal_line(bench.server, "CFAOP302")
    assert (warning.level, warning.action, warning.reason) == ("warn", action, "untrusted_issuer")
    assert (warning.sha256, warning.held) == (bench.stranger.sha256, 0)
    assert replace(only_refusal_line(bench.server), tag="CFAOP302", level="warn", time=warning.time) == warning


def test_misdirected_request_is_worth_a_warning(bench: Bench) -> None:
    fetch(bench.port, sni="off.test", host="warned.test")
    bench.server.expect("CFAOP302: ")
    warning = only_refusal_line(bench.server, "CFAOP302")
    assert (warning.reason, warning.status, warning.sha256) == ("misdirected", 421, "")


# The hint


def refuse(bench: Bench, name: str, times: int, credential: Optional[Credential] = None) -> None:
    """So many requests, by HTTP/2 over one connection."""
    with connect(bench.port, sni=name, credential=credential, http="2", route=FAR) as client:
        for _ in range(times):
            client.request(host=name)


@pytest.mark.parametrize("name", ("hinted.test", "hinted-logonly.test"))
def test_hint_after_twenty_refusals(bench: Bench, name: str) -> None:
    refuse(bench, name, 19)
    assert bench.server.log.find(HINT) == []
    refuse(bench, name, 1)
    bench.server.expect(HINT)
    line = bench.server.log.wait_for(HINT)
    assert f"20 requests for {name}:{bench.port}" in line
    assert "[cfaop:warn]" in line and "Authenticated Origin Pulls" in line
    refuse(bench, name, 45)
    assert len(bench.server.log.find(HINT)) == 1


def test_no_hint_where_one_request_was_verified(bench: Bench) -> None:
    refuse(bench, "verified.test", 10)
    assert fetch(bench.port, sni="verified.test", credential=bench.edge).status == 200
    refuse(bench, "verified.test", 30)
    assert bench.server.log.find(HINT) == []


def test_no_hint_for_refusals_of_several_vhosts_together(bench: Bench) -> None:
    refuse(bench, "one-short.test", 19)
    refuse(bench, "other.test", 10)
    assert bench.server.log.find(HINT) == []


# A flood, over several processes


@dataclass(frozen=True)
class Flood:
    server: Httpd
    port: int
    stranger: Credential
    expired: Credential

    def send(self, name: str, credential: Optional[Credential], times: int) -> None:
        """Requests on connections of their own that are open at the same time, so that all processes get some."""
        clients = [connect(self.port, sni=name, credential=credential, route=FAR) for _ in range(4)]
        for _ in range(times // 4):
            for number, client in enumerate(clients):
                client.request(host=name)
                client.close()
                clients[number] = connect(self.port, sni=name, credential=credential, route=FAR)
        for client in clients:
            client.close()


@pytest.fixture(scope="module")
def flood(servers: Servers, bench: Bench, server_certificate: Credential) -> Flood:
    port = free_port()
    ca = f"{CA_FILE} {bench.pki.directory / 'zone.cert.pem'}"
    config = "".join(
        vhost(port, f"{name}.test", f"CFOriginPull {mode}", ca, tls=server_certificate)
        for name, mode in (("a", "On"), ("b", "On"), ("c", "LogOnly"))
    )
    server = servers.httpd(config, listen=[port], mpm="prefork", extra_environment=bench.server.extra_environment)
    return Flood(server, port, bench.stranger, bench.expired)


def assert_warnings_are_rare_and_count(lines: list[RefusalLine]) -> None:
    """The lines of one vhost and reason: a warning is due ten seconds after the last, and tells what was held back."""
    last, held = 0.0, 0
    for number, line in enumerate(lines):
        if line.tag == "CFAOP302":
            assert line.time - last > 9, "too early"  # the clock of the limit ticks in seconds
            assert line.held == held - 1
            last, held = line.time, 0
            continue
        held += 1
        warned = number + 1 < len(lines) and lines[number + 1].tag == "CFAOP302"
        assert warned or line.time - last < 11, "too late"


def test_flood_warns_once_in_ten_seconds_for_each_vhost_and_reason(flood: Flood) -> None:
    flood.server.expect("CFAOP302: ")
    flood.server.allow(HINT)
    flood.send("a.test", flood.stranger, 24)
    flood.send("a.test", flood.expired, 8)
    flood.send("b.test", flood.stranger, 8)
    flood.send("c.test", flood.stranger, 8)
    time.sleep(11)
    flood.send("a.test", flood.stranger, 8)

    groups: dict[tuple[str, str], list[RefusalLine]] = {}
    for line in refusal_lines(flood.server, "CFAOP30[12]"):
        groups.setdefault((line.host, line.reason), []).append(line)
    flooded = [line for line in groups["a.test", "untrusted_issuer"] if line.tag == "CFAOP301"]
    assert len(flooded) == 32 and len({line.pid for line in flooded}) > 1, "one process proves nothing"
    assert set(groups) == {
        ("a.test", "untrusted_issuer"),
        ("a.test", "expired"),
        ("b.test", "untrusted_issuer"),
        ("c.test", "untrusted_issuer"),
    }
    for lines in groups.values():
        assert_warnings_are_rare_and_count(lines)
    assert len([line for line in groups["a.test", "untrusted_issuer"] if line.held]) >= 1


def test_hint_comes_once_in_each_process(flood: Flood) -> None:
    flood.send("b.test", None, 120)
    flood.server.expect(HINT)
    flood.server.allow_refusals()
    pids = re.findall(r"\[pid (\d+)[^]]*\]", "\n".join(flood.server.log.find(HINT)))
    refusals = [line.pid for line in refusal_lines(flood.server)]
    assert pids and len(pids) == len(set(pids))
    assert {str(pid) for pid in refusals if refusals.count(pid) >= 20} <= set(pids)


@pytest.mark.parametrize("level", ("info", "warn"))
def test_names_of_a_certificate_are_written_once_for_a_connection(
    servers: Servers, pki: Pki, server_certificate: Credential, directory: Path, level: str
) -> None:
    """To write long names takes longer than a request. Where only warnings are logged they are written for these."""
    texts = Verifications(directory / f"texts-{level}", counted="name_texts")
    port = free_port()
    config = vhost(port, "on.test", "CFOriginPull On", "LogLevel warn", tls=server_certificate)
    config += vhost(port, "logonly.test", "CFOriginPull LogOnly", f"LogLevel {level}", tls=server_certificate)
    server = servers.httpd(config, listen=[port], log_level="warn", extra_environment=texts.environment)
    server.allow_refusals()
    before = texts.count()
    with connect(port, sni="on.test", credential=pki.root(f"texts-ca-{level}").issue(f"texts-{level}"), http="2") as client:
        for _ in range(12):
            assert client.request("/", host="logonly.test").status == 200
    assert texts.count() - before == 2
    server.stop()
