/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file later_question.h
 * Leaving a client's certificate to the question that mod_ssl asks for a directory, after a TLS 1.3 handshake.
 */
#ifndef CFAOP_TLS_LATER_QUESTION_H
#define CFAOP_TLS_LATER_QUESTION_H

#include "base/peer.h"
#include "tls/slots.h"

#include <openssl/ssl.h>

/**
 * Notes in @a context whether its handshakes leave the certificate to mod_ssl. To be called when its policy is known.
 * Configuration phase.
 */
void cfaop_later_question_settle(cfaop_tls_context *context);

/** Has OpenSSL tell @a conn whether the client of @a ssl can be asked later. Before the handshake; connection phase. */
void cfaop_later_question_watch(cfaop_conn *conn, SSL *ssl);

/**
 * Keeps the guard from asking in this handshake, if the client can be asked later and the virtual host leaves that to
 * mod_ssl. Connection phase (OpenSSL's info callback), until the first handshake ends.
 */
void cfaop_later_question_on_progress(cfaop_conn *conn, SSL *ssl, int where);

#endif
