/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file session_key.h
 * The keys that authenticate the judgements in TLS sessions.
 */
#ifndef CFAOP_TLS_SESSION_KEY_H
#define CFAOP_TLS_SESSION_KEY_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Gives each guarded server from @a base on its session_key: derived from its SSLSessionTicketKeyFile, so that restarts
 * and other machines with the same file agree; else random, and the same for as long as the parent process lives. The
 * keys live in @a p, the configuration pool, or as long as the process. Returns findings (of cfaop_finding, from @a p):
 * a file that cannot be read, for which the random key is taken, and an httpd whose tickets can be forged.
 * Configuration phase (check_config, which runs as root). Never fails.
 */
apr_array_header_t *cfaop_session_keys_resolve(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base);

#endif
