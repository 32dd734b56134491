/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ssl_variables.c
 * Keeping mod_ssl from vouching for a certificate that was not accepted.
 *
 * The handshake lets every certificate through so that a request can be answered with a 400, and mod_ssl takes such a
 * certificate for good: SSL_CLIENT_VERIFY says SUCCESS, SSLUserName and FakeBasicAuth make a user of it, mod_proxy_ajp
 * hands it to the application. Where a request goes on all the same (LogOnly, a virtual host that is Off, another
 * policy), that must not stand: the certificate is not mentioned at all, but for SSL_CLIENT_VERIFY, which says why.
 * mod_ssl's variables, log formats and verify result are corrected here; what mod_ssl's hooks of a request make is
 * corrected in ssl_hooks.c.
 */
#include "request/ssl_variables.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"
#include "tls/after_handshake.h"
#include "tls/connection.h"

#include "apr_optional.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_connection.h"
#include "http_protocol.h"
#include "http_request.h"
#include "http_ssl.h"
#include "mod_log_config.h"
#include "mod_ssl.h"

APLOG_USE_MODULE(cfaop);

#define CLIENT        "SSL_CLIENT_"
#define CLIENT_VERIFY CLIENT "VERIFY"
#define FAILED        "FAILED:"

/* Has the client shown the guard a certificate that mod_ssl did not verify, and has mod_ssl accepted no later one? */
static int is_for_guard_only(const cfaop_conn *conn)
{
    const cfaop_shown *shown = cfaop_connection_shown(conn);

    return shown && shown->asked && shown->peer && !shown->delegated && !conn->later.accepted_by_mod_ssl;
}

const char *cfaop_ssl_variables_client_verify(const cfaop_demand *demand, const cfaop_conn *conn)
{
    if (!is_for_guard_only(conn)) {
        return NULL;
    }
    if (conn->shown->chain.reason != CFAOP_REASON_NONE) {
        return cfaop_verdict_reason_failed(conn->shown->chain.reason);
    }
    if (conn->later.unanswered || !cfaop_connection_was_asked_for(demand, conn->shown)) {
        return cfaop_verdict_reason_failed(CFAOP_REASON_MISDIRECTED);
    }
    return NULL;
}

/* The same for a server and a connection that are not known yet. */
static const char *client_verify_of(const server_rec *s, conn_rec *c)
{
    return cfaop_ssl_variables_client_verify(&cfaop_config_of(s)->demand, cfaop_connection_of(c));
}

/* ---- variables; like mod_ssl, without regard to case ---- */

static int is_of_client(const char *name)
{
    return !ap_cstr_casecmpn(name, CLIENT, sizeof(CLIENT) - 1);
}

/*
 * What a variable must say in place of mod_ssl's value; NULL: mod_ssl's value is true. All variables but
 * SSL_CLIENT_VERIFY become empty.
 */
static const char *instead_of(const char *name, const server_rec *s, conn_rec *c)
{
    const char *truth = is_of_client(name) ? client_verify_of(s, c) : NULL;

    return truth && ap_cstr_casecmp(name, CLIENT_VERIFY) ? "" : truth;
}

static const char *on_var_lookup(apr_pool_t *p, server_rec *s, conn_rec *c, request_rec *r, const char *name)
{
    (void)p;
    return c ? instead_of(name, r ? r->server : s, c) : NULL;
}

static const char *expr_variable(ap_expr_eval_ctx_t *ctx, const void *name)
{
    return ap_ssl_var_lookup(ctx->p, ctx->s, ctx->c, ctx->r, name);
}

static const char *expr_ssl_function(ap_expr_eval_ctx_t *ctx, const void *data, const char *name)
{
    (void)data;
    return name ? ap_ssl_var_lookup(ctx->p, ctx->s, ctx->c, ctx->r, name) : NULL;
}

/* PeerExtList(OID): what an extension of the certificate says. */
static apr_array_header_t *expr_extensions(ap_expr_eval_ctx_t *ctx, const void *data, const char *oid)
{
    APR_OPTIONAL_FN_TYPE(ssl_ext_list) *extensions = APR_RETRIEVE_OPTIONAL_FN(ssl_ext_list);

    (void)data;
    if (!extensions || !ctx->c || client_verify_of(ctx->r ? ctx->r->server : ctx->s, ctx->c)) {
        return NULL;
    }
    return extensions(ctx->p, ctx->c, 1, oid);
}

/* ap_expr asks mod_ssl's own hook for mod_ssl's variables, past on_var_lookup(); this hook answers before mod_ssl's. */
static int on_expr_lookup(ap_expr_lookup_parms *parms)
{
    if (parms->type == AP_EXPR_FUNC_VAR && is_of_client(parms->name)) {
        *parms->func = expr_variable;
        *parms->data = parms->name;
        return OK;
    }
    if (parms->type == AP_EXPR_FUNC_STRING && !ap_cstr_casecmp(parms->name, "SSL")) {
        *parms->func = expr_ssl_function;
        *parms->data = NULL;
        return OK;
    }
    if (parms->type == AP_EXPR_FUNC_LIST && !ap_cstr_casecmp(parms->name, "PeerExtList")) {
        *parms->func = expr_extensions;
        *parms->data = NULL;
        return OK;
    }
    return DECLINED;
}

/*
 * Puts the entries of the table into it anew, but for the client's: one walk, where apr_table_unset() would walk the
 * table for each name. SSL_CLIENT_VERIFY is kept, as the truth.
 */
