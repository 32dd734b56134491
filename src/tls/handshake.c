/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file handshake.c
 * Asking for a certificate in mod_ssl's handshakes, judging it, and freezing the judgement when the handshake ends.
 *
 * mod_ssl's own rules stay in force. Where it verifies itself, we judge beside it and leave its answer alone. Where it does
 * not, we ask in its place, let every certificate through the handshake (the answer is a 400, not an alert), and put its
 * settings back afterwards, so that a per-directory SSLVerifyClient still negotiates for itself.
 */
#include "tls/handshake.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/peer.h"
#include "base/server.h"
#include "config/config.h"
#include "config/peer_limit.h"
#include "stats/counters.h"
#include "trust/chain.h"
#include "trust/files.h"
#include "trust/memo.h"
#include "trust/policy.h"
#include "trust/trust.h"
#include "tls/ca_names.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "tls/refuse_alert.h"
#include "tls/session.h"
#include "tls/slots.h"

#include "apr_strings.h"
#include "http_core.h"
#include "http_ssl.h"
#include "http_vhost.h"

#include <openssl/err.h>

APLOG_USE_MODULE(cfaop);

/* OpenSSL's number of tickets after a full handshake of TLS 1.3; see SSL_CTX_set_num_tickets(3) */
#define DEFAULT_TICKETS 2

/* ---- judging ---- */

/*
 * Marks the SSLs that ask on our behalf only: mod_ssl does not verify here. OpenSSL does not call it, since its verification
 * is replaced by on_certificate(); should it ever be called, it changes nothing.
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

static void judge(cfaop_conn *conn, SSL *ssl, const cfaop_policy *policy, X509_STORE_CTX *store_ctx)
{
    X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
    int level = SSL_get_security_level(ssl);
    apr_time_t now = apr_time_now();

    conn->peer_hashed = leaf && X509_digest(leaf, EVP_sha256(), conn->peer_sha256, NULL);
    if (!conn->peer_hashed || !cfaop_memo_find(policy, conn->peer_sha256, level, now, &conn->chain)) {
        conn->chain = cfaop_chain_verify(policy, leaf, X509_STORE_CTX_get0_untrusted(store_ctx), level, now);
        if (conn->peer_hashed) {
            cfaop_memo_keep(policy, conn->peer_sha256, level, &conn->chain);
        }
    }
    conn->judged = 1;
}

/*
 * mod_ssl's own verification, with its callback, CAs, CRLs and depth. After the handshake a certificate can come only where mod_ssl's access
 * hook waits for it. In TLS 1.3 a client can answer later than that. mod_ssl's callback would read the request that the hook ran for, whose
 * memory may be gone (ssl_callback_SSLVerify() in modules/ssl/ssl_engine_kernel.c).
 */
static int delegate(cfaop_conn *conn, X509_STORE_CTX *store_ctx)
{
    int ok;

    if (conn && conn->frozen && !conn->mod_ssl_may_ask) {
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    ok = X509_verify_cert(store_ctx);
    if (conn && conn->frozen) {
        conn->reverified = 1;
        conn->question_open = 0;
        conn->result_hidden = 0; /* the result is now that of the new certificate */
        conn->accepted_by_mod_ssl = ok > 0;
    }
    return ok;
}

/*
 * OpenSSL sends two tickets after a full handshake of TLS 1.3, and for each it writes the session out and parses it again, with the
 * certificate (construct_stateless_ticket() in ssl/statem/statem_srvr.c): as costly as the handshake's own parsing and verifying
 * together. An edge that keeps connections needs one; every resumption brings it the next. A session that will never resume needs
 * none. Who has set another number than OpenSSL's default keeps it.
 */
static void spare_tickets(SSL *ssl, size_t needed)
{
    if (SSL_get_num_tickets(ssl) == DEFAULT_TICKETS) {
        SSL_set_num_tickets(ssl, needed);
    }
}

/* ---- what a certificate may cost ---- */

static void refuse_size(const cfaop_tls_context *context, cfaop_conn *conn, const SSL *ssl, const char *what, int limit)
{
    cfaop_counters_handshake(cfaop_config_of(context->server)->counters, CFAOP_HANDSHAKE_FAILED);
    cfaop_event_log_over_limit(context->server, conn->c, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), limit,
                               what);
}

/* The SSL may have been made for another virtual host than the one that has come to ask. */
static void limit_size(SSL *ssl)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    if (context && context->policy) {
        SSL_set_max_cert_list(ssl, context->limit.bytes);
    }
}

/* OpenSSL has read the length of the client's Certificate, and ends the handshake: this is its alert. */
static void note_size(const SSL *ssl, cfaop_conn *conn)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    if (context && context->policy && SSL_get_state(ssl) == TLS_ST_SR_CERT
        && ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_EXCESSIVE_MESSAGE_SIZE) {
        refuse_size(context, conn, ssl, "bytes", context->limit.bytes);
    }
}

