"""Warnings before a trusted certificate, a CRL or the edge's certificate ends: when, how often, and with whose names."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
import pytest
from cryptography import x509

from conftest import Servers
from support.client import HTTP_VERSIONS, fetch
from support.clock import Clock
from support.httpd import Httpd
from support.mistakes import our_lines, place_of
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.processes import children_of
from support.vhost import vhost
from support.waiting import wait_until

HOUR = timedelta(hours=1)
SOON = "CFAOP112: "
WARNING = "CFOriginPullExpiryWarning"


def moment(when: datetime) -> str:
    return f"{when:%a, %d %b %Y %H:%M:%S} GMT"


# What a configuration test says


@dataclass(frozen=True)
class Desk:
    """A server that is only asked for `-t`."""

    httpd: Httpd
    tls: Credential
    pki: Pki

    def site(self, name: str, *lines: str, mode: str = "On") -> str:
        return vhost(443, name, f"CFOriginPull {mode}", *lines, tls=self.tls)

    def said(self, config: str) -> list[str]:
        self.httpd.write_config(config)
        outcome = self.httpd.config_test()
        assert outcome.ok, outcome.stderr
        return our_lines(outcome.stderr)


@pytest.fixture(scope="module")
def desk(servers: Servers, pki: Pki, server_certificate: Credential) -> Desk:
    return Desk(servers.prepare_httpd("", listen=[free_port()]), server_certificate, pki)


def trusting(*credentials: Credential) -> tuple[str, ...]:
    return tuple(f"CFOriginPullCACertificateFile {credential.cert_file}" for credential in credentials)


@pytest.mark.parametrize(
    "left,words",
    [
        (30 * DAY - HOUR, "in 29 days"),
        (6 * DAY + HOUR, "in 6 days"),
        (2 * DAY - HOUR, "in 1 day"),
        (DAY - HOUR, "within a day"),
        (HOUR, "within a day"),
    ],
    ids=str,
)
def test_certificate_that_ends_soon(desk: Desk, left: timedelta, words: str) -> None:
    label = f"ending-{int(left.total_seconds())}"
    ca = desk.pki.root(label, not_after=left)
    (line,) = desk.said(desk.site("a.test", *trusting(ca)) + desk.site("b.test", *trusting(ca), mode="LogOnly"))
    said, _, names = line.partition("; trusted by ")
    assert said == (
        f'CFAOP112: the trusted certificate of "CN={label}" ({ca.cert_file}) ends on {moment(ca.certificate.not_valid_after)}, '
        f"{words}: list its successor, if it is not yet listed"
    )
    assert set(names.split(", ")) == {"a.test:443", "b.test:443"}


def test_crl_that_ends_soon(desk: Desk) -> None:
    ca = desk.pki.root("crl-ca")
    crl = ca.crl("ending", last_update=-10 * DAY, next_update=3 * DAY + HOUR)
    config = desk.site("a.test", *trusting(ca), f"CFOriginPullCARevocationFile {crl}") + desk.site("b.test", *trusting(ca))
    (line,) = desk.said(config)
    next_update = x509.load_pem_x509_crl(crl.read_bytes()).next_update
    assert next_update
    assert line == (
        f'CFAOP112: the CRL of "CN=crl-ca" ({crl}) ends on {moment(next_update)}, in 3 days: put a newer one in its place '
        "before that; used by a.test:443"
    )


@pytest.mark.parametrize("life, left, is_said", [(31, 11, False), (31, 10, True), (8, 3, False), (8, 2, True), (200, 31, False), (200, 29, True)])
def test_crl_is_told_of_in_the_last_third_of_its_life(desk: Desk, life: int, left: int, is_said: bool) -> None:
    """And not before the days of CFOriginPullExpiryWarning."""
    label = f"third-{life}-{left}"
    ca = desk.pki.root(label)
    crl = ca.crl(label, last_update=-(life - left) * DAY, next_update=left * DAY - HOUR)
    lines = desk.said(desk.site("a.test", *trusting(ca), f"CFOriginPullCARevocationFile {crl}"))
    assert [line.startswith(f'{SOON}the CRL of "CN={label}" ') for line in lines] == [True] * is_said


@pytest.mark.parametrize("left, is_said", [(19, False), (9, False), (7, True)])
def test_crl_of_a_day(desk: Desk, left: int, is_said: bool) -> None:
    label = f"daily-{left}"
    ca = desk.pki.root(label)
    crl = ca.crl(label, last_update=-(24 - left) * HOUR, next_update=left * HOUR)
    lines = desk.said(desk.site("a.test", *trusting(ca), f"CFOriginPullCARevocationFile {crl}"))
    assert [line.startswith(f'{SOON}the CRL of "CN={label}" ') for line in lines] == [True] * is_said


def test_nothing_is_said_of_what_lasts_or_is_not_used(desk: Desk) -> None:
    lasting = desk.pki.root("lasting", not_after=30 * DAY + HOUR)
    ending = desk.pki.root("unused", not_after=DAY)
    config = desk.site("on.test", *trusting(lasting)) + desk.site("off.test", *trusting(ending), mode="Off")
    assert desk.said(config) == []
    assert desk.said(config + desk.site("other.test", *trusting(ending))) != []


def test_what_has_ended_is_said_as_before_with_names(desk: Desk) -> None:
    """Whatever CFOriginPullExpiryWarning says."""
    old = desk.pki.root("old", not_before=-3 * DAY, not_after=-DAY)
    config = desk.site("a.test", *trusting(old), f"{WARNING} 0") + desk.site("b.test", *trusting(desk.pki.root("fresh")))
    (line,) = desk.said(config)
    assert line.startswith(f'CFAOP106: the trusted certificate of "CN=old" ({old.cert_file}) ended on ')
    assert line.endswith("; trusted by a.test:443")


def test_many_names_are_counted(desk: Desk) -> None:
    ca = desk.pki.root("of-many", not_after=DAY)
    (line,) = desk.said("".join(desk.site(f"v{i}.test", *trusting(ca)) for i in range(25)))
    named = re.findall(r"v\d+\.test:443", line)
    assert (len(set(named)), len(named)) == (20, 20)
    assert line.endswith(" and 5 more")


def test_every_certificate_has_its_own_line(desk: Desk) -> None:
    """Two that end, in two lists that overlap."""
    one, two, lasting = (desk.pki.root(f"own-{i}", not_after=(10 + 100 * (i == 3)) * DAY) for i in (1, 2, 3))
    config = desk.site("a.test", *trusting(one, lasting)) + desk.site("b.test", *trusting(lasting, two, one))
    lines = desk.said(config)
    names = {re.findall("CN=own-.", line)[0]: set(re.findall(r"\b[ab]\.test", line)) for line in lines}
    assert (len(lines), names) == (2, {"CN=own-1": {"a.test", "b.test"}, "CN=own-2": {"b.test"}})


@pytest.mark.parametrize("left,expected", [(5, {"own", "inherits"}), (15, {"own"}), (59, {"own"}), (61, set())])
def test_days_are_inherited_and_a_vhosts_own_count(desk: Desk, left: int, expected: set[str]) -> None:
    ca = desk.pki.root(f"inherited-{left}", not_after=left * DAY)
    config = f"{WARNING} 10\n" + desk.site("inherits.test", *trusting(ca))
    config += desk.site("own.test", *trusting(ca), f"{WARNING} 60") + desk.site("never.test", *trusting(ca), f"{WARNING} 0")
    named = {name for line in desk.said(config) for name in re.findall(r"(\w+)\.test:443", line)}
    assert named == expected


@pytest.mark.parametrize("value,is_said", [("0", False), ("1", False), ("3", True), ("3650", True)])
def test_good_values(desk: Desk, value: str, is_said: bool) -> None:
    ca = desk.pki.root(f"good-{value}", not_after=2 * DAY)
    assert len(desk.said(f"{WARNING} {value}\n" + desk.site("a.test", *trusting(ca)))) == is_said


@pytest.mark.parametrize("value", ["-1", "3651", "30d", "1.5", "", '""', "1 2", "thirty", "99999999999999999999", "0x10", "+5"])
def test_bad_value_is_refused_at_first(desk: Desk, value: str) -> None:
    desk.httpd.write_config(f"{WARNING} {value}\n")
    outcome = desk.httpd.config_test()
    assert outcome.returncode != 0
    shown = value.strip('"') if len(value.split()) == 1 else ""
    assert f"{WARNING}: '{shown}' is not a number of days, write a whole number from 0 to 3650" in outcome.stderr


def test_only_in_servers(desk: Desk) -> None:
    desk.httpd.write_config(f"<Directory /srv>\n{WARNING} 5\n</Directory>\n")
    outcome = desk.httpd.config_test()
    assert (outcome.returncode != 0, WARNING in outcome.stderr) == (True, True)


# What a running server says


@dataclass(frozen=True)
class Bench:
    """A server with several processes and a clock of its own."""

    httpd: Httpd
    port: int
    clock: Clock
    tls: Credential
    ca: Credential

    def site(self, name: str, *lines: str, ca: Credential) -> str:
        return vhost(self.port, name, "CFOriginPull On", *trusting(ca), *lines, tls=self.tls)

    def start(self, *sites: str) -> None:
        """Whatever it said before is judged and forgotten."""
        if self.httpd.is_running():
            self.httpd.stop()
            self.httpd.allow(SOON)
        self.clock.set(hours=0)
        self.httpd.write_config(PROCESSES[self.httpd.mpm] + "".join(sites))
        self.httpd.start()

    def lines(self, words: str = "") -> list[str]:
        return [line for line in self.httpd.log.find(SOON) if words in line]

    def set(self, hours: float, *, lines: int) -> None:
        """The clock is set; then so many lines are there, and no more come."""
        self.clock.set(hours=hours)
        assert wait_until(lambda: len(self.lines()) >= lines), self.lines()
        wait_until(lambda: len(self.lines()) > lines, LOOKS)
        assert len(self.lines()) == lines, self.lines()


# Seconds in which a hasty server asks more than once whether a day has passed
LOOKS = 0.7
PROCESSES = {
    "worker": "ServerLimit 8\nStartServers 4\nThreadsPerChild 4\nMaxRequestWorkers 32\nMinSpareThreads 4\nMaxSpareThreads 32\n",
    "prefork": "ServerLimit 8\nStartServers 4\nMinSpareServers 3\nMaxSpareServers 4\nMaxRequestWorkers 8\n",
}


def make_bench(servers: Servers, directory: Path, ca: Credential, tls: Credential, mpm: str) -> Bench:
    directory.mkdir()
    clock = Clock(directory / "clock")
    port = free_port()
    environment = preloading("haste", directory, clock.environment)
    httpd = servers.prepare_httpd("", listen=[port], mpm=mpm, extra_environment=environment)
    return Bench(httpd, port, clock, tls, ca)


@pytest.fixture(scope="module")
def running(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    return make_bench(servers, directory / "worker", pki.root("ca"), server_certificate, "worker")


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.httpd.allow(SOON)
    return running


@pytest.fixture
def ending(running: Bench, pki: Pki, request: pytest.FixtureRequest) -> Credential:
    return pki.root(f"ending-{request.node.name}", not_after=20 * DAY + 12 * HOUR)


def test_start_and_reloads_warn(bench: Bench, ending: Credential) -> None:
    bench.start(bench.site("on.test", ca=ending))
    (line,) = bench.lines()
    assert "[cfaop:warn]" in line
    assert line.endswith(", in 20 days: list its successor, if it is not yet listed; trusted by on.test:" + str(bench.port))
    bench.httpd.graceful()
    bench.httpd.restart()
    assert len(bench.lines()) == 3


def test_running_server_warns_once_a_day_from_one_process(bench: Bench, ending: Credential) -> None:
    bench.start(bench.site("on.test", ca=ending))
    assert bench.httpd.process
    children = children_of(bench.httpd.process.pid)
    assert len(children) == 4
    for hours, lines in ((23, 1), (25, 2), (47, 2), (49.5, 3)):
        bench.set(hours, lines=lines)
    assert [re.findall(r"in \d+ days", line)[0] for line in bench.lines()] == ["in 20 days", "in 19 days", "in 18 days"]
    writers = {int(re.findall(r"\[pid (\d+)", line)[0]) for line in bench.lines()[1:]}
    assert writers == {bench.httpd.process.pid}


def test_reload_counts_as_the_look_of_its_day(bench: Bench, ending: Credential) -> None:
    bench.start(bench.site("on.test", ca=ending))
    bench.clock.set(hours=20)
    bench.httpd.graceful()
    for hours, lines in ((20, 2), (43, 2), (45, 3)):
        bench.set(hours, lines=lines)


def test_clock_that_was_set_back(bench: Bench, ending: Credential) -> None:
    """The last look lies in the future then: there is one at once, and the next a day after that."""
    bench.start(bench.site("on.test", ca=ending))
    for hours, lines in ((100 * 24, 1), (24, 2), (47, 2), (49, 3)):
        if lines == 1:
            bench.httpd.expect("CFAOP106: ")
        bench.set(hours, lines=lines)


def test_children_that_end_change_nothing(
    servers: Servers, directory: Path, server_certificate: Credential, ending: Credential
) -> None:
    """With prefork; the processes of the start are all gone."""
    bench = make_bench(servers, directory / "prefork", ending, server_certificate, "prefork")
    bench.httpd.expect(SOON)
    bench.start(bench.site("on.test", ca=ending))
    assert bench.httpd.process
    parent = bench.httpd.process.pid
    bench.set(25, lines=2)
    old = children_of(parent)
    for pid in old:
        os.kill(pid, signal.SIGTERM)
    assert wait_until(lambda: not old & children_of(parent) and len(children_of(parent)) >= 1)
    bench.set(48, lines=2)
    bench.set(50, lines=3)
    bench.httpd.stop()


def test_certificate_that_begins_to_end_while_the_server_runs(bench: Bench, pki: Pki) -> None:
    ca = pki.root("begins-to-end", not_after=31 * DAY)
    bench.start(bench.site("on.test", ca=ca))
    assert bench.lines() == []
    bench.set(25, lines=1)
    assert "in 29 days" in bench.lines()[0]


def test_certificate_that_ends_while_the_server_runs(bench: Bench, pki: Pki) -> None:
    ca = pki.root("ends", not_after=36 * HOUR)
    bench.start(bench.site("on.test", f"{WARNING} 0", ca=ca))
    bench.set(25, lines=0)
    assert bench.httpd.log.find("CFAOP106: ") == []
    bench.httpd.expect("CFAOP106: ")
    bench.set(50, lines=0)
    assert bench.httpd.log.wait_for("CFAOP106: ").endswith(f"; trusted by on.test:{bench.port}")


def test_days_of_zero_silence_a_running_server(bench: Bench, pki: Pki, ending: Credential) -> None:
    """The other vhost's line shows that there was a look."""
    bench.start(
        f"{WARNING} 0\n",
        bench.site("silent.test", ca=ending),
        bench.site("loud.test", f"{WARNING} 25", ca=pki.root("loud", not_after=20 * DAY)),
    )
    bench.httpd.graceful()
    bench.set(25, lines=3)
    assert {"loud.test" in line and "silent.test" not in line for line in bench.lines()} == {True}


