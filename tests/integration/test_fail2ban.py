"""conf/fail2ban: who asked directly is banned, by the address of the connection, and nobody else, whatever clients send."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.environment import TOP
from support.foreign_module import build_from
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.streams import Reset, Route, TlsAlert, TlsStream
from support.vhost import vhost
from support.waiting import wait_until

CONF = TOP / "conf" / "fail2ban"
FILTER = CONF / "filter.d" / "cfaop.conf"
CALLER = "127.0.0.2"
VICTIM = "203.0.113.66"
TAG = "CFAOP301: "


@dataclass(frozen=True)
class Bench:
    """Vhosts on, logonly, visitor (mod_remoteip believes whom it is told) and, on a port of its own, balanced (PROXY)."""

    server: Httpd
    port: int
    proxied: int
    directory: Path
    edge: Credential
    expired: Credential
    stranger: Credential

    def ask(self, name: str = "on.test", credential: Optional[Credential] = None, **options: object) -> None:
        options.setdefault("route", Route(source=CALLER))
        fetch(self.port, sni=name, credential=credential, **options)  # type: ignore[arg-type]

    def lines(self, count: int) -> list[str]:
        """The lines of so many refusals."""
        wait_until(lambda: len(self.server.log.find(TAG)) >= count, 5)
        found = self.server.log.find(TAG)
        assert len(found) == count, found
        return found

    def matched(self, count: int) -> list[str]:
        """The address of each line of the error log that fail2ban would count, after so many refusals."""
        self.lines(count)
        return found_by_fail2ban(self.directory, self.server.log.new_lines())


def found_by_fail2ban(directory: Path, lines: list[str]) -> list[str]:
    log = directory / "lines.log"
    log.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["fail2ban-regex", "-o", "ip", str(log), str(FILTER)], capture_output=True, text=True, check=False
    )
    assert done.stderr == "" and "ERROR" not in done.stdout, done.stdout + done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    port, proxied = free_port(), free_port()
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    guard = ["CFOriginPull On", trust, "CFOriginPullExempt path /open"]
    remote = ["RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy 127.0.0.0/8"]
    # Unsafe lets hostile bytes of headers through to us
    config = f"Listen [::1]:{port}\nListen 127.0.0.1:{proxied}\nHttpProtocolOptions Unsafe\n"
    config += vhost(port, "on.test", *guard, tls=server_certificate)
    config += vhost(port, "logonly.test", "CFOriginPull LogOnly", trust, tls=server_certificate)
    config += vhost(port, "other.test", "CFOriginPull On", tls=server_certificate)
    config += vhost(port, "closed.test", "CFOriginPull On", trust, "CFOriginPullRefuse close", tls=server_certificate)
    config += vhost(port, "alert.test", "CFOriginPull On", trust, "CFOriginPullRefuse alert", tls=server_certificate)
    away = ["RewriteEngine On", "RewriteRule ^/open/away$ /index.html [PT]"]
    config += vhost(port, "visitor.test", *guard, *remote, *away, tls=server_certificate)
    config = config.replace(f"<VirtualHost 127.0.0.1:{port}>", f"<VirtualHost 127.0.0.1:{port} [::1]:{port}>")
    config += vhost(proxied, "balanced.test", *guard, "RemoteIPProxyProtocol On", tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], modules=["remoteip", "rewrite"])
    server.put("open/index.html", "open\n")
    server.log.always.append("CFAOP30[238]: ")
    expired = ca.issue("expired", not_before=-3 * DAY, not_after=-DAY)
    return Bench(server.start(), port, proxied, directory, ca.issue("edge"), expired, pki.self_signed("stranger"))


# Who is banned


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_direct_hit(bench: Bench, tls: str, http: str) -> None:
    bench.ask(tls=tls, http=http)
    bench.ask(tls=tls, http=http)
    assert bench.matched(2) == [CALLER, CALLER]


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_direct_hit_that_gets_no_answer(bench: Bench, tls: str) -> None:
    with pytest.raises(Reset):
        bench.ask("closed.test", tls=tls)
    assert bench.matched(1) == [CALLER]


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_direct_hit_that_ends_in_the_handshake(bench: Bench, tls: str) -> None:
    knock(bench, "alert.test", None, tls)
    knock(bench, "alert.test", bench.expired, tls)  # a certificate that is shown is not for banning
    bench.server.log.wait_for("CFAOP307: refused in the handshake: reason=expired ")
    assert found_by_fail2ban(bench.directory, bench.server.log.new_lines()) == [CALLER]


def knock(bench: Bench, sni: str, credential: Optional[Credential], tls: str) -> None:
    with pytest.raises(TlsAlert):
        stream = TlsStream(bench.port, sni=sni, credential=credential, version=tls, route=Route(source=CALLER))
        stream.recv()


def test_direct_hit_over_ipv6(bench: Bench) -> None:
    bench.ask(route=Route(to="::1"))
    assert bench.matched(1) == ["::1"]


def test_line_of_an_ipv6_address_in_full(bench: Bench) -> None:
    bench.ask(route=Route(to="::1"))
    (line,) = bench.lines(1)
    elsewhere = line.replace("::1", "2001:db8:1:2:3:4:5:6")
    assert found_by_fail2ban(bench.directory, [elsewhere]) == ["2001:db8:1:2:3:4:5:6"]


def test_request_without_sni(bench: Bench) -> None:
    with connect(bench.port, route=Route(source=CALLER)) as client:
        assert client.request(host="on.test").status == 400
    assert bench.matched(1) == [CALLER]


def test_line_of_prefork_names_no_thread(bench: Bench) -> None:
    bench.ask()
    (line,) = bench.lines(1)
    assert found_by_fail2ban(bench.directory, [re.sub(r":tid \d+\]", "]", line)]) == [CALLER]


# Never somebody else


def test_visitor_whom_mod_remoteip_names_is_not_taken_for_the_peer(bench: Bench) -> None:
    """An exempt request that is rewritten to another path is judged again, after mod_remoteip."""
    bench.ask("visitor.test", path="/open/away", headers=[("X-Forwarded-For", VICTIM)])
    (line,) = bench.lines(1)
    assert f"[client {VICTIM}" in line
    assert bench.matched(1) == [CALLER]


def test_address_of_the_proxy_protocol_is_not_the_peer(bench: Bench) -> None:
    """The balancer would be banned: the jail's comment says so."""
    preamble = f"PROXY TCP4 {VICTIM} 192.0.2.1 4444 443\r\n".encode()
    fetch(bench.proxied, sni="balanced.test", route=Route(source=CALLER, preamble=preamble))
    assert bench.matched(1) == [CALLER]