static void replace_client_entries(request_rec *r, const char *truth)
{
    const apr_array_header_t *entries = apr_array_copy(r->pool, apr_table_elts(r->subprocess_env));
    int i;

    apr_table_clear(r->subprocess_env);
    for (i = 0; i < entries->nelts; ++i) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);
        if (!is_of_client(entry->key)) {
            apr_table_addn(r->subprocess_env, entry->key, entry->val);
        }
        else if (!ap_cstr_casecmp(entry->key, CLIENT_VERIFY)) {
            apr_table_addn(r->subprocess_env, CLIENT_VERIFY, truth);
        }
    }
}

void cfaop_ssl_variables_correct_environment(request_rec *r, const cfaop_demand *demand, const cfaop_conn *conn)
{
    const char *truth = cfaop_ssl_variables_client_verify(demand, conn);
    const apr_array_header_t *entries = apr_table_elts(r->subprocess_env);
    int i;

    for (i = 0; truth && i < entries->nelts; ++i) {
        if (is_of_client(APR_ARRAY_IDX(entries, i, apr_table_entry_t).key)) {
            replace_client_entries(r, truth);
            return;
        }
    }
}

/* ---- log formats: mod_ssl's handlers for %{...}x and %{...}c ask mod_ssl itself ---- */

/* Escaped, as mod_log_config leaves that to the handlers: clients choose the names in certificates and the SNI. */
static const char *log_lookup(request_rec *r, const char *name)
{
    const char *value = ap_ssl_var_lookup(r->pool, r->server, r->connection, r, name);

    return value && *value ? ap_escape_logitem(r->pool, value) : NULL;
}

static const char *log_x(request_rec *r, char *name)
{
    return log_lookup(r, name);
}

static const char *log_c(request_rec *r, char *name)
{
    static const struct {
        const char *word, *variable;
    } words[] = {
        {"version", "SSL_PROTOCOL"},       {"cipher", "SSL_CIPHER"},        {"subjectdn", "SSL_CLIENT_S_DN"},
        {"clientcert", "SSL_CLIENT_S_DN"}, {"issuerdn", "SSL_CLIENT_I_DN"}, {"cacert", "SSL_CLIENT_I_DN"},
    };
    apr_size_t i;

    if (!ap_ssl_conn_is_ssl(r->connection)) {
        return NULL;
    }
    for (i = 0; i < sizeof(words) / sizeof(words[0]); ++i) {
        if (!strcmp(name, words[i].word)) {
            return log_lookup(r, words[i].variable);
        }
    }
    if (!strcmp(name, "errcode")) {
        return "-";
    }
    if (!strcmp(name, "errstr")) {
        const char *verify = log_lookup(r, CLIENT_VERIFY);
        return verify && !strncmp(verify, FAILED, sizeof(FAILED) - 1) ? verify + sizeof(FAILED) - 1 : NULL;
    }
    return NULL;
}

/* ---- mod_ssl's optional function for a certificate's extensions ---- */

static APR_OPTIONAL_FN_TYPE(ssl_ext_list) * mod_ssl_extensions;

/* The caller names no virtual host: a certificate that any virtual host has accepted is described. */
static apr_array_header_t *extensions_of(apr_pool_t *p, conn_rec *c, int peer, const char *oid)
{
    const cfaop_conn *conn = c && peer ? cfaop_connection_of(c) : NULL;

    if (is_for_guard_only(conn) && (conn->shown->chain.reason != CFAOP_REASON_NONE || conn->later.unanswered)) {
        return NULL;
    }
    return mod_ssl_extensions(p, c, peer, oid);
}

/* Other modules retrieve the function later. httpd forgets all optional functions before it loads modules anew. */
static void take_place_of_extensions(void)
{
    APR_OPTIONAL_FN_TYPE(ssl_ext_list) *extensions = APR_RETRIEVE_OPTIONAL_FN(ssl_ext_list);

    if (extensions && extensions != extensions_of) {
        mod_ssl_extensions = extensions;
        apr_dynamic_fn_register("ssl_ext_list", (apr_opt_fn_t *)extensions_of);
    }
}

/* After mod_ssl's pre_config, before the log formats are read. */
static int on_pre_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp)
{
    APR_OPTIONAL_FN_TYPE(ap_register_log_handler) *add = APR_RETRIEVE_OPTIONAL_FN(ap_register_log_handler);

    (void)plog;
    (void)ptemp;
    take_place_of_extensions();
    if (add) {
        add(p, "x", log_x, 0);
        add(p, "c", log_c, 0);
    }
    return OK;
}

/* ---- OpenSSL's verify result, which mod_ssl takes for its own: "Require ssl-verify-client" ---- */

static int on_process_connection(conn_rec *c)
{
    const cfaop_conn *conn = cfaop_connection_of(c);

    if (cfaop_connection_shown(conn) && conn->shown->chain.reason != CFAOP_REASON_NONE && is_for_guard_only(conn)) {
        cfaop_after_handshake_hide_result(c);
    }
    return DECLINED;
}

void cfaop_ssl_variables_settle_result(conn_rec *c, const cfaop_demand *demand, const cfaop_conn *conn)
{
    if (cfaop_ssl_variables_client_verify(demand, conn)) {
        cfaop_after_handshake_hide_result(c);
    }
    else {
        cfaop_after_handshake_show_result(c);
    }
}

/*
 * on_process_connection() comes after mod_ssl's hook, which is at MIDDLE, by its number alone. Naming mod_ssl as a
 * predecessor would make APR sort other modules' hooks anew, mod_reqtimeout's behind mod_ssl's handshake for instance.
 */
void cfaop_ssl_variables_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_config(on_pre_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_ssl_var_lookup(on_var_lookup, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_expr_lookup(on_expr_lookup, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_process_connection(on_process_connection, NULL, NULL, APR_HOOK_MIDDLE + 1);
}
