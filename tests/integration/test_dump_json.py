"""`apache2 -t -D DUMP_CF_ORIGIN_PULL_JSON` is the dump for programs: the same facts, as one document."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from conftest import Servers
from support.dump import Server, dump
from support.environment import TOP
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.vhost import vhost

Document = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """A server whose configuration is tested but not started: TLS on one port, plain HTTP on the other."""

    server: Httpd
    port: int
    plain_port: int
    tls: Credential
    ca: Credential

    def site(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.port, name, *lines, tls=self.tls, aliases=aliases)

    def plain(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.plain_port, name, *lines, aliases=aliases)

    def everything(self) -> str:
        """A server with each thing that the dump knows."""
        lines = [
            "CFOriginPull On",
            f"CFOriginPullCACertificateFile builtin {self.ca.cert_file}",
            f"CFOriginPullCARevocationFile {self.ca.crl('zone')}",
            "CFOriginPullPin dns:edge.test",
            "CFOriginPullExempt path /health",
            "CFOriginPullExempt ip 192.0.2.0/24",
            "CFOriginPullRefuse close",
            "CFOriginPullPeerLimit 8000 50",
            "CFOriginPullRemoteIP On X-Peer with-port",
            "CFOriginPullExpiryWarning 0",
        ]
        return (
            self.site("a.test", *lines, aliases="alias.test *.wild.test")
            + self.site("b.test", "CFOriginPull On")
            + self.site("c.test", "CFOriginPull On")
            + self.site("d.test", "CFOriginPull LogOnly", "CFOriginPullExpiryWarning 7")
            + self.plain("c.test", "CFOriginPull On")
            + self.plain("open.test", aliases="a.test")
        )


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ports = [free_port(), free_port()]
    server = servers.prepare_httpd("", listen=ports)
    # it does not end at the time of day of this test: both dumps count the same days
    return Bench(server, *ports, server_certificate, pki.root("zone", not_after=365.5 * DAY))


def stdout_of(server: Httpd) -> str:
    outcome = server.config_test(defines=["DUMP_CF_ORIGIN_PULL_JSON"])
    assert outcome.ok, outcome.stderr
    return outcome.stdout


def document(bench: Bench, config: str) -> Document:
    """json.loads accepts nothing before or after the document."""
    bench.server.write_config(config)
    parsed: Document = json.loads(stdout_of(bench.server))
    assert list(parsed) == ["format", "listen", "servers"]
    assert parsed["format"] == 1
    return parsed


def line(text: str, name: str) -> str | None:
    match = re.search(rf"^    {name}: (.*)$", text, re.MULTILINE)
    return match[1] if match else None


def assert_the_same(shown: Server, entry: Document) -> None:
    """Each line that the dump has for a server is in the document, and each list has the same length."""
    assert (entry["label"], entry["place"], entry["mode"]) == (shown.label, shown.place, shown.mode)
    assert entry["exemptions"] == re.findall(r"^    exempt (.*)$", shown.text, re.MULTILINE)
    assert entry["refuse"] == (line(shown.text, "refuse") or "400")
    assert entry["session_tickets"] == (line(shown.text, "session tickets") or "Auto")
    limit = line(shown.text, "peer limit")
    assert limit in (None, f"{entry['peer_limit']['bytes']} bytes, {entry['peer_limit']['names']} names")
    remote = entry["remote_ip"]
    header = remote and remote["header"] + (" with-port" if remote["with_port"] else "")
    assert header == line(shown.text, "remote ip")
    warning = {None: 30, "never": 0, "7 days before": 7}[line(shown.text, "expiry warning")]
    assert entry["expiry_warning_days"] == warning
    assert [tuple(each.values()) for each in entry["bypasses"]] == list(shown.bypasses)
    assert entry["bypasses_count"] == len(shown.bypasses)
    if entry["mode"] != "Off":
        assert entry["tls"] == shown.has_tls
    assert entry["guarded"] == (entry["mode"] == "On" and entry["tls"])
    if entry["trust"] is None:
        assert shown.depth == -1
        return
    trust = entry["trust"]
    assert trust["certificates"] == [vars(each) for each in shown.certificates]
    assert trust["crls"] == [vars(each) for each in shown.crls]
    assert trust["pins"] == re.findall(r"^    pin: (.*)$", shown.text, re.MULTILINE)
    assert (trust["depth"], trust["policy_digest"]) == (shown.depth, shown.digest)
    assert (tuple(trust["shared_with"]) or ("none",)) == shown.shared_with
    assert trust["shared_with_count"] == len(trust["shared_with"])


def test_both_dumps_say_the_same_of_each_server(bench: Bench) -> None:
    entries = document(bench, bench.everything())["servers"]
    shown = dump(bench.server)
    assert len(entries) == len(shown) == 7
    for one, entry in zip(shown, entries):
        assert_the_same(one, entry)
    a = entries[1]
    assert a["bypasses"] and a["exemptions"] and a["remote_ip"] and a["trust"]["crls"] and a["trust"]["pins"]


@pytest.mark.parametrize("listens_at, guarded", [("127.0.0.1", True), ("127.0.0.2", False)])
def test_listen_line_of_another_address_guards_nothing(bench: Bench, listens_at: str, guarded: bool) -> None:
    """httpd gives TLS by "Listen ... https" to the virtual host of this very address only."""
    port = free_port()
    config = f"Listen {listens_at}:{port} https\nSSLCertificateFile {bench.tls.cert_file}\nSSLCertificateKeyFile {bench.tls.key_file}\n"
    config += f"CFOriginPull On\nCFOriginPullCACertificateFile {bench.ca.cert_file}\n" + vhost(port, "a.test")
    (entry,) = [each for each in document(bench, config)["servers"] if each["label"] == f"a.test:{port}"]
    assert (entry["tls"], entry["guarded"]) == (guarded, guarded)
    (shown,) = [each for each in dump(bench.server) if each.label == f"a.test:{port}"]
    assert_the_same(shown, entry)


def test_names_and_addresses_are_there_for_programs(bench: Bench) -> None:
    everything = document(bench, bench.everything())
    main, a = everything["servers"][:2]
    assert (main["label"], main["addresses"]) == ("httpd.test", [])
    assert everything["listen"] == [{"host": "127.0.0.1", "port": port} for port in (bench.port, bench.plain_port)]
    assert (a["name"], a["aliases"]) == ("a.test", ["alias.test", "*.wild.test"])
    assert a["addresses"] == [{"host": "127.0.0.1", "port": bench.port}]
    assert (a["tls"], a["reached_by_tls"], a["guarded"]) == (True, True, True)


def test_nothing_is_printed_unless_asked_for(bench: Bench) -> None:
    bench.server.write_config(bench.site("a.test", "CFOriginPull On"))
    assert bench.server.config_test().stdout == ""
    assert "{" not in bench.server.config_test(defines=["DUMP_CF_ORIGIN_PULL"]).stdout


def test_each_field_is_described(bench: Bench) -> None:
    """docs/dump-json.md names all fields, and no others."""
    page = (TOP / "docs" / "dump-json.md").read_text()
    described = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    entry = document(bench, bench.everything())["servers"][1]
    assert described == set(entry) | set(entry["trust"])


@pytest.mark.needs("tool:jq")
def test_the_questions_of_the_page_have_answers(bench: Bench) -> None:
    page = (TOP / "docs" / "dump-json.md").read_text()
    questions = re.findall(r"^jq (-\w) '(.*)' dump.json$", page, re.MULTILINE)
    document(bench, bench.everything())
    text = stdout_of(bench.server)
    runs = [subprocess.run(["jq", *each], input=text, capture_output=True, text=True) for each in questions]
    not_on, first, open_names, gate = runs
    assert [row.split()[1] for row in not_on.stdout.splitlines()] == ["Off", "LogOnly", "Off"]
    assert first.stdout.split()[1] == "CN=zone"
    assert open_names.stdout.startswith(f"a.test by open.test:{bench.plain_port} (")
    assert (gate.stdout, gate.returncode) == ("false\n", 1)
    document(bench, bench.site("a.test", "CFOriginPull On"))
    passed = subprocess.run(["jq", *questions[3]], input=stdout_of(bench.server), capture_output=True, text=True)
    assert (passed.stdout, passed.returncode) == ("true\n", 0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xf0\x9f\x94\x92", "\U0001f512"),
        (b"a\xffb", "a\ufffdb"),
        (b"a\xc3", "a\ufffd"),
        (b"\xc0\xaf", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),
        (b"\xe0\x80\x80", "\ufffd\ufffd\ufffd"),
        (b"a\x01\x7fb", "a\x01\x7fb"),
        (b'a"b', 'a"b'),
        (b"a\\b", "a\\b"),
    ],
)
def test_every_byte_of_a_path_is_escaped(bench: Bench, written: bytes, read: str) -> None:
    """The name of an included file is the text that the administrator chooses most freely; it is a `place`."""
    included = bench.server.directory / "sites" / os.fsdecode(written)
    included.parent.mkdir(exist_ok=True)
    included.write_text(bench.site("a.test", "CFOriginPull On"))
    bench.server.write_config(f"Include {included.parent}/*\n")
    try:
        (_, entry) = json.loads(stdout_of(bench.server))["servers"]
    finally:
        included.unlink()
    assert entry["place"] == f"{included.parent}/{read}:1"
