/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refuse.h
 * The words of CFOriginPullRefuse, and what cannot stand beside them.
 */
#ifndef CFAOP_CONFIG_REFUSE_H
#define CFAOP_CONFIG_REFUSE_H

#include "config/config.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** Returns the way that @a conf refuses by, never UNSET. Any phase. */
static inline cfaop_refuse cfaop_refuse_of(const cfaop_server_conf *conf)
{
    return conf->refuse == CFAOP_REFUSE_UNSET ? CFAOP_REFUSE_400 : conf->refuse;
}

/** Reads @a word into @a how. Returns 0, and writes nothing, if it is no such word. Any phase. */
int cfaop_refuse_parse(const char *word, cfaop_refuse *how);

/** Returns the word for @a how that the administrator writes, a literal. */
const char *cfaop_refuse_name(cfaop_refuse how);

/** Returns what becomes of all requests to a server whose policy cannot be used, for messages; a literal. */
const char *cfaop_refuse_effect(const cfaop_server_conf *conf);

/**
 * Finds the servers from @a base on whose mode or exemptions cannot work with "alert". Each is a mistake in @a
 * findings (of cfaop_finding), and verifies by nothing any more: a server that rereads its configuration refuses
 * there. Configuration phase (check_config), policies resolved.
 */
void cfaop_refuse_check(apr_pool_t *p, server_rec *base, apr_array_header_t *findings);

#endif
