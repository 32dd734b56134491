"""Connections that stay: idle ones by the thousand, and handshakes that take their time. They cost the guard little, and keep no edge out.

CFAOP_IDLE in the environment is the number of idle connections, as far as the limit of descriptors allows: 10000, for instance.
"""

from __future__ import annotations

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support import environment
from support.client import TLS_VERSIONS, Client, connect, fetch
from support.fragments import FragmentedTlsStream
from support.http1 import Http1
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.processes import children_of, resident_kib
from support.streams import tls_context
from support.vhost import vhost
from support.waiting import wait_until

# Descriptors that this process needs besides.
_RESERVE = 200
_USUAL = 50 if environment.sanitizing() else 500
IDLE = min(int(os.environ.get("CFAOP_IDLE") or _USUAL), resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _RESERVE)
# What the guard may need of memory for each idle connection, over what mod_ssl needs to verify clients. Sanitizers take more.
ALLOWED_KIB = 8.0 if environment.sanitizing() else 2.0
SLOW = 8
# One process, which keeps all of them.
_ONE_PROCESS = (
    "Timeout 7200\nKeepAliveTimeout 7200\nStartServers 1\nServerLimit 1\nThreadsPerChild 32\nMaxRequestWorkers 32\n"
    "MinSpareThreads 1\nMaxSpareThreads 32\nAsyncRequestWorkerFactor 1000\nLogLevel warn\n"
)


# httpd may say so while thousands come.
_BUSY = "AH00484: server reached MaxRequestWorkers"


@dataclass(frozen=True)
class Bench:
    ca: Credential
    edge: Credential
    stranger: Credential
    tls: Credential

    def server(self, servers: Servers, *guard: str, before: str = "", with_module: bool = True) -> Httpd:
        port = free_port()
        config = before + vhost(port, "on.test", *guard, tls=self.tls, with_module=with_module)
        return servers.httpd(config, listen=[port], mpm="event", with_module=with_module)

    @property
    def guard(self) -> tuple[str, str]:
        return ("CFOriginPull On", f"CFOriginPullCACertificateFile {self.ca.cert_file}")


@pytest.fixture(scope="module")
def bench(pki: Pki, server_certificate: Credential) -> Bench:
    ca = pki.root("ca")
    return Bench(ca, ca.issue("edge"), pki.self_signed("stranger"), server_certificate)


def child_of(httpd: Httpd) -> int:
    assert httpd.process
    (child,) = children_of(httpd.process.pid)
    return child


def close_all(httpd: Httpd, clients: list[Client]) -> None:
    """
    And wait for the server to have done so, too, down to the sockets: httpd's event MPM crashes where it is stopped in
    the midst of that.
    """
    for client in clients:
        client.close()
    assert wait_until(lambda: not any(_is_of(each, httpd.port) for each in _connections()), 120)
    assert wait_until(lambda: _sockets(child_of(httpd)) < 5, 120), "more than what it listens at is open"


def _sockets(pid: int) -> int:
    """How many the process has open, in whatever state."""
    found = 0
    for each in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(f"/proc/{pid}/fd/{each}").startswith("socket:")
        except FileNotFoundError:
            pass  # closed meanwhile
    return found


def _connections() -> list[tuple[str, str]]:
    """Local port and state, in hexadecimal digits."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [(row[1].rpartition(":")[2], row[3]) for row in rows]


def _is_of(connection: tuple[str, str], port: int) -> bool:
    """Is it one that the server has not let go of? ESTABLISHED, or CLOSE_WAIT: the client has."""
    return int(connection[0], 16) == port and connection[1] in ("01", "08")


def open_idle(httpd: Httpd, edge: Credential, tls: str) -> list[Client]:
    """Each has asked once, and waits."""
    context = tls_context(tls, edge)
    clients = []
    for _ in range(IDLE):
        client = connect(httpd.port, sni="on.test", tls=tls, context=context)
        assert client.request("/", host="on.test").status == 200
        clients.append(client)
    return clients


def kib_of_each(httpd: Httpd, edge: Credential, tls: str) -> tuple[float, list[Client]]:
    """What an idle connection costs, and the connections."""
    assert fetch(httpd.port, sni="on.test", credential=edge, tls=tls).status == 200
    before = resident_kib(child_of(httpd))
    clients = open_idle(httpd, edge, tls)
    return (resident_kib(child_of(httpd)) - before) / IDLE, clients


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_idle_connections(servers: Servers, bench: Bench, tls: str) -> None:
    """They cost no more than with mod_ssl's own SSLVerifyClient, others are served meanwhile, and each of them is served again."""
    verify = ("SSLVerifyClient require", f"SSLCACertificateFile {bench.ca.cert_file}")
    plain = bench.server(servers, *verify, before=_ONE_PROCESS, with_module=False)
    kib_plain, clients = kib_of_each(plain, bench.edge, tls)
    close_all(plain, clients)
    plain.allow(_BUSY)
    plain.stop()
    guarded = bench.server(servers, *bench.guard, before=_ONE_PROCESS)
    guarded.allow_refusals()
    guarded.allow(_BUSY)
    kib, clients = kib_of_each(guarded, bench.edge, tls)
    print(f"TLS {tls}, {IDLE} idle connections: {kib:.1f} KiB each, {kib_plain:.1f} with SSLVerifyClient")
    assert kib < kib_plain + ALLOWED_KIB
    found = [fetch(guarded.port, sni="on.test", credential=client).status for client in (bench.edge, bench.stranger, None)]
    assert found == [200, 400, 400]
    assert {client.request("/", host="on.test").status for client in clients} == {200}
    close_all(guarded, clients)
    guarded.stop()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_slow_handshakes(servers: Servers, bench: Bench, tls: str) -> None:
    """Their ClientHello comes byte by byte. Each gets the answer that it would get, and other edges do not wait for them."""
    httpd = bench.server(servers, *bench.guard)
    httpd.allow_refusals()

    def visit_slowly(client: Optional[Credential]) -> int:
        stream = FragmentedTlsStream(httpd.port, sni="on.test", credential=client, version=tls, record=100, segment=1)
        slow = Http1(stream)  # type: ignore[arg-type]
        status = slow.request("/", host="on.test").status
        slow.close()
        return status

    with ThreadPoolExecutor(2 * SLOW) as pool:
        edges = [pool.submit(visit_slowly, bench.edge) for _ in range(SLOW)]
        strangers = [pool.submit(visit_slowly, client) for client in (bench.stranger, None) for _ in range(SLOW // 2)]
        waiting = []
        while not all(each.done() for each in [*edges, *strangers]):
            waiting.append(fetch(httpd.port, sni="on.test", credential=bench.edge, tls=tls).status)
        assert waiting and set(waiting) == {200}
        assert [each.result() for each in edges] == [200] * SLOW
        assert [each.result() for each in strangers] == [400] * SLOW
    httpd.stop()
