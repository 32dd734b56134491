/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file numbers.h
 * Reads the counters for the administrator's pages. A child that an attacker has taken over may have written anything
 * to the shared memory: values that cannot be true are left out, so that no page shows an absurd number, or breaks its
 * format. Any thread of any process may call these functions.
 */
#ifndef CFAOP_STATS_NUMBERS_H
#define CFAOP_STATS_NUMBERS_H

#include "stats/counters.h"

#include "apr.h"

/** Reads a counter; 0 if it holds more than can have been counted. */
apr_uint64_t cfaop_numbers_read(apr_uint64_t *counter);

/** Reads when something was last seen, in seconds; 0 for never, and for a time that is more than a day ahead. */
apr_int64_t cfaop_numbers_time(apr_uint64_t *moment);

/** Returns the sum of the requests of @a vhost with @a result, of all reasons. */
apr_uint64_t cfaop_numbers_sum(cfaop_vhost_numbers *vhost, cfaop_request_result result);

/** Copies the certificate that was shown last into @a leaf. Returns 0 if there is none, or if it cannot be one. */
int cfaop_numbers_leaf(cfaop_vhost_numbers *vhost, cfaop_leaf *leaf);

/** The words for a result, all literals. */
typedef struct {
    const char *labels;  /**< of metrics: "result=\"allowed\"" */
    const char *key;     /**< the last word of the key of "?auto" */
    const char *heading; /**< of the column on the status page */
} cfaop_numbers_words;

/** Return the words for @a result. They live as long as the module. */
const cfaop_numbers_words *cfaop_numbers_handshake_words(cfaop_handshake_result result);
const cfaop_numbers_words *cfaop_numbers_request_words(cfaop_request_result result);

#endif
