/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file offered_sessions.h
 * How many sessions a client may offer in a handshake.
 */
#ifndef CFAOP_TLS_OFFERED_SESSIONS_H
#define CFAOP_TLS_OFFERED_SESSIONS_H

#include <openssl/ssl.h>

/**
 * Counts a session that the client of @a ssl offers in its first handshake. Returns 0 if it is one too many. Connection
 * phase.
 */
int cfaop_offered_sessions_count(const SSL *ssl);

/**
 * Tells that the handshake of @a ssl ends since its client offered too many sessions: a line in the error log, and a
 * handshake that failed, where the virtual host asks for certificates. Connection phase.
 */
void cfaop_offered_sessions_refuse(const SSL *ssl);

#endif
