"""What docs/monitoring.md and conf/ give to Prometheus and Grafana: accepted, and the alerts fire when they should and only then."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import Servers
from support.client import connect_plain, fetch
from support.environment import TOP
from support.pki import DAY, Credential, Pki
from support.ports import free_port
from support.vhost import vhost

RULES = TOP / "conf" / "prometheus" / "cf-origin-pull.rules.yml"
DASHBOARD = TOP / "conf" / "grafana" / "cf-origin-pull.json"
PAGE = TOP / "docs" / "monitoring.md"
STATUS = TOP / "conf" / "examples" / "status.conf"
DIRECTIVES = TOP / "docs" / "directives.md"


def promtool(*words: object, stdin: str = "") -> str:
    done = subprocess.run(["promtool", *map(str, words)], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def yaml_block(words: str) -> str:
    found = [block for block in re.findall(r"^ *```yaml\n(.*?)^ *```$", PAGE.read_text(), re.M | re.S) if words in block]
    assert len(found) == 1
    return textwrap.dedent(found[0])


# Accepted


def test_rules() -> None:
    assert "4 rules found" in promtool("check", "rules", RULES)


def test_pages_scrape_configuration(directory: Path) -> None:
    text = yaml_block("scrape_configs:")
    assert "/etc/prometheus/cf-origin-pull.rules.yml" in text
    config = directory / "prometheus.yml"
    config.write_text(text.replace("/etc/prometheus/cf-origin-pull.rules.yml", str(RULES)))
    assert "4 rules found" in promtool("check", "config", config)


def test_expressions_of_the_dashboard(directory: Path) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = []
    for number, expression in enumerate(expressions):
        for variable, value in (("$__rate_interval", "5m"), ("$__range", "24h"), ("$job", ".*"), ("$instance", ".*"), ("$vhost", ".*")):
            expression = expression.replace(variable, value)
        assert "$" not in expression
        rules.append({"record": f"dashboard:{number}", "expr": expression})
    file = directory / "dashboard.rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(expressions)} rules found" in promtool("check", "rules", file)


# Fire, and do not


EDGE, ENDS, OFF, DRIFT = "OriginPullEdgeRefused", "OriginPullCertificateEnds", "OriginPullSwitchedOff", "OriginPullMachinesDisagree"
HOST = 'instance="origin:8081",job="cf-origin-pull",vhost="www.example.com:443"'
DAYS = 86400


def requests(values: str, result: str = "allowed", reason: str = "none") -> dict[str, str]:
    return {"series": f'cf_origin_pull_requests_total{{{HOST},result="{result}",reason="{reason}"}}', "values": values}


def handshakes(values: str, result: str = "verified", resumed: str = "false") -> dict[str, str]:
    return {"series": f'cf_origin_pull_handshakes_total{{{HOST},result="{result}",resumed="{resumed}"}}', "values": values}


def ends(days: float, kind: str = "ca") -> dict[str, str]:
    labels = f'instance="origin:8081",job="cf-origin-pull",kind="{kind}",subject="CN=zone",sha256="{"0f" * 32}"'
    return {"series": f"cf_origin_pull_certificate_not_after_timestamp_seconds{{{labels}}}", "values": f"{int(days * DAYS)}x240"}


# One sample a minute. What fires after three hours, and what came in by then.
NO_CERTIFICATE = ("refused", "no_certificate")
STORIES: dict[str, tuple[set[str], list[dict[str, str]]]] = {
    "all-is-well": (set(), [requests("0+60x240"), handshakes("0+6x240"), handshakes("0+30x240", resumed="true"), ends(60)]),
    "nothing-happens": (set(), []),
    "strangers-without": (set(), [requests("0+60x240"), handshakes("0+6x240"), requests("0+600x240", *NO_CERTIFICATE)]),
    # (a)
    "edge-refused": ({EDGE}, [requests("0+60x240", "refused", "untrusted_issuer")]),
    "one-of-many-edges-refused": ({EDGE}, [requests("0+60x240"), requests("0+6x240", "refused", "expired")]),
    "edge-would-be-refused": ({EDGE}, [requests("0+60x240", "would_refuse", "pin")]),
    "broken-configuration": ({EDGE}, [requests("0+60x240", "refused", "configuration")]),
    "several-reasons": ({EDGE}, [requests("0+60x240"), requests("0+2x240", "refused", "revoked"), requests("0+2x240", "refused", "depth")]),
    "stranger-with-a-certificate": (set(), [requests("0+60x240"), requests("0+1x240", "refused", "untrusted_issuer")]),
    "misdirected": (set(), [requests("0+60x240"), requests("0+60x240", "refused", "misdirected")]),
    "exempt-with-a-bad-certificate": (set(), [requests("0+60x240", "exempt", "untrusted_issuer")]),
    "refused-long-ago": (set(), [requests("0+60x240"), requests("0+60x60 3600x180", "refused", "expired")]),
    # (b)
    "ca-ends": ({ENDS}, [ends(13)]),
    "crl-ends": ({ENDS}, [ends(3, "crl")]),
    "leaf-ends": ({ENDS}, [ends(13.9, "leaf")]),
    "leaf-has-ended": ({ENDS}, [ends(0.01, "leaf")]),
    "ca-ends-later": (set(), [ends(14.5)]),
    # (c)
    "switched-off": ({OFF}, [requests("0+60x60 3600x180"), handshakes("0+6x60 360x180"), requests("0x60 0+60x180", *NO_CERTIFICATE)]),
    "switched-off-under-logonly": ({OFF}, [requests("0+60x240", "would_refuse", "no_certificate")]),
    "never-switched-on": ({OFF}, [requests("0+60x240", *NO_CERTIFICATE)]),
    "verified-long-ago": ({OFF}, [handshakes("6x240"), requests("0+1x240", *NO_CERTIFICATE)]),
    "long-connections": (set(), [handshakes("6x240"), requests("0+1x240"), requests("0+60x240", *NO_CERTIFICATE)]),
    "handshakes-before-requests": (set(), [handshakes("0+1x240"), requests("0+60x240", *NO_CERTIFICATE)]),
    "first-handshake-just-now": (set(), [handshakes("_x150 1x90"), requests("0+60x240", *NO_CERTIFICATE)]),
    "exempt-without": (set(), [requests("0+60x240", "exempt", "no_certificate")]),
    "optional-without": (set(), [requests("0+60x240", "allowed", "no_certificate")]),
}


def assert_values(directory: Path, series: list[dict[str, str]], values: dict[str, list[int]]) -> None:
    """What these expressions give after three hours."""
    tests = [
        {"expr": expression, "eval_time": "3h", "exp_samples": [{"labels": "{}", "value": value} for value in expected]}
        for expression, expected in values.items()
    ]
    file = directory / "alerts.test.yml"
    story = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [story]}))
    promtool("test", "rules", file)


def firing(name: str) -> str:
    return f'ALERTS{{alertname="{name}",alertstate="firing"}}'


@pytest.mark.parametrize("story", STORIES)
def test_alert(directory: Path, story: str) -> None:
    expected, series = STORIES[story]
    assert_values(directory, series, {f"count({firing(name)})": [1] if name in expected else [] for name in (EDGE, ENDS, OFF)})


# What machine a and b, and so on, of a job demand of www.example.com, and what alerts say of it: (machines, mode, policy).
DEMANDS: dict[str, tuple[list[tuple[int, str, str]], list[str]]] = {
    "all-agree": ([], ["On p", "On p", "On p"]),
    "one-machine": ([], ["On p"]),
    "one-has-another-ca": ([(1, "On", "q"), (2, "On", "p")], ["On p", "On q", "On p"]),
    "one-is-off": ([(1, "Off", "none"), (1, "On", "p")], ["On p", "Off none"]),
    "one-does-not-have-it": ([], ["On p", "", "On p"]),
    # two virtual hosts of one name and port, on two addresses
    "each-has-two": ([], ["On p, LogOnly p", "On p, LogOnly p"]),
    "each-has-two-but-one": ([(1, "LogOnly", "p")], ["On p, LogOnly p", "On p"]),
}


def info(machine: int, demand: str, values: str, job: str = "cf-origin-pull") -> dict[str, str]:
    mode, policy = demand.split()
    labels = f'instance="{machine}:8081",job="{job}",vhost="www.example.com:443",mode="{mode}",policy="{policy}"'
    return {"series": f"cf_origin_pull_vhost_info{{{labels}}}", "values": values}


def assert_drift(directory: Path, series: list[dict[str, str]], expected: list[tuple[int, str, str]]) -> None:
    alerts = [
        {
            "exp_labels": {"job": "cf-origin-pull", "vhost": "www.example.com:443", "mode": mode, "policy": policy, "severity": "warning"},
            "exp_annotations": {
                "summary": f"www.example.com:443 is {mode} with policy {policy} on {machines} machines only",
                "description": 'cf_origin_pull_vhost_info has each machine, "apachectl -t -D DUMP_CF_ORIGIN_PULL" there what its policy is made of.',
            },
        }
        for machines, mode, policy in expected
    ]
    rule = {"alertname": DRIFT, "eval_time": "3h", "exp_alerts": alerts}
    story = {"interval": "1m", "input_series": series, "alert_rule_test": [rule]}
    file = directory / "drift.test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [story]}))
    promtool("test", "rules", file)


@pytest.mark.parametrize("story", DEMANDS)
def test_machines_that_disagree_are_told(directory: Path, story: str) -> None:
    expected, machines = DEMANDS[story]
    demands = [(number, demand) for number, words in enumerate(machines) for demand in words.split(", ") if demand]
    assert_drift(directory, [info(number, demand, "1x240") for number, demand in demands], expected)


def test_change_that_reaches_all_machines_within_half_an_hour_is_no_drift(directory: Path) -> None:
    series = [info(number, demand, values) for number, (before, after) in enumerate((("1x150", "_x151 1x89"), ("1x170", "_x171 1x69")))
              for demand, values in (("On p", before), ("On q", after))]
    assert_drift(directory, series, [])


def test_machines_of_two_jobs_may_differ(directory: Path) -> None:
    assert_drift(directory, [info(1, "On p", "1x240"), info(1, "On q", "1x240", job="other")], [])


@pytest.mark.parametrize(("values", "times"), (("_x60 1x40 2x200", []), ("_x60 1x40 2x10 3x10 4x200", []), ("_x60 1x10 2+1x9 12x200", [1])))
def test_stranger_with_a_certificate_where_nobody_else_comes(directory: Path, values: str, times: list[int]) -> None:
    """Now and then is no alert; again and again is."""
    series = [requests(values, "refused", "untrusted_issuer")]
    assert_values(directory, series, {f"count(count_over_time({firing(EDGE)}[3h]))": times})


def test_texts_of_the_alerts(directory: Path) -> None:
    """They name the virtual host, or the certificate and its time."""
    examples = {
        EDGE: (requests("0+60x240", "refused", "pin"), "www.example.com:443 refuses certificates that are shown to it"),
        ENDS: (ends(1.125), "The ca CN=zone ends in 1d 0h 0m 0s"),
        OFF: (requests("0+60x240", *NO_CERTIFICATE), "www.example.com:443 is asked without a certificate, and never with a good one"),
    }
    for name, (series, summary) in examples.items():
        labels = dict(re.findall(r'(\w+)="([^"]*)"', series["series"]))
        for gone in ("result", "reason"):
            labels.pop(gone, None)
        text = RULES.read_text().split(f"- alert: {name}\n")[1]
        severity = re.search(r"severity: (\w+)", text)
        description = re.search(r"description: '(.*)'", text)
        assert severity and description
        alert = {
            "exp_labels": {**labels, "severity": severity.group(1)},
            "exp_annotations": {"summary": summary, "description": description.group(1)},
        }
        test = {
            "rule_files": [str(RULES)],
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": [series],
                       "alert_rule_test": [{"alertname": name, "eval_time": "3h", "exp_alerts": [alert]}]}],
        }
        file = directory / "texts.test.yml"
        file.write_text(json.dumps(test))
        promtool("test", "rules", file)


# What they all read


@dataclass(frozen=True)
class Origin:
    """A server that has seen each kind of client, with the example's status page and metrics."""

    page: str
    status_page: str


