/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file numbers.h
 * Reading the counters for operators. A child that an attacker has taken over may have written anything to the shared
 * memory: what cannot be is left out, so that no page shows a negative or absurd number, or breaks its format.
 */
#ifndef CFAOP_STATS_NUMBERS_H
#define CFAOP_STATS_NUMBERS_H

#include "stats/counters.h"

#include "apr.h"

/*
 * Reading (src/counter_values.c), any thread of any process. What lies in shared memory is believed only as far as it
 * can be true.
 */
/** Reads a counter; 0 if it holds more than can have been counted. */
apr_uint64_t cfaop_numbers_read(apr_uint64_t *counter);

/** Reads when something was last seen, in seconds; 0 for never, and for a time that is more than a day ahead. */
apr_int64_t cfaop_numbers_time(apr_uint64_t *moment);

/** Returns the sum of the requests of @a vhost with @a result, whatever the reason. */
apr_uint64_t cfaop_numbers_sum(cfaop_vhost_numbers *vhost, cfaop_request_result result);

/** Copies the certificate that was shown last into @a leaf. Returns 0 if there is none, or if it cannot be one. */
int cfaop_numbers_leaf(cfaop_vhost_numbers *vhost, cfaop_leaf *leaf);

/** Returns the words for metrics: "verified", "allowed" and so on, literals. */
const char *cfaop_numbers_request_name(cfaop_request_result result);

#endif
