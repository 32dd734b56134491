/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file silence.h
 * Refusing without a byte of HTTP. The request ends as any other does, with its line in the access log, but a filter
 * keeps back all that is sent for it, and its connection ends with TLS's close_notify.
 */
#ifndef CFAOP_REQUEST_SILENCE_H
#define CFAOP_REQUEST_SILENCE_H

#include "config/config.h"

#include "httpd.h"

/**
 * Says whether @a r, which is refused, gets no answer at all. @a conf is that of its server. A refused sub-request does
 * not silence the request that it is made for, nor does a refused ErrorDocument silence an exempt request, or a broken
 * one whose client is told of its error. Request phase.
 */
int cfaop_silence_applies(request_rec *r, const cfaop_server_conf *conf);

/**
 * Refuses @a r without an answer, and with @a status for the access log: nothing of it is sent, and its connection
 * ends. With HTTP/2, where the connection belongs to another thread, its socket has no more to read from then on, which
 * makes mod_http2 end it. Returns the status for the hook. Request phase; any thread.
 */
int cfaop_silence_request(request_rec *r, int status);

/** insert_error_filter: the same for a request that httpd found broken, and answers before any hook could judge it. */
void cfaop_silence_on_error(request_rec *r);

/**
 * post_read_request: the same for @a r, the local ErrorDocument of such a request. Its own path may be exempt, or its
 * virtual host Off. Returns 1 if it was kept back: the hook returns DONE. Request phase; any thread.
 */
int cfaop_silence_error_page(request_rec *r);

/** Registers the output filter that keeps back what httpd would send. Configuration phase. */
void cfaop_silence_register_filter(void);

#endif
