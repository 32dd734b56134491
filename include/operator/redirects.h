/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file redirects.h
 * Tells whether a virtual host does nothing but redirect: such a host is no way round the guard. A configuration that
 * may do anything else counts as serving.
 */
#ifndef CFAOP_OPERATOR_REDIRECTS_H
#define CFAOP_OPERATOR_REDIRECTS_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_pools.h"

/**
 * Says whether virtual host @a s answers everything with a redirect, as the usual host on port 80 does; it may serve
 * ACME challenges. When in doubt it says no. Scratch memory from @a p. Configuration phase.
 */
int cfaop_redirects_all(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s);

#endif
