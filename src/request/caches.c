/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file caches.c
 * Keeping a request that an exemption lets through from the answers that a cache keeps for the edge.
 *
 * An exempt URL can lead to a guarded place: by a rewrite with [PT], FallbackResource or DirectoryIndex. The edge gets
 * that place's answer, and a cache keeps it under the exempt URL; so it keeps an exempt page with parts that
 * mod_include fetched from a guarded place. A client without certificate is refused when httpd comes to the guarded
 * place; but the cache answers before httpd does, in quick_handler, or as a handler (CacheQuickHandler off). mod_cache
 * answers and keeps requests of the method M_GET only, and drops what it keeps at M_POST, M_PUT and M_DELETE. So the
 * method's number is hidden from it in both.
 */
#include "request/caches.h"

#include "request/state.h"

#include "http_protocol.h"

static void hide(request_rec *r)
{
    cfaop_request *state = cfaop_state_make(r);

    if (!state->hidden_from_caches) {
        state->hidden_method = r->method_number;
        r->method_number = M_INVALID;
        state->hidden_from_caches = 1;
    }
}

static void show(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);

    if (state && state->hidden_from_caches) {
        r->method_number = state->hidden_method;
        cfaop_state_make(r)->hidden_from_caches = 0;
    }
}

void cfaop_caches_show_redirected(request_rec *r)
{
    const cfaop_request *before = cfaop_state_of(r->prev);

    if (before && before->hidden_from_caches && r->method_number == M_INVALID) {
        r->method_number = before->hidden_method;
    }
}

int cfaop_caches_hide(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);

    if (state && state->needs_exemption) {
        hide(r);
    }
    return DECLINED;
}

int cfaop_caches_show_quick(request_rec *r, int lookup)
{
    (void)lookup;
    show(r);
    return DECLINED;
}

int cfaop_caches_show(request_rec *r)
{
    show(r);
    return DECLINED;
}
