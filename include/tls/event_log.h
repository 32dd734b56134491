/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file event_log.h
 * The log lines about refused requests. Each one is written at info. What an administrator should see without turning that on
 * is written at warn too, but not more often than every ten seconds for a virtual host and reason, whatever a flood does.
 */
#ifndef CFAOP_TLS_EVENT_LOG_H
#define CFAOP_TLS_EVENT_LOG_H

#include "pure/verdict.h"
#include "base/peer.h"

#include "httpd.h"

/** Logs a request that is refused, or would be under LogOnly. Request phase. */
void cfaop_event_log_refusal(request_rec *r, const cfaop_verdict *v);

/** Logs a handshake for @a s that was refused for @a reason. Connection phase. */
void cfaop_event_log_handshake(cfaop_conn *conn, const server_rec *s, cfaop_reason reason);

/**
 * Logs that a handshake with @a s has ended since the client's certificate has more than @a limit of @a what ("bytes",
 * "names", ...). @a sni is what the client sent; NULL: nothing. At most one line in ten seconds for each server. Connection
 * phase.
 */
void cfaop_event_log_over_limit(const server_rec *s, conn_rec *c, const char *sni, int limit, const char *what);

/**
 * Logs that a handshake with @a s has ended since the client's certificate would cost too much to parse: it has the @a fault ("spells out ...").
 * @a sni and the rate as above, counted apart. Connection phase.
 */
void cfaop_event_log_too_costly(const server_rec *s, conn_rec *c, const char *sni, const char *fault);

#endif
