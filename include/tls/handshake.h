/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file handshake.h
 * Asking for a certificate in mod_ssl's handshakes, judging it, and freezing the judgement when the handshake ends.
 */
#ifndef CFAOP_TLS_HANDSHAKE_H
#define CFAOP_TLS_HANDSHAKE_H

#include "httpd.h"
#include "apr_pools.h"

#include <openssl/ssl.h>

/** mod_ssl's optional hooks; see mod_ssl_openssl.h. They never fail: an error would end a restarting server. */
int cfaop_handshake_init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx);
int cfaop_handshake_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy);

#endif
