/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file demand.h
 * What requests to each server are judged by, settled at startup; and CFOriginPull where there is no TLS.
 */
#ifndef CFAOP_STARTUP_DEMAND_H
#define CFAOP_STARTUP_DEMAND_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Adds a mistake to @a findings (of cfaop_finding) for each server from @a base on with an explicit On for which
 * @a tree shows no TLS, unless TLS virtual hosts guard all of its names. Texts are from @a p. Configuration phase
 * (check_config).
 */
void cfaop_demand_check_tls(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base, const cfaop_tree *tree,
                            apr_array_header_t *findings);

/**
 * Settles what requests to each server from @a base on are judged by, now that mod_ssl has made its TLS servers, and
 * logs what the administrator should know. Configuration phase (post_config); @a ptemp is for the call. Never fails.
 */
void cfaop_demand_settle_all(apr_pool_t *ptemp, server_rec *base);

#endif
