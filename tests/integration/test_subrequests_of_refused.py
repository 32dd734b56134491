"""Sub-requests that httpd makes of a request that was refused: by expressions for a header, for the log, or for an error page."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, fetch
from support.foreign_module import compile_module
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Reset, TlsAlert
from support.vhost import vhost

# A module with rules: it says for which paths it was asked for them, and in which hook.
_WITNESS = """
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "http_request.h"

#define HOOK(name) static int on_##name(request_rec *r) { return say(r, #name); }

static int say(request_rec *r, const char *hook)
{
    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, "WITNESS: %s of %s", hook, r->main ? "a part" : "a request");
    return DECLINED;
}

HOOK(translate_name)
HOOK(map_to_storage)
HOOK(access_checker)
HOOK(type_checker)
HOOK(fixups)
HOOK(handler)

static void register_hooks(apr_pool_t *p)
{
    ap_hook_translate_name(on_translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(on_map_to_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access(on_access_checker, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_type_checker(on_type_checker, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(on_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(witness) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""
# By each of these httpd makes a sub-request of a request for any path: of a URI, of a file.
MAKERS = {
    "header-uri": 'Header always set X-There yes "expr=-U \'/inside.html\'"',
    "header-own-uri": 'Header always set X-There yes "expr=-U %{REQUEST_URI}"',
    "header-file": 'Header always set X-There yes "expr=-F \'%{DOCUMENT_ROOT}/inside.html\'"',
    "log-uri": 'CustomLog logs/other.log common "expr=-U \'/inside.html\'"',
    "log-file": 'CustomLog logs/other.log common "expr=-F \'%{DOCUMENT_ROOT}/inside.html\'"',
}


@pytest.mark.parametrize("exempt", (False, True), ids=("plain", "with-exemptions"))
@pytest.mark.parametrize("maker", MAKERS)
def test_rules_are_not_run_for_parts(
    servers: Servers, pki: Pki, directory: Path, server_certificate: Credential, maker: str, exempt: bool
) -> None:
    label = f"{maker}-{exempt}"
    folder = directory / label
    folder.mkdir()
    port, ca = free_port(), pki.root(label)
    lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", MAKERS[maker]]
    lines += ["CFOriginPullExempt path /open"] if exempt else []
    lines += ["CustomLog logs/names.log %f"]
    config = f"LoadModule witness_module {compile_module(folder, 'witness', _WITNESS)}\n" + vhost(port, "on.test", *lines, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.put("inside.html", "inside\n")
    server.allow_refusals()
    bad, edge = pki.root(f"{label}-strange").issue(f"{label}-bad"), ca.issue(f"{label}-edge")
    for tls in TLS_VERSIONS:
        for http in HTTP_VERSIONS:
            for credential in (None, bad):
                assert fetch(port, "/inside.html", sni="on.test", credential=credential, tls=tls, http=http).status == 400
    server.graceful()  # requests are logged when their answers were sent
    assert server.log.find("WITNESS: ") == []
    assert set((server.directory / "logs" / "names.log").read_text().split()) == {"-"}
    assert fetch(port, "/inside.html", sni="on.test", credential=edge).status == 200
    server.graceful()
    assert server.log.find("WITNESS: .* of a part")
    server.allow("WITNESS: ")
    server.stop()


@pytest.mark.parametrize("refuse", ("close", "alert"))
def test_other_ways_to_refuse_run_none_either(
    servers: Servers, pki: Pki, directory: Path, server_certificate: Credential, refuse: str
) -> None:
    folder = directory / refuse
    folder.mkdir()
    port, ca = free_port(), pki.root(f"ca-{refuse}")
    lines = ["CFOriginPull On", f"CFOriginPullRefuse {refuse}", f"CFOriginPullCACertificateFile {ca.cert_file}", *MAKERS.values()]
    config = f"LoadModule witness_module {compile_module(folder, 'witness', _WITNESS)}\n" + vhost(port, "on.test", *lines, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.put("inside.html", "inside\n")
    server.allow_refusals()
    server.allow("CFAOP307|AH02008|SSL Library Error")
    for tls in TLS_VERSIONS:
        with pytest.raises((Reset, TlsAlert)):
            fetch(port, "/inside.html", sni="on.test", tls=tls)
    server.graceful()
    assert server.log.find("WITNESS: ") == []
    server.stop()
