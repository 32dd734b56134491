/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fake_basic_auth.h
 * mod_ssl's FakeBasicAuth, made safe for streams of HTTP/2 and kept from certificates that were not accepted.
 */
#ifndef CFAOP_REQUEST_FAKE_BASIC_AUTH_H
#define CFAOP_REQUEST_FAKE_BASIC_AUTH_H

#include "pure/verdict.h"
#include "tls/connection.h"

#include "httpd.h"
#include "apr_pools.h"
#include "http_request.h"

/**
 * Calls @a check_user, mod_ssl's check_user_id hook, for @a r, whose server has @a demand and whose connection is @a
 * conn: so that mod_ssl makes no user of a certificate that was not accepted, and what mod_ssl keeps with the
 * connection outlives the streams of HTTP/2. mod_ssl still refuses logins that are faked with a DN. Returns what the
 * hook returns. Request phase; any thread.
 */
int cfaop_fake_basic_auth_check(request_rec *r, const cfaop_demand *demand, const cfaop_conn *conn,
                                ap_HOOK_check_user_id_t *check_user);

/** child_init: makes the mutex for that. Where that fails, mod_ssl makes no user of a certificate over HTTP/2. */
void cfaop_fake_basic_auth_child_init(apr_pool_t *p, server_rec *s);

#endif
