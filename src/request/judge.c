/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file judge.c
 * Judging requests by what was frozen when the handshake ended, and acting on the verdict.
 *
 * One hook is not enough: a cache answers in quick_handler, sub-requests run fixups only, and redirects for errors
 * start in post_read_request again. So each of these hooks judges each request_rec. Where there are exemptions,
 * translate_name and map_to_storage judge too: a rewrite may have led the request elsewhere.
 *
 * Most requests need less: see cfaop_judge_prepare(). If one of them is given another server, the later hooks judge it
 * like all others.
 */
#include "request/judge.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"
#include "config/exemption.h"
#include "stats/counters.h"
#include "stats/tally.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "request/broken.h"
#include "request/caches.h"
#include "request/client_address.h"
#include "request/count.h"
#include "request/judgement.h"
#include "request/refusal.h"
#include "request/silence.h"
#include "request/ssl_variables.h"
#include "request/state.h"
#include "request/variables.h"

#include "apr_strings.h"
#include "http_protocol.h"
#include "http_request.h"

/* An array: by its address the guard's entry of a table differs from another module's. */
static const char VARIABLE[] = CFAOP_VARIABLE_VERIFY;

/* Was a refusal logged already of r, or of the request that r was made from? */
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

/* The request that httpd has made r of by itself: as a sub-request, or as the page of an error. NULL: a client has. */
static request_rec *made_of(const request_rec *r)
{
    if (r->main) {
        return r->main;
    }
    return r->prev && ap_is_HTTP_ERROR(r->prev->status) ? r->prev : NULL;
}

/*
 * For PATH_INFO or a listing, httpd makes sub-requests of an exempt request, and for an error the local page. Some are
 * refused, though no client has asked for them: the client gets the status of the error.
 */
static int is_part_of_exempt(request_rec *r)
{
    request_rec *top = r, *next;

    while ((next = made_of(top)) != NULL) {
        top = next;
    }
    return top != r && cfaop_exemption_of(top);
}

CFAOP_OUT_OF_LINE static void log_once(request_rec *r, const cfaop_judgement *j)
{
    if (!is_logged(r) && !is_part_of_exempt(r)) {
        cfaop_state_make(r)->logged = 1;
        cfaop_event_log_refusal(r, cfaop_connection_shown(j->conn), j->verdict);
    }
}

/*
 * A sub-request starts with a copy of the environment, but not with the exemption, of the request that it is made for.
 */
static void set_exempt_variable(request_rec *r, const char *exempt)
{
    if (exempt) {
        apr_table_setn(r->subprocess_env, CFAOP_VARIABLE_EXEMPT, exempt);
    }
    else {
        apr_table_unset(r->subprocess_env, CFAOP_VARIABLE_EXEMPT);
    }
}

static int is_same(const char *one, const char *other)
{
    return one && other && !strcmp(one, other);
}

/*
 * Asks for the exemption of r, and notes what it goes by. The paths are copied: modules change r->uri in its place.
 * Returns the exemption; NULL: none.
 */
CFAOP_OUT_OF_LINE static const char *find_exemption(request_rec *r, cfaop_request *state)
{
    const char *exempt = cfaop_exemption_of(r);

    set_exempt_variable(r, exempt);
    state->exempt_for = exempt ? r->server : NULL;
    state->exempt_by = exempt;
    state->judged_uri = apr_pstrdup(r->pool, r->uri);
    state->judged_sent = is_same(r->uri, r->unparsed_uri) ? state->judged_uri : apr_pstrdup(r->pool, r->unparsed_uri);
    return exempt;
}

/* ---- judging; in line where each request passes ---- */

/* anchor: NULL: none verified. An empty table has none of the variables yet, so that they need not be looked for. */
static inline void set_variables(request_rec *r, const char *verify, const cfaop_anchor *anchor)
{
    void (*set)(apr_table_t *, const char *, const char *) =
        apr_is_empty_table(r->subprocess_env) ? apr_table_addn : apr_table_setn;

    set(r->subprocess_env, VARIABLE, verify);
    if (anchor) {
        set(r->subprocess_env, CFAOP_VARIABLE_CA, anchor->label);
    }
}

static const cfaop_anchor *anchor_of(const cfaop_judgement *j)
{
    const cfaop_shown *shown = cfaop_connection_shown(j->conn);

    return shown && j->verdict->reason == CFAOP_REASON_NONE ? shown->anchor : NULL;
}

