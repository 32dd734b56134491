/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file handshake.h
 * Asking for a certificate in mod_ssl's handshakes, and judging it.
 */
#ifndef CFAOP_TLS_HANDSHAKE_H
#define CFAOP_TLS_HANDSHAKE_H

#include "httpd.h"
#include "apr_pools.h"

#include <openssl/ssl.h>

/**
 * mod_ssl's optional hook init_server (mod_ssl_openssl.h): puts the guard's callback in the place of OpenSSL's
 * verification, for what mod_ssl asks clients after the handshake. A module whose hook comes later may put its own
 * there where @a s is not guarded. Configuration phase. Never fails.
 */
int cfaop_handshake_init_callback(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx);

/**
 * The same hook, after all other modules, so that none takes away what the guard needs: has the SSL_CTX of @a s ask
 * for a certificate where @a s is guarded, and writes into the configuration of @a s what its TLS has. Configuration
 * phase. Never fails: an error would end a restarting server. @a s answers 400 instead.
 */
int cfaop_handshake_init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx);

/**
 * mod_ssl's optional hook pre_handshake: ties what the guard knows of @a c to @a ssl, and follows the handshake.
 * Connection phase. Never fails.
 */
int cfaop_handshake_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy);

#endif
