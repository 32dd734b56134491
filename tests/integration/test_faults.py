"""What the server lacks or loses while it runs: no stranger gets in by it, no edge is refused that need not be, and the parent lives."""

from __future__ import annotations

import os
import re
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, connect, fetch
from support.clock import Clock
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.processes import children_of
from support.streams import Reset
from support.vhost import vhost
from support.waiting import wait_until

YEAR = 365 * 24
# Children that end bring others; httpd looks once a second.
PATIENCE = 20
# More than mod_ssl's session cache needs.
LOG_LIMIT = 600_000
# Of each process. The server starts with them, and can serve a few clients.
DESCRIPTORS = 20


@dataclass(frozen=True)
class Clients:
    ca: Credential
    edge: Credential
    stranger: Credential


@dataclass(frozen=True)
class Site:
    """on.test on a server, and who asks for it."""

    httpd: Httpd
    port: int
    clients: Clients

    def status(self, client: Optional[Credential], tls: str = "1.3") -> int:
        return fetch(self.port, sni="on.test", credential=client, tls=tls).status

    def assert_well(self) -> None:
        for tls in TLS_VERSIONS:
            found = [self.status(client, tls) for client in (self.clients.edge, self.clients.stranger, None)]
            assert found == [200, 400, 400]
        assert self.httpd.is_running()

    def is_served(self) -> bool:
        """The edge has got an answer, which is a good one; no answer is none."""
        try:
            assert self.status(self.clients.edge) == 200
        except (OSError, Reset, TimeoutError):
            return False
        return True

    def assert_stranger_gets_nothing(self) -> None:
        try:
            assert self.status(self.clients.stranger) == 400
        except (OSError, Reset, TimeoutError):
            pass

    def children(self) -> set[int]:
        assert self.httpd.process
        return children_of(self.httpd.process.pid)

    def processes(self) -> set[int]:
        assert self.httpd.process
        return {self.httpd.process.pid} | self.children()


@pytest.fixture(scope="module")
def clients(pki: Pki) -> Clients:
    ca = pki.root("ca", not_before=-60 * DAY)
    return Clients(ca, ca.issue("edge", not_before=-60 * DAY), pki.self_signed("stranger"))


@pytest.fixture
def place(directory: Path, request: pytest.FixtureRequest) -> Path:
    """A directory that also children without root may write to."""
    made = directory / "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    made.mkdir()
    made.chmod(0o777)
    return made


@pytest.fixture
def site(servers: Servers, clients: Clients, server_certificate: Credential) -> Callable[..., Site]:
    def make(*lines: str, before: str = "", ca_file: Optional[Path] = None, **options: object) -> Site:
        port = free_port()
        guard = ("CFOriginPull On", f"CFOriginPullCACertificateFile {ca_file or clients.ca.cert_file}", *lines)
        config = before + vhost(port, "on.test", *guard, tls=server_certificate)
        made = Site(servers.httpd(config, listen=[port], **options), port, clients)
        made.httpd.allow_refusals()
        return made

    return make


def test_log_on_a_full_disk(site: Callable[..., Site]) -> None:
    """Of the virtual host, whose lines would tell of refusals."""
    full = site("ErrorLog /dev/full", "CustomLog /dev/full common", "LogLevel cfaop:trace8 ssl:trace8")
    full.assert_well()
    full.httpd.graceful()
    full.assert_well()
    full.httpd.stop()
    assert full.httpd.log.find("CFAOP301") == []


