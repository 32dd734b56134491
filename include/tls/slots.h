/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file slots.h
 * The slots of OpenSSL's ex_data that tie what the module keeps to an SSL_CTX and to an SSL.
 */
#ifndef CFAOP_TLS_SLOTS_H
#define CFAOP_TLS_SLOTS_H

#include "base/peer.h"
#include "tls/connection.h"

#include <openssl/ssl.h>

/**
 * Makes the hooks above work: gets the ex_data slots that tie our data to SSL and SSL_CTX (they outlive the module, each reload
 * finds the same). Not called, they do nothing; so it must not be where mod_ssl runs with another OpenSSL. Configuration
 * phase. Returns 0 if OpenSSL fails.
 */
int cfaop_slots_enable(void);

/** Says whether there are slots. Connection phase; any thread. */
int cfaop_slots_are_there(void);

/** Ties data to an SSL_CTX (returns 0 if OpenSSL fails) or to an SSL. Configuration phase, and connection phase. */
int cfaop_slots_set_context(SSL_CTX *ctx, cfaop_tls_context *context);
void cfaop_slots_set_conn(SSL *ssl, cfaop_conn *conn);

/** Returns our data of an SSL_CTX or SSL; NULL if it is not ours (a proxy's). */
cfaop_tls_context *cfaop_slots_context(const SSL_CTX *ctx);
cfaop_conn *cfaop_slots_conn(const SSL *ssl);

#endif
