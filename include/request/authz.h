/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file authz.h
 * "Require cf-origin-pull": a verified connection, for single directories and for .htaccess. It reads what was frozen
 * when the handshake ended, so it needs no renegotiation and works over HTTP/2 and TLS 1.3.
 */
#ifndef CFAOP_REQUEST_AUTHZ_H
#define CFAOP_REQUEST_AUTHZ_H

#include "apr_pools.h"

/** Registers "Require cf-origin-pull" with mod_authz_core. Configuration phase. */
void cfaop_authz_register(apr_pool_t *p);

#endif
