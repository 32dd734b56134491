/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file redirects.h
 * Does a virtual host do nothing but redirect or refuse? Then it is no way round the guard, and the dump need not
 * name it. Whatever is not clearly an answer to everything counts as serving.
 */
#ifndef CFAOP_OPERATOR_REDIRECTS_H
#define CFAOP_OPERATOR_REDIRECTS_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_pools.h"

/**
 * Says whether @a s answers all plain HTTP to its names with a redirect, as the usual port-80 host does, or with a
 * refusal (an ACME challenge may be served). When in doubt it says no. From @a p, for what only the call needs.
 */
int cfaop_redirects_all(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s);

#endif
