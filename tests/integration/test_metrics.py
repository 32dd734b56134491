"""The page for Prometheus: who may have it, in which format, and that nothing in it can break a reader.

What the numbers have to be is test_counters'; here is what else the page says.
"""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from prometheus_client.openmetrics import parser as openmetrics

from conftest import Servers
from support import environment, installation, metrics
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, connect_plain, fetch
from support.dump import dump
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.streams import Route
from support.vhost import vhost
from support.views import MODULES, look, watching
from support.visits import KINDS, STORAGES, Kind, storage_lines, visit

HANDLER = "SetHandler cf-origin-pull-metrics"


def location(path: str, *lines: str) -> tuple[str, ...]:
    return (f"<Location {path}>", *lines, "</Location>")


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    watch: int
    ca: Credential
    edge: Credential
    crl: Path

    def page(self, *, method: str = "GET", accept: Optional[str] = None, path: str = metrics.PATH, host: str = "watch.test") -> Response:
        headers = [("Accept", accept)] if accept is not None else []
        with connect_plain(self.watch) as client:
            return client.request(path, host=host, method=method, headers=headers)

    def scrape(self) -> metrics.Metrics:
        return metrics.parse(self.page().text)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    edge = ca.issue("edge")
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    crl = ca.crl("revoking")
    port, watch = free_port(), free_port()
    config = watching(
        watch,
        *location("/metrics-for-others", HANDLER, "Require ip 127.0.0.2"),
        *location("/unsaid", "Require all granted"),
    )
    config += vhost(port, "on.test", *guard, *location(metrics.PATH, HANDLER), tls=server_certificate)
    config += vhost(port, "crl.test", *guard, f"CFOriginPullCARevocationFile {crl}", tls=server_certificate)
    config += vhost(port, "other.test", "CFOriginPull On", tls=server_certificate)
    httpd = servers.httpd(config, listen=[port, watch], modules=MODULES)
    assert fetch(port, sni="on.test", credential=edge).status == 200
    return Bench(httpd, port, watch, ca, edge, crl)


# Format


def test_text_format(bench: Bench) -> None:
    answer = bench.page()
    assert answer.status == 200
    assert answer.header("content-type") == metrics.TEXT_TYPE
    assert answer.header("cache-control") == "no-store"
    assert metrics.parse(answer.text).family("requests_total")
    assert metrics.promtool_complaints(answer.text) == ""


def test_promtool_is_the_kind_to_complain() -> None:
    """The control of the tests that it is content."""
    assert metrics.promtool_complaints("# HELP a b\n# TYPE a counter\na 1\n")
    assert metrics.promtool_complaints('a_total{b="c\n')


def openmetrics_series(body: str) -> dict[str, dict[tuple[str, ...], int]]:
    """The same shape as the strict reader's, by the Prometheus project's own parser."""
    found: dict[str, dict[tuple[str, ...], int]] = {}
    for family in openmetrics.text_string_to_metric_families(body):
        assert family.documentation
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in metrics.FAMILIES[sample.name][1])
            found.setdefault(sample.name, {})[labels] = int(sample.value)
    return found


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain;q=0.5, Application/OpenMetrics-Text; version=1.0.0; q=0.9",
    ],
)
def test_openmetrics_for_whoever_asks(bench: Bench, accept: str) -> None:
    answer = bench.page(accept=accept)
    assert answer.header("content-type") == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("\n# EOF\n")
    assert openmetrics_series(answer.text) == bench.scrape().series


@pytest.mark.parametrize("accept", [None, "*/*", "text/plain", "application/openmetrics-text;q=0", "application/openmetrics-textual", ", ;q=, ,"])
def test_text_for_everybody_else(bench: Bench, accept: Optional[str]) -> None:
    answer = bench.page(accept=accept)
    assert answer.header("content-type") == metrics.TEXT_TYPE
    assert "# EOF" not in answer.text


# Who may have it


def test_only_get_and_head(bench: Bench) -> None:
    bench.httpd.allow("AH00127|AH02429")
    head = bench.page(method="HEAD")
    assert (head.status, head.body, head.header("content-type")) == (200, b"", metrics.TEXT_TYPE)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = bench.page(method=method)
        assert answer.status == 405
        assert "GET" in (answer.header("allow") or "")
        assert "cf_origin_pull" not in answer.text


def test_only_where_the_administrator_set_the_handler(bench: Bench) -> None:
    for path in ("/", "/unsaid", "/cf-origin-pull-metrics", "/metric"):
        assert "cf_origin_pull" not in bench.page(path=path).text
    assert "cf_origin_pull" in bench.page(path="/metrics/below").text


