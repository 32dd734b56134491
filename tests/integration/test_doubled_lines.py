"""Panels write the same lines into both virtual hosts of a site. An On in the one for plain HTTP is no mistake where TLS virtual hosts that are On
answer to each of its names; alone it is one. And each guarded name that is served without the guard, too, is told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Callable

import pytest

from conftest import Servers
from support.client import connect_plain, fetch
from support.dump import dump
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

ON = "CFOriginPull On"
AWAY = "Redirect permanent / https://www.test/"


@dataclass(frozen=True)
class Bench:
    prepare: Callable[[str], Httpd]
    tls_port: int
    plain_port: int
    tls: Credential
    edge: Credential
    ca: str

    def guarded(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.tls_port, name, ON, self.ca, *lines, tls=self.tls, aliases=aliases)

    def open(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.tls_port, name, *lines, tls=self.tls, aliases=aliases)

    def plain(self, name: str, *lines: str, aliases: str = "") -> str:
        return vhost(self.plain_port, name, *lines, aliases=aliases)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    tls_port, plain_port, pull = free_port(), free_port(), pki.root("pull")

    def prepare(config: str) -> Httpd:
        return servers.prepare_httpd(config, listen=[tls_port, plain_port], modules=["rewrite"])

    ca = f"CFOriginPullCACertificateFile {pull.cert_file}"
    return Bench(prepare, tls_port, plain_port, server_certificate, pull.issue("edge"), ca)


@pytest.mark.parametrize("order", ("plain-first", "tls-first"))
def test_on_that_repeats_that_of_tls_is_a_notice(bench: Bench, order: str) -> None:
    """Case: one field of a panel for both. Plain HTTP goes on, TLS is guarded."""
    both = [bench.plain("www.test", ON, bench.ca, AWAY), bench.guarded("www.test")]
    httpd = bench.prepare("".join(both if order == "plain-first" else reversed(both)))
    assert httpd.config_test().ok
    httpd.start()
    httpd.expect(rf"\[cfaop:notice\] .*CFAOP121: .*: www\.test:{bench.plain_port}$")
    with connect_plain(bench.plain_port) as client:
        assert client.request("/", host="www.test").status == 301
    assert fetch(bench.tls_port, sni="www.test", credential=bench.edge).status == 200
    assert fetch(bench.tls_port, sni="www.test").status == 400
    httpd.expect_refusal("no_certificate")
    httpd.graceful()
    httpd.expect("CFAOP121: ")
    with connect_plain(bench.plain_port) as client:
        assert client.request("/", host="www.test").status == 301
    httpd.stop()


COVERED = {
    "alias-is-served-by-a-third": ("www.test", "a.test", (("www.test", ""), ("a.test", ""))),
    "name-is-an-alias-there": ("www.test", "", (("a.test", "www.test"),)),
    "same-wildcard": ("www.test", "*.www.test", (("www.test", "*.www.test"),)),
    "wider-wildcard": ("www.a.test", "*.www.a.test", (("a.test", "*.a.test"),)),
    "case": ("WWW.test", "", (("www.TEST", ""),)),
}


@pytest.mark.parametrize("case", COVERED)
def test_each_name_has_its_tls_virtual_host(bench: Bench, case: str) -> None:
    name, aliases, others = COVERED[case]
    config = bench.plain(name, ON, bench.ca, AWAY, aliases=aliases)
    config += "".join(bench.guarded(other, aliases=other_aliases) for other, other_aliases in others)
    assert bench.prepare(config).config_test().ok


ALONE = {
    "no-other": ("www.test", "", (), "www.test"),
    "other-name": ("www.test", "", (("a.test", "", ON),), "www.test"),
    "alias-is-alone": ("www.test", "a.test", (("www.test", "", ON),), "a.test"),
    "wildcard-is-alone": ("www.test", "*.www.test", (("www.test", "a.www.test", ON),), "*.www.test"),
    "other-is-off": ("www.test", "", (("www.test", "", "CFOriginPull Off"),), "www.test"),
    "other-only-logs": ("www.test", "", (("www.test", "", "CFOriginPull LogOnly"),), "www.test"),
}


@pytest.mark.parametrize("case", ALONE)
def test_on_without_tls_is_a_mistake_where_it_is_alone(bench: Bench, case: str) -> None:
    name, aliases, others, alone = ALONE[case]
    config = bench.plain(name, ON, bench.ca, aliases=aliases)
    config += "".join(bench.open(other, mode, bench.ca, aliases=other_aliases) for other, other_aliases, mode in others)
    outcome = bench.prepare(config).config_test()
    assert not outcome.ok
    assert f"CFAOP105: CFOriginPull On (" in outcome.stderr and f'or guard "{alone}" in a virtual host with TLS, too' in outcome.stderr


def test_reload_takes_the_other_away(bench: Bench) -> None:
    """A running server goes on, and the plain virtual host that is alone now refuses."""
    plain, guarded = bench.plain("www.test", ON, bench.ca, AWAY), bench.guarded("www.test")
    httpd = bench.prepare(plain + guarded)
    httpd.start()
    httpd.expect("CFAOP121: ")
    httpd.write_config(plain + bench.guarded("a.test"))
    httpd.graceful()
    httpd.expect("CFAOP105: ")
    httpd.expect("CFAOP120: ")
    httpd.expect_refusal("configuration")
    with connect_plain(bench.plain_port) as client:
        assert client.request("/", host="www.test").status == 400
    httpd.stop()


def test_other_that_gets_no_tls_stands_for_nothing(bench: Bench) -> None:
    """It looks as if it had TLS, but mod_ssl gives it none: it refuses, and so does the one that relied on it."""
    certificate = [f"SSLCertificateFile {bench.tls.cert_file}", f"SSLCertificateKeyFile {bench.tls.key_file}"]
    # the Listen that says https is for another address
    config = f"Listen 127.0.0.2:{bench.tls_port} https\n" + bench.plain("www.test", ON, bench.ca)
    config += vhost(bench.tls_port, "www.test", ON, bench.ca, *certificate)
    httpd = bench.prepare(config)
    httpd.start()
    httpd.expect("CFAOP120: ")
    httpd.allow("CFAOP131: ")
    httpd.expect_refusal("configuration")
    with connect_plain(bench.plain_port) as client:
        assert client.request("/", host="www.test").status == 400
    httpd.stop()


# Ways round that the configuration shows


def warnings(httpd: Httpd) -> list[str]:
    outcome = httpd.config_test()
    assert outcome.ok, outcome.stderr
    return [line for line in outcome.stderr.splitlines() if "CFAOP131" in line or "CFAOP132" in line]


def test_name_that_is_served_without_the_guard_is_told(bench: Bench) -> None:
    httpd = bench.prepare(bench.guarded("www.test", aliases="a.test") + bench.plain("www.test", aliases="a.test"))
    lines = warnings(httpd)
    assert len(lines) == 2
    for name, line in zip(("www.test", "a.test"), lines):
        assert f"CFAOP131: {name} is guarded by www.test:{bench.tls_port}, but is served without the guard by www.test:" in line
        assert f"www.test:{bench.plain_port} ({httpd.config_file}:" in line
    httpd.start()
    for name in ("www.test", "a.test"):
        httpd.expect(rf"\[cfaop:warn\] .*CFAOP131: {name} is guarded")
    with connect_plain(bench.plain_port) as client:
        assert client.request("/", host="www.test").status == 200
    httpd.stop()


def test_one_line_names_all_that_serve_a_name(bench: Bench) -> None:
    config = bench.guarded("www.test") + bench.plain("www.test") + bench.plain("other.test", aliases="*.test")
    (line,) = warnings(bench.prepare(config))
    assert f"www.test:{bench.plain_port} (" in line and f"other.test:{bench.plain_port} (" in line


def test_doubled_on_that_serves_is_a_way_round(bench: Bench) -> None:
    """The lines in the virtual host for plain HTTP guard nothing."""
    (line,) = warnings(bench.prepare(bench.guarded("www.test") + bench.plain("www.test", ON, bench.ca)))
    assert f"www.test:{bench.plain_port}" in line


SILENT = {
    "redirect": lambda b: b.guarded("www.test") + b.plain("www.test", AWAY),
    "other-name": lambda b: b.guarded("www.test") + b.plain("a.test"),
    "both-guarded": lambda b: b.guarded("www.test") + b.guarded("a.test", aliases="www.test"),
    "inherited-by-one-without-tls": lambda b: f"{ON}\n{b.ca}\n" + b.open("www.test") + vhost(b.tls_port, "a.test", aliases="www.test"),
    "only-logs": lambda b: b.open("www.test", "CFOriginPull LogOnly", b.ca) + b.plain("www.test"),
    "optional": lambda b: b.open("www.test", "CFOriginPull Optional", b.ca) + b.plain("www.test"),
}


@pytest.mark.parametrize("case", SILENT)
def test_no_way_round_no_line(bench: Bench, case: str) -> None:
    assert warnings(bench.prepare(SILENT[case](bench))) == []


def test_many_names_are_summed_up(bench: Bench) -> None:
    """Twenty lines, and the count of the others; the dump lists them all."""
    names = [f"n{number}.test" for number in range(30)]
    httpd = bench.prepare("".join(bench.guarded(name) + bench.plain(name) for name in names))
    lines = warnings(httpd)
    assert len(lines) == 21 and "CFAOP132: 10 more guarded names are served without the guard" in lines[-1]
    assert sum(len(server.bypasses) for server in dump(httpd)) == 30


def test_many_servers_of_one_name_are_summed_up(bench: Bench) -> None:
    """Panels give each site the same alias: a dump that lists all of them for each would not end."""
    sites = [f"{number}.test" for number in range(23)]
    httpd = bench.prepare(
        "".join(bench.guarded("tls" + site, aliases="shared.test") + bench.plain("plain" + site, aliases="shared.test") for site in sites)
    )
    (line,) = warnings(httpd)
    assert "CFAOP131: shared.test is guarded by " in line and " and 3 more: " in line
    shown = dump(httpd)[1]
    assert len(shown.bypasses) == 20
    assert "    bypass: shared.test is served without the guard by 3 more virtual hosts" in shown.text
    entry = json.loads(httpd.config_test(defines=["DUMP_CF_ORIGIN_PULL_JSON"]).stdout)["servers"][1]
    assert (len(entry["bypasses"]), entry["bypasses_count"]) == (20, 23)


def test_wildcards_of_thousands_of_sites_are_no_burden(bench: Bench) -> None:
    """Each site has two virtual hosts and a wildcard. What has to be looked up for one does not grow with the number of the others."""
    sites = "".join(
        vhost(bench.tls_port, f"s{n}.test", ON, bench.ca, tls=bench.tls, aliases=f"*.s{n}.test")
        + vhost(bench.plain_port, f"s{n}.test", AWAY, aliases=f"*.s{n}.test")
        for n in range(1500)
    )
    assert warnings(bench.prepare(sites)) == []
