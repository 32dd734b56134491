/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file limiter.c
 * Limits the warnings about clients: one line in ten seconds for each kind and virtual host, in all processes together.
 */
#include "stats/limiter.h"

#include "apr_atomic.h"
#include "apr_shm.h"

#define INTERVAL_SECONDS 10

/* When a line of a kind was written last for a virtual host. */
typedef struct {
    apr_uint32_t last; /* seconds */
    apr_uint32_t held; /* lines held back since */
} limiter;

static limiter *limiters; /* [servers][CFAOP_LIMITER_KINDS], shared memory; NULL: every line is written */

static apr_status_t forget_limiters(void *data)
{
    (void)data;
    limiters = NULL;
    return APR_SUCCESS;
}

void cfaop_limiter_init(apr_pool_t *p, int servers)
{
    apr_size_t size = (apr_size_t)servers * CFAOP_LIMITER_KINDS * sizeof(limiter);
    apr_shm_t *shm = NULL;

    if (apr_shm_create(&shm, size, NULL, p) == APR_SUCCESS) {
        limiters = apr_shm_baseaddr_get(shm);
        memset(limiters, 0, size);
    }
    apr_pool_cleanup_register(p, NULL, forget_limiters, apr_pool_cleanup_null);
}

int cfaop_limiter_is_due(int index, int kind, apr_uint32_t *held)
{
    limiter *l;
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now()), last;

    *held = 0;
    if (!limiters) {
        return 1;
    }
    l = &limiters[(apr_size_t)index * CFAOP_LIMITER_KINDS + (apr_size_t)kind];
    last = apr_atomic_read32(&l->last);
    /* unsigned: after the clock was set back the line is due at once */
    if (now - last < INTERVAL_SECONDS || apr_atomic_cas32(&l->last, now, last) != last) {
        apr_atomic_inc32(&l->held);
        return 0;
    }
    *held = apr_atomic_xchg32(&l->held, 0);
    return 1;
}
