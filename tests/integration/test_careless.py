"""Programs of exempt pages that do what httpd's own do not: what is guarded stays guarded, and what is exempt is answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, fetch
from support.foreign_module import compile_module
from support.http2 import StreamError
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Reset
from support.vhost import vhost

# A handler that runs what the query names.
_CARELESS = """
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"
#include "http_request.h"

static int on_handler(request_rec *r)
{
    request_rec *sub;

    if (!r->handler || strcmp(r->handler, "careless")) {
        return DECLINED;
    }
    ap_set_content_type(r, "text/plain");
    ap_rputs("of the program\\n", r);
    sub = ap_sub_req_lookup_uri(r->args, r, r->output_filters);
    ap_run_sub_req(sub);
    ap_destroy_sub_req(sub);
    return OK;
}

/* Puts what the query names in the place of the request. */
static int on_fixups(request_rec *r)
{
    if (r->main || strcmp(r->uri, "/open/replaced")) {
        return DECLINED;
    }
    ap_internal_fast_redirect(ap_sub_req_lookup_uri(r->args, r, NULL), r);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_handler(on_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_LAST);
}

AP_DECLARE_MODULE(careless) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""
# Where translate_name chooses the handler.
GUARDED = ("/proxied/x", "/rewritten/x", "/chosen/x")


@dataclass(frozen=True)
class Bench:
    server: Httpd
    port: int
    edge: Credential
    refuse: str


@pytest.fixture(scope="module", params=("400", "close"))
def bench(
    request: pytest.FixtureRequest, servers: Servers, pki: Pki, server_certificate: Credential, directory: Path
) -> Bench:
    port, backend = free_port(), free_port()
    ca = pki.root(f"careless-ca-{request.param}")
    behind = f"http://127.0.0.1:{backend}/"
    lines = [
        "CFOriginPull On",
        f"CFOriginPullCACertificateFile {ca.cert_file}",
        f"CFOriginPullRefuse {request.param}",
        "CFOriginPullExempt path /open",
        "<Location /open/program>\nSetHandler careless\n</Location>",
        f"ProxyPass /proxied {behind}",
        "RewriteEngine on",
        f"RewriteRule ^/rewritten {behind} [P]",
        "RewriteRule ^/chosen - [H=server-status]",
    ]
    config = f"LoadModule careless_module {compile_module(directory, 'careless', _CARELESS)}\n"
    config += vhost(port, "on.test", *lines, tls=server_certificate)
    config += vhost(backend, "backend.test", 'RewriteEngine on\nRewriteRule ^ - [R=200,L]\nErrorDocument 200 "of the backend"')
    server = servers.httpd(config, listen=[port, backend], modules=["proxy", "proxy_http", "rewrite", "status"])
    return Bench(server, port, ca.issue(f"careless-edge-{request.param}"), request.param)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("path", GUARDED)
def test_program_gets_nothing_guarded_for_a_stranger(bench: Bench, path: str, tls: str, http: str) -> None:
    bench.server.allow_refusals()
    where = {"path": f"/open/program?{path}", "sni": "on.test", "tls": tls, "http": http}
    answer = fetch(bench.port, **where)
    assert (answer.status, answer.text) == (200, "of the program\n")
    assert len(fetch(bench.port, credential=bench.edge, **where).text) > len(answer.text)


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("path", ("/proxied/x", "/rewritten/x"))
def test_guarded_page_in_the_place_of_an_exempt_one_is_refused(bench: Bench, path: str, http: str) -> None:
    bench.server.allow_refusals()
    where = {"path": f"/open/replaced?{path}", "sni": "on.test", "http": http}
    assert fetch(bench.port, credential=bench.edge, **where).status == 200
    if bench.refuse == "400":
        assert fetch(bench.port, **where).status == 400
    else:
        with pytest.raises((Reset, StreamError)):
            fetch(bench.port, **where)


# It runs a sub-request for each request that was answered, whose handler says so in the error log.
_LOGGER = """
#include "http_log.h"

static int on_noted(request_rec *r)
{
    if (strcmp(r->uri, "/noted")) {
        return DECLINED;
    }
    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, "the handler runs for %s", r->main->uri);
    return OK;
}

static int on_log(request_rec *r)
{
    request_rec *sub = ap_sub_req_lookup_uri("/noted", r, NULL);

    sub->eos_sent = 1; /* the answer is out */
    ap_run_sub_req(sub);
    return DECLINED;
}
"""
_LOGGING = "ap_hook_log_transaction(on_log, NULL, NULL, APR_HOOK_MIDDLE);\n    ap_hook_handler(on_noted, NULL, NULL, APR_HOOK_MIDDLE);"


