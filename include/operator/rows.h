/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rows.h
 * The virtual hosts on the status page and in the metrics: the guarded ones, and those that were guarded and have
 * numbers left.
 */
#ifndef CFAOP_OPERATOR_ROWS_H
#define CFAOP_OPERATOR_ROWS_H

#include "config/config.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** A virtual host, with its numbers. */
typedef struct {
    cfaop_vhost_counters *counters;
    const server_rec *server; /**< NULL: it is guarded no more, or the counters are those of CFAOP_OTHER */
    int is_used;              /**< a counter is not zero */
} cfaop_row;

/**
 * Lists (of cfaop_row, from @a p) the virtual hosts that are guarded or have numbers, sorted by name. Request phase.
 */
apr_array_header_t *cfaop_rows(apr_pool_t *p, const server_rec *base);

#endif
