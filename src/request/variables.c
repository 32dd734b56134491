/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file variables.c
 * The variables CF_ORIGIN_PULL_... in expressions. They do not read the environment, which other modules can write:
 * VERIFY and CA read what was frozen, EXEMPT goes by the path that the request has at that moment.
 */
#include "request/variables.h"

#include "pure/verdict.h"
#include "config/config.h"
#include "config/exemption.h"
#include "tls/connection.h"

/*
 * The verdict on the connection of an expression, by the server that it is evaluated for. Returns 0: nothing is judged.
 */
static int find_verdict(const ap_expr_eval_ctx_t *ctx, cfaop_verdict *v)
{
    const server_rec *s = ctx->r ? ctx->r->server : ctx->s;
    const cfaop_conn *conn = ctx->c ? cfaop_connection_of(ctx->c) : NULL;

    if (!s || !ctx->c || !cfaop_connection_is_judged(&cfaop_config_of(s)->demand, ctx->c, conn)) {
        return 0;
    }
    *v = cfaop_connection_verdict(&cfaop_config_of(s)->demand, ctx->c, conn);
    return 1;
}

static const char *variable_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    cfaop_verdict v;

    (void)data;
    return find_verdict(ctx, &v) ? v.variable : "";
}

static const char *exempt_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    request_rec *r = ctx->r;
    const char *exempt = NULL;

    (void)data;
    if (r) {
        const cfaop_demand *demand = &cfaop_config_of(r->server)->demand;
        int is_judged = cfaop_connection_is_judged(demand, r->connection, cfaop_connection_of(r->connection));
        exempt = is_judged ? cfaop_exemption_of(r) : NULL;
    }
    return exempt ? exempt : "";
}

static const char *ca_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    const cfaop_shown *shown = ctx->c ? cfaop_connection_shown(cfaop_connection_of(ctx->c)) : NULL;
    cfaop_verdict v;

    (void)data;
    return shown && shown->anchor && find_verdict(ctx, &v) && v.reason == CFAOP_REASON_NONE ? shown->anchor->label : "";
}

int cfaop_variables_expr_lookup(ap_expr_lookup_parms *parms)
{
    if (parms->type != AP_EXPR_FUNC_VAR) {
        return DECLINED;
    }
    if (!ap_cstr_casecmp(parms->name, CFAOP_VARIABLE_VERIFY)) {
        *parms->func = variable_value;
    }
    else if (!ap_cstr_casecmp(parms->name, CFAOP_VARIABLE_EXEMPT)) {
        *parms->func = exempt_value;
    }
    else if (!ap_cstr_casecmp(parms->name, CFAOP_VARIABLE_CA)) {
        *parms->func = ca_value;
    }
    else {
        return DECLINED;
    }
    *parms->data = NULL;
    return OK;
}
