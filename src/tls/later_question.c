/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file later_question.c
 * Leaving a client's certificate to the question that mod_ssl asks for a directory, after a TLS 1.3 handshake.
 *
 * mod_ssl asks for a directory's SSLVerifyClient with SSL_VERIFY_CLIENT_ONCE, and then OpenSSL asks once in a
 * connection, the handshake included. Where the guard has asked in the handshake, mod_ssl denies such a directory to
 * every client. LogOnly must not do that to a site that works. So it does not ask clients that can be asked later
 * (those that send the extension post_handshake_auth), where the virtual host has such a directory. The others could
 * not show mod_ssl a certificate anyway; the edge is one of them. With "On" no client comes to a directory without
 * the certificate, so there the guard asks all.
 */
#include "tls/later_question.h"

#include "config/config.h"
#include "tls/connection.h"

static void on_extension(SSL *ssl, int is_from_server, int type, const unsigned char *data, int length, void *conn)
{
    (void)ssl;
    (void)is_from_server;
    (void)data;
    (void)length;
    if (type == TLSEXT_TYPE_post_handshake_auth) {
        ((cfaop_conn *)conn)->can_be_asked_later = 1;
    }
}

void cfaop_later_question_settle(cfaop_tls_context *context)
{
    const cfaop_server_conf *conf = cfaop_config_of(context->server);

    context->leaves_question =
        conf->mode == CFAOP_MODE_LOG_ONLY && conf->directories_ask && context->mod_ssl_mode == SSL_VERIFY_NONE;
}

void cfaop_later_question_watch(cfaop_conn *conn, SSL *ssl)
{
    /* the virtual host is not known yet, but all servers have the same value */
    if (cfaop_config_of(conn->c->base_server)->some_directory_asks) {
        SSL_set_tlsext_debug_callback(ssl, on_extension);
        SSL_set_tlsext_debug_arg(ssl, conn);
    }
}

void cfaop_later_question_on_progress(cfaop_conn *conn, SSL *ssl, int where)
{
    const cfaop_tls_context *context;

    if (!conn->can_be_asked_later || where != SSL_CB_ACCEPT_LOOP || SSL_get_state(ssl) != TLS_ST_SR_CLNT_HELLO
        || SSL_version(ssl) < TLS1_3_VERSION) {
        return;
    }
    context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    if (context && context->leaves_question) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* the callback stays, as the mark that the guard asks */
        conn->so_far.left_to_mod_ssl = 1;
    }
}
