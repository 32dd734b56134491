/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file limiter.h
 * How often warnings about clients are written: of each kind and virtual host one in ten seconds, whatever a flood does and however many
 * processes there are.
 */
#ifndef CFAOP_STATS_LIMITER_H
#define CFAOP_STATS_LIMITER_H

#include "pure/verdict.h"

#include "apr.h"
#include "apr_pools.h"

/** The kinds of lines that are limited: one for each reason, that of certificates over CFOriginPullPeerLimit, and that of those which cost too much to parse. */
#define CFAOP_LIMITER_OVER_LIMIT CFAOP_REASON_COUNT
#define CFAOP_LIMITER_TOO_COSTLY (CFAOP_REASON_COUNT + 1)
#define CFAOP_LIMITER_KINDS      (CFAOP_REASON_COUNT + 2)

/** Makes room for @a servers servers, shared by all processes; without it every line is written. Configuration phase. */
void cfaop_limiter_init(apr_pool_t *p, int servers);

/**
 * Says whether a line of @a kind is due for the server number @a index, and in @a held how many were held back since the last. Any thread of any
 * process.
 */
int cfaop_limiter_is_due(int index, int kind, apr_uint32_t *held);

#endif
