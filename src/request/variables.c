/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file variables.c
 * The variables CF_ORIGIN_PULL_... in expressions, which read the frozen state, and not the environment that other modules can write.
 */
#include "request/variables.h"

#include "pure/verdict.h"
#include "base/peer.h"
#include "config/exemption.h"
#include "tls/connection.h"

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
    const cfaop_conn *conn = ctx->c ? cfaop_connection_of(ctx->c) : NULL;

    (void)data;
    if (!s || !conn || !conn->anchor || !cfaop_connection_is_judged(s, ctx->c)) {
        return "";
    }
    return cfaop_connection_verdict(s, ctx->c).reason == CFAOP_REASON_NONE ? conn->anchor->label : "";
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
