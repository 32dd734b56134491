/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file count.c
 * Counting requests: what a client asked for counts once, whatever it is redirected to and made of.
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

/* The request of the client that r was made from; NULL: r is only a part of one. */
static request_rec *clients_request(request_rec *r)
{
    if (r->main) {
        return NULL;
    }
    while (r->prev) {
        r = r->prev;
    }
    return r;
}

void cfaop_count_request(request_rec *r, cfaop_request_result result, cfaop_reason reason)
{
    request_rec *top = clients_request(r);
    cfaop_request *state = top ? cfaop_state_of(top) : NULL;

    /* none: what httpd itself found broken, and redirects to a page that says so */
    if (state && !state->counted) {
        if (state->exempt && r->prev && ap_is_HTTP_ERROR(r->prev->status)) {
            result = CFAOP_REQUEST_EXEMPT; /* answered with an error, whatever becomes of the ErrorDocument */
            reason = state->exempt_from;
        }
        state->counted = 1;
        cfaop_counters_request(cfaop_config_of(r->server)->counters, result, reason);
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

void cfaop_count_on_error(request_rec *r)
{
    request_rec *top = clients_request(r);
    const cfaop_request *state = top ? cfaop_state_of(top) : NULL;

    if (state && state->exempt) {
        cfaop_count_request(r, CFAOP_REQUEST_EXEMPT, state->exempt_from);
    }
}

int cfaop_count_on_log(request_rec *r)
{
    cfaop_count_on_error(r);
    return DECLINED;
}

/* The first of the answer is on its way: what sends it will not redirect the request any more. */
static apr_status_t on_output(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    cfaop_count_on_error(f->r);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, brigade);
}

void cfaop_count_on_answer(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);

    if (state && state->exempt && !r->main) {
        ap_add_output_filter(COUNT_FILTER, NULL, r, r->connection);
    }
}

void cfaop_count_register_filter(void)
{
    ap_register_output_filter(COUNT_FILTER, on_output, NULL, AP_FTYPE_CONTENT_SET);
}