def test_requirements_of_the_administrator_hold(bench: Bench) -> None:
    bench.httpd.expect("AH01630: client denied by server configuration")
    assert bench.page(path="/metrics-for-others").status == 403
    with connect_plain(bench.watch, Route(source="127.0.0.2")) as client:
        assert client.request("/metrics-for-others", host="watch.test").status == 200


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_guarded_vhost_guards_its_metrics_too(bench: Bench, http: str) -> None:
    bench.httpd.expect_refusal("no_certificate")
    refused = fetch(bench.port, metrics.PATH, sni="on.test", http=http)
    assert (refused.status, "cf_origin_pull" in refused.text) == (400, False)
    answer = fetch(bench.port, metrics.PATH, sni="on.test", credential=bench.edge, http=http)
    metrics.parse(answer.text)
    head = fetch(bench.port, metrics.PATH, sni="on.test", credential=bench.edge, http=http, method="HEAD")
    assert (head.status, head.body) == (200, b"")


# What trusted certificates are good for


def seconds(moment: datetime) -> int:
    return calendar.timegm(moment.timetuple())


def ends(credential: Credential) -> int:
    return seconds(credential.certificate.not_valid_after)


def test_ends_of_what_is_trusted_and_shown(bench: Bench) -> None:
    crl = x509.load_pem_x509_crl(bench.crl.read_bytes())
    assert crl.next_update
    family = bench.scrape().family("certificate_not_after_timestamp_seconds")
    builtin = {labels: value for labels, value in family.items() if labels[1].endswith("CN=origin-pull.cloudflare.net")}
    assert [(labels[0], time.strftime("%F", time.gmtime(value))) for labels, value in builtin.items()] == [("ca", "2029-11-01")]
    assert family == {
        **builtin,
        ("ca", "CN=ca", bench.ca.sha256): ends(bench.ca),
        ("crl", "CN=ca", crl.fingerprint(SHA256()).hex()): seconds(crl.next_update),
        ("leaf", "CN=edge", bench.edge.sha256): ends(bench.edge),
    }


# Which trusted certificates are in use


@dataclass(frozen=True)
class Zone:
    """Vhosts that trust several certificates, of which clients show what they like; `port` by storage of sessions."""

    httpd: Httpd
    ports: dict[str, int]
    watch: int
    certificates: dict[str, Credential]

    def used(self) -> dict[str, int]:
        """Label -> connections; the page and the keys say the same."""
        views = look(self.watch)
        names = {credential.sha256: label for label, credential in self.certificates.items()}
        found = {names[digest]: count for (_, digest), count in views.metrics.family("ca_connections_total").items()}
        page = {row.sha256: int(row.connections) for row in views.page.certificates if row.kind == "CA" and row.connections != "0"}
        assert page == {self.certificates[label].sha256[:16]: count for label, count in found.items()}
        keys = {names[digest]: int(group["Connections"]) for digest, group in views.keys.cas.items()}
        assert {label: count for label, count in keys.items() if count} == found
        return found

    def added(self, before: dict[str, int]) -> dict[str, int]:
        now = self.used()
        return {label: count - before.get(label, 0) for label, count in now.items() if count != before.get(label, 0)}

    def visit(self, name: str, who: str, **options: Any) -> int:
        return fetch(self.ports["cache"], sni=f"{name}.test", credential=self.certificates[who], **options).status


@pytest.fixture(scope="module")
def zone(servers: Servers, pki: Pki, server_certificate: Credential) -> Zone:
    old, new, root = pki.root("old-ca"), pki.root("new-ca"), pki.root("far-root")
    middle = root.issue("middle", ca=True)
    alone = root.issue("alone")
    certificates = {
        "old": old,
        "new": new,
        "middle": middle,
        "alone": alone,
        "by-old": old.issue("by-old"),
        "by-new": new.issue("by-new"),
        "monday": new.issue("monday"),
        "tuesday": new.issue("tuesday"),
        "by-middle": middle.issue("by-middle").sending(middle),
        "stranger": pki.self_signed("stranger"),
    }
    trusts = {"both": [old, new], "twin": [new], "middle": [middle], "alone": [alone], "off": []}
    ports, watch = {storage: free_port() for storage in STORAGES}, free_port()
    config = watching(watch)
    for storage, port in ports.items():
        for name, trust in trusts.items():
            lines = [f"CFOriginPull {'On' if trust else 'Off'}", *storage_lines(storage)]
            lines += [f"CFOriginPullCACertificateFile {entry.cert_file}" for entry in trust]
            config += vhost(port, f"{name}.test", *lines, tls=server_certificate)
    httpd = servers.httpd(config, listen=[watch, *ports.values()], modules=MODULES)
    return Zone(httpd, ports, watch, certificates)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize(
    "name,who,anchor",
    [("both", "by-old", "old"), ("both", "by-new", "new"), ("middle", "by-middle", "middle"), ("alone", "alone", "alone"), ("twin", "by-new", "new")],
)
def test_connection_counts_for_what_verified_it(zone: Zone, name: str, who: str, anchor: str, tls: str, http: str) -> None:
    before = zone.used()
    with connect(zone.ports["cache"], sni=f"{name}.test", credential=zone.certificates[who], tls=tls, http=http) as client:
        assert [client.request(host=f"{name}.test").status for _ in range(3)] == [200] * 3
    assert zone.added(before) == {anchor: 1}


