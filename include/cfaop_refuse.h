/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_refuse.h
 * CFOriginPullRefuse: how a refused client is told. With a page (src/refusal.c), by the end of the connection, or by
 * an alert in the handshake.
 */
#ifndef CFAOP_REFUSE_H
#define CFAOP_REFUSE_H

#include "cfaop_connection.h"
#include "cfaop_request.h"

/* ---- the directive (src/refuse.c) ------------------------------------------------------------------------------ */

/** Returns the way that @a conf refuses by, never UNSET. Any phase. */
static inline cfaop_refuse cfaop_refuse_of(const cfaop_server_conf *conf)
{
    return conf->refuse == CFAOP_REFUSE_UNSET ? CFAOP_REFUSE_400 : conf->refuse;
}

/** Reads @a word into @a how. Returns 0, and writes nothing, if it is no such word. Any phase. */
int cfaop_refuse_parse(const char *word, cfaop_refuse *how);

/** Returns the word for @a how that the administrator writes, a literal. */
const char *cfaop_refuse_name(cfaop_refuse how);

/** Returns what becomes of all requests to a server whose policy cannot be used, for messages; a literal. */
const char *cfaop_refuse_effect(const cfaop_server_conf *conf);

/**
 * Finds the servers from @a base on whose mode or exemptions cannot work with "alert". Each is a mistake in @a
 * findings (of cfaop_finding), and verifies by nothing any more: a server that rereads its configuration refuses
 * there. Configuration phase (check_config), policies resolved.
 */
void cfaop_refuse_check(apr_pool_t *p, server_rec *base, apr_array_header_t *findings);

/* ---- the end of the connection (src/refuse_close.c) ------------------------------------------------------------- */

/**
 * Says whether @a r, which is refused, gets no answer at all. A part of a request does not decide that for the whole,
 * nor does the page for an error of an exempt request. Request phase.
 */
int cfaop_refuse_is_silent(const request_rec *r);

/**
 * Refuses @a r without an answer: nothing of it is sent, and its connection ends. With HTTP/2, where the connection
 * belongs to another thread, its socket has no more to read from then on, which makes mod_http2 end it. Returns the
 * status for the hook. Request phase; any thread.
 */
int cfaop_refuse_silently(request_rec *r, const cfaop_verdict *v);

/** insert_error_filter: the same for a request that httpd found broken, and answers before any hook could judge it. */
void cfaop_refuse_on_error(request_rec *r);

/** Registers the output filter that keeps back what httpd would send. */
void cfaop_refuse_register_filter(void);

/* ---- the alert in the handshake (src/refuse_alert.c) ------------------------------------------------------------ */

/**
 * Has the handshakes of @a ctx, which ask, fail without a good certificate, if the server of @a context wants that.
 * Configuration phase.
 */
void cfaop_refuse_alert_demand(SSL_CTX *ctx, cfaop_tls_context *context);

/**
 * Follows a handshake that has not ended yet: takes the demand back for a peer whose address is exempt, once it is
 * clear which virtual host the client wants, and counts and logs a client that shows no certificate. Connection phase
 * (OpenSSL's info callback).
 */
void cfaop_refuse_alert_on_progress(cfaop_conn *conn, SSL *ssl, int where, int value);

/**
 * Refuses the certificate of @a store_ctx, which has been judged, if it is bad and a good one is demanded: counts,
 * logs, and sets the error that OpenSSL makes an alert of. Returns 0 if the handshake may go on. Connection phase.
 */
int cfaop_refuse_alert_certificate(cfaop_conn *conn, SSL *ssl, X509_STORE_CTX *store_ctx);

#endif
