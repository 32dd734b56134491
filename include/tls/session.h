/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file session.h
 * Binding a verdict to a TLS session. When a session is resumed no certificate is verified and the chain is gone, so
 * the judgement of the full handshake travels with the session, as ticket application data, which OpenSSL keeps in
 * tickets (encrypted and authenticated with the server's key) and in the session cache alike.
 */
#ifndef CFAOP_TLS_SESSION_H
#define CFAOP_TLS_SESSION_H

#include "config/config.h"
#include "trust/chain.h"
#include "tls/slots.h"

#include <openssl/ssl.h>

/**
 * Binds TLS sessions made by @a ctx to the policy that they were judged under (tickets and session cache), with the
 * session_key of @a context. Configuration phase.
 */
void cfaop_session_install(SSL_CTX *ctx, cfaop_tls_context *context);

/**
 * Reads the judgement that the resumed session of @a ssl carries. Returns 1 and fills @a result if the session was
 * verified under @a policy and its judgement is authentic; else 0. It does not ask whether the judgement has
 * ended: that was asked when the client offered the session. Connection phase.
 */
int cfaop_session_judgement(SSL *ssl, const cfaop_policy *policy, cfaop_chain_result *result);

/**
 * Writes the SHA-256 of the certificate in the resumed session of @a ssl, a connection known as @a conn, if it was
 * made when the client offered the session. Returns 0 if not. Connection phase.
 */
int cfaop_session_leaf(const cfaop_conn *conn, const SSL *ssl, unsigned char *sha256);

#endif
