/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file state.c
 * What the module keeps for a request.
 */
#include "request/state.h"

cfaop_request *cfaop_state_begin(request_rec *r)
{
    const cfaop_request *shared = cfaop_state_of(r);
    cfaop_request *state = apr_pcalloc(r->pool, sizeof(*state));

    if (shared) {
        *state = *shared;
        state->is_shared = 0;
    }
    ap_set_module_config(r->request_config, &cfaop_module, state);
    return state;
}