def test_bad_value_on_a_reload_refuses_nobody(bench: Bench, pki: Pki, ending: Credential) -> None:
    edge = ending.issue("edge-of-ending")
    bench.start(bench.site("on.test", f"{WARNING} 5", ca=ending))
    assert bench.lines() == []
    bench.httpd.expect("CFAOP113: CFOriginPullExpiryWarning: 'soon' is not a number of days")
    bench.httpd.write_config(PROCESSES[bench.httpd.mpm] + bench.site("on.test", f"{WARNING} soon", ca=ending))
    bench.httpd.graceful()
    assert fetch(bench.port, sni="on.test", credential=edge).status == 200
    (line,) = bench.httpd.log.find("CFAOP113: ")
    assert place_of(bench.httpd, f"{WARNING} soon") in line
    assert len(bench.lines()) == 1


# What the edge shows


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_certificate_that_the_edge_shows(bench: Bench, http: str) -> None:
    """A running server knows it: at a reload, and at the daily look; a start does not."""
    edge = bench.ca.issue(f"edge-{http}", not_after=10 * DAY + 12 * HOUR)
    lasting = bench.ca.issue(f"lasting-{http}")
    bench.start(bench.site("on.test", ca=bench.ca), bench.site("off.test", "CFOriginPull Off", ca=bench.ca))
    for name in ("on.test", "off.test"):
        assert fetch(bench.port, sni=name, credential=edge, http=http).status == 200
    assert bench.lines() == []
    bench.httpd.graceful()
    (line,) = bench.lines()
    assert line.partition("CFAOP112: ")[2] == (
        f'the certificate that the edge shows, "CN=edge-{http}" (sha256 {edge.sha256}), ends on '
        f"{moment(edge.certificate.not_valid_after)}, in 10 days: renew it at Cloudflare before that; shown to on.test:{bench.port}"
    )
    bench.set(25, lines=2)
    assert "in 9 days" in bench.lines()[1]
    assert fetch(bench.port, sni="on.test", credential=lasting, http=http).status == 200
    bench.httpd.graceful()
    assert len(bench.lines()) == 2


