/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file client_address.h
 * The visitor's true address, from the header of an edge that has proven itself by its certificate. From any other
 * client the header is a claim, and is removed before another module believes it.
 */
#ifndef CFAOP_REQUEST_CLIENT_ADDRESS_H
#define CFAOP_REQUEST_CLIENT_ADDRESS_H

#include "config/config.h"

#include "httpd.h"
#include "apr_pools.h"

/**
 * Makes room for what is noted of headers that never hold an address; without it nothing is noted. Configuration phase,
 * in @a p, the configuration pool; @a servers is the count of servers.
 */
void cfaop_client_address_init(apr_pool_t *p, int servers);

/**
 * Where CFOriginPullRemoteIP is On in @a conf, that of the server of @a r: takes the visitor's address from the header
 * if the connection is @a verified, else removes the header. Request phase (post_read_request).
 */
void cfaop_client_address_settle(request_rec *r, const cfaop_server_conf *conf, int verified);

/**
 * insert_error_filter and log_transaction: remove the header of requests that httpd found broken before
 * post_read_request. httpd answers and logs them, and the header is a claim there, too.
 */
void cfaop_client_address_on_error(request_rec *r);
int cfaop_client_address_on_log(request_rec *r);

/**
 * Switches MergeTrailers off where @a s reads the header: a trailer, which comes after the body, would bring a removed
 * header back. Configuration phase (post_config). Returns 1 if it was on.
 */
int cfaop_client_address_forbid_trailers(const server_rec *s);

/** post_read_request after mod_remoteip and others that settle the address: sets the visitor's address again. */
int cfaop_client_address_again(request_rec *r);

#endif
