/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rows.c
 * The virtual hosts on the status page and in the metrics: the guarded ones, and those that were guarded and have
 * numbers left.
 */
#include "operator/rows.h"

#include "config/config.h"
#include "stats/counters.h"
#include "stats/numbers.h"

#include "apr_hash.h"

#include <stdlib.h>

static int is_used(cfaop_vhost_numbers *c)
{
    int i;

    for (i = 0; i < CFAOP_HANDSHAKE_COUNT; ++i) {
        if (cfaop_numbers_read(&c->handshakes[i])) {
            return 1;
        }
    }
    for (i = 0; i < CFAOP_REQUEST_COUNT; ++i) {
        if (cfaop_numbers_sum(c, (cfaop_request_result)i)) {
            return 1;
        }
    }
    return 0;
}

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const cfaop_row *)a)->counters->label, ((const cfaop_row *)b)->counters->label);
}

/* Returns a table counters -> server, without the shared counters: several servers count there. */
static apr_hash_t *by_counters(apr_pool_t *p, const server_rec *base, const cfaop_vhost_counters *shared)
{
    apr_hash_t *servers = apr_hash_make(p);
    const server_rec *s;

    for (s = base; s; s = s->next) {
        const cfaop_server_conf *conf = cfaop_config_of(s);
        if (conf->counters && conf->counters != shared) {
            apr_hash_set(servers, &conf->counters, sizeof(conf->counters), s);
        }
    }
    return servers;
}

apr_array_header_t *cfaop_rows(apr_pool_t *p, const server_rec *base)
{
    cfaop_vhost_counters *counters;
    int i, count = cfaop_counters_vhosts(&counters);
    apr_hash_t *servers = by_counters(p, base, counters);
    apr_array_header_t *rows = apr_array_make(p, count + 1, sizeof(cfaop_row));

    for (i = 0; i < count; ++i) {
        cfaop_row row = {&counters[i], NULL, is_used(counters[i].numbers)};
        row.server = apr_hash_get(servers, &row.counters, sizeof(row.counters));
        if (row.is_used || row.server) {
            APR_ARRAY_PUSH(rows, cfaop_row) = row;
        }
    }
    qsort(rows->elts, (size_t)rows->nelts, sizeof(cfaop_row), compare_labels);
    return rows;
}
