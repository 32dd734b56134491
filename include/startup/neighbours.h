/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file neighbours.h
 * What the administrator is told of the modules that are loaded beside the guard.
 */
#ifndef CFAOP_STARTUP_NEIGHBOURS_H
#define CFAOP_STARTUP_NEIGHBOURS_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Returns findings (of cfaop_finding, from @a p) about the modules that are loaded beside the guard; to be asked where
 * one of the servers from @a base on is guarded. Configuration phase (check_config: httpd has sorted the hooks for the
 * last time).
 */
apr_array_header_t *cfaop_neighbours_findings(apr_pool_t *p, const server_rec *base);

#endif
