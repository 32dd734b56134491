/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file side_effects.c
 * What another module would do for the answer to a client that is refused. mod_session saves the session of a request
 * when the answer is sent, in a cookie or a database, and inserts its filter into the answers to errors, too.
 */
#include "request/side_effects.h"

#include "request/broken.h"
#include "request/state.h"

#include "util_filter.h"

/* The name of mod_session's filter, as httpd keeps it. */
#define SESSION_FILTER "mod_session_out"

static int is_refused(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);

    return (state && state->refused) || cfaop_broken_is_refused_by_server(r);
}

void cfaop_side_effects_on_error(request_rec *r)
{
    ap_filter_t *filter = r->output_filters, *next;

    if (!is_refused(r)) {
        return;
    }
    for (; filter; filter = next) {
        next = filter->next;
        if (!strcmp(filter->frec->name, SESSION_FILTER)) {
            ap_remove_output_filter(filter);
        }
    }
}
