"""A module that runs before the guard is named at startup; Debian's own modules are not."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Servers
from support import environment, installation
from support.client import TLS_VERSIONS, connect_plain, fetch
from support.foreign_module import build_from, build_module, compile_module
from support.httpd import Httpd
from support.mistakes import our_lines
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import PlainStream, Reset
from support.vhost import vhost

# What each foreign module registers, and the hooks in which it comes before the guard.
FOREIGN = {
    "early": ("ap_hook_post_read_request(on_request, NULL, NULL, APR_HOOK_REALLY_FIRST - 2000);", {"post_read_request"}),
    "quick": ("ap_hook_quick_handler(on_quick, NULL, NULL, APR_HOOK_REALLY_FIRST - 2000);", {"quick_handler"}),
    "parts": ("ap_hook_fixups(on_request, NULL, guard, APR_HOOK_FIRST);", {"fixups"}),
    "both": (
        "ap_hook_post_read_request(on_request, NULL, guard, APR_HOOK_REALLY_FIRST);"
        " ap_hook_quick_handler(on_quick, NULL, guard, APR_HOOK_FIRST);",
        {"post_read_request", "quick_handler"},
    ),
    "polite": (
        "ap_hook_post_read_request(on_request, NULL, NULL, APR_HOOK_REALLY_FIRST - 10);"
        " ap_hook_quick_handler(on_quick, NULL, NULL, APR_HOOK_REALLY_FIRST - 10);"
        " ap_hook_fixups(on_request, NULL, NULL, APR_HOOK_REALLY_FIRST - 10);",
        set(),
    ),
}
# In this order the hooks are looked at, each where the guard has one.
HOOKS = (
    "pre_connection",
    "post_read_request",
    "quick_handler",
    *(("pre_translate_name",) if installation.version() >= (2, 4, 49) else ()),
    "map_to_storage",
    "type_checker",
    "fixups",
    "handler",
    "insert_filter",
    "insert_error_filter",
    "log_transaction",
    "ssl_var_lookup",
    "expr_lookup",
)


@dataclass(frozen=True)
class Crowd:
    """A server with all the foreign modules, a guarded vhost, and one that is off."""

    server: Httpd
    port: int
    warnings: list[str]


@pytest.fixture(scope="module")
def crowd(servers: Servers, directory: Path, server_certificate: Credential) -> Crowd:
    port = free_port()
    config = ""
    for name, (hooks, _) in FOREIGN.items():
        config += f"LoadModule {name}_module {build_module(directory, name, hooks)}\n"
    config += vhost(port, "guarded.test", "CFOriginPull On", tls=server_certificate)
    config += vhost(port, "off.test", tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.allow("CFAOP123: ")
    return Crowd(server, port, our_lines("\n".join(server.log.find("CFAOP123: "))))


@pytest.mark.parametrize("name", FOREIGN)
def test_module_that_runs_before_the_guard_is_named(crowd: Crowd, name: str) -> None:
    hooks = FOREIGN[name][1]
    found = {
        hook
        for hook in HOOKS
        if any(f"CFAOP123: mod_{name}.c runs in the hook {hook} before the guard" in line for line in crowd.warnings)
    }
    assert found == hooks


def test_each_module_and_hook_has_one_warning(crowd: Crowd) -> None:
    assert len(crowd.warnings) == sum(len(hooks) for _, hooks in FOREIGN.values())


def test_warnings_come_at_a_test_of_the_configuration_too(crowd: Crowd) -> None:
    outcome = crowd.server.config_test()
    assert outcome.ok
    assert our_lines(outcome.stderr) == crowd.warnings


@pytest.mark.parametrize("order", ("guard-last", "guard-first"))
def test_each_hook_of_the_guard_is_looked_at(
    servers: Servers, directory: Path, server_certificate: Credential, order: str
) -> None:
    """A module that is lower still: in hooks that the guard needs for some directives only, it is named where there are those."""
    port, name = free_port(), f"lower_{order.replace('-', '_')}"
    module = build_from(directory, "onlooker.c", name, ORDER="APR_HOOK_REALLY_FIRST - 2000")
    loads = [f"LoadModule {name}_module {module}", f"LoadModule cfaop_module {environment.module_path()}"]
    load = "\n".join(loads if order == "guard-last" else loads[::-1]) + "\n"
    idle = servers.prepare_httpd("", listen=[port], with_module=False)

    def named(*lines: str) -> list[str]:
        idle.write_config(load + vhost(port, "guarded.test", "CFOriginPull On", *lines, tls=server_certificate))
        lines_of_test = our_lines(idle.config_test().stderr)
        assert all("remove that module" in line for line in lines_of_test)
        return [line.partition(" before the guard: ")[0] for line in lines_of_test]

    def expected(left_out: set[str]) -> list[str]:
        return [f"CFAOP123: mod_{name}.c runs in the hook {hook}" for hook in HOOKS if hook not in left_out]

    assert named() == expected({"insert_filter", "insert_error_filter", "log_transaction"})
    assert named(_VISITORS) == expected({"insert_filter"})
    assert named(_EXEMPT) == expected(set())


@pytest.mark.parametrize("name", FOREIGN)
def test_warning_is_true(crowd: Crowd, name: str) -> None:
    """Who is named does answer strangers, who is not does not; where nothing is guarded all of them answer."""
    crowd.server.allow_refusals()
    assert fetch(crowd.port, f"/of-{name}", sni="off.test").status == 410
    stranger = fetch(crowd.port, f"/of-{name}", sni="guarded.test")
    assert stranger.status == (410 if "post_read_request" in FOREIGN[name][1] else 400)


@pytest.mark.parametrize("last, when", [("ssl", "pre_config"), ("cfaop", "pre_config"), ("http2", "pre_config"), ("cfaop", "directive")])
def test_late_hooks_are_of_no_other_module(
    servers: Servers, directory: Path, server_certificate: Credential, last: str, when: str
) -> None:
    """httpd would give hooks that are registered in pre_config, or by a directive, the name of the module that is loaded last."""
    port, name = free_port(), f"late_{last}_{when}"
    hooks = (
        "ap_hook_post_read_request(on_request, NULL, NULL, APR_HOOK_REALLY_FIRST - 2000);"
        " ap_hook_check_access(on_request, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);"
        " ap_hook_fixups(on_request, NULL, NULL, APR_HOOK_MIDDLE);"
    )
    loads = [f"LoadModule {name}_module {build_module(directory, name, hooks, when=when)}"]
    loads += installation.load_lines([each for each in ("ssl", "http2") if each != last])
    own = f"LoadModule cfaop_module {environment.module_path()}"
    loads += [own] if last == "cfaop" else [own, *installation.load_lines([last])]
    loads += ["RegisterHooks"] if when == "directive" else []
    server = servers.prepare_httpd("", listen=[port], with_module=False, without=["ssl", "http2"])
    settings = [f"SSLSessionCache shmcb:{server.directory}/run/sessions(512000)", "Protocols h2 http/1.1"]
    server.write_config("\n".join([*loads, *settings, vhost(port, "guarded.test", "CFOriginPull On", tls=server_certificate)]))
    outcome = server.config_test()
    assert outcome.ok
    (line,) = our_lines(outcome.stderr)
    assert "CFAOP123: a module that registers hooks after it is loaded runs in the hook post_read_request before the guard" in line
    server.allow("CFAOP123: ")
    server.start()
    server.graceful()
    server.allow_refusals()
    assert fetch(port, sni="guarded.test").status == 400
    server.stop()


# A module that watches handshakes, as those do that take a client's fingerprint.
_WATCHER = """
#include "httpd.h"
#include "http_config.h"
#include "http_request.h"
#include "apr_optional_hooks.h"
#include "apr_strings.h"
#include "mod_ssl_openssl.h"

