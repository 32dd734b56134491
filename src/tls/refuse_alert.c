/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refuse_alert.c
 * Refusing in the handshake, with the alerts of mod_ssl's "SSLVerifyClient require", before anything is served.
 *
 * The SSL_CTX of the virtual host demands a certificate. mod_ssl hands the demand on to the SSL when it follows the
 * SNI, in OpenSSL's callback for the ClientHello. When that message has been processed, the demand is taken back for
 * peers whose address is exempt.
 */
#include "tls/refuse_alert.h"

#include "pure/verdict.h"
#include "base/peer.h"
#include "config/config.h"
#include "config/exemption.h"
#include "config/refuse.h"
#include "stats/counters.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "tls/slots.h"

#include "apr_strings.h"

#include <openssl/err.h>

void cfaop_refuse_alert_demand(SSL_CTX *ctx, cfaop_tls_context *context)
{
    const cfaop_server_conf *conf = cfaop_config_of(context->server);

    if (conf->mode == CFAOP_MODE_ON && cfaop_refuse_of(conf) == CFAOP_REFUSE_ALERT) {
        context->demands = 1;
        SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx) | SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                           SSL_CTX_get_verify_callback(ctx));
    }
}

static const cfaop_tls_context *demanding_context(const SSL *ssl)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    return context && context->demands ? context : NULL;
}

static int is_peer_exempt(const cfaop_conn *conn, const cfaop_tls_context *context)
{
    return cfaop_exemption_has_peer(cfaop_config_of(context->server)->exemptions, conn->c);
}

static void note_refusal(cfaop_conn *conn, const SSL *ssl, const cfaop_tls_context *context, cfaop_reason reason)
{
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    cfaop_vhost_counters *counters = cfaop_config_of(context->server)->counters;

    conn->so_far.sni = sni ? apr_pstrdup(conn->c->pool, sni) : NULL;
    conn->refused = 1;
    cfaop_counters_request(counters, CFAOP_REQUEST_REFUSED, reason);
    cfaop_event_log_handshake(conn->c, &conn->so_far, context->server, reason);
}

static void end_handshake(cfaop_conn *conn, const SSL *ssl, const cfaop_tls_context *context, cfaop_reason reason)
{
    cfaop_counters_handshake(cfaop_config_of(context->server)->counters, reason == CFAOP_REASON_NO_CERTIFICATE
                                                                             ? CFAOP_HANDSHAKE_NO_CERTIFICATE
                                                                             : CFAOP_HANDSHAKE_FAILED);
    note_refusal(conn, ssl, context, reason);
}

/*
 * Says whether OpenSSL has ended the handshake for want of a certificate: of the errors that the alert may stand
 * for, only this one comes from the guard's demand.
 */
static int is_for_want_of_certificate(int where, int value)
{
    return where == SSL_CB_ACCEPT_EXIT && value <= 0
        && ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

void cfaop_refuse_alert_on_progress(cfaop_conn *conn, SSL *ssl, int where, int value)
{
    int is_hello = where == SSL_CB_ACCEPT_LOOP && SSL_get_state(ssl) == TLS_ST_SR_CLNT_HELLO;
    const cfaop_tls_context *context;

    /* most steps are neither, and return before anything is looked up */
    if (conn->refused || (!is_hello && !is_for_want_of_certificate(where, value))) {
        return;
    }
    context = demanding_context(ssl);
    if (!context || is_peer_exempt(conn, context) != is_hello) {
        return; /* at the hello an exempt peer matters, at the end one that is not exempt */
    }
    if (is_hello) {
        /* the callback stays as it is, and so does what mod_ssl demands for itself */
        SSL_set_verify(ssl, context->mod_ssl_mode | SSL_VERIFY_PEER, NULL);
    }
    else {
        end_handshake(conn, ssl, context, CFAOP_REASON_NO_CERTIFICATE);
    }
}

static apr_status_t free_refused(void *peer)
{
    X509_free(peer);
    return APR_SUCCESS;
}

int cfaop_refuse_alert_certificate(cfaop_conn *conn, SSL *ssl, X509_STORE_CTX *store_ctx)
{
    const cfaop_tls_context *context = demanding_context(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);

    if (!context || conn->so_far.chain.reason == CFAOP_REASON_NONE || is_peer_exempt(conn, context)) {
        return 0;
    }
    if (leaf && X509_up_ref(leaf)) {
        conn->so_far.peer = leaf; /* for the log */
        apr_pool_cleanup_register(conn->c->pool, leaf, free_refused, apr_pool_cleanup_null);
    }
    end_handshake(conn, ssl, context, conn->so_far.chain.reason);
    X509_STORE_CTX_set_error(store_ctx, conn->so_far.chain.x509_error);
    return 1;
}

void cfaop_refuse_alert_when_done(cfaop_conn *conn, SSL *ssl)
{
    const cfaop_tls_context *context = demanding_context(ssl);

    if (context && !conn->so_far.peer && !is_peer_exempt(conn, context)) {
        note_refusal(conn, ssl, context, CFAOP_REASON_NO_CERTIFICATE);
        SSL_set_verify_result(ssl, X509_V_ERR_APPLICATION_VERIFICATION);
    }
}
