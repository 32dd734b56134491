/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_flags.h
 * The flags of mod_rewrite's rules and conditions, as mod_rewrite reads them.
 */
#ifndef CFAOP_OPERATOR_REWRITE_FLAGS_H
#define CFAOP_OPERATOR_REWRITE_FLAGS_H

#include "apr_pools.h"

/** What the flags of a RewriteRule say. */
typedef struct {
    int status;    /**< the last one of [R], [F] and [G]; 0: none is said, and a redirect is a 302 */
    int is_final;  /**< mod_rewrite answers with that status at once, whatever target the rule has */
    int redirects; /**< [R], which redirects to the target */
    int ends;      /**< no rule is looked at after this one */
    int steers;    /**< it decides which rules come next: [C], [S] or [N] */
    int proxies;   /**< [P] */
} cfaop_rewrite_flags;

/** Reads "[R=301,L]". From @a p, for what only the call needs. Any phase. */
cfaop_rewrite_flags cfaop_rewrite_flags_of(apr_pool_t *p, const char *text);

/** Says whether a flag, which has two names, is among those of @a text. As above. */
int cfaop_rewrite_flags_has(apr_pool_t *p, const char *text, const char *brief, const char *full);

#endif
