/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tally.c
 * Notes how the first clients of a virtual host fared in this process, so that the guard can guess why it accepts none.
 */
#include "stats/tally.h"

#include "apr_atomic.h"

typedef struct {
    apr_uint32_t refused;
    apr_uint32_t from_elsewhere; /* 0, or 1: a refused client came from another machine */
    apr_uint32_t verified;       /* 0 or 1 */
} tally;

static tally *tallies; /* [servers]; NULL: nothing is noted */

static apr_status_t forget_tallies(void *data)
{
    (void)data;
    tallies = NULL;
    return APR_SUCCESS;
}

void cfaop_tally_init(apr_pool_t *p, int servers)
{
    tallies = apr_pcalloc(p, (apr_size_t)servers * sizeof(tally));
    apr_pool_cleanup_register(p, NULL, forget_tallies, apr_pool_cleanup_null);
}

void cfaop_tally_verified(int index)
{
    /* written once only: at each write the processors have to pass the memory around */
    if (tallies && !apr_atomic_read32(&tallies[index].verified)) {
        apr_atomic_set32(&tallies[index].verified, 1);
    }
}

int cfaop_tally_is_open(int index, int most)
{
    return tallies && !apr_atomic_read32(&tallies[index].verified)
        && (int)apr_atomic_read32(&tallies[index].refused) < most;
}

int cfaop_tally_refused(int index)
{
    return tallies ? (int)apr_atomic_inc32(&tallies[index].refused) + 1 : 0;
}

void cfaop_tally_from_elsewhere(int index)
{
    if (tallies) {
        apr_atomic_set32(&tallies[index].from_elsewhere, 1);
    }
}

int cfaop_tally_is_from_elsewhere(int index)
{
    return tallies && apr_atomic_read32(&tallies[index].from_elsewhere) != 0;
}
