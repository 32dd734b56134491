/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file request.c
 * Judging requests. Everything here reads what was frozen when the handshake ended; nothing asks OpenSSL.
 *
 * One hook is not enough: a cache answers in quick_handler, sub-requests run fixups only, and redirects for errors start in
 * post_read_request again. So the verdict is taken in all three, for each request_rec.
 */
#include "cfaop.h"

#include "http_protocol.h"
#include "http_request.h"
#include "util_filter.h"

APLOG_USE_MODULE(cfaop);

#define EXEMPT "CF_ORIGIN_PULL_EXEMPT"
#define CA     "CF_ORIGIN_PULL_CA"

#define COUNT_FILTER "CF_ORIGIN_PULL_COUNT"

/* An array: its address tells our entry of a table from anybody else's. */
static const char VARIABLE[] = "CF_ORIGIN_PULL_VERIFY";

cfaop_request *cfaop_request_state(request_rec *r)
{
    cfaop_request *state = ap_get_module_config(r->request_config, &cfaop_module);

    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &cfaop_module, state);
    }
    return state;
}

/* Was an event logged already for r, or for the request that it was made from? */
static int is_logged(const request_rec *r)
{
    for (; r; r = r->prev ? r->prev : r->main) {
        const cfaop_request *state = ap_get_module_config(r->request_config, &cfaop_module);
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
        cfaop_request_state(r)->logged = 1;
        cfaop_event_log_refusal(r, v);
    }
}

/* A sub-request starts with a copy of the environment, but not with the exemption, of the request that it is made for. */
CFAOP_OUT_OF_LINE static int is_exempt(request_rec *r)
{
    const char *exempt = cfaop_exemption_of(r);

    if (exempt) {
        apr_table_setn(r->subprocess_env, EXEMPT, exempt);
    }
    else {
        apr_table_unset(r->subprocess_env, EXEMPT);
    }
    return exempt != NULL;
}

/* ---- counting: what a client asked for counts once, whatever it is redirected to and made of ---- */

/* The request of the client that r was made from; NULL: r is only a part of one. */
static request_rec *clients_request(request_rec *r)
{
    if (r->main) {
        return NULL;
    }
    while (r->prev) {
        r = r->prev;
    }
    return r;
}

/* NULL: r was not judged. */
static cfaop_request *state_of(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &cfaop_module);
}

static inline void count(request_rec *r, cfaop_request_result result, cfaop_reason reason)
{
    request_rec *top = clients_request(r);
    cfaop_request *state = top ? state_of(top) : NULL;

    /* none: what httpd itself found broken, and redirects to a page that says so */
    if (state && !state->counted) {
        if (state->exempt && r->prev && ap_is_HTTP_ERROR(r->prev->status)) {
            result = CFAOP_REQUEST_EXEMPT; /* answered with an error, whatever becomes of the ErrorDocument */
            reason = state->exempt_from;
        }
        state->counted = 1;
        cfaop_counters_request(cfaop_config_of(r->server)->counters, result, reason);
    }
}

static void count_if_it_stays_exempt(request_rec *r, cfaop_reason reason)
{
    request_rec *top = clients_request(r);

    if (top) {
        cfaop_request_state(top)->exempt = 1;
        cfaop_request_state(top)->exempt_from = reason;
    }
}

void cfaop_request_on_error(request_rec *r)
{
    request_rec *top = clients_request(r);
    const cfaop_request *state = top ? state_of(top) : NULL;

    if (state && state->exempt) {
        count(r, CFAOP_REQUEST_EXEMPT, state->exempt_from);
    }
}

int cfaop_request_on_log(request_rec *r)
{
    cfaop_request_on_error(r);
    return DECLINED;
}

/* The first of the answer is on its way: what sends it will not redirect the request any more. */
static apr_status_t on_output(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    cfaop_request_on_error(f->r);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, brigade);
}

