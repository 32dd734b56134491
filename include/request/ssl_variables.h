/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ssl_variables.h
 * Keeping mod_ssl from vouching for a certificate that was not accepted.
 */
#ifndef CFAOP_REQUEST_SSL_VARIABLES_H
#define CFAOP_REQUEST_SSL_VARIABLES_H

#include "pure/verdict.h"
#include "tls/connection.h"

#include "httpd.h"
#include "apr_pools.h"

/**
 * Returns the value that SSL_CLIENT_VERIFY must have for requests with @a demand, their server's, over @a conn (all
 * other SSL_CLIENT_ variables are empty then), or NULL if mod_ssl's own values are true. Any phase.
 */
const char *cfaop_ssl_variables_client_verify(const cfaop_demand *demand, const cfaop_conn *conn);

/** Says whether that can return a value, without looking closer: no means no. In line, since each request asks. */
static inline int cfaop_ssl_variables_is_in_doubt(const cfaop_demand *demand, const cfaop_conn *conn)
{
    return conn && !cfaop_connection_is_accepted(demand, conn) && conn->shown && conn->shown->asked;
}

/**
 * Corrects the environment of @a r, which has @a demand and @a conn, once mod_ssl has set its variables. Request phase.
 */
void cfaop_ssl_variables_correct_environment(request_rec *r, const cfaop_demand *demand, const cfaop_conn *conn);

/**
 * Makes OpenSSL's verify result bad for a request over @a c, with @a demand and @a conn, whose server has not accepted
 * the certificate, or good again where an earlier request of the connection had it made bad. To be called before any
 * access hook: with "Satisfy Any" a hook before mod_ssl's can deny access, and "Require ssl-verify-client" grants it by
 * that result. Request phase; over HTTP/2 it does nothing.
 */
void cfaop_ssl_variables_settle_result(conn_rec *c, const cfaop_demand *demand, const cfaop_conn *conn);

/** Says whether that has anything to do: no means no. In line, since each request asks. */
static inline int cfaop_ssl_variables_may_have_to_settle(const cfaop_demand *demand, const cfaop_conn *conn)
{
    return conn && (conn->later.result_hidden || cfaop_ssl_variables_is_in_doubt(demand, conn));
}

/** Registers all hooks that correct what mod_ssl says, but for those of ssl_hooks.h. Configuration phase. */
void cfaop_ssl_variables_register_hooks(apr_pool_t *p);

#endif
