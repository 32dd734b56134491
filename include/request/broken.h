/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file broken.h
 * Requests that httpd finds broken, and answers before any hook could judge them.
 */
#ifndef CFAOP_REQUEST_BROKEN_H
#define CFAOP_REQUEST_BROKEN_H

#include "httpd.h"

/** What becomes of the client of a broken request. */
typedef enum {
    CFAOP_BROKEN_TOLD,       /**< the request is judged or exempt, or would not be refused */
    CFAOP_BROKEN_REFUSED,    /**< it would be refused by a page */
    CFAOP_BROKEN_UNANSWERED, /**< it would be refused without an answer (CFOriginPullRefuse) */
} cfaop_broken_outcome;

/**
 * Says what becomes of the client of @a r, if @a r is broken. If httpd did not get as far as the Host, the virtual host
 * that the client named in the handshake decides. Request phase; any thread.
 */
cfaop_broken_outcome cfaop_broken_outcome_of(request_rec *r);

#endif