def test_what_is_refused_or_not_asked_vouches_for_nothing(zone: Zone) -> None:
    zone.httpd.allow_refusals()
    before = zone.used()
    assert [zone.visit("both", "stranger"), zone.visit("twin", "by-old"), zone.visit("middle", "by-new")] == [400] * 3
    assert zone.visit("off", "by-new") == 200
    assert zone.added(before) == {}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_resumed_connections_count_for_it_too(zone: Zone, kind: Kind) -> None:
    before = zone.used()
    last = visit(zone.ports[kind.storage], "both.test", tls=kind.tls, credential=zone.certificates["by-old"])
    for _ in range(2):
        last = visit(zone.ports[kind.storage], "both.test", tls=kind.tls, session=last.session)
        assert last.resumed
    assert zone.added(before) == {"old": 3}


def test_time_of_the_last_use(zone: Zone) -> None:
    start = int(time.time())
    assert zone.visit("twin", "by-new") == 200
    views = look(zone.watch)
    new = zone.certificates["new"].sha256
    used = views.metrics.family("ca_last_used_timestamp_seconds")[("CN=new-ca", new)]
    assert start <= used <= time.time()
    assert views.keys.cas[new]["LastUsed"] == str(used)
    (row,) = [row for row in views.page.certificates if row.sha256 == new[:16]]
    assert row.last_used == time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(used))


def shown_last(zone: Zone, name: str) -> str:
    """Whose certificate it is; the page and the metrics tell the same as the keys."""
    views = look(zone.watch)
    label = f"{name}.test:{zone.ports['cache']}"
    keys = views.keys.leaves[label]
    (who,) = [who for who, credential in zone.certificates.items() if credential.sha256 == keys["LeafSHA256"]]
    credential = zone.certificates[who]
    assert (keys["LeafSubject"], int(keys["LeafNotAfter"])) == (f"CN={who}", ends(credential))
    assert time.time() - 20 < int(keys["LeafLastSeen"]) <= time.time()
    assert views.page.rows[label].leaf.startswith(f"{credential.sha256[:16]} CN={who}\nends ")
    listed = views.metrics.family("certificate_not_after_timestamp_seconds")
    assert listed[("leaf", f"CN={who}", credential.sha256)] == ends(credential)
    return who


def test_certificate_that_was_shown_last(zone: Zone) -> None:
    """One vhost moves to a new certificate, then the other; what is not accepted is not it."""

    def listed() -> set[str]:
        family = look(zone.watch).metrics.family("certificate_not_after_timestamp_seconds")
        return {subject for kind, subject, _ in family if kind == "leaf"} & {"CN=monday", "CN=tuesday"}

    zone.httpd.allow_refusals()
    assert [zone.visit("both", "monday"), zone.visit("twin", "monday")] == [200, 200]
    assert (shown_last(zone, "both"), shown_last(zone, "twin"), listed()) == ("monday", "monday", {"CN=monday"})
    assert [zone.visit("both", "tuesday"), zone.visit("twin", "stranger")] == [200, 400]
    assert (shown_last(zone, "both"), shown_last(zone, "twin")) == ("tuesday", "monday")
    assert listed() == {"CN=monday", "CN=tuesday"}
    assert zone.visit("twin", "tuesday") == 200
    assert (shown_last(zone, "twin"), listed()) == ("tuesday", {"CN=tuesday"})
    assert zone.visit("both", "by-old") == 200
    assert (shown_last(zone, "both"), listed()) == ("by-old", {"CN=tuesday"})


