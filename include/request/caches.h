/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file caches.h
 * Keeping a request that an exemption lets through from the answers that a cache keeps for the edge.
 */
#ifndef CFAOP_REQUEST_CACHES_H
#define CFAOP_REQUEST_CACHES_H

#include "httpd.h"

/**
 * Hides @a r from caches that answer in quick_handler, until cfaop_caches_show(). To be called in that hook, before
 * they run. Request phase; any thread.
 */
void cfaop_caches_hide(request_rec *r);

/** A quick_handler hook that runs after the caches: it ends what cfaop_caches_hide() did. Returns DECLINED. */
int cfaop_caches_show(request_rec *r, int lookup);

#endif