static inline void let_through(request_rec *r, cfaop_request *state, const cfaop_judgement *j)
{
    int log_only = j->conf->demand.mode == CFAOP_MODE_LOG_ONLY;
    const cfaop_verdict *v = j->verdict;
    cfaop_request_result result = log_only && v->would_status ? CFAOP_REQUEST_WOULD_REFUSE : CFAOP_REQUEST_ALLOWED;

    state->passed_for = r->server;
    if (v->reason != CFAOP_REASON_NONE && log_only) {
        log_once(r, j);
    }
    if (v == &j->room && v->reason == CFAOP_REASON_NONE) {
        cfaop_tally_verified(j->conf->index); /* cfaop_connection_accept() has noted the others */
    }
    cfaop_count_request(r, j->conf, result, v->reason);
}

/*
 * The ErrorDocument of a broken request is the default virtual host's, which may refuse the client of another one. That
 * client is told of its error by httpd's own page, and is none to warn of.
 */
static int is_page_for_client_that_is_told(request_rec *r)
{
    return cfaop_broken_is_error_page(r) && cfaop_broken_outcome_of(cfaop_state_first_of(r)) == CFAOP_BROKEN_TOLD;
}

CFAOP_OUT_OF_LINE static int refuse_request(request_rec *r, const cfaop_judgement *j)
{
    cfaop_state_make(r)->refused = 1;
    if (!is_page_for_client_that_is_told(r)) {
        log_once(r, j);
        cfaop_count_request(r, j->conf, CFAOP_REQUEST_REFUSED, j->verdict->reason);
    }
    return cfaop_refusal_answer(r, j);
}

/* Under LogOnly, too, which is there to find out what On will do. */
static void warn_of_exempt_edge(request_rec *r, const cfaop_request *state, const cfaop_judgement *j)
{
    int log_only = j->conf->demand.mode == CFAOP_MODE_LOG_ONLY;

    if (!r->main && !r->prev && cfaop_exemption_is_of_address(state->exempt_by)
        && (log_only ? j->verdict->would_status : j->verdict->status)) {
        cfaop_event_log_exempt_edge(r);
    }
}

/* Acts on the judgement of r: DECLINED, or the status to refuse it with. */
static inline int carry_out(request_rec *r, const cfaop_judgement *j)
{
    cfaop_request *state = cfaop_state_make(r); /* count.c counts only requests that have one */

    set_variables(r, j->verdict->variable, anchor_of(j));
    state->passed_for = NULL;
    state->passed_with = j->verdict->variable;
    if (j->conf->exemptions && find_exemption(r, state)) {
        state->needs_exemption = j->verdict->status != 0;
        warn_of_exempt_edge(r, state, j);
        cfaop_count_if_it_stays_exempt(r, j->verdict->reason);
        return DECLINED;
    }
    if (j->verdict->status) {
        return refuse_request(r, j);
    }
    let_through(r, state, j);
    return DECLINED;
}

/*
 * Would the exemptions of r's server be found to say the same again? They go by the path that the client sent, by
 * r->uri, by the method CONNECT, and by the peer, which stays.
 */
CFAOP_OUT_OF_LINE static int is_path_as_judged(const request_rec *r, const cfaop_request *state)
{
    return r->method_number != M_CONNECT && is_same(state->judged_uri, r->uri)
        && is_same(state->judged_sent, r->unparsed_uri);
}

/* state: what is kept for r. Usual requests, which share it, are those of servers without exemptions. */
static inline int has_exemptions(const request_rec *r, const cfaop_request *state)
{
    return !state->is_shared && cfaop_config_of(r->server)->exemptions;
}

/*
 * Returns what is kept for r if r was let through already and nothing can have changed: the connection's state is
 * frozen, the server is the same, and so is the path, where there are exemptions. Else NULL.
 */
static const cfaop_request *let_through_before(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);

    if (!state || (state->passed_for != r->server && state->exempt_for != r->server)) {
        return NULL;
    }
    return !has_exemptions(r, state) || is_path_as_judged(r, state) ? state : NULL;
}

CFAOP_OUT_OF_LINE static int judge_request(request_rec *r)
{
    cfaop_judgement j;

    if (cfaop_config_of(r->server)->demand.mode == CFAOP_MODE_OFF) {
        return DECLINED; /* before anything is looked up */
    }
    cfaop_judgement_begin(&j, r);
    if (!cfaop_connection_is_judged(&j.conf->demand, r->connection, j.conn)) {
        return DECLINED;
    }
    cfaop_judgement_reach(&j, r);
    return carry_out(r, &j);
}

/* ---- usual requests ---- */

