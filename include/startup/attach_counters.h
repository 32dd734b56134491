/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file attach_counters.h
 * Giving each virtual host and trusted certificate its counters, by name and by SHA-256, so that they keep them at a
 * reload.
 */
#ifndef CFAOP_STARTUP_ATTACH_COUNTERS_H
#define CFAOP_STARTUP_ATTACH_COUNTERS_H

#include "httpd.h"
#include "apr_pools.h"

/**
 * Gives each guarded server from @a base on, and each certificate that it trusts, its counters. @a is_needed: a server
 * asks for certificates. Those for which there is no room share the counters CFAOP_OTHER; without shared memory nothing
 * is counted. The log tells of both; neither fails a start or a request. @a ptemp is for the call. Configuration phase
 * (post_config), after cfaop_demand_settle_all().
 */
void cfaop_attach_counters(server_rec *base, apr_pool_t *ptemp, int is_needed);

#endif
