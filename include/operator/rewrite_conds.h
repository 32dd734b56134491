/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_conds.h
 * Which requests the conditions before a rule of mod_rewrite hold for. Whatever is not plain counts as an exception.
 */
#ifndef CFAOP_OPERATOR_REWRITE_CONDS_H
#define CFAOP_OPERATOR_REWRITE_CONDS_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** The requests to a server that come over TLS, or those without it. */
typedef struct {
    const server_rec *server;
    int is_tls;
    const char *scheme; /**< what REQUEST_SCHEME is for them, "http" or "https"; NULL: in doubt */
} cfaop_requests;

/** The conditions before a rule: groups that are joined by [OR] inside, and all of which must hold. */
typedef struct {
    int exception;             /**< a group may be false */
    int is_never;              /**< a group is false for all these requests */
    int is_acme;               /**< a group holds for ACME challenges only */
    apr_array_header_t *names; /**< of const char *: SERVER_NAME equals one of them */
    int name_groups;           /**< how many groups have names */
    int is_open;               /**< the condition before this one had [OR] */
    /* of the group that is being read */
    int group_is_true; /**< one condition always holds */
    int group_is_odd;  /**< one is not understood */
    int group_is_acme; /**< one holds for ACME challenges only */
    int group_is_more; /**< one is something else */
    int group_may_be;  /**< one is not false for all these requests */
    int group_start;   /**< where its names begin */
} cfaop_rewrite_conds;

/* All functions: configuration phase. */

/** Returns no conditions. From @a p. */
cfaop_rewrite_conds cfaop_rewrite_conds_none(apr_pool_t *p);

/** Makes of them no conditions again. */
void cfaop_rewrite_conds_clear(cfaop_rewrite_conds *c);

/** Adds a RewriteCond, of which @a args are the arguments. From @a p, for what only the call needs. */
void cfaop_rewrite_conds_add(apr_pool_t *p, cfaop_rewrite_conds *c, const char *args, const cfaop_requests *requests);

/** Says whether they hold for each name that @a s answers to. */
int cfaop_rewrite_conds_hold_for(const cfaop_rewrite_conds *c, const server_rec *s);

/**
 * Says whether an expression as that of an <If>, with or without quotes, is plainly true for all these requests. From
 * @a p, for what only the call needs.
 */
int cfaop_rewrite_conds_expression_holds(apr_pool_t *p, const char *expression, const cfaop_requests *requests);

#endif