/* What is kept for each usual request of s; NULL: its requests differ, by their paths or headers for instance. */
static const cfaop_request *make_usual(apr_pool_t *p, const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);
    cfaop_evidence verified = {conf->demand.policy, 1, CFAOP_REASON_NONE, 1, 0, 0};
    cfaop_verdict v = cfaop_verdict_reach(&conf->demand, &verified);
    cfaop_request *usual;

    if (conf->demand.mode == CFAOP_MODE_OFF || conf->exemptions || conf->remote_ip == 1 || v.status
        || v.reason != CFAOP_REASON_NONE) {
        return NULL;
    }
    usual = apr_pcalloc(p, sizeof(*usual));
    usual->passed_for = s;
    usual->passed_with = v.variable;
    usual->counted = 1;
    usual->is_shared = 1;
    return usual;
}

void cfaop_judge_prepare(apr_pool_t *p, const server_rec *base)
{
    const server_rec *s;

    for (s = base; s; s = s->next) {
        cfaop_config_of(s)->usual = make_usual(p, s);
    }
}

/*
 * Is r usual? The server that asked in the handshake has accepted the peer, OpenSSL's verify result need not be
 * settled, and no redirect has made r.
 */
static inline int is_usual(const request_rec *r, const cfaop_judgement *j)
{
    return j->conf->usual && cfaop_connection_is_accepted(&j->conf->demand, j->conn) && !j->conn->later.result_hidden
        && !r->prev;
}

/* Does what carry_out() would do with the same outcome. */
static inline void let_usual_through(request_rec *r, const cfaop_judgement *j)
{
    set_variables(r, j->conf->usual->passed_with, j->conn->shown->anchor);
    cfaop_state_share(r, j->conf->usual);
    cfaop_counters_request(j->conf->counters, CFAOP_REQUEST_ALLOWED, CFAOP_REASON_NONE);
}

/* ---- hooks ---- */

int cfaop_judge_post_read(request_rec *r)
{
    const cfaop_demand *demand;
    cfaop_judgement j;
    int is_guarded;

    if (r->prev) {
        cfaop_caches_show_redirected(r);
        if (cfaop_silence_error_page(r)) {
            return DONE;
        }
    }
    cfaop_judgement_begin(&j, r);
    if (is_usual(r, &j)) {
        let_usual_through(r, &j);
        return DECLINED;
    }
    demand = &j.conf->demand;
    is_guarded = demand->mode != CFAOP_MODE_OFF
              && (!demand->borrows_tls || cfaop_connection_is_judged(demand, r->connection, j.conn));
    if (cfaop_ssl_variables_may_have_to_settle(demand, j.conn)) {
        cfaop_ssl_variables_settle_result(r->connection, demand, j.conn);
    }
    if (is_guarded) {
        cfaop_judgement_reach(&j, r);
    }
    if (j.conf->remote_ip == 1) {
        cfaop_client_address_settle(r, j.conf, is_guarded && j.verdict->reason == CFAOP_REASON_NONE);
    }
    return is_guarded ? carry_out(r, &j) : DECLINED;
}

int cfaop_judge_quick_handler(request_rec *r, int lookup)
{
    const cfaop_request *state = let_through_before(r);
    int answer = state ? DECLINED : judge_request(r);

    (void)lookup;
    return answer == DECLINED ? cfaop_caches_hide(r) : answer;
}

int cfaop_judge_rewritten(request_rec *r)
{
    return let_through_before(r) ? DECLINED : judge_request(r);
}

int cfaop_judge_subrequest(request_rec *r)
{
    return r->main ? cfaop_judge_rewritten(r) : DECLINED;
}

/*
 * httpd runs the handler of a sub-request that quick_handler has refused, if the program that made it does not look at
 * its status. Where translate_name has chosen the handler, as for a proxy, there is one. A program may also put such a
 * sub-request in the place of its own request, which has another path then.
 */
int cfaop_judge_handler(request_rec *r)
{
    const cfaop_request *state = cfaop_state_of(r);
    int answer;

    if (state && state->refused) {
        return HTTP_BAD_REQUEST;
    }
    answer = let_through_before(r) ? DECLINED : judge_request(r);
    return answer == DECLINED ? cfaop_caches_hide(r) : answer;
}

int cfaop_judge_subrequest_handler(request_rec *r)
{
    return r->main ? cfaop_judge_handler(r) : DECLINED;
}

/* Is the variable still the table's first entry, with the value that was set? */
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
        return judge_request(r);
    }
    if (has_exemptions(r, state)) {
        set_exempt_variable(r, state->exempt_for ? state->exempt_by : NULL);
    }
    if (!is_variable_untouched(r, state)) {
        apr_table_setn(r->subprocess_env, VARIABLE, state->passed_with); /* SetEnvIf may have changed it */
    }
    return DECLINED;
}
