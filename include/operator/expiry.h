/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file expiry.h
 * Warns of certificates and CRLs that have ended or will end soon, and names the virtual hosts that depend on them.
 */
#ifndef CFAOP_OPERATOR_EXPIRY_H
#define CFAOP_OPERATOR_EXPIRY_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Returns the warnings (of cfaop_finding, from @a p) about certificates and CRLs of those servers from @a base on that
 * pass @a is_wanted. Any phase after the policies are resolved, any thread.
 */
apr_array_header_t *cfaop_expiry_findings(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *));

/**
 * Logs the warnings about the guarded servers, and notes the time for the daily look. post_config, after the policies
 * are resolved.
 */
void cfaop_expiry_log(apr_pool_t *p, server_rec *base);

/**
 * The monitor hook, which the parent runs every ten seconds or so: logs the warnings once a day. Not mod_watchdog: its
 * thread makes children of the prefork MPM, which end inside a signal handler, hang in malloc now and then.
 */
int cfaop_expiry_monitor(apr_pool_t *p, server_rec *base);

#endif