def test_trusted_certificate_that_nobody_used(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """It is there with its end, and with no connections; what nothing trusts any more keeps its numbers."""
    used, unused = pki.root("used-ca"), pki.root("unused-ca")
    port, watch = free_port(), free_port()

    def config(*trust: Credential) -> str:
        files = [f"CFOriginPullCACertificateFile {entry.cert_file}" for entry in trust]
        return watching(watch) + vhost(port, "on.test", "CFOriginPull On", *files, tls=server_certificate)

    httpd = servers.httpd(config(used, unused), listen=[port, watch], modules=MODULES, mpm="worker")
    assert fetch(port, sni="on.test", credential=used.issue("by-used")).status == 200

    def told() -> dict[str, tuple[str, bool, int]]:
        """Subject -> connections, whether its last use is known, vhosts that trust it."""
        views = look(watch)
        assert {group["Subject"]: int(group["LastUsed"]) > 0 for group in views.keys.cas.values()} == {
            row.subject: row.last_used != "never" for row in views.page.certificates
        }
        return {row.subject: (row.connections, row.last_used != "never", row.vhosts) for row in views.page.certificates}

    assert told() == {"CN=used-ca": ("1", True, 1), "CN=unused-ca": ("0", False, 1)}
    httpd.write_config(config(unused))
    httpd.graceful()
    assert told() == {"CN=used-ca": ("1", True, 0), "CN=unused-ca": ("0", False, 1)}
    ended = look(watch).metrics.family("certificate_not_after_timestamp_seconds")
    assert [subject for kind, subject, _ in ended if kind == "ca"] == ["CN=unused-ca"]


# What virtual hosts demand


def demands(servers: Servers, port: int, config: str) -> dict[str, tuple[str, str]]:
    """Mode and policy by the name of the virtual host, from a server of its own."""
    watch = free_port()
    httpd = servers.httpd(watching(watch) + config, listen=[port, watch], modules=MODULES)
    with connect_plain(watch) as client:
        page = metrics.parse(client.request(metrics.PATH, host="watch.test").text)
    httpd.stop()
    found = {vhost: (mode, policy) for vhost, mode, policy in page.family("vhost_info")}
    assert all(name.endswith(f".test:{port}") for name in found)
    return {name.partition(".")[0]: demand for name, demand in found.items()}


def test_policy_is_the_same_wherever_its_files_are(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    port = free_port()
    one, other = pki.root("demand-one"), pki.root("demand-other")
    pins = ("CFOriginPullPin dns:a.test", "CFOriginPullPin dns:b.test")
    listed = [f"CFOriginPullCACertificateFile {credential.cert_file}" for credential in (one, other)]
    copied = f"CFOriginPullCACertificateFile {pki.bundle('demand-both', other, one)}"

    def site(name: str, *lines: str) -> str:
        return vhost(port, f"{name}.test", *lines, tls=server_certificate)

    here = demands(servers, port, site("Same", "CFOriginPull On", *listed, *pins) + site("off"))
    there = demands(servers, port, site("same", copied, *reversed(pins), "CFOriginPull On") + site("off", "CFOriginPull Off"))

    assert here == there
    assert here["off"] == ("Off", "none")
    mode, policy = here["same"]
    assert mode == "On" and len(policy) == 16 and int(policy, 16)


def test_each_other_policy_has_another_word(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    port = free_port()
    ca = pki.root("demand-ca")
    listed = f"CFOriginPullCACertificateFile {ca.cert_file}"
    sites = {
        "builtin": [],
        "own": [listed],
        "deep": [listed, "CFOriginPullVerifyDepth 3"],
        "pinned": [listed, "CFOriginPullPin dns:a.test"],
        "crl": [listed, f"CFOriginPullCARevocationFile {ca.crl('demand')}"],
    }
    config = "".join(vhost(port, f"{name}.test", "CFOriginPull LogOnly", *lines, tls=server_certificate) for name, lines in sites.items())
    found = demands(servers, port, config)
    assert {mode for mode, _ in found.values()} == {"LogOnly"}
    assert len({policy for _, policy in found.values()}) == len(sites)


def test_policy_is_that_of_the_dump(bench: Bench) -> None:
    shown = {server.label.lower(): server.digest[:16] for server in dump(bench.httpd) if server.mode != "Off"}
    assert {vhost: policy for vhost, _, policy in bench.scrape().family("vhost_info")} == shown


def test_versions_in_use_are_told(bench: Bench) -> None:
    ((version, openssl, httpd),) = bench.scrape().family("build_info")
    release = re.search(r"AC_INIT\(\[mod_cfaop\], \[(.*)\]\)", (environment.TOP / "configure.ac").read_text())
    assert release and version == release[1]
    assert httpd == ".".join(map(str, installation.version()))
    assert openssl.count(".") == 2


def test_virtual_hosts_of_one_name_that_demand_the_same_are_one(servers: Servers, server_certificate: Credential) -> None:
    port = free_port()
    sites = [vhost(port, "twin.test", f"CFOriginPull {mode}", tls=server_certificate) for mode in ("On", "On", "LogOnly")]
    sites = [text.replace("127.0.0.1:", f"127.0.0.{number}:") for number, text in enumerate(sites, 1)]
    watch = free_port()
    httpd = servers.prepare_httpd("".join(sites) + watching(watch), listen=[port, watch], modules=MODULES)
    httpd.allow("CFAOP131: ")
    httpd.start()
    with connect_plain(watch) as client:
        page = metrics.parse(client.request(metrics.PATH, host="watch.test").text)
    assert sorted(mode for _, mode, _ in page.family("vhost_info")) == ["LogOnly", "On"]
    httpd.stop()
