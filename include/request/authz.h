/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file authz.h
 * "Require cf-origin-pull": a verified connection, for single directories and for .htaccess. It reads the frozen state like all
 * else, so it needs no renegotiation and works over HTTP/2 and TLS 1.3.
 */
#ifndef CFAOP_REQUEST_AUTHZ_H
#define CFAOP_REQUEST_AUTHZ_H

#include "apr_pools.h"

/** Registers "Require cf-origin-pull" with mod_authz_core. */
void cfaop_authz_register(apr_pool_t *p);

#endif