def test_error_log_that_may_not_grow(servers: Servers, clients: Clients, server_certificate: Credential) -> None:
    """Of the whole server, as where a quota is used up. Before, it tells of refusals."""
    port = free_port()
    guard = ("CFOriginPull On", f"CFOriginPullCACertificateFile {clients.ca.cert_file}")
    config = vhost(port, "on.test", *guard, tls=server_certificate)
    httpd = servers.prepare_httpd(config, listen=[port], limits={resource.RLIMIT_FSIZE: LOG_LIMIT})
    log = httpd.directory / "logs" / "error.log"
    # most of what it may have is used; other files need less
    log.write_text("[then] [core:info] a line of before\n" * (LOG_LIMIT // 40))
    httpd.start()
    limited = Site(httpd, port, clients)
    httpd.expect_refusal("untrusted_issuer")
    for _ in range(1000):
        limited.assert_well()
        if log.stat().st_size == LOG_LIMIT:
            break
    for _ in range(3):
        limited.assert_well()
    assert log.stat().st_size == LOG_LIMIT
    # the limit may have cut the last line within its level
    cut = log.read_text().rpartition("\n")[2]
    if cut:
        httpd.log.allow(f"^{re.escape(cut)}$")
    httpd.stop()


def test_no_file_descriptors(site: Callable[..., Site]) -> None:
    """Idle connections use them up. The child then ends, its connections too, and the next one serves."""
    few = site(mpm="worker", limits={resource.RLIMIT_NOFILE: DESCRIPTORS})
    few.assert_well()
    few.httpd.expect(r"\(24\)Too many open files")
    idle = []
    for _ in range(DESCRIPTORS):
        try:
            idle.append(connect(few.port, sni="on.test", credential=few.clients.edge))
        except (OSError, Reset, TimeoutError):
            break
        if few.httpd.log.find(r"\(24\)Too many open files"):
            break
    assert few.httpd.log.wait_for(r"\(24\)Too many open files", PATIENCE)
    few.assert_stranger_gets_nothing()
    for client in idle:
        client.close()
    assert wait_until(few.is_served, PATIENCE)
    few.assert_well()
    few.httpd.stop()


def test_no_new_process_and_no_new_thread(site: Callable[..., Site], place: Path) -> None:
    """A child is killed, and none can follow it until the system has room again."""
    switch = place / "no-fork"
    poor = site(mpm="worker", extra_environment=preloading("no_fork", place, {"TEST_NO_FORK": str(switch)}))
    poor.assert_well()
    switch.touch()
    poor.httpd.expect(r"\(11\)Resource temporarily unavailable: .*fork: Unable to fork new process")
    for child in poor.children():
        os.kill(child, 9)
    assert poor.httpd.log.wait_for("Unable to fork new process", PATIENCE)
    assert poor.children() == set() and poor.httpd.is_running()
    switch.unlink()
    assert wait_until(poor.is_served, PATIENCE)
    poor.assert_well()
    poor.httpd.stop()


@pytest.mark.parametrize("mpm", ("event", "worker", "prefork"))
def test_child_that_is_killed_while_it_holds_a_mutex_of_the_memo(site: Callable[..., Site], place: Path, mpm: str) -> None:
    """Nothing waits for it: the memo is the process's own."""
    deed = place / "kill"
    lone = site(mpm=mpm, extra_environment=preloading("killed_holder", place, {"TEST_KILL": str(deed)}))
    lone.assert_well()
    before = lone.children()
    deed.touch()
    with pytest.raises((OSError, Reset, TimeoutError)):
        lone.status(lone.clients.edge)
    assert not deed.exists()
    assert wait_until(lambda: bool(before - lone.children()), PATIENCE)
    assert wait_until(lone.is_served, PATIENCE)
    lone.assert_well()
    lone.httpd.stop()


# ---- a file that changes while httpd reads it ----


@dataclass(frozen=True)
class Moving:
    """The CA file of a site, which changes at its next reading."""

    site: Site
    file: Path

    def beside(self, what: str) -> Path:
        return self.file.with_name(f"{self.file.name}.{what}")


@pytest.fixture
def moving(site: Callable[..., Site], place: Path, clients: Clients) -> Moving:
    file = place / "ca.pem"
    file.write_bytes(clients.ca.cert_pem)
    made = site(ca_file=file, extra_environment=preloading("moving_file", place, {"TEST_MOVING": str(file)}))
    made.assert_well()
    return Moving(made, file)


def test_file_that_is_replaced_while_it_is_read(moving: Moving, pki: Pki) -> None:
    """What is read is one of the two, and whole: here the new one, though the old one was shorter."""
    moving.beside("next").write_bytes(pki.root("another-ca").cert_pem + moving.site.clients.ca.cert_pem)
    moving.site.httpd.graceful()
    assert not moving.beside("next").exists()
    moving.site.assert_well()
    moving.site.httpd.stop()


@pytest.mark.parametrize("deed", ("cut", "grow"))
def test_file_that_is_written_while_it_is_read(moving: Moving, deed: str) -> None:
    """Its virtual host refuses, says why, and serves after the next reload."""
    moving.beside(deed).touch()
    moving.site.httpd.expect(r"\[cfaop:crit\] .*CFAOP103: .*ca\.pem changed while it was read: run apachectl graceful")
    moving.site.httpd.graceful()
    assert not moving.beside(deed).exists()
    for tls in TLS_VERSIONS:
        assert [moving.site.status(client, tls) for client in (moving.site.clients.edge, moving.site.clients.stranger)] == [400, 400]
    moving.file.write_bytes(moving.site.clients.ca.cert_pem)
    moving.site.httpd.graceful()
    moving.site.assert_well()
    moving.site.httpd.stop()


# ---- the clock ----


@pytest.mark.parametrize("hours", (-24, -30 * 24), ids=("a-day-back", "a-month-back"))
def test_clock_goes_back(site: Callable[..., Site], place: Path, hours: int) -> None:
    """The certificates were valid then, too: nothing changes, neither at once nor over a reload."""
    clock = Clock(place / "clock")
    late = site(extra_environment=clock.environment)
    late.assert_well()
    clock.set(hours=hours)
    late.assert_well()
    late.httpd.graceful()
    late.assert_well()
    clock.set(hours=0)
    late.assert_well()
    late.httpd.stop()


def test_clock_goes_a_year_forward(site: Callable[..., Site], place: Path) -> None:
    """The edge's certificate has ended by then, and the log says so. When the clock is right again, so is the server."""
    clock = Clock(place / "clock")
    early = site(extra_environment=clock.environment)
    early.assert_well()
    clock.set(hours=YEAR)
    early.httpd.expect_refusal("expired")
    early.httpd.allow("CFAOP106: ")
    early.httpd.allow("CFAOP112: ")
    for _ in range(2):
        found = [early.status(client, tls) for tls in TLS_VERSIONS for client in (early.clients.edge, early.clients.stranger)]
        assert found == [400] * 4
        early.httpd.graceful()
    clock.set(hours=0)
    early.assert_well()
    early.httpd.graceful()
    early.assert_well()
    early.httpd.stop()
