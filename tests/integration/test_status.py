"""The module's part of mod_status's page: which vhosts and certificates it lists, and that names cannot break it.

What the numbers have to be is test_counters'. The same names stand in the keys of "?auto" and in the metrics.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from prometheus_client.openmetrics import parser as openmetrics

from conftest import Servers
from support import environment, metrics, status_page
from support.client import connect_plain, fetch
from support.http1 import Headers
from support.httpd import Httpd
from support.pki import DAY, Credential, Pki, name_attribute
from support.ports import free_port
from support.vhost import vhost
from support.views import MODULES, Views, look, watching

HOUR = timedelta(hours=1)


def get(port: int, path: str, headers: Headers = ()) -> str:
    with connect_plain(port) as client:
        answer = client.request(path, host="watch.test", headers=headers)
    assert answer.status == 200
    return answer.text


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    watch: int
    ca: Credential
    tls: Credential
    edge: Credential

    def look(self) -> Views:
        return look(self.watch)

    def site(self, name: str, *lines: str, mode: str = "On") -> str:
        trust = f"CFOriginPullCACertificateFile {self.ca.cert_file}"
        return vhost(self.port, name, f"CFOriginPull {mode}", trust, *lines, tls=self.tls)

    def reread(self, *sites: str) -> None:
        self.httpd.write_config(watching(self.watch) + "".join(sites))
        self.httpd.graceful()


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    port, watch = free_port(), free_port()
    server = servers.prepare_httpd(watching(watch), listen=[port, watch], modules=MODULES, mpm="worker")
    return Bench(server.start(), port, watch, ca, server_certificate, ca.issue("edge"))


def test_page_without_guarded_vhosts_has_no_section(bench: Bench) -> None:
    bench.reread(bench.site("off.test", mode="Off"))
    assert not status_page.has_section(get(bench.watch, status_page.PATH))
    assert "CFOriginPull" not in get(bench.watch, f"{status_page.PATH}?auto")
    demanded = metrics.parse(get(bench.watch, metrics.PATH))
    assert set(demanded.series) == {"cf_origin_pull_vhost_info", "cf_origin_pull_build_info"}
    assert demanded.family("vhost_info") == {(f"off.test:{bench.port}", "Off", "none"): 1}
    bench.reread(bench.site("on.test"))
    assert status_page.has_section(get(bench.watch, status_page.PATH))


def test_guarded_vhosts_and_their_modes(bench: Bench) -> None:
    modes = {"c.test": "On", "a.test": "Optional", "b.test": "LogOnly"}
    bench.reread(*(bench.site(name, mode=mode) for name, mode in modes.items()), bench.site("off.test", mode="Off"))
    rows = bench.look().page.rows
    assert [(row.label, row.mode) for row in rows.values() if row.mode != "-"] == [
        (f"{name}:{bench.port}", modes[name]) for name in sorted(modes)
    ]


def test_certificates_and_how_long_they_last(bench: Bench, pki: Pki) -> None:
    crl = bench.ca.crl("ending", next_update=40 * DAY + HOUR)
    lasting = pki.root("lasting", not_after=100 * DAY + HOUR)
    bench.reread(
        bench.site("a.test", f"CFOriginPullCARevocationFile {crl}"),
        bench.site("b.test", f"CFOriginPullCACertificateFile {lasting.cert_file}"),
        bench.site("off.test", mode="Off"),
    )
    rows = {(row.kind, row.subject): row for row in bench.look().page.certificates}
    ends = {100: lasting.certificate.not_valid_after, 40: x509.load_pem_x509_crl(crl.read_bytes()).next_update}
    assert rows[("CA", "CN=lasting")].ends == f"{ends[100]:%Y-%m-%d}, 100 days left"
    assert rows[("CRL", "CN=ca")].ends == f"{ends[40]:%Y-%m-%d}, 40 days left"
    assert (rows[("CA", "CN=ca")].vhosts, rows[("CA", "CN=lasting")].vhosts, rows[("CRL", "CN=ca")].vhosts) == (2, 1, 1)
    assert rows[("CA", "CN=ca")].sha256 == bench.ca.sha256[:16]
    bench.reread(bench.site("a.test"))
    assert {row.kind for row in bench.look().page.certificates} == {"CA"}


def test_many_vhosts_without_traffic_are_only_counted(bench: Bench) -> None:
    sites = [bench.site(f"many{i:03}.test") for i in range(300)]
    bench.reread(*sites)
    before = set(bench.look().page.rows)
    assert not {label for label in before if label.startswith("many")}
    for name in ("many000.test", "many299.test"):
        assert fetch(bench.port, sni=name, credential=bench.edge).status == 200
    page = bench.look().page
    assert set(page.rows) - before == {f"many000.test:{bench.port}", f"many299.test:{bench.port}"}
    assert page.note == "298 more guarded virtual hosts had no traffic."


def test_section_is_part_of_mod_status(bench: Bench) -> None:
    """Whoever may not see the page does not see ours; with ?refresh and ?notable it is there."""
    bench.reread(bench.site("on.test"))
    for query in ("", "?refresh=5", "?notable"):
        assert status_page.has_section(get(bench.watch, status_page.PATH + query))
    assert "CFOriginPullVhost[0]Name: " in get(bench.watch, f"{status_page.PATH}?auto")


# Names that were made to break something


# mod_ssl's, of vhosts whose names the server's certificate does not have
OTHER_CERTIFICATE = "AH01909: "


def escaped(text: str) -> str:
    """Printable ASCII stays, but for quotes, backslashes and percent signs."""
    return re.sub(r'["\\%]|[^ -~]', lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


HOSTS = {
    "script": "<script>alert(1)</script>",
    "markup": "</table>&lt;b&gt;<!--",
    "quotes": "single'double\".test",
    "labels": 'a",result="allowed"} 1',
    "backslash": "back\\slash\\n.test",
    "percent": "per%22cent%.test",
    "utf-8": "größe-рус.test",
    "capitals": "UPPER-and-lower.test",
    "keys": "CFOriginPullRequestsRefused=9",
    "other": "other",
    "whole": "Whole server",
}
SUBJECTS = {
    "script": "<script>alert(1)</script>",
    "markup": "</td></tr></table><!-- &quot; &amp;",
    "quotes": "'\"\\\"",
    "labels": 'x",sha256="0"} 7',
    "lines": "one\r\n# EOF\r\ncf_origin_pull_requests_total 5\n\nCFOriginPullRequestsAllowed: 5",
    "percent": "100%25 %s %n",
    "control": "\x1b[2J\x07\x7f\x00end",
    "utf-8": "größe \u202e рус \U0001f512 \u2028",
    "blank": " ",
}


def configuration_word(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Lengths about the room for a name; each with another that differs in the last byte only
LONG = [letter * length + end for letter, length in (("l", 300), ("m", 4000), ("n", 257), ("p", 256), ("q", 255)) for end in "xy"]


@pytest.fixture(scope="module")
def named(servers: Servers, pki: Pki, server_certificate: Credential) -> tuple[dict[str, int], Views]:
    """Ports by name, each with a vhost of that name only, so that it answers whatever the Host is; and what was counted."""
    ca = pki.root("named-ca")
    edge = ca.issue("named-edge")
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    watch = free_port()
    ports = {name: free_port() for name in [*HOSTS.values(), *LONG]}
    config = watching(watch)
    for name, port in ports.items():
        site = vhost(port, configuration_word(name), "CFOriginPull On", trust, tls=server_certificate)
        config += re.sub(r"  Header .*\n", "", site)
    httpd = servers.httpd(config, listen=[watch, *ports.values()], modules=MODULES)
    httpd.expect(OTHER_CERTIFICATE)
    httpd.expect_refusal("no_certificate")
    for port in ports.values():
        assert fetch(port, sni="x.test", credential=edge).status == 200
        assert fetch(port, sni="x.test").status == 400
    httpd.check()
    return ports, look(watch)


COUNTED = {"handshake verified": 1, "allowed none": 1, "handshake no_certificate": 1, "refused no_certificate": 1}


@pytest.mark.parametrize("what", HOSTS)
def test_name_of_a_vhost(named: tuple[dict[str, int], Views], what: str) -> None:
    ports, views = named
    label = f"{escaped(HOSTS[what].lower())}:{ports[HOSTS[what]]}"
    assert views.numbers[label] == COUNTED
    assert (views.page.rows[label].mode, views.keys.modes[label]) == ("On", "On")


def test_long_names_stay_apart(named: tuple[dict[str, int], Views]) -> None:
    ports, views = named
    assert len(views.numbers) == len(ports)
    assert all(entry == COUNTED for entry in views.numbers.values())
    for letter in "lmnpq":
        first, second = (label for label in views.numbers if label.startswith(letter * 200))
        assert max(len(first), len(second)) < 300


def test_prometheus_is_content_with_names_of_vhosts(named: tuple[dict[str, int], Views]) -> None:
    assert metrics.promtool_complaints(named[1].body) == ""


@dataclass(frozen=True)
class Hostile:
    """The views of a server with all subjects at once: of CAs, of CRLs, and of leaves that were shown."""

    views: Views
    openmetrics: str


@pytest.fixture(scope="module")
def hostile(servers: Servers, pki: Pki, server_certificate: Credential) -> Hostile:
    port, watch = free_port(), free_port()
    config = watching(watch)
    leaves: dict[str, Credential] = {}
    for what, text in {**SUBJECTS, "long": "long" * 1000, "long-too": "long" * 1000}.items():
        ca = pki.root(f"hostile-{what}", name=organization(text))
        leaves[what] = ca.issue(f"hostile-{what}-leaf", name=organization(text))
        lines = [f"CFOriginPullCACertificateFile {ca.cert_file}", f"CFOriginPullCARevocationFile {ca.crl(f'hostile-{what}')}"]
        config += vhost(port, f"{what}.test", "CFOriginPull On", *lines, tls=server_certificate)
    servers.httpd(config, listen=[port, watch], modules=MODULES)
    for what, leaf in leaves.items():
        assert fetch(port, sni=f"{what}.test", credential=leaf).status == 200
    return Hostile(look(watch), get(watch, metrics.PATH, [("Accept", metrics.OPENMETRICS)]))


def organization(text: str) -> x509.Name:
    return x509.Name([name_attribute(NameOID.ORGANIZATION_NAME, text)])


@pytest.mark.parametrize("what", SUBJECTS)
def test_name_of_a_certificate(hostile: Hostile, what: str) -> None:
    subject = f"O={escaped(SUBJECTS[what])}"
    rows = [row for row in hostile.views.page.certificates if row.subject == subject]
    assert [(row.kind, row.connections) for row in rows] == [("CA", "1"), ("CRL", "")]
    assert subject in {group["Subject"] for group in hostile.views.keys.cas.values()}
    assert subject in {leaf["LeafSubject"] for leaf in hostile.views.keys.leaves.values()}
    (row,) = [row for label, row in hostile.views.page.rows.items() if label.startswith(f"{what}.test:")]
    assert row.leaf.split("\n")[0].endswith(f" {subject}")
    series = hostile.views.metrics.family("certificate_not_after_timestamp_seconds")
    assert sorted(kind for kind, name, _ in series if name == subject) == ["ca", "crl", "leaf"]
    assert [name for name, _ in hostile.views.metrics.family("ca_connections_total")].count(subject) == 1


def test_long_names_of_certificates_are_cut(hostile: Hostile) -> None:
    """Their digests tell them apart."""
    series = hostile.views.metrics.family("certificate_not_after_timestamp_seconds")
    long = [name for _, name, _ in series if name.startswith("O=longlong")]
    assert len(long) == 6
    assert max(map(len, long)) <= 256


def test_prometheus_is_content_with_names_of_certificates(hostile: Hostile) -> None:
    assert metrics.promtool_complaints(hostile.views.body) == ""
    families = openmetrics.text_string_to_metric_families(hostile.openmetrics)
    assert {(sample.name, tuple(sample.labels.values())) for family in families for sample in family.samples} == {
        (name, labels) for name, series in hostile.views.metrics.series.items() for labels in series
    }


# As many as anybody has


def test_ten_thousand_vhosts(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    # a sanitizer takes a multiple of the memory
    count = 3000 if environment.sanitizing() else 10000
    ca = pki.root("scale-ca")
    edge = ca.issue("scale-edge")
    port, watch = free_port(), free_port()
    config = f"CFOriginPull On\nCFOriginPullCACertificateFile {ca.cert_file}\n{watching(watch)}"
    config += "".join(vhost(port, f"v{i}.test", tls=server_certificate) for i in range(count))
    # worker: a process of event that has just served may crash when it is stopped, without the module, too
    httpd = servers.httpd(config, listen=[port, watch], modules=MODULES, log_level="warn", mpm="worker")
    visited = [f"v{i}.test" for i in (0, count // 2, count - 1)]
    for name in visited:
        assert fetch(port, sni=name, credential=edge).status == 200
    views = look(watch)
    assert views.numbers == {f"{name}:{port}": {"handshake verified": 1, "allowed none": 1} for name in visited}
    assert views.page.note == f"{count - 3} more guarded virtual hosts had no traffic."
    httpd.stop()
