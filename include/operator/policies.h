/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file policies.h
 * What each virtual host demands, in a form that is the same on all machines where it demands the same.
 */
#ifndef CFAOP_OPERATOR_POLICIES_H
#define CFAOP_OPERATOR_POLICIES_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** The digits of a policy digest that tell policies apart. */
#define CFAOP_POLICIES_DIGITS 16

/** What a virtual host demands. */
typedef struct {
    const char *vhost;                      /**< its label, as the counters have it */
    const char *mode;                       /**< "On" */
    char policy[CFAOP_POLICIES_DIGITS + 1]; /**< the first digits of the policy digest; "none": it has no policy */
} cfaop_vhost_policy;

/**
 * Lists (of cfaop_vhost_policy) the guarded virtual hosts, and those with TLS that are not, sorted by label. Virtual
 * hosts of one label that demand the same are one. From @a p. Any phase after post_config, any thread.
 */
apr_array_header_t *cfaop_policies(apr_pool_t *p, const server_rec *base);

#endif
