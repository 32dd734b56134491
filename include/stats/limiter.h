/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file limiter.h
 * Limits the warnings about clients: one line in ten seconds for each kind and virtual host, in all processes together.
 */
#ifndef CFAOP_STATS_LIMITER_H
#define CFAOP_STATS_LIMITER_H

#include "pure/verdict.h"

#include "apr.h"
#include "apr_pools.h"

/**
 * The kinds of lines that are limited: one for each reason, one for certificates over CFOriginPullPeerLimit, one for
 * certificates that cost too much to parse, one for too many sessions, and one for exempt requests of Cloudflare's.
 */
#define CFAOP_LIMITER_OVER_LIMIT        CFAOP_REASON_COUNT
#define CFAOP_LIMITER_TOO_COSTLY        (CFAOP_REASON_COUNT + 1)
#define CFAOP_LIMITER_TOO_MANY_SESSIONS (CFAOP_REASON_COUNT + 2)
#define CFAOP_LIMITER_EXEMPT_EDGE       (CFAOP_REASON_COUNT + 3)
#define CFAOP_LIMITER_KINDS             (CFAOP_REASON_COUNT + 4)

/**
 * Makes room for @a servers servers in shared memory of @a p. Without such memory every line is due. Configuration
 * phase.
 */
void cfaop_limiter_init(apr_pool_t *p, int servers);

/**
 * Says whether a line of @a kind is due for the server number @a index, and in @a held how many lines were held back
 * since the last one. Any thread of any process.
 */
int cfaop_limiter_is_due(int index, int kind, apr_uint32_t *held);

#endif
