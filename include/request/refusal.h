/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refusal.h
 * The answer to a request that is refused: nginx's page and status, by httpd's own error handling.
 */
#ifndef CFAOP_REQUEST_REFUSAL_H
#define CFAOP_REQUEST_REFUSAL_H

#include "request/judgement.h"

#include "httpd.h"

/**
 * Refuses @a r with the verdict of @a j: prepares the page and the connection, and returns the status for httpd to
 * answer with. Where CFOriginPullRefuse says so there is no answer, see silence.h. Request phase.
 */
int cfaop_refusal_answer(request_rec *r, const cfaop_judgement *j);

#endif