static int has_too_many_names(const cfaop_tls_context *context, cfaop_conn *conn, SSL *ssl, X509_STORE_CTX *store_ctx)
{
    const X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
    int is_over;

    ERR_set_mark();
    is_over = leaf && cfaop_peer_limit_has_too_many_names(leaf, context->limit.names);
    ERR_pop_to_mark(); /* what a broken extension has left */
    if (!is_over) {
        return 0;
    }
    refuse_size(context, conn, ssl, "names", context->limit.names);
    return 1;
}

/* OpenSSL calls this in place of X509_verify_cert() for the certificates of every client of our SSL_CTXs. */
static int on_certificate(X509_STORE_CTX *store_ctx, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    cfaop_conn *conn = ssl ? cfaop_slots_conn(ssl) : NULL;
    const cfaop_tls_context *context = ssl ? cfaop_slots_context(SSL_get_SSL_CTX(ssl)) : NULL;

    (void)arg;
    if (!conn || conn->frozen || !context || !context->policy) {
        return delegate(conn, store_ctx);
    }
    if (has_too_many_names(context, conn, ssl, store_ctx)) {
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    judge(conn, ssl, context->policy, store_ctx);
    if (cfaop_refuse_alert_certificate(conn, ssl, store_ctx)) {
        return 0;
    }
    if (is_delegated(ssl)) {
        return delegate(conn, store_ctx);
    }
    if (conn->chain.reason != CFAOP_REASON_NONE) {
        spare_tickets(ssl, 0);
    }
    /*
     * Let the handshake go on, but leave the true error where it is: OpenSSL keeps it with the session, so that the
     * certificate is not taken for a good one where the session is resumed.
     */
    X509_STORE_CTX_set_error(store_ctx, conn->chain.x509_error);
    return 1;
}

/* ---- the freeze ---- */

static int name_in(const apr_array_header_t *names, const char *name, int (*differ)(const char *, const char *))
{
    int i;

    for (i = 0; names && i < names->nelts; ++i) {
        const char *candidate = APR_ARRAY_IDX(names, i, const char *);
        if (candidate && !differ(name, candidate)) {
            return 1;
        }
    }
    return 0;
}

/* Finds the virtual host by the same rules as mod_ssl does when it follows an SNI. */
static int is_named(void *name, conn_rec *c, server_rec *s)
{
    (void)c;
    return (s->server_hostname && !strcasecmp(name, s->server_hostname)) || name_in(s->names, name, strcasecmp)
        || name_in(s->wild_names, name, ap_strcasecmp_match);
}

static apr_status_t free_peer(void *data)
{
    const cfaop_conn *conn = data;

    X509_free(conn->peer);
    if (conn->lasting) {
        apr_pool_destroy(conn->lasting);
    }
    return APR_SUCCESS;
}

static void keep_peer(cfaop_conn *conn, SSL *ssl)
{
    conn->peer = SSL_get_peer_certificate(ssl);
    if (conn->peer) {
        apr_pool_cleanup_register(conn->c->pool, conn, free_peer, apr_pool_cleanup_null);
        conn->peer_hashed = conn->peer_hashed || X509_digest(conn->peer, EVP_sha256(), conn->peer_sha256, NULL);
    }
}

/*
 * On a resumption of TLS 1.2 and before, OpenSSL tells the name of the session's first handshake, not of this one. RFC 6066
 * forbids clients to make them differ; one that does gets a 400 for a 421 or the reverse, never more.
 */
static void keep_sni(cfaop_conn *conn, SSL *ssl)
{
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    if (sni) {
        conn->sni = apr_pstrdup(conn->c->pool, sni);
        conn->known_sni = ap_vhost_iterate_given_conn(conn->c, is_named, (void *)conn->sni) != 0;
    }
}

/* A certificate was shown where we asked, so there must be a judgement on it: from this handshake, or from the session's. */
static void settle_judgement(cfaop_conn *conn, SSL *ssl)
{
    if (conn->resumed) {
        conn->judged = cfaop_session_judgement(ssl, conn->asked, &conn->chain);
    }
    if (!conn->judged) {
        ap_log_cerror(APLOG_MARK, APLOG_ERR, 0, conn->c, "CFAOP201: a client certificate was not judged in the handshake "
                      "(%s): its requests are refused", conn->resumed ? "resumed" : "full");
        conn->chain.reason = CFAOP_REASON_OTHER;
        conn->chain.x509_error = X509_V_ERR_APPLICATION_VERIFICATION;
        conn->judged = 1;
    }
}

static const cfaop_anchor *find_anchor(const cfaop_trust *trust, const unsigned char *sha256)
{
    int i;

    for (i = 0; i < trust->anchors->nelts; ++i) {
        if (!memcmp(APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).sha256, sha256, CFAOP_SHA256_LEN)) {
            return &APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor);
        }
    }
    return NULL;
}

