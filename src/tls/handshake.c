/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file handshake.c
 * Asking for a certificate in mod_ssl's handshakes, and judging it.
 *
 * mod_ssl's own rules stay in force. Where mod_ssl verifies, the guard judges beside it and leaves its answer alone.
 * Where mod_ssl does not verify, the guard asks in its place, lets every certificate through the handshake (the answer
 * is a 400, not an alert), and puts mod_ssl's settings back afterwards (freeze.c), so that a directory's
 * SSLVerifyClient still negotiates for itself.
 */
#include "tls/handshake.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/peer.h"
#include "base/server.h"
#include "config/config.h"
#include "config/peer_limit.h"
#include "config/session_tickets.h"
#include "trust/chain.h"
#include "trust/memo.h"
#include "trust/policy.h"
#include "trust/trust.h"
#include "tls/after_handshake.h"
#include "tls/ca_names.h"
#include "tls/connection.h"
#include "tls/freeze.h"
#include "tls/later_question.h"
#include "tls/peer_message.h"
#include "tls/refuse_alert.h"
#include "tls/session.h"
#include "tls/size_limit.h"
#include "tls/slots.h"
#include "tls/tickets.h"

#include <openssl/err.h>

APLOG_USE_MODULE(cfaop);

/* ---- judging ---- */

/*
 * Marks the SSLs that ask for the guard only: mod_ssl does not verify here. OpenSSL does not call it, since
 * on_certificate() takes the place of OpenSSL's verification; should it ever be called, it changes nothing.
 */
static int marker(int ok, X509_STORE_CTX *store_ctx)
{
    (void)store_ctx;
    return ok;
}

static int is_delegated(const SSL *ssl)
{
    return SSL_get_verify_callback(ssl) != marker;
}

static void judge_certificate(cfaop_shown *shown, SSL *ssl, const cfaop_policy *policy, X509_STORE_CTX *store_ctx)
{
    X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
    int level = SSL_get_security_level(ssl);
    apr_time_t now = apr_time_now();

    shown->peer_hashed = leaf && X509_digest(leaf, EVP_sha256(), shown->peer_sha256, NULL);
    if (!shown->peer_hashed || !cfaop_memo_find(policy, shown->peer_sha256, level, now, &shown->chain)) {
        shown->chain = cfaop_chain_verify(policy, leaf, X509_STORE_CTX_get0_untrusted(store_ctx), level, now);
        if (shown->peer_hashed) {
            cfaop_memo_keep(policy, shown->peer_sha256, level, &shown->chain);
        }
    }
    shown->judged = 1;
}

/*
 * mod_ssl's own verification, with its callback, CAs, CRLs and depth. After the first handshake a certificate can come
 * only where mod_ssl's access hook waits for it. With TLS 1.3 a client can answer later than that. mod_ssl's callback
 * would read the request that the hook ran for, whose memory may be gone (ssl_callback_SSLVerify() in
 * modules/ssl/ssl_engine_kernel.c).
 */
static int delegate(cfaop_conn *conn, X509_STORE_CTX *store_ctx)
{
    int is_later = conn && conn->shown;
    int ok;

    if (is_later && !conn->later.mod_ssl_may_ask) {
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    ok = X509_verify_cert(store_ctx);
    if (is_later) {
        cfaop_after_handshake_note_certificate(conn, ok > 0);
    }
    return ok;
}

/* OpenSSL calls this in place of X509_verify_cert() for the certificates of every client of the guard's SSL_CTXs. */
static int on_certificate(X509_STORE_CTX *store_ctx, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    cfaop_conn *conn = ssl ? cfaop_slots_conn(ssl) : NULL;
    const cfaop_tls_context *context = ssl ? cfaop_slots_context(SSL_get_SSL_CTX(ssl)) : NULL;

    (void)arg;
    if (!conn || conn->shown || !context || !context->policy) {
        return delegate(conn, store_ctx);
    }
    if (cfaop_size_limit_is_exceeded(conn, ssl, store_ctx)) {
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    judge_certificate(&conn->so_far, ssl, context->policy, store_ctx);
    if (cfaop_refuse_alert_certificate(conn, ssl, store_ctx)) {
        return 0;
    }
    if (conn->so_far.chain.reason == CFAOP_REASON_NONE) {
        cfaop_tickets_grant(context, ssl);
    }
    if (is_delegated(ssl)) {
        return delegate(conn, store_ctx);
    }
    /*
     * Let the handshake go on, but leave the true error where it is: OpenSSL keeps it with the session, so that the
     * certificate is not taken for a good one where the session is resumed.
     */
    X509_STORE_CTX_set_error(store_ctx, conn->so_far.chain.x509_error);
    return 1;
}

/* ---- OpenSSL's progress ---- */

/* Until the first handshake ends. */
static void follow_handshake(cfaop_conn *conn, SSL *ssl, int where, int value)
{
    if (where == SSL_CB_WRITE_ALERT) {
        cfaop_size_limit_note_alert(ssl, conn);
    }
    else if (SSL_get_state(ssl) == TLS_ST_SW_CERT_REQ) {
        cfaop_size_limit_set(ssl);
        cfaop_tickets_withhold(ssl);
    }
    cfaop_refuse_alert_on_progress(conn, ssl, where, value);
    cfaop_later_question_on_progress(conn, ssl, where);
}

static void on_progress(const SSL *ssl, int where, int value);

/*
 * Calls what OpenSSL would have called without the guard: mod_ssl's callback, or another module's in its place. A
 * module that changes its callback, or takes it away, does so to the guard's.
 */
static void call_replaced(cfaop_conn *conn, const SSL *ssl, int where, int value)
{
    cfaop_info_callback replaced =
        conn && conn->info_replaced ? conn->info_replaced : SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl));

    if (replaced) {
        replaced(ssl, where, value);
    }
    if (conn && SSL_get_info_callback(ssl) != on_progress) {
        conn->info_replaced = SSL_get_info_callback(ssl);
        SSL_set_info_callback((SSL *)ssl, on_progress);
    }
}

