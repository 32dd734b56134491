/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_request.h
 * Requests: judged, refused or let through, and what other modules are told of them.
 */
#ifndef CFAOP_REQUEST_H
#define CFAOP_REQUEST_H

#include "cfaop_connection.h"

#include "ap_expr.h"

/* ---- requests (src/request.c, src/refusal.c, src/truth.c, src/ssl_hooks.c, src/event_log.c) ----------------------------------- */

/** What the module keeps for a request. Written and read by the request's thread. */
typedef struct {
    const server_rec *passed_for; /**< the server that it was judged for and let through without being exempt; NULL: none yet */
    const char *passed_with;   /**< the variable's value then */
    int logged;                /**< its refusal stands in the log already */
    int counted;               /**< it stands in the counters already */
    int exempt;                /**< it is exempt so far, and not counted yet */
    cfaop_reason exempt_from;  /**< why it would be refused if it were not */
    int address_settled;       /**< the header with the visitor's address has been looked at */
    apr_sockaddr_t *visitor;   /**< the visitor's address, proven by the connection; NULL: none */
} cfaop_request;

/** Returns the module's state of @a r, made at the first call. Request phase. */
cfaop_request *cfaop_request_state(request_rec *r);

/** The verdict on @a r, from frozen state. Request phase; any thread. */
cfaop_verdict cfaop_request_verdict(request_rec *r);

/** Hooks that judge: post_read_request, quick_handler and fixups. */
int cfaop_request_post_read(request_rec *r);
int cfaop_request_quick_handler(request_rec *r, int lookup);
int cfaop_request_fixups(request_rec *r);

/**
 * insert_filter, insert_error_filter and, if nothing else was called, log_transaction: count requests that are exempt still when their
 * answer begins. Until then a rewrite, or a program's redirect, can lead them to what is not.
 */
void cfaop_request_on_answer(request_rec *r);
void cfaop_request_on_error(request_rec *r);
int cfaop_request_on_log(request_rec *r);

/** Registers the output filter that the first of them uses. */
void cfaop_request_register_filter(void);

/** Makes the variables CF_ORIGIN_PULL_... known to ap_expr. */
int cfaop_request_expr_lookup(ap_expr_lookup_parms *parms);

/**
 * Refuses @a r as @a v says: prepares the page and the connection, and returns the status for httpd to answer with.
 * Request phase.
 */
int cfaop_refusal_answer(request_rec *r, const cfaop_verdict *v);

/**
 * Keeps mod_ssl from vouching for a certificate that nobody accepted: returns the value that SSL_CLIENT_VERIFY must have for
 * requests to @a s over @a c (all other SSL_CLIENT_ variables are empty then), or NULL if mod_ssl's own values are the truth.
 * Any phase.
 */
const char *cfaop_truth_client_verify(const server_rec *s, conn_rec *c);

/** Says whether that may be so, without looking closer: no means no. In line, since each request asks. */
static inline int cfaop_truth_is_in_doubt(const server_rec *s, conn_rec *c)
{
    const cfaop_conn *conn = cfaop_handshake_of(c);

    return conn && conn->asked && !cfaop_connection_is_accepted(s, conn);
}

/** Has the environment of @a r say so, once mod_ssl has set its variables. Request phase. */
void cfaop_truth_correct_environment(request_rec *r);

/** Makes OpenSSL's verify result good again, if it was hidden for an earlier request and need not be for @a r. Request phase. */
void cfaop_truth_show_result(request_rec *r);

/**
 * Has our hooks stand for mod_ssl's access, authentication and fixups hooks. Configuration phase (check_config), hooks sorted. Returns 0,
 * and changes nothing, if there is not exactly one of each. The lists (apr_hooks.h) end with the configuration, as this module does; what
 * mod_ssl registers is in ssl_register_hooks() of modules/ssl/mod_ssl.c.
 */
int cfaop_ssl_hooks_take_over(void);

/** Registers all hooks that say so wherever mod_ssl would not. */
void cfaop_truth_register_hooks(apr_pool_t *p);

/** Makes room for what event lines share between processes. Configuration phase; @a servers is the count of servers. */
void cfaop_event_log_init(apr_pool_t *p, int servers);

/** Logs a request that is refused, or would be under LogOnly. Request phase. */
void cfaop_event_log_refusal(request_rec *r, const cfaop_verdict *v);

/** Notes that a request was verified, for the hint that origin pulls may be off. Request phase. */
void cfaop_event_log_verified(const server_rec *s);

/**
 * Says whether the TCP peer of @a r is an address of this machine: a loopback address, the one that the connection
 * came to, or one of its interfaces. Request phase; any thread. May ask the kernel for the interfaces, so it is not for
 * every request. (src/local_peer.c)
 */
int cfaop_local_is_peer_here(const request_rec *r);

/* ---- the visitor's address (src/client_address.c) ------------------------------------------------------------- */

/** Returns NULL if @a word can be the name of the header, or what is allowed instead. */
const char *cfaop_client_address_header_error(const char *word);

/**
 * Makes room for what is noted of headers that never hold an address; without it nothing is noted. Configuration
 * phase, in @a p, the configuration pool; @a servers is the count of servers.
 */
void cfaop_client_address_init(apr_pool_t *p, int servers);

/** Returns the name of the header that @a conf reads. */
const char *cfaop_client_address_header(const cfaop_server_conf *conf);

/**
 * post_read_request, where CFOriginPullRemoteIP is On: takes the visitor's address from the header if the connection is verified, else
 * removes the header.
 */
void cfaop_client_address_settle(request_rec *r, int verified);

/**
 * insert_error_filter and log_transaction: the same for requests that httpd found broken before post_read_request. They are
 * answered and logged, and the header is a claim there, too.
 */
void cfaop_client_address_on_error(request_rec *r);
int cfaop_client_address_on_log(request_rec *r);

/**
 * Switches MergeTrailers off where @a s reads the header: a trailer, which comes after the body, would bring a removed header
 * back. Configuration phase (post_config). Returns 1 if it was on.
 */
int cfaop_client_address_forbid_trailers(const server_rec *s);

/** post_read_request after mod_remoteip: has our address stand. */
int cfaop_client_address_again(request_rec *r);

/* ---- Require (src/authz.c) ------------------------------------------------------------------------------------ */

/** Registers "Require cf-origin-pull" with mod_authz_core. */
void cfaop_authz_register(apr_pool_t *p);

#endif
