"""What a certificate proved under one name is worth under another: SNI against Host, for every mode.

Two CAs, A and B. The names of vhosts are <policy>-<mode>.test, and off.test. Three ports have the same vhosts, but
another default one, which meets the clients that send no SNI or an unknown one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect, fetch
from support.httpd import Httpd
from support.nginx import client_auth, nginx_server
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.vhost import vhost

MODES = ("On", "Optional", "LogOnly")
DEFAULTS = ("off", "a", "b")

SUCCESS = "SUCCESS"
NONE = "NONE"
MISDIRECTED = "FAILED:misdirected"
UNTRUSTED = "FAILED:untrusted_issuer"


@dataclass(frozen=True)
class Cell:
    """A connection, and what a request on it meets at the vhosts of policy A.

    `sni` may hold {mode}: the mode of the vhost that is asked. `default` is the port's default vhost.
    `statuses` are those of On, Optional and LogOnly; `reason` what is logged, "" for nothing.
    """

    row: str
    sni: Optional[str]
    client: Optional[str]
    statuses: tuple[int, int, int]
    verify: str
    reason: str
    default: str = "off"


GOES_ON = (200, 200, 200)
CELLS = (
    Cell("same-digest-verified", "a-{mode}.test", "edge-a", GOES_ON, SUCCESS, ""),
    Cell("same-digest-of-another-vhost-verified", "twin.test", "edge-a", GOES_ON, SUCCESS, ""),
    Cell("same-digest-without-sni-verified", None, "edge-a", GOES_ON, SUCCESS, "", default="a"),
    Cell("same-digest-unknown-sni-verified", "unknown.test", "edge-a", GOES_ON, SUCCESS, "", default="a"),
    Cell("same-digest-no-certificate", "a-{mode}.test", None, (400, 200, 200), NONE, "no_certificate"),
    Cell("same-digest-of-another-vhost-no-certificate", "twin.test", None, (400, 200, 200), NONE, "no_certificate"),
    Cell("same-digest-failed", "a-{mode}.test", "stranger", (400, 400, 200), UNTRUSTED, "untrusted_issuer"),
    Cell("same-digest-of-another-vhost-failed", "twin.test", "edge-b", (400, 400, 200), UNTRUSTED, "untrusted_issuer"),
    Cell("same-digest-without-sni-failed", None, "edge-b", (400, 400, 200), UNTRUSTED, "untrusted_issuer", default="a"),
    Cell("other-digest-verified-there", "b-on.test", "edge-b", (421, 421, 200), MISDIRECTED, "misdirected"),
    Cell("other-digest-failed-there", "b-on.test", "edge-a", (421, 421, 200), MISDIRECTED, "misdirected"),
    Cell("other-digest-logged-there", "b-logonly.test", "edge-a", (421, 421, 200), MISDIRECTED, "misdirected"),
    Cell("other-digest-no-certificate", "b-on.test", None, (421, 421, 200), NONE, "misdirected"),
    Cell("other-digest-optional", "b-optional.test", None, (421, 421, 200), NONE, "misdirected"),
    Cell("other-depth-is-another-digest", "a-depth0.test", "edge-a", (421, 421, 200), MISDIRECTED, "misdirected"),
    Cell("not-asked-known-sni", "off.test", None, (421, 421, 200), NONE, "misdirected"),
    Cell("not-asked-known-sni-default-b", "off.test", "edge-a", (421, 421, 200), NONE, "misdirected", default="b"),
    Cell("no-sni-not-asked", None, "edge-a", (400, 200, 200), NONE, "no_certificate"),
    Cell("unknown-sni-not-asked", "unknown.test", "edge-a", (400, 200, 200), NONE, "no_certificate"),
    Cell("no-sni-none-shown", None, None, (400, 200, 200), NONE, "no_certificate", default="b"),
    Cell("unknown-sni-none-shown", "unknown.test", None, (400, 200, 200), NONE, "no_certificate", default="b"),
    Cell("no-sni-judged-elsewhere", None, "edge-b", (400, 400, 200), MISDIRECTED, "misdirected", default="b"),
    Cell("no-sni-failed-elsewhere", None, "edge-a", (400, 400, 200), MISDIRECTED, "misdirected", default="b"),
    Cell("unknown-sni-judged-elsewhere", "unknown.test", "edge-b", (400, 400, 200), MISDIRECTED, "misdirected", default="b"),
)


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    ports: dict[str, int]
    clients: dict[Optional[str], Optional[Credential]]
    cas: dict[str, Credential]


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    cas = {"a": pki.root("ca-a"), "b": pki.root("ca-b")}
    policies = {name: f"CFOriginPullCACertificateFile {ca.cert_file}" for name, ca in cas.items()}
    # the same certificate in another file: equal content is an equal policy
    twin_ca = pki.bundle("twin", cas["a"], cas["a"])
    sites = {"off.test": ["CFOriginPull Off"]}
    for policy, line in policies.items():
        for mode in MODES:
            sites[f"{policy}-{mode.lower()}.test"] = [f"CFOriginPull {mode}", line]
    sites["twin.test"] = ["CFOriginPull Optional", f"CFOriginPullCACertificateFile {twin_ca}"]
    sites["a-depth0.test"] = ["CFOriginPull On", policies["a"], "CFOriginPullVerifyDepth 0"]
    ports = {default: free_port() for default in DEFAULTS}
    first = {"off": "off.test", "a": "a-on.test", "b": "b-on.test"}
    config = ""
    for default, port in ports.items():
        for name in sorted(sites, key=lambda name: name != first[default]):
            config += vhost(port, name, *sites[name], tls=server_certificate)
    clients = {
        None: None,
        "edge-a": cas["a"].issue("edge-a"),
        "edge-b": cas["b"].issue("edge-b"),
        "stranger": pki.self_signed("stranger"),
    }
    httpd = servers.httpd(config, listen=list(ports.values()))
    return Bench(httpd, ports, clients, cas)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.row)
def test_cell(bench: Bench, cell: Cell, mode: str, tls: str, http: str) -> None:
    status = cell.statuses[MODES.index(mode)]
    host = f"a-{mode.lower()}.test"
    sni = cell.sni and cell.sni.format(mode=mode.lower())
    if cell.reason and not (mode == "Optional" and status == 200):
        bench.httpd.expect_refusal(cell.reason, would=mode == "LogOnly")

    answer = fetch(
        bench.ports[cell.default], sni=sni, host=host, credential=bench.clients[cell.client], tls=tls, http=http
    )

    assert answer.status == status
    assert answer.vhost == host
    assert answer.verify == cell.verify


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("sni", ("off.test", "a-on.test", "b-optional.test", "a-logonly.test", "unknown.test", None))
@pytest.mark.parametrize("client", (None, "edge-a", "stranger"))
def test_vhost_that_is_off_answers_everybody(bench: Bench, sni: Optional[str], client: Optional[str], tls: str) -> None:
    for port in bench.ports.values():
        answer = fetch(port, sni=sni, host="off.test", credential=bench.clients[client], tls=tls)
        assert (answer.status, answer.vhost, answer.verify) == (200, "off.test", "")


def test_log_only_says_what_on_would_have_answered(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected", would=True)

    fetch(bench.ports["off"], sni="b-on.test", host="a-logonly.test", credential=bench.clients["edge-b"])

    line = bench.httpd.log.wait_for("CFAOP301: ")
    assert 'CFAOP301: would refuse: reason=misdirected status=421 sni="b-on.test" host="a-logonly.test"' in line
    edge = bench.clients["edge-b"]
    assert edge and f"sha256={edge.sha256}" in line


def test_optional_that_goes_on_logs_nothing(bench: Bench) -> None:
    assert fetch(bench.ports["off"], sni="a-optional.test").status == 200
    assert bench.httpd.log.find("CFAOP3") == []


SPELLINGS = (
    "A-ON.TEST",
    "a-on.test.",
    "a-on.test:443",
    "a-ON.test.:8443",
)


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_every_spelling_of_the_host_is_guarded(bench: Bench, host: str, http: str) -> None:
    bench.httpd.expect_refusal("misdirected")
    refused = fetch(bench.ports["off"], sni="off.test", host=host, http=http)
    assert (refused.status, refused.vhost) == (421, "a-on.test")

    welcome = fetch(bench.ports["off"], sni="a-on.test", host=host, credential=bench.clients["edge-a"], http=http)
    assert (welcome.status, welcome.vhost) == (200, "a-on.test")


@pytest.mark.parametrize("sni", ("A-ON.TEST", "a-On.test"))
def test_case_of_the_sni_does_not_matter(bench: Bench, sni: str) -> None:
    welcome = fetch(bench.ports["off"], sni=sni, host="a-on.test", credential=bench.clients["edge-a"])
    assert (welcome.status, welcome.verify) == (200, SUCCESS)


def test_absolute_uri_beats_the_host_header(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    with connect(bench.ports["off"], sni="off.test") as client:
        answer = client.request("https://a-on.test/", host="off.test")
    assert (answer.status, answer.vhost) == (421, "a-on.test")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_requests_of_one_keep_alive_connection_are_judged_one_by_one(bench: Bench, tls: str) -> None:
    bench.httpd.expect_refusal("misdirected")
    with connect(bench.ports["off"], sni="a-on.test", credential=bench.clients["edge-a"], tls=tls) as client:
        for host in ("a-on.test", "off.test", "twin.test", "a-on.test"):
            assert (client.request(host=host).status, host) == (200, host)
        answer = client.request(host="b-on.test")
        assert (answer.status, answer.verify) == (421, MISDIRECTED)
        assert answer.header("connection") == "close"
        assert client.is_closed()


@pytest.mark.http2
def test_streams_of_one_h2_connection_are_judged_one_by_one(bench: Bench) -> None:
    bench.httpd.expect_refusal("misdirected")
    expected = {"a-on.test": 200, "b-on.test": 421, "off.test": 200, "b-logonly.test": 200, "a-optional.test": 200}
    with connect(bench.ports["off"], sni="a-on.test", credential=bench.clients["edge-a"], http="2") as client:
        streams = {host: client.start(host=host) for host in expected}
        answers = {host: client.finish(stream) for host, stream in streams.items()}
        assert {host: answer.status for host, answer in answers.items()} == expected
        assert client.request(host="a-on.test").status == 200


@pytest.fixture(scope="module")
def nginx_port(servers: Servers, bench: Bench, server_certificate: Credential) -> int:
    """nginx with b.test as default server and a.test, each guarded by its CA."""
    port = free_port()
    config = "".join(
        nginx_server(port, f"{name}.test", *client_auth("on", bench.cas[name].cert_file), tls=server_certificate)
        for name in ("b", "a")
    )
    servers.nginx(config)
    return port


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_page_of_421_is_nginxs(bench: Bench, nginx_port: int, http: str) -> None:
    bench.httpd.expect_refusal("misdirected")
    edge = bench.clients["edge-b"]

    theirs = fetch(nginx_port, sni="b.test", host="a.test", credential=edge, http=http)
    ours = fetch(bench.ports["off"], sni="b-on.test", host="a-on.test", credential=edge, http=http)

    assert (ours.status, theirs.status) == (421, 421)
    assert ours.page == theirs.page
    assert ours.header("content-type") == theirs.header("content-type")


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_the_hole_of_nginx_is_closed(bench: Bench, nginx_port: int, tls: str) -> None:
    """No SNI, a default server guarded by B, a certificate of B, and the Host of a server guarded by A."""
    bench.httpd.expect_refusal("misdirected")
    edge = bench.clients["edge-b"]

    theirs = fetch(nginx_port, host="a.test", credential=edge, tls=tls)
    ours: Response = fetch(bench.ports["b"], host="a-on.test", credential=edge, tls=tls)

    assert (theirs.status, theirs.vhost) == (200, "a.test")
    assert (ours.status, ours.vhost) == (400, "a-on.test")
