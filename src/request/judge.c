/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file judge.c
 * Judging requests. Everything here reads what was frozen when the handshake ended; nothing asks OpenSSL.
 *
 * One hook is not enough: a cache answers in quick_handler, sub-requests run fixups only, and redirects for errors start in
 * post_read_request again. So the verdict is taken in all three, for each request_rec.
 */
#include "request/judge.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/peer.h"
#include "config/config.h"
#include "config/exemption.h"
#include "stats/counters.h"
#include "stats/tally.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "request/client_address.h"
#include "request/count.h"
#include "request/refusal.h"
#include "request/ssl_variables.h"
#include "request/state.h"
#include "request/variables.h"

#include "http_protocol.h"
#include "http_request.h"

/* An array: its address tells our entry of a table from that of another module. */
static const char VARIABLE[] = CFAOP_VARIABLE_VERIFY;

/* Was an event logged already for r, or for the request that it was made from? */
static int is_logged(const request_rec *r)
{
    for (; r; r = r->prev ? r->prev : r->main) {
        const cfaop_request *state = cfaop_state_of(r);
        if (state && state->logged) {
            return 1;
        }
    }
    return 0;
}

/* Exempt requests look up others, which are refused, for PATH_INFO or a listing: that is nobody's attempt. */
static int is_part_of_exempt(request_rec *r)
{
    request_rec *top = r;

    while (top->main) {
        top = top->main;
    }
    return top != r && cfaop_exemption_of(top);
}

CFAOP_OUT_OF_LINE static void log_once(request_rec *r, const cfaop_verdict *v)
{
    if (!is_logged(r) && !is_part_of_exempt(r)) {
        cfaop_state_make(r)->logged = 1;
        cfaop_event_log_refusal(r, v);
    }
}

/* A sub-request starts with a copy of the environment, but not with the exemption, of the request that it is made for. */
CFAOP_OUT_OF_LINE static int is_exempt(request_rec *r)
{
    const char *exempt = cfaop_exemption_of(r);

    if (exempt) {
        apr_table_setn(r->subprocess_env, CFAOP_VARIABLE_EXEMPT, exempt);
    }
    else {
        apr_table_unset(r->subprocess_env, CFAOP_VARIABLE_EXEMPT);
    }
    return exempt != NULL;
}

/* ---- judging; in line where each request passes ---- */

/* What r is judged by. */
typedef struct {
    const cfaop_server_conf *conf;
    const cfaop_conn *conn; /* NULL: there is no TLS */
    cfaop_verdict room;     /* for a verdict that is not known yet */
    const cfaop_verdict *verdict;
} judgement;

static inline void reach(request_rec *r, const cfaop_server_conf *conf, judgement *j)
{
    j->conf = conf;
    j->conn = cfaop_connection_of(r->connection);
    if (cfaop_connection_is_accepted(r->server, j->conn)) {
        j->verdict = &j->conn->accepted_with;
    }
    else {
        j->room = cfaop_connection_verdict(r->server, r->connection);
        j->verdict = &j->room;
    }
}

/* An empty table has none of the variables yet, so that they need not be looked for. */
static void set_variables(request_rec *r, const judgement *j)
{
    void (*set)(apr_table_t *, const char *, const char *) = apr_is_empty_table(r->subprocess_env) ? apr_table_addn
                                                                                                 : apr_table_setn;

    set(r->subprocess_env, VARIABLE, j->verdict->variable);
    if (j->verdict->reason == CFAOP_REASON_NONE && j->conn && j->conn->anchor) {
        set(r->subprocess_env, CFAOP_VARIABLE_CA, j->conn->anchor->label);
    }
}

static inline void let_through(request_rec *r, cfaop_request *state, const judgement *j)
{
    int log_only = j->conf->demand.mode == CFAOP_MODE_LOG_ONLY;
    const cfaop_verdict *v = j->verdict;

    state->passed_for = r->server;
    state->passed_with = v->variable;
    if (v->reason != CFAOP_REASON_NONE && log_only) {
        log_once(r, v);
    }
    if (v == &j->room && v->reason == CFAOP_REASON_NONE) {
        cfaop_tally_verified(cfaop_config_of(r->server)->index); /* else it was noted for the connection */
    }
    cfaop_count_request(r, log_only && v->would_status ? CFAOP_REQUEST_WOULD_REFUSE : CFAOP_REQUEST_ALLOWED, v->reason);
}

CFAOP_OUT_OF_LINE static int refuse(request_rec *r, const cfaop_verdict *v)
{
    log_once(r, v);
    cfaop_count_request(r, CFAOP_REQUEST_REFUSED, v->reason);
    return cfaop_refusal_answer(r, v);
}

/* Acts on the judgement on r: DECLINED, or the status to refuse it with. */
static inline int carry_out(request_rec *r, const judgement *j)
{
    cfaop_request *state = cfaop_state_make(r); /* r has been judged */

    set_variables(r, j);
    if (j->conf->exemptions && is_exempt(r)) {
        cfaop_count_if_it_stays_exempt(r, j->verdict->reason);
        return DECLINED;
    }
    if (j->verdict->status) {
        return refuse(r, j->verdict);
    }
    let_through(r, state, j);
    return DECLINED;
}

/*
 * Returns what is known of r if it was let through already and nothing can have changed: the connection's state is frozen, the server
 * is the same, and there are no exemptions, which go by the path. Else NULL.
 */
static const cfaop_request *let_through_before(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);

    return state && state->passed_for == r->server && !cfaop_config_of(r->server)->exemptions ? state : NULL;
}

CFAOP_OUT_OF_LINE static int judge(request_rec *r)
{
    judgement j;

    if (!cfaop_connection_is_judged(r->server, r->connection)) {
        return DECLINED;
    }
    reach(r, cfaop_config_of(r->server), &j);
    return carry_out(r, &j);
}

int cfaop_judge_post_read(request_rec *r)
{
    const cfaop_server_conf *conf = cfaop_config_of(r->server);
    int is_guarded = conf->demand.mode != CFAOP_MODE_OFF
                     && (!conf->demand.borrows_tls || cfaop_connection_is_judged(r->server, r->connection));
    judgement j;

    if (cfaop_ssl_variables_may_have_to_settle(r->server, r->connection)) {
        cfaop_ssl_variables_settle_result(r);
    }
    if (is_guarded) {
        reach(r, conf, &j);
    }
    if (conf->remote_ip == 1) {
        cfaop_client_address_settle(r, is_guarded && j.verdict->reason == CFAOP_REASON_NONE);
    }
    return is_guarded ? carry_out(r, &j) : DECLINED;
}

int cfaop_judge_quick_handler(request_rec *r, int lookup)
{
    (void)lookup;
    return let_through_before(r) ? DECLINED : judge(r);
}

/* Does the variable stand as it was set, first of all? */
static int is_variable_untouched(const request_rec *r, const cfaop_request *state)
{
    const apr_array_header_t *entries = apr_table_elts(r->subprocess_env);
    const apr_table_entry_t *first = &APR_ARRAY_IDX(entries, 0, apr_table_entry_t);

    return entries->nelts && first->key == VARIABLE && first->val == state->passed_with;
}

int cfaop_judge_fixups(request_rec *r)
{
    const cfaop_request *state = let_through_before(r);

    if (!state) {
        return judge(r);
    }
    if (!is_variable_untouched(r, state)) {
        apr_table_setn(r->subprocess_env, VARIABLE, state->passed_with); /* whatever SetEnvIf has made of it */
    }
    return DECLINED;
}