static void on_progress(const SSL *ssl, int where, int value)
{
    cfaop_conn *conn = cfaop_slots_conn(ssl);

    call_replaced(conn, ssl, where, value);
    if (!conn) {
        return;
    }
    if (conn->shown) {
        cfaop_after_handshake_note_question(conn, ssl, where);
    }
    else if (where & SSL_CB_HANDSHAKE_DONE) {
        cfaop_freeze(conn, (SSL *)ssl, is_delegated(ssl));
        cfaop_refuse_alert_when_done(conn, (SSL *)ssl);
    }
    else {
        follow_handshake(conn, (SSL *)ssl, where, value);
    }
}

/* ---- mod_ssl's hooks ---- */

int cfaop_handshake_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    cfaop_conn *conn;

    if (is_proxy || !cfaop_slots_are_there() || !cfaop_slots_context(SSL_get_SSL_CTX(ssl))) {
        return DECLINED;
    }
    conn = apr_pcalloc(c->pool, sizeof(*conn));
    conn->c = c;
    conn->ssl = ssl;
    cfaop_peer_set_tls(c, conn);
    cfaop_slots_set_conn(ssl, conn);
    conn->info_replaced = SSL_get_info_callback(ssl);
    SSL_set_info_callback(ssl, on_progress);
    cfaop_peer_message_watch(ssl);
    cfaop_later_question_watch(conn, ssl);
    return OK;
}

/* Without mod_ssl's names, a client that mod_ssl asks later may not find its certificate. */
static int name_cas(SSL_CTX *ctx, const cfaop_tls_context *context, apr_pool_t *p)
{
    int named = cfaop_ca_names_set(p, ctx, context->policy->trust->names);

    if (named == -1 && !cfaop_config_is_first_pass()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, context->server,
                     "CFAOP150: the names of mod_ssl's CAs for %s (SSLCACertificateFile, SSLCACertificatePath) do not "
                     "fit into the TLS handshake and are left out of it: list fewer CAs, or name those that clients "
                     "are to choose by in SSLCADNRequestFile",
                     cfaop_server_label(p, context->server));
    }
    return named != 0;
}

static int ask(SSL_CTX *ctx, cfaop_tls_context *context, apr_pool_t *p)
{
    if (!name_cas(ctx, context, p)) {
        return 0;
    }
    if (context->mod_ssl_mode == SSL_VERIFY_NONE) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, marker);
    }
    SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
    cfaop_refuse_alert_demand(ctx, context);
    cfaop_later_question_settle(context);
    return 1;
}

int cfaop_handshake_init_callback(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx)
{
    (void)s;
    (void)p;
    if (!is_proxy && cfaop_slots_are_there()) {
        SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
    }
    return OK;
}

static int allows_tls_13(SSL_CTX *ctx)
{
    long most = SSL_CTX_get_max_proto_version(ctx);

    return (!most || most >= TLS1_3_VERSION) && !(SSL_CTX_get_options(ctx) & SSL_OP_NO_TLSv1_3);
}

int cfaop_handshake_init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx)
{
    cfaop_server_conf *conf = cfaop_config_of(s);
    cfaop_tls_context *context;

    if (is_proxy) {
        return OK;
    }
    conf->has_tls = 1;
    if (!cfaop_slots_are_there()) {
        return OK;
    }
    context = apr_pcalloc(p, sizeof(*context));
    context->server = s;
    context->limit = cfaop_peer_limit_of(conf);
    context->mod_ssl_mode = SSL_CTX_get_verify_mode(ctx);
    context->mod_ssl_callback = SSL_CTX_get_verify_callback(ctx);
    context->session_key = conf->session_key;
    context->tickets = cfaop_session_tickets_of(conf);
    conf->mod_ssl_verifies = context->mod_ssl_mode != SSL_VERIFY_NONE;
    conf->speaks_tls_13 = allows_tls_13(ctx);
    if (cfaop_config_asks(conf) && conf->trust) {
        conf->policy = cfaop_policy_at_level(conf->trust, SSL_CTX_get_security_level(ctx));
    }
    context->policy = conf->policy;
    if (!cfaop_slots_set_context(ctx, context) || (context->policy && !ask(ctx, context, p))) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "CFAOP146: OpenSSL failed to prepare %s for origin pulls: "
                     "it answers 400; check the memory and restart",
                     cfaop_server_label(p, s));
        conf->policy = context->policy = NULL;
    }
    cfaop_session_install(ctx, context);
    ERR_clear_error();
    return OK;
}