FORGED = f'CFAOP301: refused: reason=no_certificate status=400 sni="x" host="x" peer={VICTIM} cf-ray="-"'
NOW = "[Tue Nov 24 12:00:00.000000 2026] [cfaop:info] [pid 1:tid 1] "
FORGERIES = {
    "line": f"\n{NOW}[client {VICTIM}:1] {FORGED}",
    "carriage-return": f"\r{NOW}[client {VICTIM}:1] {FORGED}",
    "line-end": f"\n{NOW}[client {VICTIM}:1] {FORGED}\n",
    "message": FORGED,
    "quotation-mark": f'x" peer={VICTIM} cf-ray="',
    "escaped-mark": f'x\\" peer={VICTIM} cf-ray=\\"',
    "percent": f"x%22 peer={VICTIM} cf-ray=%22",
    "host": f'x" host="x" peer={VICTIM} cf-ray="-" x="',
    "blank": f" peer={VICTIM} ",
    "nothing-but-the-address": f"peer={VICTIM}",
    "utf-8": f"x\xe2\x80\x9d\xe2\x80\xa8 peer={VICTIM}",
}


@pytest.mark.parametrize("what", FORGERIES)
def test_nothing_that_a_client_sends_names_another_address(bench: Bench, what: str) -> None:
    text = FORGERIES[what]
    one_line = text.replace("\n", " ").replace("\r", " ").strip()
    headers = [("CF-Ray", one_line), ("Referer", one_line), ("User-Agent", one_line), ("X-Forwarded-For", VICTIM)]
    bench.server.allow("AH")  # mod_ssl has its say of such names
    with connect(bench.port, sni=text[:255], route=Route(source=CALLER)) as client:
        client.request("https://on.test/", host=one_line, headers=headers)
    assert VICTIM in "".join(bench.server.log.new_lines())
    assert bench.matched(1) == [CALLER]


def test_names_of_a_certificate_name_no_address(bench: Bench, pki: Pki) -> None:
    for number, text in enumerate((f'peer={VICTIM} cf-ray="', f'reason=no_certificate peer={VICTIM}')):
        bench.ask(credential=pki.self_signed(f"forger{number}", subject=text))
    assert bench.matched(2) == []


def test_host_name_is_no_address(bench: Bench) -> None:
    bench.ask()
    (line,) = bench.lines(1)
    assert found_by_fail2ban(bench.directory, [line.replace(f"peer={CALLER}", "peer=localhost")]) == []


@pytest.mark.parametrize("other", ("core", "ssl", "cgid", "cfaopx"))
def test_lines_of_other_modules_ban_nobody(bench: Bench, other: str) -> None:
    bench.ask()
    (line,) = bench.lines(1)
    assert found_by_fail2ban(bench.directory, [line, line.replace("[cfaop:", f"[{other}:")]) == [CALLER]


