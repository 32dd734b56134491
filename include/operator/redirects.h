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

/** What virtual hosts have from the main server, found out once. */
typedef struct cfaop_redirects cfaop_redirects;

/* All functions: configuration phase. */

/** Looks at what virtual hosts have from the main server, @a base. From @a p. */
cfaop_redirects *cfaop_redirects_index(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base);

/**
 * Says whether @a s answers all requests to its names, over TLS or without it, with a redirect, as the usual port-80
 * host does, or with a refusal (an ACME challenge may be served). When in doubt it says no. .htaccess files are not
 * known. From @a p, for what only the call needs.
 */
int cfaop_redirects_all(apr_pool_t *p, const cfaop_redirects *redirects, const server_rec *s, int is_tls);

#endif
