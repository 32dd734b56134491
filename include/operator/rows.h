/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rows.h
 * The virtual hosts that are shown to operators: those that are guarded, and those that once were and have numbers left.
 */
#ifndef CFAOP_OPERATOR_ROWS_H
#define CFAOP_OPERATOR_ROWS_H

#include "config/config.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** A virtual host's row of the two above. */
typedef struct {
    cfaop_vhost_counters *counters;
    const server_rec *server; /**< NULL: it is guarded no more, or stands for several */
    int is_used;              /**< a counter is not zero */
} cfaop_row;

/** Lists (of cfaop_row, from @a p) the virtual hosts that are or were guarded, by name. Request phase. */
apr_array_header_t *cfaop_rows(apr_pool_t *p, const server_rec *base);

#endif
