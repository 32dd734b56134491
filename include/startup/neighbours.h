/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file neighbours.h
 * Warnings about the modules that are loaded beside the guard.
 */
#ifndef CFAOP_STARTUP_NEIGHBOURS_H
#define CFAOP_STARTUP_NEIGHBOURS_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Returns warnings (of cfaop_finding, from @a p) about the modules that are loaded beside the guard. The caller has a
 * guarded server among those from @a base on. Configuration phase (check_config, when httpd has sorted the hooks for
 * good).
 */
apr_array_header_t *cfaop_neighbours_findings(apr_pool_t *p, const server_rec *base);

#endif
