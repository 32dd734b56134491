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
 * Says whether @a r is the local ErrorDocument of a broken request. It is judged in the name of the default virtual
 * host, which need not be the one that told the client of its error. Request phase; any thread.
 */
int cfaop_broken_is_error_page(request_rec *r);

/**
 * Says whether @a r is broken, and its server refuses its client: the default virtual host, if httpd did not get as far
 * as the Host. Request phase; any thread.
 */
int cfaop_broken_is_refused_by_server(request_rec *r);

/**
 * Says what becomes of the client of @a r, if @a r is broken. If httpd did not get as far as the Host, the virtual host
 * that the client named in the handshake decides. Request phase; any thread.
 */
cfaop_broken_outcome cfaop_broken_outcome_of(request_rec *r);

#endif