def test_certificate_that_is_not_accepted_or_not_shown_any_more(bench: Bench, pki: Pki) -> None:
    stranger = pki.self_signed("stranger", not_after=DAY)
    edge = bench.ca.issue("edge-of-last-week", not_after=20 * DAY)
    bench.start(bench.site("on.test", ca=bench.ca))
    bench.httpd.expect_refusal("untrusted_issuer")
    assert fetch(bench.port, sni="on.test", credential=stranger).status == 400
    bench.httpd.graceful()
    assert bench.lines() == []
    assert fetch(bench.port, sni="on.test", credential=edge).status == 200
    bench.set(6 * 24, lines=1)
    bench.set(8 * 24, lines=1)


def test_nothing_is_known_at_a_configuration_test(bench: Bench) -> None:
    edge = bench.ca.issue("edge-of-today", not_after=DAY)
    bench.start(bench.site("on.test", ca=bench.ca))
    assert fetch(bench.port, sni="on.test", credential=edge).status == 200
    outcome = bench.httpd.config_test()
    assert (outcome.ok, our_lines(outcome.stderr)) == (True, [])


def test_what_ended_before_1970_has_ended(desk: Desk) -> None:
    ca = desk.pki.root("long-ago", not_before=-75 * 365 * DAY, not_after=-60 * 365 * DAY)
    desk.httpd.write_config(desk.site("a.test", *trusting(ca)))
    assert "CFAOP106: the trusted certificate of \"CN=long-ago\"" in desk.httpd.config_test().stderr


def test_many_that_end_are_counted(desk: Desk) -> None:
    many = desk.pki.bundle("ending", *(desk.pki.root(f"one-that-ends-{i}", not_after=5 * DAY) for i in range(60)))
    lines = desk.said(desk.site("a.test", "CFOriginPull On", f"CFOriginPullCACertificateFile {many}"))
    assert len(lines) == 51
    assert "CFAOP144: 10 more " in lines[-1]
