/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file count.c
 * Counting requests: a client's request counts once, with all its redirects and sub-requests.
 */
#include "request/count.h"

#include "pure/verdict.h"
#include "config/config.h"
#include "stats/counters.h"
#include "request/state.h"

#include "http_protocol.h"
#include "http_request.h"
#include "util_filter.h"

#define COUNT_FILTER "CF_ORIGIN_PULL_COUNT"

/* By its handle httpd need not look the filter up by name. Set when the hooks are registered. */
static ap_filter_rec_t *count_filter;

/* The client's request that httpd made r from by redirects; NULL: r is a sub-request. */
static request_rec *clients_request(request_rec *r)
{
    return r->main ? NULL : cfaop_state_first_of(r);
}

void cfaop_count_request(request_rec *r, const cfaop_server_conf *conf, cfaop_request_result result,
                         cfaop_reason reason)
{
    request_rec *top = clients_request(r);
    const cfaop_request *state = top ? cfaop_state_of(top) : NULL;

    /* no state: r is a sub-request, which does not count, or the ErrorDocument of a request that httpd found broken */
    if (state && !state->counted) {
        if (state->exempt && r->prev && ap_is_HTTP_ERROR(r->prev->status)) {
            /* the answer is an error; what becomes of its ErrorDocument does not count */
            result = CFAOP_REQUEST_EXEMPT;
            reason = state->exempt_from;
        }
        cfaop_state_make(top)->counted = 1;
        cfaop_counters_request(conf->counters, result, reason);
    }
}

void cfaop_count_if_it_stays_exempt(request_rec *r, cfaop_reason reason)
{
    request_rec *top = clients_request(r);

    if (top) {
        cfaop_state_make(top)->exempt = 1;
        cfaop_state_make(top)->exempt_from = reason;
    }
}

/* Counts a request that was exempt and stayed so until now, when no handler redirects it any more. */
static void count_if_still_exempt(request_rec *r)
{
    request_rec *top = clients_request(r);
    const cfaop_request *state = top ? cfaop_state_of(top) : NULL;

    if (state && state->exempt) {
        cfaop_count_request(r, cfaop_config_of(r->server), CFAOP_REQUEST_EXEMPT, state->exempt_from);
    }
}

void cfaop_count_on_error(request_rec *r)
{
    count_if_still_exempt(r);
}

int cfaop_count_on_log(request_rec *r)
{
    count_if_still_exempt(r);
    return DECLINED;
}

/* The answer begins: after that no handler redirects the request. */
static apr_status_t on_output(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    count_if_still_exempt(f->r);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, brigade);
}

void cfaop_count_on_answer(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);

    if (state && state->exempt && !r->main) {
        ap_add_output_filter_handle(count_filter, NULL, r, r->connection);
    }
}

void cfaop_count_register_filter(void)
{
    count_filter = ap_register_output_filter(COUNT_FILTER, on_output, NULL, AP_FTYPE_CONTENT_SET);
}
