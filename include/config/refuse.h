/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refuse.h
 * The words of CFOriginPullRefuse, and the directives that contradict them.
 */
#ifndef CFAOP_CONFIG_REFUSE_H
#define CFAOP_CONFIG_REFUSE_H

#include "config/config.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** Returns how the server of @a conf refuses requests; never UNSET. Any phase; any thread. */
static inline cfaop_refuse cfaop_refuse_of(const cfaop_server_conf *conf)
{
    return conf->refuse == CFAOP_REFUSE_UNSET ? CFAOP_REFUSE_400 : conf->refuse;
}

/** Reads @a word into @a how. Returns 0, and writes nothing, if it is not a word of CFOriginPullRefuse. Any phase. */
int cfaop_refuse_parse(const char *word, cfaop_refuse *how);

/** Returns the word of CFOriginPullRefuse for @a how, a literal. Any phase. */
const char *cfaop_refuse_name(cfaop_refuse how);

/** Returns what happens to all requests to a server whose policy cannot be used, for messages; a literal. Any phase. */
const char *cfaop_refuse_effect(const cfaop_server_conf *conf);

/**
 * Finds the servers from @a base on whose mode or exemptions contradict "alert". For each it adds a mistake to
 * @a findings (of cfaop_finding) and takes the server's trust away, so that a running server refuses requests to it.
 * Configuration phase (check_config), after cfaop_policy_resolve_all(). Texts are from @a p.
 */
void cfaop_refuse_check(apr_pool_t *p, server_rec *base, apr_array_header_t *findings);

#endif
