"""Modules that change, beside the guard, how mod_ssl asks clients and verifies them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, TlsStream, connect, fetch
from support.foreign_module import compile_module
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Reset, TlsAlert
from support.vhost import vhost

ORDERS = ("REALLY_FIRST", "MIDDLE", "REALLY_LAST")
# The module does it when all SSL_CTXs are made.
AFTERWARDS = "AFTERWARDS"

_SETTLER = """
#include "httpd.h"
#include "http_config.h"
#include "apr_optional_hooks.h"
#include "mod_ssl_openssl.h"

static int refuse(X509_STORE_CTX *store_ctx, void *data)
{
    X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static SSL_CTX *contexts[8];
static int count;

static int does(SSL_CTX *ctx)
{
    DOES
    return OK;
}

static int on_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx)
{
    contexts[count++ % 8] = ctx;
    return IS_LATE ? OK : does(ctx);
}

static int on_post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    for (; count; --count) {
        if (IS_LATE) {
            does(contexts[count - 1]);
        }
    }
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    APR_OPTIONAL_HOOK(ssl, init_server, on_server, NULL, NULL, APR_HOOK_ORDER);
    ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_REALLY_LAST);
}

AP_DECLARE_MODULE(NAME) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""
NAMES_A_CA = """
    STACK_OF(X509_NAME) *list = sk_X509_NAME_new_null();
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"neighbour", -1, -1, 0);
    sk_X509_NAME_push(list, name);
    SSL_CTX_set_client_CA_list(ctx, list);
"""
ASKS_NO_CLIENT = "SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);"
REFUSES_CLIENTS = "SSL_CTX_set_cert_verify_callback(ctx, refuse, NULL);"


def settler(directory: Path, label: str, order: str, does: str) -> str:
    """The LoadModule line of a module that does this to each SSL_CTX."""
    name = f"{label}_{order.lower()}"
    is_late, order = (1, "MIDDLE") if order == AFTERWARDS else (0, order)
    text = _SETTLER.replace("(NAME)", f"({name})").replace("IS_LATE", str(is_late)).replace("APR_HOOK_ORDER", f"APR_HOOK_{order}").replace("DOES", does)
    return f"LoadModule {name}_module {compile_module(directory, name, text)}\n"


