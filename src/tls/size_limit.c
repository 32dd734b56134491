/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file size_limit.c
 * What a client's certificate may cost, before it is parsed and verified: CFOriginPullPeerLimit in the handshake.
 */
#include "tls/size_limit.h"

#include "base/peer.h"
#include "config/config.h"
#include "config/peer_limit.h"
#include "stats/counters.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "tls/slots.h"

#include <openssl/err.h>

static void note_excess(const cfaop_tls_context *context, conn_rec *c, const SSL *ssl, const char *what, int limit)
{
    cfaop_counters_handshake(cfaop_config_of(context->server)->counters, CFAOP_HANDSHAKE_FAILED);
    cfaop_event_log_over_limit(context->server, c, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), limit, what);
}

void cfaop_size_limit_set(SSL *ssl)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    if (context && context->policy) {
        SSL_set_max_cert_list(ssl, context->limit.bytes);
    }
}

void cfaop_size_limit_note_alert(const SSL *ssl, cfaop_conn *conn)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    /* OpenSSL has read the length of the client's Certificate message, and not the message */
    if (context && context->policy && SSL_get_state(ssl) == TLS_ST_SR_CERT
        && ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_EXCESSIVE_MESSAGE_SIZE) {
        note_excess(context, conn->c, ssl, "bytes", context->limit.bytes);
    }
}

int cfaop_size_limit_is_exceeded(cfaop_conn *conn, const SSL *ssl, X509_STORE_CTX *store_ctx)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    const X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
    const char *what;
    int most;

    ERR_set_mark();
    what = leaf ? cfaop_peer_limit_excess(leaf, context->limit, &most) : NULL;
    if (leaf && !what) {
        what = cfaop_peer_limit_excess_of_key(leaf, &most);
    }
    if (leaf && !what) {
        what = cfaop_peer_limit_excess_of_all(leaf, X509_STORE_CTX_get0_untrusted(store_ctx), context->limit, &most);
    }
    ERR_pop_to_mark(); /* what a broken extension has left */
    if (what) {
        note_excess(context, conn->c, ssl, what, most);
    }
    return what != NULL;
}
