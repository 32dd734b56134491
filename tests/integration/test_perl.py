"""mod_perl beside the guard, loaded before and after it: its handlers, of which some stand before "really first", do not run for strangers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conftest import Servers
from support import environment, installation
from support.client import HTTP_VERSIONS, TLS_VERSIONS, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

pytestmark = pytest.mark.needs("module:perl")
WAYS = [(tls, http) for tls in TLS_VERSIONS for http in HTTP_VERSIONS]
HANDLERS = ("PostReadRequest", "Trans", "MapToStorage", "HeaderParser", "Access", "Fixup")


@dataclass(frozen=True)
class Bench:
    server: Httpd
    port: int
    edge: Credential


@pytest.fixture(scope="module", params=("guard-last", "guard-first"))
def bench(request: pytest.FixtureRequest, servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    order, port = request.param, free_port()
    ca = pki.root(f"ca-{order}")
    loads = [
        installation.load_line("perl"),
        f"LoadModule cfaop_module {environment.module_path()}",
    ]
    config = "\n".join(loads if order == "guard-last" else loads[::-1]) + "\nPerlModule Apache2::RequestRec\n"
    for name in HANDLERS:
        config += f"Perl{name}Handler \"sub {{ $_[0]->uri eq '/of-{name}' ? 410 : -1 }}\"\n"
    config += vhost(port, "on.test", "CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", tls=server_certificate)
    config += vhost(port, "control.test", tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], with_module=False)
    assert "CFAOP" not in server.config_test().stderr
    return Bench(server.start(), port, ca.issue(f"edge-{order}"))


@pytest.mark.parametrize("tls, http", WAYS)
@pytest.mark.parametrize("name", HANDLERS)
def test_handler_runs_for_the_edge_only(bench: Bench, name: str, tls: str, http: str) -> None:
    bench.server.allow_refusals()
    where = {"path": f"/of-{name}", "tls": tls, "http": http}
    assert fetch(bench.port, sni="control.test", **where).status == 410
    assert fetch(bench.port, sni="on.test", credential=bench.edge, **where).status == 410
    assert fetch(bench.port, sni="on.test", **where).status == 400
