/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file authz.c
 * "Require cf-origin-pull": a verified connection, for single directories and for .htaccess. It reads the frozen state like all
 * else, so it needs no renegotiation and works over HTTP/2 and TLS 1.3.
 */
#include "request/authz.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"
#include "tls/connection.h"

#include "ap_provider.h"
#include "http_core.h"
#include "http_request.h"
#include "mod_auth.h"

APLOG_USE_MODULE(cfaop);

/* Stands for a mistake that must not end a running server. */
static const char mistake[] = "'Require cf-origin-pull' does not take arguments";

static authz_status check(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    if (parsed) {
        return AUTHZ_GENERAL_ERROR; /* a denial would be turned round by RequireNone */
    }
    if (!cfaop_connection_is_judged(r->server, r->connection)) {
        return AUTHZ_DENIED;
    }
    return cfaop_connection_verdict(r->server, r->connection).reason == CFAOP_REASON_NONE ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

static const char *parse(cmd_parms *cmd, const char *line, const void **parsed)
{
    if (!line || !*line) {
        return NULL;
    }
    if (!cfaop_config_is_reread() || ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        return mistake;
    }
    /* the logs of the new configuration are not open yet: this goes where httpd writes its own complaints */
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, NULL, "CFAOP143: %s:%d: %s", cmd->directive->filename,
                 cmd->directive->line_num, mistake);
    *parsed = mistake;
    return NULL;
}

static const authz_provider provider = {check, parse};

void cfaop_authz_register(apr_pool_t *p)
{
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "cf-origin-pull", AUTHZ_PROVIDER_VERSION, &provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
