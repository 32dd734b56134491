"""scripts/origin-check asks a server as a stranger does, and finds each way round that is planted; without one it is content."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support.environment import TOP
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

PROGRAM = TOP / "scripts" / "origin-check"
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@dataclass(frozen=True)
class Outcome:
    status: int
    text: str
    complaint: str

    def answers(self, name: str, port: int, address: str = HERE) -> list[str]:
        """The row of the table, by http and http/2, https and https/2, and these two without SNI."""
        part = self.text.split(f"{address}:{port}\n", 1)[1].split("\n\n", 1)[0]
        (row,) = (line for line in part.splitlines() if line.split()[0] == name)
        cells = row[len("  ") + max(len(line.split()[0]) for line in part.splitlines()) + len("  guarded  ") :]
        return [cells[start : start + 14].strip() for start in range(0, 6 * 14, 14)]


def run(*words: object, stdin: str = "", **environment: str) -> Outcome:
    command = [str(PROGRAM), *map(str, words)]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment}
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Bench:
    """A server with a guarded site on a TLS port; it listens at a plain port, and at both ports of a second address, too."""

    server: Httpd
    tls: Credential
    ca: Credential
    port: int
    plain: int

    def guarded(self, name: str = "a.test", aliases: str = "") -> str:
        return self.site(name, "CFOriginPull On", f"CFOriginPullCACertificateFile {self.ca.cert_file}", aliases=aliases)

    def site(self, name: str, *lines: str, aliases: str = "", at: str = HERE) -> str:
        return vhost(self.port, name, *lines, aliases=aliases, tls=self.tls).replace(f"<VirtualHost {HERE}:", f"<VirtualHost {at}:")

    def open(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.plain, name, *lines, aliases=aliases)

    def redirecting(self) -> str:
        """The first virtual host of the plain port."""
        return self.open("plain.test", "Redirect / https://a.test/")

    def check(self, config: str, *words: object) -> Outcome:
        """What the program finds of a server with this configuration, from its own dump."""
        self.server.write_config(f"Listen {ELSEWHERE}:{self.port}\nListen {ELSEWHERE}:{self.plain}\n" + config)
        dump = self.server.config_test(defines=["DUMP_CF_ORIGIN_PULL_JSON"])
        assert dump.ok, dump.stderr
        self.server.allow("CFAOP13[12]: ")
        self.server.allow_refusals()
        self.server.start()
        try:
            return run("-", *(words or (HERE,)), stdin=dump.stdout)
        finally:
            self.server.stop()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port, plain = free_port(), free_port()
    server = servers.prepare_httpd("", listen=[port, plain], modules=["alias"])
    return Bench(server, server_certificate, pki.root("ca"), port, plain)


# Nothing is found


def test_guarded_server_is_found_guarded(bench: Bench) -> None:
    outcome = bench.check(bench.redirecting() + bench.guarded(aliases="alias.test *.wild.test"))
    assert outcome.status == 0, outcome.text
    for name in ("a.test", "alias.test", "origin-check.wild.test"):
        plain, other_protocol, *tls = outcome.answers(name, bench.port)
        assert [plain, *tls] == ["refused 400"] * 5
        # old curls say that the answer to HTTP/2 without TLS is none, others that it is another protocol's
        assert other_protocol in ("-", "closed")
        assert outcome.answers(name, bench.plain)[0] == "redirect 302"
    assert "served: 0, not known: 0. Asked were only 127.0.0.1, for /, /origin-check." in outcome.text


def test_open_site_may_be_served(bench: Bench) -> None:
    outcome = bench.check(bench.redirecting() + bench.guarded() + bench.site("open.test", "CFOriginPull Off"))
    assert outcome.status == 0
    assert outcome.answers("open.test", bench.port)[2:4] == ["SERVED 200", "SERVED 200"]
    assert outcome.answers("a.test", bench.port)[2:4] == ["refused 400", "refused 400"]


# Something is found


def test_plain_http_that_serves_is_found(bench: Bench) -> None:
    outcome = bench.check(bench.guarded() + bench.open("a.test"))
    assert outcome.status == 1
    assert f"SERVED: a.test at 127.0.0.1:{bench.plain} (http/1.1)" in outcome.text


def test_alias_of_an_open_site_is_found(bench: Bench) -> None:
    outcome = bench.check(bench.redirecting() + bench.guarded("b.test") + bench.site("open.test", "CFOriginPull Off", aliases="b.test")
                          + bench.guarded("a.test"))
    assert outcome.status == 0, "httpd takes the first that has the name"
    outcome = bench.check(bench.redirecting() + bench.guarded("a.test") + bench.site("open.test", "CFOriginPull Off", aliases="b.test")
                          + bench.guarded("b.test"))
    assert outcome.status == 1
    assert f"SERVED: b.test at 127.0.0.1:{bench.port} (https/1.1, https/2" in outcome.text


def test_default_virtual_host_that_serves_is_found(bench: Bench) -> None:
    """No virtual host of the plain port has the name: the first one answers."""
    outcome = bench.check(bench.guarded() + bench.open("default.test"))
    assert outcome.status == 1
    assert f"SERVED: a.test at 127.0.0.1:{bench.plain} (http/1.1)" in outcome.text


def test_second_address_is_found_if_it_is_given(bench: Bench) -> None:
    config = bench.redirecting() + bench.guarded() + bench.site("a.test", "CFOriginPull Off", at=ELSEWHERE)
    outcome = bench.check(config, HERE)
    assert (outcome.status, ELSEWHERE in outcome.text) == (0, False)
    outcome = bench.check(config, HERE, ELSEWHERE)
    assert outcome.status == 1
    assert f"SERVED: a.test at {ELSEWHERE}:{bench.port} (https/1.1, https/2, no SNI/1.1, no SNI/2)" in outcome.text


def test_served_path_beside_an_exempt_one(bench: Bench) -> None:
    """The path that is asked for decides."""
    bench.server.put("open/index.html", "open\n")
    config = bench.redirecting() + bench.guarded().replace("</VirtualHost>", "CFOriginPullExempt path /open\n</VirtualHost>")
    assert bench.check(config, HERE).status == 0
    outcome = bench.check(config, "--path", "/open/", HERE)
    assert (outcome.status, "for /open/." in outcome.text) == (1, True)


@pytest.mark.parametrize("target", ("http://a.test:{port}/login", "/login"))
def test_site_that_redirects_to_itself_is_served(bench: Bench, target: str) -> None:
    site = bench.open("a.test", f"RedirectMatch ^/$ {target.format(port=bench.plain)}")
    outcome = bench.check(bench.guarded() + site)
    assert outcome.status == 1
    assert outcome.answers("a.test", bench.plain)[0] == "SERVED 302"


def test_site_that_redirects_its_first_page_only_is_served(bench: Bench) -> None:
    outcome = bench.check(bench.guarded() + bench.open("a.test", "RedirectMatch ^/$ https://www.test/"))
    assert outcome.status == 1
    assert outcome.answers("a.test", bench.plain)[0] == "SERVED 404"


def test_site_without_a_first_page_is_served(bench: Bench) -> None:
    """What it answers with is its own: 403 is a refusal only if the operator says so."""
    config = bench.guarded() + bench.open("a.test", "<Location />", "Require all denied", "</Location>")
    bench.server.allow("AH01630")
    outcome = bench.check(config)
    assert (outcome.status, outcome.answers("a.test", bench.plain)[0]) == (1, "SERVED 403")
    bench.server.allow("AH01630")
    outcome = bench.check(config, "--refusal", 403, HERE)
    assert (outcome.status, outcome.answers("a.test", bench.plain)[0]) == (0, "refused 403")


# Nothing can be said


def test_server_that_is_not_there_is_not_taken_for_guarded(bench: Bench) -> None:
    bench.server.write_config(bench.guarded())
    dump = bench.server.config_test(defines=["DUMP_CF_ORIGIN_PULL_JSON"]).stdout
    outcome = run("-", HERE, stdin=dump)
    assert (outcome.status, "NOT KNOWN: a.test: no answer" in outcome.text) == (2, True)


@pytest.mark.parametrize(
    "words, stdin, complaint",
    (
        (("-", HERE), "Syntax OK", "is not the output of"),
        (("/missing", HERE), "", "is not the output of"),
        (("-", HERE), '{"format": 2}', "has another format"),
        (("-", HERE), '{"format": 1, "listen": [], "servers": []}', "no virtual host of the dump is guarded"),
        (("-", "a.test"), "", "give the server's addresses, not its names"),
        (("--path", "x", "-", HERE), "", "--path begins with /"),
    ),
)
def test_mistakes_are_told(words: tuple[str, ...], stdin: str, complaint: str) -> None:
    outcome = run(*words, stdin=stdin)
    assert (outcome.status, outcome.text) == (2, "")
    assert outcome.complaint.startswith("origin-check: ") and complaint in outcome.complaint


def test_without_curl_it_says_so(directory: Path) -> None:
    outcome = run("-", HERE, stdin=json.dumps({"format": 1, "listen": [], "servers": []}), PATH=str(directory))
    assert (outcome.status, outcome.complaint) == (2, "origin-check: it needs curl: install it\n")
