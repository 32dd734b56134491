/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file after_handshake.c
 * What is asked of OpenSSL, and told it, once the handshake is over: the verify result that mod_ssl reads, and the questions that mod_ssl asks
 * the client later. Everything else that requests need was frozen when the handshake ended.
 */
#include "tls/after_handshake.h"

#include "base/peer.h"
#include "tls/connection.h"

#include "http_ssl.h"

/* The connection of a request whose thread may change the SSL, while ap_ssl_conn_is_ssl() says that there is one; else NULL. */
static cfaop_conn *own_connection(conn_rec *c)
{
    cfaop_conn *conn = c->master ? NULL : cfaop_connection_of(c);

    return conn && conn->frozen ? conn : NULL;
}

void cfaop_after_handshake_hide_result(conn_rec *c)
{
    cfaop_conn *conn = own_connection(c);

    if (conn && ap_ssl_conn_is_ssl(c)) {
        if (!conn->result_hidden) {
            conn->result_hidden = 1; /* once, before the first request: those of HTTP/2 read it while the connection goes on */
        }
        SSL_set_verify_result(conn->ssl, X509_V_ERR_APPLICATION_VERIFICATION);
    }
}

void cfaop_after_handshake_show_result(conn_rec *c)
{
    cfaop_conn *conn = own_connection(c);

    if (conn && conn->result_hidden && ap_ssl_conn_is_ssl(c)) {
        conn->result_hidden = 0;
        SSL_set_verify_result(conn->ssl, X509_V_OK);
    }
}

int cfaop_after_handshake_is_unanswered(conn_rec *c)
{
    cfaop_conn *conn = own_connection(c);
    X509 *peer;

    if (!conn || !conn->asked_again || !conn->peer || conn->delegated || !ap_ssl_conn_is_ssl(c)) {
        return 0;
    }
    if (!SSL_is_init_finished(conn->ssl)) {
        return 1; /* a certificate may have come, but not the proof of its key */
    }
    if (!conn->question_open || !(SSL_get_verify_mode(conn->ssl) & SSL_VERIFY_PEER)) {
        return 0; /* it has got a certificate of its own, or wanted something else of the new handshake */
    }
    peer = SSL_get_peer_certificate(conn->ssl);
    X509_free(peer);
    return peer != NULL;
}

void cfaop_after_handshake_forbid_quick_renegotiation(cfaop_conn *conn)
{
    if (ap_ssl_conn_is_ssl(conn->c) && SSL_get_verify_mode(conn->ssl) == SSL_VERIFY_NONE) {
        SSL_set_verify(conn->ssl, SSL_VERIFY_CLIENT_ONCE, NULL); /* the callback stays */
    }
}