@pytest.fixture(scope="module")
def origin(servers: Servers, pki: Pki, server_certificate: Credential) -> Origin:
    port, status_port = free_port(), free_port()
    ca = pki.root("zone", subject='CA of "my" zone')
    edge, stranger = ca.issue("edge"), pki.self_signed("stranger")
    crl = ca.crl("zone", next_update=60 * DAY)
    # the same certificate in two files, and a CRL
    copy = pki.bundle("copy", ca)
    config = STATUS.read_text().replace("127.0.0.1:8081", f"127.0.0.1:{status_port}")
    for mode in ("On", "Optional", "LogOnly", "Off"):
        lines = [f"CFOriginPull {mode}", f"CFOriginPullCACertificateFile {copy if mode == 'On' else ca.cert_file}",
                 "CFOriginPullExempt path /healthz", f"CFOriginPullCARevocationFile {crl}"]
        config += vhost(port, f"{mode}.TEST", *lines, tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], modules=["status"])
    server.put("healthz", "healthy\n")
    server.allow("CFAOP302: ")
    server.start()
    for name in ("on.test", "optional.test", "logonly.test", "off.test"):
        for client in (edge, stranger, None):
            fetch(port, sni=name, credential=client)
    fetch(port, "/healthz", sni="on.test")

    def get(path: str) -> str:
        with connect_plain(status_port) as client:
            answer = client.request(path, host="localhost")
        assert answer.status == 200
        return answer.text

    return Origin(get("/metrics"), get("/server-status"))


def test_metrics_are_prometheus(origin: Origin) -> None:
    promtool("check", "metrics", stdin=origin.page)


def test_no_series_comes_twice(origin: Origin) -> None:
    series = [line.rsplit(" ", 1)[0] for line in origin.page.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series)) > 10


def test_series_are_those_documented(origin: Origin) -> None:
    rows = re.findall(r"^\| `(cf_origin_pull_\w+)` \| ([^|]+) \| (\w+) \|", DIRECTIVES.read_text(), re.M)
    documented = {name: re.findall(r"`(\w+)`", labels) for name, labels, _ in rows}
    seen = {
        name: re.findall(r'(\w+)="', labels) for name, labels in re.findall(r"^(\w+)\{(.*)\} \S+$", origin.page, re.M)
    }
    assert seen == documented
    assert dict(re.findall(r"^# TYPE (\w+) (\w+)$", origin.page, re.M)) == {name: kind for name, _, kind in rows}


def test_example_shows_the_status_page(origin: Origin) -> None:
    assert 'id="cf-origin-pull-vhosts"' in origin.status_page
    assert 'id="cf-origin-pull-certificates"' in origin.status_page
