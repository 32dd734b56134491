/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file reach.h
 * Which servers TLS and plain HTTP reach, by the addresses of virtual hosts and of Listen lines.
 */
#ifndef CFAOP_OPERATOR_REACH_H
#define CFAOP_OPERATOR_REACH_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_pools.h"

/**
 * Notes in the configuration of each server from @a base on whether TLS, or plain HTTP, reaches it
 * (is_reached_by_tls, is_reached_by_plain_http). When in doubt both do. Configuration phase (check_config).
 */
void cfaop_reach_note(apr_pool_t *ptemp, const cfaop_tree *tree, const server_rec *base);

#endif
