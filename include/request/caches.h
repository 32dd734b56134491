/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file caches.h
 * Keeping a request that an exemption lets through from the answers that a cache keeps for the edge.
 */
#ifndef CFAOP_REQUEST_CACHES_H
#define CFAOP_REQUEST_CACHES_H

#include "httpd.h"

/**
 * A handler hook that runs before the caches', and what the quick_handler hook of judge.c calls: hides @a r from caches
 * if only an exemption lets it through, until one of the functions below. Returns DECLINED. Request phase; any thread.
 */
int cfaop_caches_hide(request_rec *r);

/** A quick_handler hook, and a handler hook, after the caches': they end what cfaop_caches_hide() did. DECLINED. */
int cfaop_caches_show_quick(request_rec *r, int lookup);
int cfaop_caches_show(request_rec *r);

/**
 * Shows the method of @a r, which httpd has made of a hidden request by a redirect: a module's quick_handler may do
 * that. Request phase (post_read_request); any thread.
 */
void cfaop_caches_show_redirected(request_rec *r);

#endif
