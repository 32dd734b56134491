/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file event_log.h
 * The log lines about refused requests and handshakes. Each refusal has a line at info. What an administrator should
 * see at the default level has a line at warn too, but of each virtual host and reason only one in ten seconds,
 * whatever a flood does.
 */
#ifndef CFAOP_TLS_EVENT_LOG_H
#define CFAOP_TLS_EVENT_LOG_H

#include "pure/verdict.h"
#include "tls/connection.h"

#include "httpd.h"

/** Notes whether a server from @a base on logs at info. Configuration phase (post_config). */
void cfaop_event_log_init(const server_rec *base);

/**
 * Returns the text about the peer of @a shown that each refusal of the connection's requests logs: to make it takes
 * longer than a request where the names in its certificate are long. From @a p; NULL if no server logs at info.
 * Connection phase.
 */
const char *cfaop_event_log_description(apr_pool_t *p, const cfaop_shown *shown);

/**
 * Logs @a r, which is refused with @a v, or would be but for LogOnly. @a shown is of its connection; NULL: nothing.
 * Request phase.
 */
void cfaop_event_log_refusal(request_rec *r, const cfaop_shown *shown, const cfaop_verdict *v);

/** Logs a handshake of @a c for @a s that is refused for @a reason, and has shown @a shown so far. Connection phase. */
void cfaop_event_log_handshake(conn_rec *c, const cfaop_shown *shown, const server_rec *s, cfaop_reason reason);

/**
 * Logs that a handshake of @a c for @a s has ended since the client's certificate has more than @a limit of @a what
 * ("bytes", "names", ...). @a sni is what the client sent; NULL: nothing. At most one line in ten seconds for each
 * server. Connection phase.
 */
void cfaop_event_log_over_limit(const server_rec *s, conn_rec *c, const char *sni, int limit, const char *what);

/**
 * Logs that a handshake with @a s has ended since the client's certificate would cost too much to parse: it has the
 * @a fault ("spells out ..."). @a sni and the rate as above, counted apart. Connection phase.
 */
void cfaop_event_log_too_costly(const server_rec *s, conn_rec *c, const char *sni, const char *fault);

/**
 * Logs that a handshake with @a s has ended since the client offered more sessions than @a most. The rate is as above,
 * counted apart. OpenSSL does not tell the client's SNI by then. Connection phase.
 */
void cfaop_event_log_too_many_sessions(const server_rec *s, conn_rec *c, int most);

/**
 * Logs that @a r is exempt by its peer's address, although it came through Cloudflare, as its CF-Ray tells, and showed
 * no good certificate. Does nothing without a CF-Ray. At most one line in ten seconds for each server. Request phase.
 */
void cfaop_event_log_exempt_edge(request_rec *r);

#endif
