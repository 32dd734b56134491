/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file count.h
 * Counting requests: a client's request counts once, with all its redirects and sub-requests.
 */
#ifndef CFAOP_REQUEST_COUNT_H
#define CFAOP_REQUEST_COUNT_H

#include "pure/verdict.h"
#include "config/config.h"
#include "stats/counters.h"

#include "httpd.h"

/**
 * Counts the client's request that @a r belongs to for the server of @a conf, which is that of @a r, with @a result and
 * @a reason, unless it has been counted. Request phase.
 */
void cfaop_count_request(request_rec *r, const cfaop_server_conf *conf, cfaop_request_result result,
                         cfaop_reason reason);

/**
 * Notes that @a r is exempt so far, and why it would be refused if it were not; the hooks below count it. Request
 * phase.
 */
void cfaop_count_if_it_stays_exempt(request_rec *r, cfaop_reason reason);

/**
 * insert_filter, insert_error_filter and, for requests that meet neither, log_transaction: count requests that are
 * still exempt when their answer begins. Until then a rewrite, or a program's redirect, can lead them to a path that is
 * not exempt.
 */
void cfaop_count_on_answer(request_rec *r);
void cfaop_count_on_error(request_rec *r);
int cfaop_count_on_log(request_rec *r);

/** Registers the output filter that insert_filter adds. Configuration phase. */
void cfaop_count_register_filter(void);

#endif
