/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file attach_counters.h
 * Which virtual host, and which trusted certificate, counts where: found again by name and digest when httpd rereads its configuration.
 */
#ifndef CFAOP_STARTUP_ATTACH_COUNTERS_H
#define CFAOP_STARTUP_ATTACH_COUNTERS_H

#include "httpd.h"
#include "apr_pools.h"

/**
 * Gives each guarded server, and each certificate that it trusts, its counters; @a is_needed: something is guarded. Configuration phase
 * (post_config), all servers settled; @a ptemp is for the call. What has no room shares the counters CFAOP_OTHER; without memory nothing is
 * counted. Both are said in the log; neither fails a start or a request. (src/attach_counters.c)
 */
void cfaop_attach_counters(server_rec *base, apr_pool_t *ptemp, int is_needed);

#endif