static void count(const cfaop_conn *conn, const server_rec *s)
{
    cfaop_vhost_counters *counters = cfaop_config_of(s)->counters;
    apr_int64_t now = apr_time_sec(apr_time_now());

    if (!conn->peer) {
        cfaop_counters_handshake(counters, CFAOP_HANDSHAKE_NO_CERTIFICATE);
    }
    else if (conn->chain.reason != CFAOP_REASON_NONE) {
        cfaop_counters_handshake(counters, CFAOP_HANDSHAKE_FAILED);
    }
    else {
        cfaop_counters_handshake(counters, conn->resumed ? CFAOP_HANDSHAKE_RESUMED : CFAOP_HANDSHAKE_FULL);
        cfaop_counters_shown(counters, conn->c->pool, conn->peer_sha256, conn->peer, now);
        cfaop_counters_anchor(conn->anchor ? conn->anchor->counters : NULL, now);
    }
}

/* Whatever the handshake has shown is final now. */
static void settle(cfaop_conn *conn, SSL *ssl, const server_rec *s)
{
    if (conn->peer) {
        settle_judgement(conn, ssl);
        if (conn->chain.reason == CFAOP_REASON_NONE) {
            conn->anchor = find_anchor(conn->asked->trust, conn->chain.anchor);
        }
    }
    count(conn, s);
}

static void freeze(cfaop_conn *conn, SSL *ssl)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    conn->resumed = SSL_session_reused(ssl);
    conn->asked = context ? context->policy : NULL;
    conn->asked_by = conn->asked ? context->server : NULL;
    keep_peer(conn, ssl);
    keep_sni(conn, ssl);
    if (conn->asked) {
        settle(conn, ssl, context->server);
        spare_tickets(ssl, 1);
        /* mod_ssl may ask for another certificate later */
        SSL_set_max_cert_list(ssl, SSL_CTX_get_max_cert_list(SSL_get_SSL_CTX(ssl)));
    }
    conn->delegated = is_delegated(ssl);
    if (!conn->delegated && context) {
        SSL_set_verify(ssl, context->mod_ssl_mode, context->mod_ssl_callback);
        /* or mod_ssl would drop the connection; the session has the true result by now */
        SSL_set_verify_result(ssl, X509_V_OK);
    }
    else if (context && context->demands) {
        SSL_set_verify(ssl, context->mod_ssl_mode, NULL); /* without what the guard demanded; the callback is mod_ssl's */
    }
    conn->can_renegotiate = conn->asked && conn->peer && SSL_version(ssl) < TLS1_3_VERSION;
    conn->frozen = 1;
    if (conn->asked) {
        cfaop_connection_accept(conn, context->server);
    }
}

/* After the freeze only mod_ssl asks: in TLS 1.2 and older by another handshake, later by a CertificateRequest alone. */
static void note_question(cfaop_conn *conn, const SSL *ssl, int where)
{
    if ((where & SSL_CB_HANDSHAKE_START) || SSL_get_state(ssl) == TLS_ST_SW_CERT_REQ) {
        conn->asked_again = 1;
        conn->question_open = 1;
    }
}

/* Until the first handshake ends. */
static void follow_handshake(cfaop_conn *conn, SSL *ssl, int where, int value)
{
    if (where == SSL_CB_WRITE_ALERT) {
        note_size(ssl, conn);
    }
    else if (SSL_get_state(ssl) == TLS_ST_SW_CERT_REQ) {
        limit_size(ssl);
    }
    cfaop_refuse_alert_on_progress(conn, ssl, where, value);
}

static void on_progress(const SSL *ssl, int where, int value)
{
    void (*mod_ssl)(const SSL *, int, int) = SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl));
    cfaop_conn *conn = cfaop_slots_conn(ssl);

    if (mod_ssl) {
        mod_ssl(ssl, where, value);
    }
    if (!conn) {
        return;
    }
    if (conn->frozen) {
        note_question(conn, ssl, where);
    }
    else if (where & SSL_CB_HANDSHAKE_DONE) {
        freeze(conn, (SSL *)ssl);
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
    SSL_set_info_callback(ssl, on_progress);
    return OK;
}

static int ask(apr_pool_t *p, SSL_CTX *ctx, cfaop_tls_context *context)
{
    STACK_OF(X509_NAME) *names = context->policy->trust->names;
    int named = cfaop_ca_names_set(p, ctx, names);

    if (named && context->mod_ssl_mode == SSL_VERIFY_NONE) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, marker);
    }
    if (named) {
        cfaop_refuse_alert_demand(ctx, context);
    }
    return named;
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
    conf->mod_ssl_verifies = context->mod_ssl_mode != SSL_VERIFY_NONE;
    if (cfaop_config_is_needed(conf) && conf->trust) {
        conf->policy = cfaop_policy_at_level(conf->trust, SSL_CTX_get_security_level(ctx));
    }
    context->policy = conf->policy;
    if (!cfaop_slots_set_context(ctx, context) || (context->policy && !ask(p, ctx, context))) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "CFAOP146: OpenSSL failed to prepare %s for origin pulls: it answers 400; "
                     "check the memory and restart", cfaop_server_label(p, s));
        conf->policy = context->policy = NULL;
    }
    SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
    cfaop_session_install(ctx, context);
    ERR_clear_error();
    return OK;
}
