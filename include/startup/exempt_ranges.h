/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file exempt_ranges.h
 * A warning about exempt addresses that are Cloudflare's own, or a large part of all there are.
 */
#ifndef CFAOP_STARTUP_EXEMPT_RANGES_H
#define CFAOP_STARTUP_EXEMPT_RANGES_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Adds to @a findings (of cfaop_finding) a warning for each such range of "CFOriginPullExempt ip" that a server from
 * @a base on has. Configuration phase.
 */
void cfaop_exempt_ranges_look(apr_array_header_t *findings, apr_pool_t *ptemp, const server_rec *base);

#endif
