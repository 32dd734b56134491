/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file size_limit.h
 * What a client's certificate may cost, before it is parsed and verified: CFOriginPullPeerLimit in the handshake.
 */
#ifndef CFAOP_TLS_SIZE_LIMIT_H
#define CFAOP_TLS_SIZE_LIMIT_H

#include "base/peer.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/**
 * Has OpenSSL end the handshake of @a ssl over a longer Certificate message than the virtual host that asks allows. To
 * be called when that one is known: the SSL may have been made for another virtual host. Connection phase (OpenSSL's
 * info callback).
 */
void cfaop_size_limit_set(SSL *ssl);

/**
 * Counts and logs the handshake if @a ssl, which writes an alert, ends over that limit. Connection phase (OpenSSL's
 * info callback).
 */
void cfaop_size_limit_note_alert(const SSL *ssl, cfaop_conn *conn);

/**
 * Says whether the certificate of @a store_ctx exceeds what the virtual host that asks allows, and then counts
 * and logs the handshake. To be called only where the guard asks. Leaves no OpenSSL error. Connection phase.
 */
int cfaop_size_limit_is_exceeded(cfaop_conn *conn, const SSL *ssl, X509_STORE_CTX *store_ctx);

#endif
