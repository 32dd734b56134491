/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fake_basic_auth.c
 * mod_ssl's FakeBasicAuth, made safe for streams of HTTP/2 and kept from certificates that were not accepted.
 *
 * mod_ssl makes the DN of the certificate once for a connection and keeps it in the connection's own state
 * (SSLConnRec.client_dn, in ssl_hook_UserCheck() of modules/ssl/ssl_engine_kernel.c). It takes the memory from
 * r->connection->pool. Over HTTP/2 that is the pool of one stream, while the state is that of the master connection:
 * the next streams read memory that the first stream has freed. So mod_ssl is given a connection whose pool lasts
 * as long as the master connection, and only one thread at a time makes the DN.
 */
#include "request/fake_basic_auth.h"

#include "base/module.h"
#include "tls/after_handshake.h"
#include "tls/connection.h"
#include "request/ssl_variables.h"

#include "apr_thread_mutex.h"
#include "http_protocol.h"

APLOG_USE_MODULE(cfaop);

/* Of this process: held while mod_ssl may make a DN for streams. NULL: there is none, and no DN is made. */
static apr_thread_mutex_t *making;

static apr_status_t forget_mutex(void *data)
{
    (void)data;
    making = NULL;
    return APR_SUCCESS;
}

void cfaop_fake_basic_auth_child_init(apr_pool_t *p, server_rec *s)
{
    apr_status_t status = apr_thread_mutex_create(&making, APR_THREAD_MUTEX_DEFAULT, p);

    if (status != APR_SUCCESS) {
        making = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     "CFAOP203: no mutex for FakeBasicAuth: this process takes no "
                     "client certificate for a user over HTTP/2; check the memory and restart");
        return;
    }
    apr_pool_cleanup_register(p, NULL, forget_mutex, apr_pool_cleanup_null);
}

/* mod_ssl refuses faked logins, then declines where there is a user already, before it looks at the certificate. */
static int check_without_certificate(request_rec *r, ap_HOOK_check_user_id_t *check_user)
{
    char *user = r->user;
    int answer;

    r->user = user ? user : "";
    answer = check_user(r);
    r->user = user;
    return answer;
}

static int check_with_lasting_memory(request_rec *r, ap_HOOK_check_user_id_t *check_user, apr_pool_t *pool)
{
    conn_rec *stream = r->connection;
    conn_rec lasting = *stream;
    int answer;

    lasting.pool = pool;
    r->connection = &lasting;
    answer = check_user(r);
    r->connection = stream;
    stream->log_id = lasting.log_id; /* the error log may have given it one */
    return answer;
}

static int check_of_stream(request_rec *r, ap_HOOK_check_user_id_t *check_user)
{
    const char *before = apr_table_get(r->headers_in, "Authorization");
    apr_pool_t *pool;
    int answer;

    if (cfaop_after_handshake_has_dn(r->connection)) {
        return check_user(r);
    }
    if (!making || apr_thread_mutex_lock(making) != APR_SUCCESS) {
        return check_without_certificate(r, check_user);
    }
    pool = cfaop_after_handshake_lasting_pool(r->connection);
    answer = pool ? check_with_lasting_memory(r, check_user, pool) : check_without_certificate(r, check_user);
    if (apr_table_get(r->headers_in, "Authorization") != before) {
        cfaop_after_handshake_note_dn(r->connection);
    }
    apr_thread_mutex_unlock(making);
    return answer;
}

int cfaop_fake_basic_auth_check(request_rec *r, const cfaop_demand *demand, const cfaop_conn *conn,
                                ap_HOOK_check_user_id_t *check_user)
{
    const cfaop_shown *shown = cfaop_connection_shown(conn);

    if (!shown || !shown->peer) {
        return check_user(r);
    }
    if (cfaop_ssl_variables_client_verify(demand, conn)) {
        return check_without_certificate(r, check_user);
    }
    return r->connection->master ? check_of_stream(r, check_user) : check_user(r);
}
