/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file silence.h
 * Refusing without a byte of HTTP. The request ends as any other does, with its line in the access log, but a filter
 * keeps back all that is sent for it, and its connection ends with the good-bye of TLS.
 */
#ifndef CFAOP_REQUEST_SILENCE_H
#define CFAOP_REQUEST_SILENCE_H

#include "pure/verdict.h"

#include "httpd.h"

/**
 * Says whether @a r, which is refused, gets no answer at all. A part of a request does not decide that for the whole,
 * nor does the page for an error of an exempt request. Request phase.
 */
int cfaop_silence_applies(const request_rec *r);

/**
 * Refuses @a r without an answer: nothing of it is sent, and its connection ends. With HTTP/2, where the connection
 * belongs to another thread, its socket has no more to read from then on, which makes mod_http2 end it. Returns the
 * status for the hook. Request phase; any thread.
 */
int cfaop_silence_request(request_rec *r, const cfaop_verdict *v);

/** insert_error_filter: the same for a request that httpd found broken, and answers before any hook could judge it. */
void cfaop_silence_on_error(request_rec *r);

/** Registers the output filter that keeps back what httpd would send. */
void cfaop_silence_register_filter(void);

#endif