static int ended;

static void on_progress(const SSL *ssl, int where, int value)
{
    ended += where & SSL_CB_HANDSHAKE_DONE ? 1 : 0;
    if (where & ENDS_AT) {
        SSL_set_info_callback((SSL *)ssl, NULL);
    }
}

static int on_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    SSL_set_info_callback(ssl, on_progress);
    return OK;
}

static int on_fixups(request_rec *r)
{
    apr_table_setn(r->headers_out, "X-Ended", ended ? "yes" : "no");
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    APR_OPTIONAL_HOOK(ssl, pre_handshake, on_handshake, NULL, NULL, ORDER);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(NAME) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize(
    "order, ends_at, seen",
    [
        ("REALLY_FIRST", "0", "yes"),
        ("MIDDLE", "0", "yes"),
        ("REALLY_LAST", "0", "yes"),
        # it watches the beginning of a handshake only, or up to its end
        ("MIDDLE", "SSL_CB_ACCEPT_LOOP", "no"),
        ("MIDDLE", "SSL_CB_HANDSHAKE_DONE", "yes"),
    ],
)
def test_module_that_watches_handshakes_goes_on(
    servers: Servers, pki: Pki, directory: Path, server_certificate: Credential, order: str, ends_at: str, seen: str, tls: str
) -> None:
    port, name = free_port(), f"watcher_{order.lower()}_{ends_at.lower()}_{tls.replace('.', '_')}"
    text = _WATCHER.replace("NAME", name).replace("ORDER", f"APR_HOOK_{order}").replace("ENDS_AT", ends_at)
    ca = pki.root(name)
    config = f"LoadModule {name}_module {compile_module(directory, name, text)}\n"
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    config += vhost(port, "guarded.test", "CFOriginPull On", trust, tls=server_certificate) + vhost(port, "off.test", tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.allow_refusals()
    for host, credential in (("guarded.test", ca.issue(f"{name}-edge")), ("off.test", None)):
        answer = fetch(port, sni=host, credential=credential, tls=tls)
        assert answer.status == 200 and set(answer.header("x-ended").split(", ")) == {seen}
    assert fetch(port, sni="guarded.test", tls=tls).status == 400
    server.stop()


def test_nobody_is_named_where_nothing_is_guarded(
    servers: Servers, crowd: Crowd, directory: Path, server_certificate: Credential
) -> None:
    port = free_port()
    path = directory / "mod_early.so"
    config = f"LoadModule early_module {path}\n" + vhost(port, "off.test", tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    assert server.log.find("CFAOP") == []
    server.stop()


# Modules of Debian that do not go together with the others, or need a service of their own to start.
_APART = {
    "cgi",
    "lbmethod_heartbeat",
    "heartmonitor",
    "heartbeat",
    "ssl_ct",
    "case_filter",
    "case_filter_in",
    "bucketeer",
    # an example for developers, which takes part in each hook, and one that ends connections: they are rightly named
    "example_hooks",
    "noloris",
}


@pytest.mark.parametrize("order", ("by-name", "guard-last"))
def test_debians_modules_are_not_named(servers: Servers, server_certificate: Credential, order: str) -> None:
    """All at once, with those switched on that work in the first hooks."""
    port, by_name = free_port(), order == "by-name"
    names = sorted(name for name in installation.own_modules() - _APART if not name.startswith("mpm_"))
    assert {"cache", "log_forensic", "lua", "md", "remoteip", "rewrite", "unique_id"} <= set(names)
    server = servers.prepare_httpd("", listen=[port], modules=names, with_module=by_name)
    settings = (
        f"ForensicLog {server.directory}/logs/forensic.log\n"
        f"CacheRoot {server.directory}/run\nRemoteIPHeader CF-Connecting-IP\nRewriteEngine on\nSuexec off\n"
    )
    load = "" if by_name else f"LoadModule cfaop_module {environment.module_path()}\n"
    guarded = vhost(port, "guarded.test", "CFOriginPull On", "CacheEnable disk /", tls=server_certificate)
    server.write_config(load + settings + guarded)
    server.allow(r"^(?!.*CFAOP).*")  # what Debian's modules say of one another
    server.start()
    server.allow_refusals()
    assert fetch(port, sni="guarded.test").status == 400
    assert "CFAOP" not in server.config_test().stderr
    server.stop()


# Packages of their own, and what each module needs so that it does something. What others say at a start is theirs.
_PACKAGED = {
    "perl": "PerlModule Apache2::RequestRec",
    "security2": "SecRuleEngine On",
}


@pytest.mark.needs("module:perl", "module:security2")
@pytest.mark.parametrize("order", ("guard-first", "guard-last"))
def test_modules_of_other_packages_are_not_named(servers: Servers, server_certificate: Credential, order: str) -> None:
    port = free_port()
    loads = installation.load_lines(sorted(_PACKAGED))
    own = f"LoadModule cfaop_module {environment.module_path()}"
    config = "\n".join([own, *loads] if order == "guard-first" else [*loads, own])
    lines = ["CFOriginPull On", "CFOriginPullRemoteIP On", "CFOriginPullExempt path /open"]
    config += "\n" + "\n".join(_PACKAGED.values()) + "\n" + vhost(port, "guarded.test", *lines, tls=server_certificate)
    server = servers.prepare_httpd(config, listen=[port], with_module=False, modules=["remoteip", "unique_id"])
    outcome = server.config_test()
    assert outcome.ok and "CFAOP" not in outcome.stderr
    server.allow(r"^(?!.*CFAOP).*")
    server.start()
    server.allow_refusals()
    assert fetch(port, sni="guarded.test").status == 400
    assert "CFAOP123" not in server.log.text()
    server.stop()


def test_others_keep_their_place(servers: Servers, server_certificate: Credential) -> None:
    """mod_reqtimeout comes before mod_ssl's handshake and ends one that stalls, as it does without the module."""
    port = free_port()
    config = "Timeout 600\nRequestReadTimeout handshake=1\n" + vhost(port, "off.test", tls=server_certificate)
    server = servers.httpd(config, listen=[port], modules=["reqtimeout"])
    server.allow("AH02008|AH01382|SSL Library Error")
    stalled = PlainStream(port)
    stalled.send(b"\x16\x03\x01\x02\x00\x01")  # the first bytes of a ClientHello
    with suppress(Reset), closing(stalled):
        assert stalled.recv() == b""


# Every request passes by every hook, so what only some configurations need is there only in those.
_OPTIONAL = ("Post-Read Request", "Insert Filters", "Transaction Logging", "Insert Errors")
_EXEMPT, _VISITORS = "CFOriginPullExempt path /open", "CFOriginPullRemoteIP On"


def own_hooks(port: int) -> dict[str, int]:
    """How often the module stands in each of these lists of mod_info."""
    with connect_plain(port) as client:
        page = client.request("/server-info?hooks", host="info.test").text
    lists = dict(re.findall(r"<strong>([^<]+):</strong>(.*?)(?=<dt>|</dl>)", page, re.S))
    return {name: lists[name].count(">mod_cfaop.c<") for name in _OPTIONAL}


def test_hooks_come_and_go_with_their_directives(servers: Servers, server_certificate: Credential) -> None:
    port, info = free_port(), free_port()

    def config(*lines: str) -> str:
        return vhost(info, "info.test", "<Location /server-info>", "SetHandler server-info", "</Location>") + vhost(
            port, "guarded.test", "CFOriginPull On", *lines, tls=server_certificate
        )

    server = servers.httpd(config(), listen=[port, info], modules=["info"])
    expected = {
        (): (1, 0, 0, 0),
        (_EXEMPT,): (1, 1, 1, 1),
        (_EXEMPT, _EXEMPT): (1, 1, 1, 1),
        (_VISITORS,): (2, 0, 1, 1),
        (_EXEMPT, _VISITORS): (2, 1, 2, 2),
    }
    for lines, counts in [*expected.items(), ((), expected[()])]:
        server.write_config(config(*lines))
        server.graceful()
        assert own_hooks(info) == dict(zip(_OPTIONAL, counts)), lines
    server.stop()
