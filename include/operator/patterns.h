/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file patterns.h
 * What the patterns of redirects and rewrite rules stand for, as far as a glance tells. Whatever is not plain counts
 * as no match.
 */
#ifndef CFAOP_OPERATOR_PATTERNS_H
#define CFAOP_OPERATOR_PATTERNS_H

#include "apr_pools.h"

/** Says whether @a word is one of @a words, which end with NULL. Any phase, any thread. */
int cfaop_patterns_is_one_of(const char *word, const char *const *words);

/**
 * Says whether the regular expression is one of those that people write for "every path", or for every path but those
 * of ACME challenges. From @a p, for what only the call needs. Any phase.
 */
int cfaop_patterns_match_all(apr_pool_t *p, const char *regex);

/**
 * Says whether the regular expression stands for paths below /.well-known/acme-challenge only: it begins there, and
 * has no alternatives. Any phase, any thread.
 */
int cfaop_patterns_is_acme(const char *regex);

/**
 * Says whether the regular expression may match a URL with a scheme and a host: it does not plainly ask for a path.
 * Any phase, any thread.
 */
int cfaop_patterns_may_match_absolute(const char *regex);

/** Says whether the path lies below /.well-known/acme-challenge. Any phase, any thread. */
int cfaop_patterns_is_acme_path(const char *path);

#endif
