/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file caches.c
 * Keeping a request that an exemption lets through from the answers that a cache keeps for the edge.
 *
 * An exempt URL can lead to a guarded place: by a rewrite with [PT], FallbackResource or DirectoryIndex. The edge gets
 * that place's answer, and a cache keeps it under the exempt URL. A client without certificate is refused when httpd
 * comes to the guarded place; but the cache answers in quick_handler, before httpd does. mod_cache answers and keeps
 * requests of the method M_GET only, so the method's number is hidden from it. Where mod_cache is a handler
 * (CacheQuickHandler off), the request has been judged there.
 */
#include "request/caches.h"

#include "request/state.h"

#include "http_protocol.h"

void cfaop_caches_hide(request_rec *r)
{
    if (r->method_number == M_GET) {
        r->method_number = M_INVALID;
        cfaop_state_make(r)->hidden_from_caches = 1;
    }
}

int cfaop_caches_show(request_rec *r, int lookup)
{
    cfaop_request *state = cfaop_state_of(r);

    (void)lookup;
    if (state && state->hidden_from_caches) {
        r->method_number = M_GET;
        state->hidden_from_caches = 0;
    }
    return DECLINED;
}
