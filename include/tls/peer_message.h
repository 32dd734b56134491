/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer_message.h
 * The handshake's message with the client's certificates, looked at before OpenSSL parses it.
 */
#ifndef CFAOP_TLS_PEER_MESSAGE_H
#define CFAOP_TLS_PEER_MESSAGE_H

#include <openssl/ssl.h>

/**
 * Has OpenSSL show the guard the client's next Certificate before OpenSSL parses it. A message that is too costly ends
 * the handshake with an alert, CFAOP204, and a count. To be called before the handshake, and each time that mod_ssl
 * asks for a certificate later. Connection phase.
 */
void cfaop_peer_message_watch(SSL *ssl);

/** Has OpenSSL show nothing any more. Connection phase; within the callback, too. */
void cfaop_peer_message_ignore(SSL *ssl);

#endif
