/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_rules.h
 * What mod_rewrite's rules of a virtual host make of its requests. Whatever is not clearly an answer to everything
 * counts as none.
 */
#ifndef CFAOP_OPERATOR_REWRITE_RULES_H
#define CFAOP_OPERATOR_REWRITE_RULES_H

#include "config/tree.h"
#include "operator/rewrite_conds.h"

#include "httpd.h"
#include "apr_pools.h"

/** What the rules of a virtual host do. */
typedef enum {
    CFAOP_REWRITE_NOTHING,     /**< they leave it to others what is served */
    CFAOP_REWRITE_ANSWERS_ALL, /**< they redirect or forbid everything */
    CFAOP_REWRITE_SERVES       /**< one of them may serve something */
} cfaop_rewrite;

/** What virtual hosts have from the main server, found out once. */
typedef struct cfaop_rewrite_main cfaop_rewrite_main;

/* All functions: configuration phase. */

/** Looks at the rules and options of the main server, @a base. From @a p. */
cfaop_rewrite_main *cfaop_rewrite_rules_of_main(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base);

/** Returns what is known of the requests to @a s over TLS, or of those without it. */
cfaop_requests cfaop_rewrite_rules_requests(const cfaop_tree *tree, const server_rec *s, int is_tls);

/**
 * Returns what mod_rewrite does with @a requests, by the rules of their server and those it inherits from @a base.
 * From @a p, for what only the call needs.
 */
cfaop_rewrite cfaop_rewrite_rules_of(apr_pool_t *p, const cfaop_rewrite_main *base, const cfaop_requests *requests);

#endif
