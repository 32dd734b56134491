/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file expiry.h
 * Warnings of certificates and CRLs that have ended or soon will, with the names of who depends on them.
 */
#ifndef CFAOP_OPERATOR_EXPIRY_H
#define CFAOP_OPERATOR_EXPIRY_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Returns findings (of cfaop_finding, from @a p) about what has ended or ends soon, of the servers that @a is_wanted says yes to. Any
 * phase and thread, as cfaop_inventory().
 */
apr_array_header_t *cfaop_expiry_findings(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *));

/** Logs them when a server starts or has reread its configuration: the first of the daily looks. post_config, servers settled. */
void cfaop_expiry_log(apr_pool_t *p, server_rec *base);

/**
 * The monitor hook, which runs in the parent every ten seconds or so: logs them once a day. Not mod_watchdog: its thread makes every child
 * of the prefork MPM, which ends inside a signal handler, hang in malloc now and then.
 */
int cfaop_expiry_monitor(apr_pool_t *p, server_rec *base);

#endif
