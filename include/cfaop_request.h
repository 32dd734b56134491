/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_request.h
 * Requests: judged, refused or let through, and what other modules are told of them.
 */
#ifndef CFAOP_REQUEST_H
#define CFAOP_REQUEST_H

#include "cfaop_connection.h"

#include "ap_expr.h"
#include "http_request.h"

/* ---- requests (src/request.c, src/refusal.c, src/truth.c, src/ssl_hooks.c, src/fake_basic_auth.c, src/event_log.c) ----------------------------------- */

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

/** Returns what is kept for @a r; NULL: nothing, it was not judged. Request phase. */
static inline cfaop_request *cfaop_state_of(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &cfaop_module);
}

/** Returns what is kept for @a r, made at the first call. Request phase. */
cfaop_request *cfaop_state_make(request_rec *r);

/** The names of the variables. */
#define CFAOP_VARIABLE_VERIFY "CF_ORIGIN_PULL_VERIFY"
#define CFAOP_VARIABLE_EXEMPT "CF_ORIGIN_PULL_EXEMPT"
#define CFAOP_VARIABLE_CA     "CF_ORIGIN_PULL_CA"

/** Counts the request of the client that @a r belongs to, once, with @a result and @a reason. Request phase. */
void cfaop_count_request(request_rec *r, cfaop_request_result result, cfaop_reason reason);

/** Notes that @a r is exempt so far, and why it would be refused if it were not; the hooks below count it. Request phase. */
void cfaop_count_if_it_stays_exempt(request_rec *r, cfaop_reason reason);

/** Hooks that judge: post_read_request, quick_handler and fixups. */
int cfaop_judge_post_read(request_rec *r);
int cfaop_judge_quick_handler(request_rec *r, int lookup);
int cfaop_judge_fixups(request_rec *r);

/**
 * insert_filter, insert_error_filter and, if nothing else was called, log_transaction: count requests that are exempt still when their
 * answer begins. Until then a rewrite, or a program's redirect, can lead them to what is not.
 */
void cfaop_count_on_answer(request_rec *r);
void cfaop_count_on_error(request_rec *r);
int cfaop_count_on_log(request_rec *r);

/** Registers the output filter that the first of them uses. */
void cfaop_count_register_filter(void);

/** Makes the variables CF_ORIGIN_PULL_... known to ap_expr. */
int cfaop_variables_expr_lookup(ap_expr_lookup_parms *parms);

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
    const cfaop_conn *conn = cfaop_connection_of(c);

    return conn && conn->asked && !cfaop_connection_is_accepted(s, conn);
}

/** Has the environment of @a r say so, once mod_ssl has set its variables. Request phase. */
void cfaop_truth_correct_environment(request_rec *r);

/**
 * Makes OpenSSL's verify result bad for @a r where its virtual host has not accepted the certificate, or good again where an earlier request of
 * the connection had it made bad. To be called before any access hook: with "Satisfy Any" one that comes before mod_ssl's can deny access, and
 * "Require ssl-verify-client" grants it by that result. Request phase; over HTTP/2 it does nothing.
 */
void cfaop_truth_settle_result(request_rec *r);

/** Says whether that may have anything to do: no means no. In line, since each request asks. */
static inline int cfaop_truth_may_have_to_settle(const server_rec *s, conn_rec *c)
{
    const cfaop_conn *conn = cfaop_connection_of(c);

    return conn && conn->asked && (conn->result_hidden || !cfaop_connection_is_accepted(s, conn));
}

/**
 * Has our hooks stand for mod_ssl's access, authentication and fixups hooks. Configuration phase (check_config), hooks sorted. Returns 0,
 * and changes nothing, if there is not exactly one of each. The lists (apr_hooks.h) end with the configuration, as this module does; what
 * mod_ssl registers is in ssl_register_hooks() of modules/ssl/mod_ssl.c.
 */
int cfaop_ssl_hooks_take_over(void);

/**
 * Calls @a check_user, which is mod_ssl's check_user_id hook, so that it makes no user of a certificate that was not
 * accepted, and so that what it keeps with the connection outlives the streams of HTTP/2. It still refuses logins that
 * are faked with a DN. Any thread.
 */
int cfaop_fake_basic_auth_check(request_rec *r, ap_HOOK_check_user_id_t *check_user);

/** child_init: makes what the function above needs. Without the memory for it, no user is made of a certificate over HTTP/2. */
void cfaop_fake_basic_auth_child_init(apr_pool_t *p, server_rec *s);

/** Registers all hooks that say so wherever mod_ssl would not. */
void cfaop_truth_register_hooks(apr_pool_t *p);

/** Logs a request that is refused, or would be under LogOnly. Request phase. */
void cfaop_event_log_refusal(request_rec *r, const cfaop_verdict *v);

/** Logs a handshake for @a s that was refused for @a reason. Connection phase. */
void cfaop_event_log_handshake(cfaop_conn *conn, const server_rec *s, cfaop_reason reason);

/**
 * Logs that a handshake with @a s has ended since the client's certificate has more than @a limit of @a what ("bytes",
 * "names"). @a sni is what the client sent; NULL: nothing. At most one line in ten seconds for each server. Connection
 * phase.
 */
void cfaop_event_log_over_limit(const server_rec *s, conn_rec *c, const char *sni, int limit, const char *what);

/**
 * Says whether the TCP peer of @a c is an address of this machine: a loopback address, the one that the connection came to, or one of
 * its interfaces. Any phase; any thread. May ask the kernel for the interfaces, so it is not for every request. (src/local_peer.c)
 */
int cfaop_local_is_peer_here(conn_rec *c);

/* ---- the visitor's address (src/client_address.c) ------------------------------------------------------------- */


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

/** post_read_request after mod_remoteip and others that settle the address: has ours stand. */
int cfaop_client_address_again(request_rec *r);

/* ---- Require (src/authz.c) ------------------------------------------------------------------------------------ */

/** Registers "Require cf-origin-pull" with mod_authz_core. */
void cfaop_authz_register(apr_pool_t *p);

#endif