@pytest.mark.parametrize("order", [*ORDERS, AFTERWARDS])
def test_module_that_names_a_ca_is_heard(
    servers: Servers, pki: Pki, directory: Path, server_certificate: Credential, order: str
) -> None:
    """Its names are sent beside the guard's; what the guard has given to OpenSSL is freed once, at each restart."""
    port, ca = free_port(), pki.root(f"named-{order}")
    config = settler(directory, "names", order, NAMES_A_CA)
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    for host in ("one.test", "two.test"):
        config += vhost(port, host, "CFOriginPull On", trust, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.allow_refusals()
    edge = ca.issue(f"named-{order}-edge")
    for again in (server.graceful, server.restart, server.stop):
        for host in ("one.test", "two.test"):
            with connect(port, sni=host, credential=edge) as client:
                assert client.request(host=host).status == 200
                assert isinstance(client.stream, TlsStream)
                assert {name.CN for name in client.stream.client_ca_names} == {"neighbour", *([] if order == AFTERWARDS else [f"named-{order}"])}
            assert fetch(port, sni=host).status == 400
        again()


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("does", [ASKS_NO_CLIENT, REFUSES_CLIENTS], ids=["asks-no-client", "refuses-clients"])
@pytest.mark.parametrize("order", ORDERS)
def test_module_that_verifies_otherwise_changes_no_verdict(
    servers: Servers, pki: Pki, directory: Path, server_certificate: Credential, order: str, does: str, tls: str
) -> None:
    label = f"other_{ORDERS.index(order)}{len(does)}_{tls.replace('.', '_')}"
    port, ca = free_port(), pki.root(label)
    config = settler(directory, label, order, does)
    config += vhost(port, "guarded.test", "CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.allow_refusals()
    for credential, status in ((ca.issue(f"{label}-edge"), 200), (None, 400), (pki.root(f"{label}-strange").issue(f"{label}-s"), 400)):
        assert fetch(port, sni="guarded.test", credential=credential, tls=tls).status == status
    server.stop()


@pytest.mark.parametrize("order", ("MIDDLE", "REALLY_LAST"))
def test_module_that_verifies_more_keeps_what_is_off(
    servers: Servers, pki: Pki, directory: Path, server_certificate: Credential, order: str
) -> None:
    """Where it comes after the guard (docs/compatibility.md), a virtual host that is off is the module's own."""
    label = f"more_{order.lower()}"
    port, ca = free_port(), pki.root(label)
    config = settler(directory, label, order, REFUSES_CLIENTS)
    config += vhost(port, "off.test", "SSLVerifyClient optional_no_ca", tls=server_certificate)
    config += vhost(port, "guarded.test", "CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}", tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    assert fetch(port, sni="off.test").status == 200
    with pytest.raises(TlsAlert):
        fetch(port, sni="off.test", credential=ca.issue(f"{label}-edge"))
    assert fetch(port, sni="guarded.test", credential=ca.issue(f"{label}-edge-2")).status == 200
    server.allow(r"AH02008: |AH02004: |SSL Library Error")
    server.stop()


def test_names_of_request_ca_file_are_sent_too(servers: Servers, pki: Pki, server_certificate: Credential) -> None:
    """OpenSSL keeps them in a list of its own."""
    port, ca, users = free_port(), pki.root("names-beside"), pki.root("names-of-users")
    lines = ["SSLVerifyClient optional", f"SSLOpenSSLConfCmd VerifyCAFile {users.cert_file}", f"SSLOpenSSLConfCmd RequestCAFile {users.cert_file}"]
    config = vhost(port, "both.test", "CFOriginPull LogOnly", f"CFOriginPullCACertificateFile {ca.cert_file}", *lines, tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.allow("AH0190[67]|CFAOP122")
    for again in (server.graceful, server.stop):
        with connect(port, sni="both.test", credential=ca.issue(f"names-edge-{again.__name__}")) as client:
            assert isinstance(client.stream, TlsStream)
            assert {name.CN for name in client.stream.client_ca_names} == {"names-beside", "names-of-users"}
        again()


_TELLER = """
#include "httpd.h"
#include "http_config.h"
#include "http_request.h"
#include "apr_optional.h"
#include "mod_ssl.h"

static int on_fixups(request_rec *r)
{
    APR_OPTIONAL_FN_TYPE(ssl_ext_list) *extensions = APR_RETRIEVE_OPTIONAL_FN(ssl_ext_list);
    apr_array_header_t *found = extensions(r->pool, r->connection, 1, "2.5.29.37");
    apr_table_setn(r->headers_out, "X-Purpose", found && found->nelts ? APR_ARRAY_IDX(found, 0, const char *) : "-");
    found = extensions(r->pool, r->connection, 0, "2.5.29.17");
    apr_table_setn(r->headers_out, "X-Server", found && found->nelts ? "yes" : "no");
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(teller) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""


@pytest.mark.parametrize("http", HTTP_VERSIONS)
def test_module_that_asks_for_extensions(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential, http: str) -> None:
    """mod_ssl would tell of a certificate that nobody has accepted."""
    port, ca, strange = free_port(), pki.root(f"told-{http}"), pki.root(f"untold-{http}")
    folder = directory / http.replace("/", "")
    folder.mkdir()
    config = f"LoadModule teller_module {compile_module(folder, 'teller', _TELLER)}\n"
    trust = f"CFOriginPullCACertificateFile {ca.cert_file}"
    config += vhost(port, "tried.test", "CFOriginPull LogOnly", trust, tls=server_certificate)
    config += vhost(port, "off.test", "SSLVerifyClient optional_no_ca", tls=server_certificate)
    server = servers.httpd(config, listen=[port])
    server.allow_refusals()
    server.allow("AH0203[29]|AH02276")
    edge, stranger = ca.issue(f"told-edge-{http}"), strange.issue(f"untold-{http}-leaf")

    def purpose(host: str, credential: Credential) -> str:
        answer = fetch(port, "/index.html", sni=host, credential=credential, http=http)
        assert answer.status == 200 and answer.header("x-server") == "yes"
        return answer.header("x-purpose") or ""

    for again in (server.graceful, server.stop):
        assert "TLS Web Client Authentication" in purpose("tried.test", edge)
        assert purpose("tried.test", stranger) == "-"
        assert "TLS Web Client Authentication" in purpose("off.test", stranger)
        again()


_LISTENER = """
#include "httpd.h"
#include "http_config.h"
#include "http_request.h"
#include "apr_optional_hooks.h"
#include "mod_ssl_openssl.h"

static int messages;

static void on_message(int written, int version, int type, const void *bytes, size_t length, SSL *ssl, void *data)
{
    ++messages;
}

static int on_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx)
{
    SSL_CTX_set_msg_callback(ctx, on_message);
    return OK;
}

static int on_fixups(request_rec *r)
{
    apr_table_setn(r->headers_out, "X-Messages", messages ? "heard" : "none");
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    APR_OPTIONAL_HOOK(ssl, init_server, on_server, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(listener) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""


def test_module_that_is_merely_loaded_changes_no_handshake(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential) -> None:
    """Until there is a CFOriginPull. After that it stays at work, since clients hold sessions from then."""
    port = free_port()
    load = f"LoadModule listener_module {compile_module(directory, 'listener', _LISTENER)}\n"
    lines = {"without": [], "off": ["CFOriginPull Off"]}
    configs = {name: load + vhost(port, "site.test", *more, tls=server_certificate) for name, more in lines.items()}
    server = servers.httpd(configs["without"], listen=[port])

    def heard() -> str:
        return fetch(port, "/index.html", sni="site.test").header("x-messages") or ""

    assert heard() == "heard"
    server.graceful()
    assert heard() == "heard"
    for name in ("off", "without"):
        server.write_config(configs[name])
        server.graceful()
        assert heard() == "none"
    server.stop()
    assert (server.start() and heard()) == "heard"
    server.stop()


def test_tickets_that_outlive_httpd_are_looked_at(servers: Servers, pki: Pki, directory: Path, server_certificate: Credential) -> None:
    """Without any CFOriginPull: a session of the guard's would count where mod_ssl verifies by other CAs."""
    port, ca, others, key_file = free_port(), pki.root("older"), pki.root("other-cas"), directory / "tickets"
    key_file.write_bytes(os.urandom(48))
    guard = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    verify = ["SSLVerifyClient require", f"SSLCACertificateFile {others.cert_file}"]

    def config(*lines: str) -> str:
        return vhost(port, "site.test", f"SSLSessionTicketKeyFile {key_file}", *lines, tls=server_certificate)

    server = servers.httpd(config(*guard), listen=[port])
    server.allow("CFAOP137|AH0")
    with connect(port, sni="site.test", credential=ca.issue("older-edge"), tls="1.2") as client:
        assert client.request(host="site.test").status == 200
        assert isinstance(client.stream, TlsStream)
        kept = client.stream.session
    server.stop()
    server.write_config(config(*verify))
    server.start()
    server.allow("CFAOP137|AH0|SSL Library Error")
    with pytest.raises((TlsAlert, Reset)), connect(port, sni="site.test", tls="1.2", session=kept) as client:
        client.request(host="site.test")
    server.stop()
