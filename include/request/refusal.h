/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refusal.h
 * The answer to a request that is refused: nginx's page and status, by httpd's own error handling.
 */
#ifndef CFAOP_REQUEST_REFUSAL_H
#define CFAOP_REQUEST_REFUSAL_H

#include "pure/verdict.h"

#include "httpd.h"

/**
 * Refuses @a r as @a v says: prepares the page and the connection, and returns the status for httpd to answer with.
 * Request phase.
 */
int cfaop_refusal_answer(request_rec *r, const cfaop_verdict *v);

#endif
