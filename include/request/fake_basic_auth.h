/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fake_basic_auth.h
 * mod_ssl's FakeBasicAuth, made safe for streams of HTTP/2 and kept from certificates that were not accepted.
 */
#ifndef CFAOP_REQUEST_FAKE_BASIC_AUTH_H
#define CFAOP_REQUEST_FAKE_BASIC_AUTH_H

#include "httpd.h"
#include "apr_pools.h"
#include "http_request.h"

/**
 * Calls @a check_user, which is mod_ssl's check_user_id hook, so that it makes no user of a certificate that was not
 * accepted, and so that what it keeps with the connection outlives the streams of HTTP/2. It still refuses logins that
 * are faked with a DN. Any thread.
 */
int cfaop_fake_basic_auth_check(request_rec *r, ap_HOOK_check_user_id_t *check_user);

/** child_init: makes what the function above needs. Without the memory for it, no user is made of a certificate over HTTP/2. */
void cfaop_fake_basic_auth_child_init(apr_pool_t *p, server_rec *s);

#endif
