"""A mod_ssl whose hooks are not those that the module knows, as another module or a later release could make it: nothing opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Servers
from support.client import TLS_VERSIONS, fetch
from support.foreign_module import compile_module
from support.httpd import StartFailure
from support.mistakes import only_line
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

HOOKS = ("access_checker", "check_user_id", "fixups")

# Changes mod_ssl's entry in the list of a hook, once httpd has sorted it: {change} is done to `link`, one of the entries of `list`.
_SOURCE = """
#include "httpd.h"
#include "http_config.h"
#include "http_request.h"

static int on_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{{
    apr_array_header_t *list = ap_hook_get_{hook}();
    int i, count = list->nelts;

    (void)p; (void)plog; (void)ptemp; (void)s;
    for (i = 0; i < count; ++i) {{
        ap_LINK_{hook}_t *link = &APR_ARRAY_IDX(list, i, ap_LINK_{hook}_t);
        if (strcmp(link->szName, "mod_ssl.c") == 0) {{
            {change}
        }}
    }}
    return OK;
}}

static void register_hooks(apr_pool_t *p)
{{
    (void)p;
    ap_hook_check_config(on_check_config, NULL, NULL, APR_HOOK_REALLY_FIRST);
}}

AP_DECLARE_MODULE({name}) = {{STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks}};
"""
CHANGES = {
    "missing": 'link->szName = "mod_other.c";',
    "twice": "ap_LINK_{hook}_t other = *link; *(ap_LINK_{hook}_t *)apr_array_push(list) = other; break;",
}


def changed(directory: Path, hook: str, change: str) -> str:
    """The line that loads the module which makes this change."""
    name = f"{change}_{hook}"
    source = _SOURCE.format(hook=hook, name=name, change=CHANGES[change].format(hook=hook))
    return f"LoadModule {name}_module {compile_module(directory, name, source)}\n"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("hook", HOOKS)
def test_server_does_not_start(servers: Servers, directory: Path, server_certificate: Credential, hook: str, change: str) -> None:
    port = free_port()
    config = changed(directory, hook, change) + vhost(port, "on.test", "CFOriginPull On", tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port])
    server.allow("CFAOP130: |AH00014")
    with pytest.raises(StartFailure):
        server.start()
    outcome = server.config_test()
    assert only_line(outcome).startswith("CFAOP130: mod_ssl has not registered the hooks that this module knows")


@pytest.mark.parametrize("hook", HOOKS)
def test_running_server_closes_and_opens_again(
    servers: Servers, directory: Path, pki: Pki, server_certificate: Credential, hook: str
) -> None:
    """As long as mod_ssl could vouch for any certificate, nobody is asked for one; where requests go on, none is told of."""
    port, pull = free_port(), pki.root(f"pull-{hook}")
    edge, stranger = pull.issue(f"edge-{hook}", subject="admin"), pki.self_signed(f"stranger-{hook}", subject="admin")
    guard = f"CFOriginPullCACertificateFile {pull.cert_file}"
    told = [
        "SSLOptions +StdEnvVars",
        'Header always set X-Subject "%{SSL_CLIENT_S_DN_CN}e"',
        'Header always set X-User "expr=%{REMOTE_USER}"',
        "<Location />",
        "SSLUserName SSL_CLIENT_S_DN_CN",
        "</Location>",
    ]
    modes = {"on.test": "On", "optional.test": "Optional", "log.test": "LogOnly", "off.test": "Off"}
    sites = "".join(vhost(port, name, f"CFOriginPull {mode}", guard, *told, tls=server_certificate) for name, mode in modes.items())
    server = servers.httpd(sites, listen=[port])
    server.allow_refusals()

    def statuses() -> dict[str, int]:
        return {name: fetch(port, sni=name, credential=edge).status for name in modes}

    assert set(statuses().values()) == {200}
    server.write_config(changed(directory, hook, "missing") + sites)
    server.graceful()
    server.expect("CFAOP130: ")
    server.allow("CFAOP125: |AH02227")
    assert statuses() == {"on.test": 400, "optional.test": 400, "log.test": 200, "off.test": 200}
    for tls in TLS_VERSIONS:
        for sni, host in (("log.test", "log.test"), (None, "off.test"), ("on.test", "off.test")):
            answer = fetch(port, sni=sni, host=host, credential=stranger, tls=tls)
            assert (answer.status, answer.header("x-subject"), answer.header("x-user")) == (200, "(null)", "")
    server.write_config(sites)
    server.graceful()
    assert set(statuses().values()) == {200}
    server.stop()


@pytest.mark.parametrize("hook", HOOKS)
def test_nothing_changes_where_nothing_is_guarded(
    servers: Servers, directory: Path, pki: Pki, server_certificate: Credential, hook: str
) -> None:
    """A directory asks for mod_ssl's certificates, and lets them in, with TLS of both kinds."""
    port, staff = free_port(), pki.root(f"staff-{hook}")
    lines = [f"SSLCACertificateFile {staff.cert_file}", "<Location />", "SSLVerifyClient require", "</Location>"]
    config = changed(directory, hook, "missing") + vhost(port, "off.test", *lines, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    client = staff.issue(f"client-{hook}")
    assert [fetch(port, sni="off.test", credential=client, tls=tls).status for tls in TLS_VERSIONS] == [200, 200]
    server.stop()
