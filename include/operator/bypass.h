/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file bypass.h
 * Ways round the guard that the configuration shows: a guarded name that another virtual host serves without it.
 */
#ifndef CFAOP_OPERATOR_BYPASS_H
#define CFAOP_OPERATOR_BYPASS_H

#include "config/tree.h"
#include "operator/twins.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Says whether the configuration shows that @a s has TLS and refuses clients without a certificate; the main server
 * only if a port of its own reaches it. After cfaop_reach_note().
 */
int cfaop_bypass_is_guarded(const cfaop_tree *tree, const server_rec *s);

/**
 * Indexes, from @a p, the servers that answer clients without a certificate. Configuration phase, after
 * cfaop_reach_note().
 */
cfaop_twins *cfaop_bypass_index(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base);

/** How many servers of a way round the dumps list. The others are only counted: there may be thousands. */
#define CFAOP_BYPASS_SERVERS_MAX 20

/** A name that is guarded, and is served without the guard, too. */
typedef struct {
    const char *name;            /**< it may be a wildcard */
    int is_within;               /**< it is within a wildcard of the guarded server, which does not write it itself */
    apr_array_header_t *servers; /**< of const server_rec *: those that serve it without the guard */
} cfaop_bypass;

/**
 * Returns the names (of cfaop_bypass) of @a guarded that are served without the guard, by the index of
 * cfaop_bypass_index(). From @a p. Configuration phase.
 */
apr_array_header_t *cfaop_bypass_of(apr_pool_t *p, cfaop_twins *twins, const server_rec *guarded);

/** Adds a warning (cfaop_finding) for each guarded name that is served without the guard, too. As above. */
void cfaop_bypass_warn(apr_array_header_t *findings, apr_pool_t *ptemp, const cfaop_tree *tree, const server_rec *base);

#endif