def test_address_that_a_module_writes_into_the_connection_is_not_banned(
    servers: Servers, directory: Path, server_certificate: Credential
) -> None:
    """mod_rpaf and its like write an address from a header there: later requests of the connection bear it too."""
    port = free_port()
    module = build_from(directory, "forwarded.c", "rpaf", ORDER="APR_HOOK_FIRST", AT_ONCE="0")
    exempt = "CFOriginPullExempt path /open"
    config = f"LoadModule rpaf_module {module}\n" + vhost(port, "on.test", "CFOriginPull On", exempt, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    with connect(port, sni="on.test", route=Route(source=CALLER)) as client:
        client.request("/open/", host="on.test", headers=[("X-Forwarded-For", VICTIM)])
        assert client.request("/", host="on.test").status == 400
    line = server.log.wait_for(TAG)
    assert f"[client {VICTIM}:" in line  # what httpd itself makes of it
    assert found_by_fail2ban(directory, [line]) == [CALLER]
    server.stop()


# What bans nobody


def test_other_reasons(bench: Bench) -> None:
    bench.ask(credential=bench.stranger)
    bench.ask(credential=bench.expired)
    bench.ask(host="other.test", credential=bench.edge)
    reasons = [re.search(r"reason=(\w+)", line).group(1) for line in bench.lines(3)]  # type: ignore[union-attr]
    assert reasons == ["untrusted_issuer", "expired", "misdirected"]
    assert bench.matched(3) == []


def test_would_refuse(bench: Bench) -> None:
    bench.ask("logonly.test")
    assert "would refuse: reason=no_certificate" in bench.lines(1)[0]
    assert bench.matched(1) == []


def test_good_and_exempt_requests(bench: Bench) -> None:
    bench.ask(credential=bench.edge)
    bench.ask(path="/open/")
    bench.ask()
    assert bench.matched(1) == [CALLER]


# The jail


@dataclass(frozen=True)
class Fail2ban:
    """fail2ban with a configuration, a socket and a log of its own. It has no action: no firewall is touched."""

    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "etc"

    @property
    def words(self) -> list[str]:
        return ["-c", str(self.config), "-s", str(self.directory / "socket"), "-p", str(self.directory / "pid"),
                "--logtarget", str(self.directory / "log")]

    def client(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["fail2ban-client", *self.words, *words], capture_output=True, text=True, check=False)

    def jail(self, **settings: object) -> None:
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (self.config / "jail.d" / "zz-local.conf").write_text(f"[cfaop]\n{lines}")


@pytest.fixture
def fail2ban(directory: Path, request: pytest.FixtureRequest) -> Fail2ban:
    """The distribution's configuration without its own jails, and ours."""
    tool = Fail2ban(directory / re.sub(r"\W", "-", request.node.name))
    shutil.copytree("/etc/fail2ban", tool.config)
    shutil.rmtree(tool.config / "jail.d")
    shutil.copytree(CONF / "jail.d", tool.config / "jail.d")
    shutil.copy(FILTER, tool.config / "filter.d")
    (tool.config / "fail2ban.local").write_text("[Definition]\ndbfile = None\n")
    return tool


def test_jail_is_off_as_it_comes(fail2ban: Fail2ban) -> None:
    assert fail2ban.client("--test").returncode == 0
    dumped = fail2ban.client("-d")
    assert dumped.returncode == 0 and "'cfaop'" not in dumped.stdout


def test_jail_is_accepted_when_it_is_enabled(fail2ban: Fail2ban, bench: Bench) -> None:
    fail2ban.jail(enabled="true", logpath=bench.server.directory / "logs" / "error.log")
    tested = fail2ban.client("--test")
    assert tested.returncode == 0 and "OK" in tested.stdout, tested.stdout + tested.stderr
    dumped = fail2ban.client("-d").stdout
    for words in ("'cfaop', 'maxretry', 5", "'cfaop', 'findtime', '10m'", "'cfaop', 'bantime', '1h'"):
        assert words in dumped, dumped


@pytest.fixture
def guard(fail2ban: Fail2ban, bench: Bench) -> Iterator[Fail2ban]:
    """fail2ban at work on the server's log. All callers of this machine would be spared as the jail comes."""
    fail2ban.jail(enabled="true", logpath=bench.server.directory / "logs" / "error.log", ignoreip="", ignoreself="false",
                  port="1", action="", bantime="1d", findtime="1d")
    with (fail2ban.directory / "output").open("wb") as output:
        process = subprocess.Popen(["fail2ban-server", *fail2ban.words, "-f", "start"], stdout=output, stderr=output,
                                   env={**os.environ, "LANG": "C"})
    try:
        assert wait_until(lambda: "cfaop" in fail2ban.client("status").stdout, 60), (fail2ban.directory / "output").read_text()
        yield fail2ban
    finally:
        process.terminate()
        process.wait(30)


def test_fifth_direct_hit_is_banned_and_nobody_else(guard: Fail2ban, bench: Bench) -> None:
    banned, stranger, would_be, four_times, last = (f"127.0.0.{number}" for number in range(11, 16))
    for _ in range(5):
        bench.ask(route=Route(source=banned), headers=[("CF-Ray", FORGED)])
        bench.ask(route=Route(source=stranger), credential=bench.stranger)
        bench.ask("logonly.test", route=Route(source=would_be))
    for _ in range(4):
        bench.ask(route=Route(source=four_times))
    for _ in range(5):
        bench.ask(route=Route(source=last))

    def who() -> set[str]:
        return set(guard.client("get", "cfaop", "banip").stdout.split())

    assert wait_until(lambda: last in who(), 60), guard.client("status", "cfaop").stdout
    assert who() & {banned, stranger, would_be, four_times, VICTIM} == {banned}
