/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ssl_variables.h
 * Keeping mod_ssl from vouching for a certificate that nobody accepted.
 */
#ifndef CFAOP_REQUEST_SSL_VARIABLES_H
#define CFAOP_REQUEST_SSL_VARIABLES_H

#include "base/peer.h"
#include "tls/connection.h"

#include "httpd.h"
#include "apr_pools.h"

/**
 * Keeps mod_ssl from vouching for a certificate that nobody accepted: returns the value that SSL_CLIENT_VERIFY must have for
 * requests to @a s over @a c (all other SSL_CLIENT_ variables are empty then), or NULL if mod_ssl's own values are the truth.
 * Any phase.
 */
const char *cfaop_ssl_variables_client_verify(const server_rec *s, conn_rec *c);

/** Says whether that may be so, without looking closer: no means no. In line, since each request asks. */
static inline int cfaop_ssl_variables_is_in_doubt(const server_rec *s, conn_rec *c)
{
    const cfaop_conn *conn = cfaop_connection_of(c);

    return conn && conn->asked && !cfaop_connection_is_accepted(s, conn);
}

/** Has the environment of @a r say so, once mod_ssl has set its variables. Request phase. */
void cfaop_ssl_variables_correct_environment(request_rec *r);

/**
 * Makes OpenSSL's verify result bad for @a r where its virtual host has not accepted the certificate, or good again where an earlier request of
 * the connection had it made bad. To be called before any access hook: with "Satisfy Any" one that comes before mod_ssl's can deny access, and
 * "Require ssl-verify-client" grants it by that result. Request phase; over HTTP/2 it does nothing.
 */
void cfaop_ssl_variables_settle_result(request_rec *r);

/** Says whether that may have anything to do: no means no. In line, since each request asks. */
static inline int cfaop_ssl_variables_may_have_to_settle(const server_rec *s, conn_rec *c)
{
    const cfaop_conn *conn = cfaop_connection_of(c);

    return conn && conn->asked && (conn->result_hidden || !cfaop_connection_is_accepted(s, conn));
}

/** Registers all hooks that say so wherever mod_ssl would not. */
void cfaop_ssl_variables_register_hooks(apr_pool_t *p);

#endif
