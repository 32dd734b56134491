/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file freeze.h
 * Freezing what the first handshake of a connection has shown, when that handshake ends.
 */
#ifndef CFAOP_TLS_FREEZE_H
#define CFAOP_TLS_FREEZE_H

#include "base/peer.h"
#include "tls/connection.h"

#include <openssl/ssl.h>

/**
 * Completes what the first handshake of @a ssl has shown, counts the handshake, and sets conn->shown, after which
 * nothing changes it. @a is_delegated: mod_ssl verifies for itself. Where the guard asked in its place, mod_ssl's
 * settings are put back. Never fails: what cannot be known is noted as a failure. Connection phase (OpenSSL's info
 * callback), once for each connection.
 */
void cfaop_freeze(cfaop_conn *conn, SSL *ssl, int is_delegated);

#endif
