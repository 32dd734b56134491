/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file numbers.c
 * Reads the counters for the administrator's pages, as far as their values can be true.
 */
#include "stats/numbers.h"

#include "pure/verdict.h"
#include "base/text.h"
#include "stats/counters.h"

#include "apr_atomic.h"
#include "apr_time.h"

#define READ_TRIES 100

/* At a million events a second this is reached after nine years. */
#define COUNT_MAX ((apr_uint64_t)1 << 48)

/* The first second of the year 10000: no certificate can end later. */
#define SECONDS_MAX ((apr_int64_t)253402300800)

/* How far the system's clock may have been set back since a time was written: a day. */
#define CLOCK_SET_BACK_SECONDS APR_INT64_C(86400)

apr_uint64_t cfaop_numbers_read(apr_uint64_t *counter)
{
    apr_uint64_t value = apr_atomic_read64(counter);

    return value <= COUNT_MAX ? value : 0;
}

/* Says whether an event can have happened at this time. */
static int is_past(apr_int64_t seconds)
{
    return seconds > 0 && seconds <= apr_time_sec(apr_time_now()) + CLOCK_SET_BACK_SECONDS;
}

apr_int64_t cfaop_numbers_time(apr_uint64_t *moment)
{
    apr_int64_t seconds = (apr_int64_t)apr_atomic_read64(moment);

    return is_past(seconds) ? seconds : 0;
}

apr_uint64_t cfaop_numbers_sum(cfaop_vhost_numbers *vhost, cfaop_request_result result)
{
    apr_uint64_t sum = 0;
    int reason;

    for (reason = 0; reason < CFAOP_REASON_COUNT; ++reason) {
        sum += cfaop_numbers_read(&vhost->requests[result][reason]);
    }
    return sum;
}

/*
 * Terminates the subject of leaf, a copy. The guard accepts no certificate that has ended, so its end is a late date.
 */
static int is_plausible(cfaop_leaf *leaf)
{
    leaf->subject[CFAOP_SUBJECT_SIZE - 1] = '\0';
    return cfaop_text_is_escaped(leaf->subject) && leaf->not_after > 0 && leaf->not_after < SECONDS_MAX
        && is_past(leaf->last_seen);
}

int cfaop_numbers_leaf(cfaop_vhost_numbers *vhost, cfaop_leaf *leaf)
{
    int i;

    for (i = 0; i < READ_TRIES; ++i) {
        apr_uint32_t version = apr_atomic_add32(&vhost->leaf_version, 0); /* a barrier, which a mere read is not */
        if (!version) {
            return 0;
        }
        *leaf = vhost->leaf;
        if (!(version & 1) && apr_atomic_add32(&vhost->leaf_version, 0) == version) {
            leaf->last_seen = (apr_int64_t)apr_atomic_read64(&vhost->leaf_last_seen);
            return is_plausible(leaf);
        }
    }
    return 0;
}

#define WORDS_OF(value, labels, key, heading) [value] = {labels, key, heading},

const cfaop_numbers_words *cfaop_numbers_handshake_words(cfaop_handshake_result result)
{
    static const cfaop_numbers_words words[CFAOP_HANDSHAKE_COUNT] = {CFAOP_COUNTERS_HANDSHAKES(WORDS_OF)};

    return &words[result];
}

const cfaop_numbers_words *cfaop_numbers_request_words(cfaop_request_result result)
{
    static const cfaop_numbers_words words[CFAOP_REQUEST_COUNT] = {CFAOP_COUNTERS_REQUESTS(WORDS_OF)};

    return &words[result];
}
