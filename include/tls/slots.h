/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file slots.h
 * What the module keeps for an SSL_CTX and for an SSL, and the slots of OpenSSL's ex_data that tie it to them.
 */
#ifndef CFAOP_TLS_SLOTS_H
#define CFAOP_TLS_SLOTS_H

#include "base/peer.h"
#include "config/config.h"
#include "tls/connection.h"

#include "httpd.h"

#include <openssl/ssl.h>

/** What the module keeps for a server's SSL_CTX. Written in the configuration phase only. */
typedef struct {
    server_rec *server;               /**< the virtual host of the SSL_CTX */
    const cfaop_policy *policy;       /**< the policy that it asks under; NULL: it does not ask */
    int demands;                      /**< a good certificate, or the handshake fails (CFOriginPullRefuse alert) */
    int leaves_question;              /**< clients that mod_ssl can ask later are not asked (LogOnly) */
    cfaop_peer_limit limit;           /**< with policy: what the client's certificate may be at most */
    int mod_ssl_mode;                 /**< mod_ssl's own verify mode, to be put back after the handshake */
    SSL_verify_cb mod_ssl_callback;   /**< mod_ssl's own verify callback, likewise */
    const unsigned char *session_key; /**< CFAOP_SESSION_KEY_LEN bytes, see session_key.h; NULL: no session resumes */
    cfaop_tickets tickets;            /**< with policy: whether a verified client of TLS 1.3 gets a ticket */
    int (*new_session)(SSL *, SSL_SESSION *); /**< writes to mod_ssl's session cache; NULL: there is none */
    SSL_SESSION *(*get_session)(SSL *, const unsigned char *, int, int *); /**< reads from it; NULL: there is none */
} cfaop_tls_context;

/**
 * Gets the slots from OpenSSL. They outlive the module: each reload finds the same. Without them the module does
 * nothing to TLS, so this must not be called where mod_ssl runs with another OpenSSL. Configuration phase. Returns 0 if
 * OpenSSL fails.
 */
int cfaop_slots_enable(void);

/** Does without them, as if OpenSSL had given none, until the configuration is read again. Configuration phase. */
void cfaop_slots_disable(void);

/** Says whether there are slots. Connection phase; any thread. */
int cfaop_slots_are_there(void);

/** Says whether they were enabled since the process started, in this configuration or before. Configuration phase. */
int cfaop_slots_were_used(void);

/** Ties data to an SSL_CTX (returns 0 if OpenSSL fails) or to an SSL. Configuration phase, and connection phase. */
int cfaop_slots_set_context(SSL_CTX *ctx, cfaop_tls_context *context);
void cfaop_slots_set_conn(SSL *ssl, cfaop_conn *conn);

/** Returns what was tied to an SSL_CTX or SSL; NULL: nothing was, as with a proxy's. Connection phase. */
cfaop_tls_context *cfaop_slots_context(const SSL_CTX *ctx);
cfaop_conn *cfaop_slots_conn(const SSL *ssl);

#endif
