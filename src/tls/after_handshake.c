/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file after_handshake.c
 * What mod_ssl does with a connection after its first handshake: the questions that mod_ssl asks the client, what it
 * verifies, the verify result that it reads, and the DN that it keeps. This file alone writes that into a connection.
 */
#include "tls/after_handshake.h"

#include "base/peer.h"
#include "tls/connection.h"
#include "tls/peer_message.h"

#include "apr_atomic.h"
#include "http_ssl.h"

/* The first members of SSLConnRec in modules/ssl/ssl_private.h of httpd, from 2.4.48 to the trunk of 2.5. */
typedef struct {
    SSL *ssl;
    const char *client_dn;
    X509 *client_cert;
} mod_ssl_state;

/*
 * The connection of a request whose thread may change the SSL, while ap_ssl_conn_is_ssl() says that there is one; else
 * NULL.
 */
static cfaop_conn *own_connection(conn_rec *c)
{
    cfaop_conn *conn = c->master ? NULL : cfaop_after_handshake_conn(c);

    return conn && conn->shown ? conn : NULL;
}

/* ---- mod_ssl asks for a certificate again ---- */

void cfaop_after_handshake_forbid_quick_renegotiation(const cfaop_conn *conn)
{
    if (ap_ssl_conn_is_ssl(conn->c) && SSL_get_verify_mode(conn->ssl) == SSL_VERIFY_NONE) {
        SSL_set_verify(conn->ssl, SSL_VERIFY_CLIENT_ONCE, NULL); /* the callback stays */
    }
}

void cfaop_after_handshake_note_question(cfaop_conn *conn, const SSL *ssl, int where)
{
    if ((where & SSL_CB_HANDSHAKE_START) || SSL_get_state(ssl) == TLS_ST_SW_CERT_REQ) {
        conn->later.asked_again = 1;
        conn->later.question_open = 1;
        cfaop_peer_message_watch((SSL *)ssl);
    }
}

void cfaop_after_handshake_note_certificate(cfaop_conn *conn, int is_accepted)
{
    conn->later.reverified = 1;
    conn->later.question_open = 0;
    conn->later.result_hidden = 0; /* the result is now that of the new certificate */
    conn->later.accepted_by_mod_ssl = is_accepted;
}

int cfaop_after_handshake_is_unanswered(conn_rec *c)
{
    cfaop_conn *conn = own_connection(c);
    X509 *peer;

    if (!conn || !conn->later.asked_again || !conn->shown->peer || conn->shown->delegated || !ap_ssl_conn_is_ssl(c)) {
        return 0;
    }
    if (!SSL_is_init_finished(conn->ssl)) {
        return 1; /* a certificate may have come, but not the proof of its key */
    }
    if (!conn->later.question_open || !(SSL_get_verify_mode(conn->ssl) & SSL_VERIFY_PEER)) {
        return 0; /* mod_ssl has got another certificate, or wanted something else of the new handshake */
    }
    peer = SSL_get_peer_certificate(conn->ssl);
    X509_free(peer);
    return peer != NULL;
}

void cfaop_after_handshake_note_unanswered(conn_rec *c)
{
    cfaop_conn *conn = own_connection(c);

    if (conn) {
        conn->later.unanswered = 1;
        conn->accepted_by = NULL;
        conn->later.accepted_by_mod_ssl = 0;
    }
}

/* ---- the verify result that mod_ssl reads ---- */

void cfaop_after_handshake_hide_result(conn_rec *c)
{
    cfaop_conn *conn = own_connection(c);

    if (conn && ap_ssl_conn_is_ssl(c)) {
        /* set before the first request, and not written again: HTTP/2 requests may be reading it */
        if (!conn->later.result_hidden) {
            conn->later.result_hidden = 1;
        }
        SSL_set_verify_result(conn->ssl, X509_V_ERR_APPLICATION_VERIFICATION);
    }
}

void cfaop_after_handshake_show_result(conn_rec *c)
{
    cfaop_conn *conn = own_connection(c);

    if (conn && conn->later.result_hidden && ap_ssl_conn_is_ssl(c)) {
        conn->later.result_hidden = 0;
        SSL_set_verify_result(conn->ssl, X509_V_OK);
    }
}

/* ---- what mod_ssl keeps with a connection ---- */

int cfaop_after_handshake_has_dn(conn_rec *c)
{
    cfaop_conn *conn = cfaop_after_handshake_conn(c);

    /* A barrier, which a mere read is not: the DN is read after it. mod_ssl forgets the DN when it negotiates anew. */
    return conn && apr_atomic_add32(&conn->later.dn_is_made, 0) && !conn->later.asked_again;
}

void cfaop_after_handshake_note_dn(conn_rec *c)
{
    cfaop_conn *conn = cfaop_after_handshake_conn(c);

    if (conn) {
        apr_atomic_cas32(&conn->later.dn_is_made, 1, 0); /* a barrier, which a mere write need not be */
    }
}

apr_pool_t *cfaop_after_handshake_lasting_pool(conn_rec *c)
{
    cfaop_conn *conn = cfaop_after_handshake_conn(c);

    if (!conn) {
        return NULL;
    }
    if (!conn->later.lasting) {
        apr_pool_create_unmanaged_ex(&conn->later.lasting, apr_pool_abort_get(conn->c->pool), NULL);
    }
    return conn->later.lasting;
}

/*
 * mod_ssl frees its reference to the certificate only where it closes a connection itself. It does not where the client
 * has gone while the answer was written: the certificate would stay until the child ends, and each stranger could leave
 * one. The pointer is looked for where it has always been, and taken only if all that is there fits.
 */
static void release_certificate(const cfaop_conn *conn)
{
    module *mod_ssl = ap_find_linked_module("mod_ssl.c");
    mod_ssl_state *state = mod_ssl ? ap_get_module_config(conn->c->conn_config, mod_ssl) : NULL;
    X509 *peer;

    if (!state || state->ssl != conn->ssl || !state->client_cert) {
        return; /* mod_ssl has freed both, or only the certificate, which the client has not replaced */
    }
    peer = SSL_get_peer_certificate(conn->ssl);
    /* after a negotiation without a question there is no peer certificate, and mod_ssl still has the first one */
    if (state->client_cert == peer || state->client_cert == conn->so_far.peer) {
        X509_free(state->client_cert);
        state->client_cert = NULL;
    }
    X509_free(peer);
}

void cfaop_after_handshake_free(const cfaop_conn *conn)
{
    release_certificate(conn);
    if (conn->later.lasting) {
        apr_pool_destroy(conn->later.lasting);
    }
}