void cfaop_request_on_answer(request_rec *r)
{
    const cfaop_request *state = state_of(r);

    if (state && state->exempt && !r->main) {
        ap_add_output_filter(COUNT_FILTER, NULL, r, r->connection);
    }
}

void cfaop_request_register_filter(void)
{
    ap_register_output_filter(COUNT_FILTER, on_output, NULL, AP_FTYPE_CONTENT_SET);
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
    j->conn = cfaop_handshake_of(r->connection);
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
        set(r->subprocess_env, CA, j->conn->anchor->label);
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
        cfaop_event_log_verified(r->server); /* else it was noted for the connection */
    }
    count(r, log_only && v->would_status ? CFAOP_REQUEST_WOULD_REFUSE : CFAOP_REQUEST_ALLOWED, v->reason);
}

CFAOP_OUT_OF_LINE static int refuse(request_rec *r, const cfaop_verdict *v)
{
    log_once(r, v);
    count(r, CFAOP_REQUEST_REFUSED, v->reason);
    return cfaop_refusal_answer(r, v);
}

/* Acts on the judgement on r: DECLINED, or the status to refuse it with. */
static inline int carry_out(request_rec *r, const judgement *j)
{
    cfaop_request *state = cfaop_request_state(r); /* r has been judged */

    set_variables(r, j);
    if (j->conf->exemptions && is_exempt(r)) {
        count_if_it_stays_exempt(r, j->verdict->reason);
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
    const cfaop_request *state = state_of(r);

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

int cfaop_request_post_read(request_rec *r)
{
    const cfaop_server_conf *conf = cfaop_config_of(r->server);
    int is_guarded = conf->demand.mode != CFAOP_MODE_OFF
                     && (!conf->demand.borrows_tls || cfaop_connection_is_judged(r->server, r->connection));
    judgement j;

    if (cfaop_truth_may_have_to_settle(r->server, r->connection)) {
        cfaop_truth_settle_result(r);
    }
    if (is_guarded) {
        reach(r, conf, &j);
    }
    if (conf->remote_ip == 1) {
        cfaop_client_address_settle(r, is_guarded && j.verdict->reason == CFAOP_REASON_NONE);
    }
    return is_guarded ? carry_out(r, &j) : DECLINED;
}

int cfaop_request_quick_handler(request_rec *r, int lookup)
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

int cfaop_request_fixups(request_rec *r)
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

static const char *variable_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    const server_rec *s = ctx->r ? ctx->r->server : ctx->s;

    (void)data;
    if (!s || !ctx->c || !cfaop_connection_is_judged(s, ctx->c)) {
        return "";
    }
    return cfaop_connection_verdict(s, ctx->c).variable;
}

static const char *exempt_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    const char *exempt = NULL;

    (void)data;
    if (ctx->r && cfaop_connection_is_judged(ctx->r->server, ctx->r->connection)) {
        exempt = cfaop_exemption_of(ctx->r);
    }
    return exempt ? exempt : "";
}

static const char *ca_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    const server_rec *s = ctx->r ? ctx->r->server : ctx->s;
    const cfaop_conn *conn = ctx->c ? cfaop_handshake_of(ctx->c) : NULL;

    (void)data;
    if (!s || !conn || !conn->anchor || !cfaop_connection_is_judged(s, ctx->c)) {
        return "";
    }
    return cfaop_connection_verdict(s, ctx->c).reason == CFAOP_REASON_NONE ? conn->anchor->label : "";
}

int cfaop_request_expr_lookup(ap_expr_lookup_parms *parms)
{
    if (parms->type != AP_EXPR_FUNC_VAR) {
        return DECLINED;
    }
    if (!ap_cstr_casecmp(parms->name, VARIABLE)) {
        *parms->func = variable_value;
    }
    else if (!ap_cstr_casecmp(parms->name, EXEMPT)) {
        *parms->func = exempt_value;
    }
    else if (!ap_cstr_casecmp(parms->name, CA)) {
        *parms->func = ca_value;
    }
    else {
        return DECLINED;
    }
    *parms->data = NULL;
    return OK;
}
