/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file count.h
 * Counting requests: what a client asked for counts once, whatever it is redirected to and made of.
 */
#ifndef CFAOP_REQUEST_COUNT_H
#define CFAOP_REQUEST_COUNT_H

#include "pure/verdict.h"
#include "stats/counters.h"

#include "httpd.h"

/** Counts the request of the client that @a r belongs to, once, with @a result and @a reason. Request phase. */
void cfaop_count_request(request_rec *r, cfaop_request_result result, cfaop_reason reason);

/** Notes that @a r is exempt so far, and why it would be refused if it were not; the hooks below count it. Request phase. */
void cfaop_count_if_it_stays_exempt(request_rec *r, cfaop_reason reason);

/**
 * insert_filter, insert_error_filter and, if nothing else was called, log_transaction: count requests that are exempt still when their
 * answer begins. Until then a rewrite, or a program's redirect, can lead them to what is not.
 */
void cfaop_count_on_answer(request_rec *r);
void cfaop_count_on_error(request_rec *r);
int cfaop_count_on_log(request_rec *r);

/** Registers the output filter that the first of them uses. */
void cfaop_count_register_filter(void);

#endif
