/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file balancer.h
 * A warning about exempt addresses behind a balancer that speaks the PROXY protocol.
 */
#ifndef CFAOP_STARTUP_BALANCER_H
#define CFAOP_STARTUP_BALANCER_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Adds to @a findings (of cfaop_finding) a warning if one of the servers from @a base on exempts addresses and is
 * reached by the PROXY protocol. Configuration phase.
 */
void cfaop_balancer_look(apr_array_header_t *findings, apr_pool_t *ptemp, const cfaop_tree *tree,
                         const server_rec *base);

#endif