def test_log_hook_of_a_refused_request_runs_no_handler(
    servers: Servers, pki: Pki, server_certificate: Credential, directory: Path
) -> None:
    port, ca = free_port(), pki.root("logger-ca")
    text = _CARELESS.replace("static void register_hooks", f"{_LOGGER}\nstatic void register_hooks")
    text = text.replace("    ap_hook_handler(on_handler", f"    {_LOGGING}\n    ap_hook_handler(on_handler")
    text = text.replace("AP_DECLARE_MODULE(careless)", "AP_DECLARE_MODULE(logger)")
    config = f"LoadModule logger_module {compile_module(directory, 'logger', text)}\n"
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    config += vhost(port, "on.test", "CFOriginPull On", trust, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    for name in ("first", "last", "refused"):
        server.put(name, "for the edge\n")
    server.allow_refusals()
    edge = ca.issue("logger-edge")
    for name, credential, status in (("first", edge, 200), ("refused", None, 400), ("last", edge, 200)):
        assert fetch(port, f"/{name}", sni="on.test", credential=credential).status == status
        if credential:
            server.log.wait_for(f"the handler runs for /{name}")
    server.stop()
    assert "the handler runs for /refused" not in server.log.text()


# It redirects before httpd looks for a file, as modules for short links do.
_EARLY = "ap_hook_quick_handler(on_quick, NULL, NULL, APR_HOOK_MIDDLE);"
_REDIRECT = """
static int on_quick(request_rec *r, int lookup)
{
    if (lookup || !r->uri || strcmp(r->uri, "/open/short")) {
        return DECLINED;
    }
    ap_internal_redirect(r->args, r);
    return OK;
}
"""


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_redirect_in_quick_handler_keeps_the_method(
    servers: Servers, pki: Pki, server_certificate: Credential, directory: Path, http: str
) -> None:
    port, name = free_port(), f"early_{http.replace('.', '_')}"
    text = _CARELESS.replace("static void register_hooks", f"{_REDIRECT}\nstatic void register_hooks")
    text = text.replace("    ap_hook_handler(on_handler, NULL, NULL, APR_HOOK_MIDDLE);", f"    {_EARLY}\n    (void)on_handler;\n    (void)on_fixups;")
    module = compile_module(directory, name, text.replace("AP_DECLARE_MODULE(careless)", f"AP_DECLARE_MODULE({name})"))
    ca = pki.root(f"early-ca-{http}")
    lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", "CFOriginPullExempt path /open"]
    config = f"LoadModule {name}_module {module}\n" + vhost(port, "on.test", *lines, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.put("open/long.html", "for all\n")
    server.put("inside.html", "for the edge\n")
    server.allow_refusals()

    def get(target: str, **more: Credential) -> tuple[int, str]:
        answer = fetch(port, f"/open/short?{target}", sni="on.test", http=http, **more)
        return answer.status, answer.text if answer.status == 200 else ""

    assert get("/open/long.html") == (200, "for all\n")
    assert get("/inside.html") == (400, "")
    assert get("/inside.html", credential=ca.issue(f"early-edge-{http}")) == (200, "for the edge\n")
    server.stop()


def test_exempt_address_of_a_proxy_is_told_of(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """Where a proxy ends TLS, visitors come from its address: the first that came through Cloudflare is a warning."""
    port, ca = free_port(), pki.root("exempt-ca")
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    config = vhost(port, "ip.test", "CFOriginPull On", trust, "CFOriginPullExempt ip 127.0.0.1", tls=server_certificate)
    config += vhost(port, "tried.test", "CFOriginPull LogOnly", trust, "CFOriginPullExempt ip 127.0.0.1", tls=server_certificate)
    config += vhost(port, "optional.test", "CFOriginPull Optional", trust, "CFOriginPullExempt ip 127.0.0.1", tls=server_certificate)
    config += vhost(port, "path.test", "CFOriginPull On", trust, "CFOriginPullExempt path /open", tls=server_certificate)
    server = servers.httpd(config, listen=[port])

    server.put("open", "for all\n")

    def get(host: str, ray: bool, **more: Credential) -> int:
        headers = [("CF-Ray", '8c"0')] if ray else []
        return fetch(port, "/open", sni=host, headers=headers, **more).status

    edge = ca.issue("exempt-edge")
    assert [get("ip.test", ray=False), get("path.test", ray=True), get("ip.test", ray=True, credential=edge)] == [200, 200, 200]
    assert [get("tried.test", ray=False), get("tried.test", ray=True, credential=edge), get("optional.test", ray=True)] == [200, 200, 200]
    server.check()
    for name in ("ip", "tried"):
        assert [get(f"{name}.test", ray=True), get(f"{name}.test", ray=True)] == [200, 200]
        server.expect(rf'cfaop:warn.*CFAOP309: a request for {name}\.test:{port} came through Cloudflare .*: peer=127\.0\.0\.1 cf-ray="8c%220"')
    server.stop()
