/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file session_key.h
 * ?
 */
#ifndef CFAOP_TLS_SESSION_KEY_H
#define CFAOP_TLS_SESSION_KEY_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Gives each guarded server from @a base on its session_key (src/session_key.c): derived from its
 * SSLSessionTicketKeyFile, so that restarts and other machines with the same file agree; else random, and the same
 * for as long as the parent process lives. For check_config, which runs as root. The keys live in @a p, the
 * configuration pool, or as long as the process. Returns findings (of cfaop_finding, from @a p): a file that cannot
 * be read, when the random key takes its place, and an httpd whose tickets can be forged. Never fails.
 */
apr_array_header_t *cfaop_session_keys_resolve(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base);

#endif
