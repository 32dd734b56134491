/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file freeze.c
 * Freezing what the first handshake of a connection has shown, when that handshake ends.
 */
#include "tls/freeze.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/peer.h"
#include "config/config.h"
#include "stats/counters.h"
#include "trust/files.h"
#include "trust/policy.h"
#include "trust/trust.h"
#include "tls/after_handshake.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "tls/peer_message.h"
#include "tls/session.h"
#include "tls/slots.h"

#include "apr_strings.h"
#include "http_vhost.h"

APLOG_USE_MODULE(cfaop);

/* ---- the client's certificate and name ---- */

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

static apr_status_t free_shown(void *data)
{
    const cfaop_conn *conn = data;

    cfaop_after_handshake_free(conn);
    X509_free(conn->so_far.peer);
    return APR_SUCCESS;
}

static void keep_peer(cfaop_conn *conn, SSL *ssl)
{
    cfaop_shown *shown = &conn->so_far;

    shown->peer = SSL_get_peer_certificate(ssl);
    /* without a certificate, too: mod_ssl may get one later */
    apr_pool_cleanup_register(conn->c->pool, conn, free_shown, apr_pool_cleanup_null);
    if (shown->peer) {
        shown->peer_hashed = shown->peer_hashed || cfaop_session_leaf(conn, ssl, shown->peer_sha256)
                          || X509_digest(shown->peer, EVP_sha256(), shown->peer_sha256, NULL);
    }
}

/* If mod_ssl has left the default virtual host for another one, mod_ssl has found that by the name. */
static int is_server_named(const cfaop_conn *conn)
{
    const cfaop_shown *shown = &conn->so_far;

    return (shown->server && shown->server != conn->c->base_server)
        || ap_vhost_iterate_given_conn(conn->c, is_named, (void *)shown->sni);
}

/*
 * On a resumption of TLS 1.2 and before, OpenSSL tells the name of the session's first handshake, not of this one. RFC
 * 6066 forbids clients to make them differ. A client that does gets 400 instead of 421, or 421 instead of 400.
 */
static void keep_sni(cfaop_conn *conn, SSL *ssl)
{
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    if (sni) {
        conn->so_far.sni = apr_pstrdup(conn->c->pool, sni);
        conn->so_far.known_sni = is_server_named(conn);
    }
}

/* ---- the judgement ---- */

/*
 * A certificate was shown where the guard asked, so there must be a judgement on it: from this handshake, or from the
 * session's.
 */
static void complete_judgement(cfaop_conn *conn, SSL *ssl)
{
    cfaop_shown *shown = &conn->so_far;

    if (shown->resumed) {
        shown->judged = cfaop_session_judgement(ssl, shown->asked, &shown->chain);
    }
    if (!shown->judged) {
        ap_log_cerror(APLOG_MARK, APLOG_ERR, 0, conn->c,
                      "CFAOP201: a client certificate was not judged in the "
                      "handshake (%s): its requests are refused",
                      shown->resumed ? "resumed" : "full");
        shown->chain.reason = CFAOP_REASON_OTHER;
        shown->chain.x509_error = X509_V_ERR_APPLICATION_VERIFICATION;
        shown->judged = 1;
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

static void count_handshake(const cfaop_shown *shown, apr_pool_t *p)
{
    cfaop_vhost_counters *counters = cfaop_config_of(shown->asked_by)->counters;
    apr_int64_t now = apr_time_sec(apr_time_now());

    if (!shown->peer) {
        cfaop_counters_handshake(counters, CFAOP_HANDSHAKE_NO_CERTIFICATE);
    }
    else if (shown->chain.reason != CFAOP_REASON_NONE) {
        cfaop_counters_handshake(counters, CFAOP_HANDSHAKE_FAILED);
    }
    else {
        cfaop_counters_handshake(counters, shown->resumed ? CFAOP_HANDSHAKE_RESUMED : CFAOP_HANDSHAKE_FULL);
        cfaop_counters_shown(counters, p, shown->peer_sha256, shown->peer, now);
        cfaop_counters_anchor(shown->anchor ? shown->anchor->counters : NULL, now);
    }
}

static void complete(cfaop_conn *conn, SSL *ssl)
{
    cfaop_shown *shown = &conn->so_far;

    if (shown->peer) {
        complete_judgement(conn, ssl);
        if (shown->chain.reason == CFAOP_REASON_NONE) {
            shown->anchor = find_anchor(shown->asked->trust, shown->chain.anchor);
        }
        else {
            shown->description = cfaop_event_log_description(conn->c->pool, shown);
        }
    }
    count_handshake(shown, conn->c->pool);
}

/* ---- the freeze ---- */

/* After the first handshake only mod_ssl asks, by its own settings. */
static void give_back(SSL *ssl, const cfaop_tls_context *context, int is_delegated)
{
    if (context && context->policy) {
        /* mod_ssl may ask for another certificate later */
        SSL_set_max_cert_list(ssl, SSL_CTX_get_max_cert_list(SSL_get_SSL_CTX(ssl)));
    }
    if (!is_delegated && context) {
        SSL_set_verify(ssl, context->mod_ssl_mode, context->mod_ssl_callback);
        /* mod_ssl drops a connection whose result is bad; the session has the true one by now */
        SSL_set_verify_result(ssl, X509_V_OK);
    }
    else if (context && context->demands) {
        /* without what the guard demanded; the callback is mod_ssl's */
        SSL_set_verify(ssl, context->mod_ssl_mode, NULL);
    }
}

void cfaop_freeze(cfaop_conn *conn, SSL *ssl, int is_delegated)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    cfaop_shown *shown = &conn->so_far;

    shown->resumed = SSL_session_reused(ssl);
    shown->server = context ? context->server : NULL;
    shown->asked = context ? context->policy : NULL;
    shown->asked_by = shown->asked ? context->server : NULL;
    shown->delegated = is_delegated;
    keep_peer(conn, ssl);
    keep_sni(conn, ssl);
    if (shown->asked) {
        complete(conn, ssl);
    }
    give_back(ssl, context, is_delegated);
    shown->can_renegotiate = shown->asked && shown->peer && SSL_version(ssl) < TLS1_3_VERSION;
    conn->shown = shown;
    cfaop_peer_message_ignore(ssl);
    if (shown->asked) {
        cfaop_connection_accept(conn, shown->asked_by);
    }
}
