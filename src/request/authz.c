/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file authz.c
 * "Require cf-origin-pull": a verified connection, for single directories and for .htaccess. It reads what was frozen
 * when the handshake ended, so it needs no renegotiation and works over HTTP/2 and TLS 1.3.
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

#include "apr_strings.h"

APLOG_USE_MODULE(cfaop);

/* The parsed line, where a mistake in it must not end a running server. */
static const char mistake[] = "'Require cf-origin-pull' does not take arguments";

static authz_status check_connection(request_rec *r, const char *line, const void *parsed)
{
    const cfaop_demand *demand = &cfaop_config_of(r->server)->demand;
    const cfaop_conn *conn = cfaop_connection_of(r->connection);

    (void)line;
    if (parsed) {
        return AUTHZ_GENERAL_ERROR; /* RequireNone would make a grant of a denial */
    }
    if (!cfaop_connection_is_judged(demand, r->connection, conn)) {
        return AUTHZ_DENIED;
    }
    return cfaop_connection_verdict(demand, r->connection, conn).reason == CFAOP_REASON_NONE ? AUTHZ_GRANTED
                                                                                             : AUTHZ_DENIED;
}

/*
 * httpd makes the module's configuration of a virtual host when it reads the first directive of the module there.
 * Require is a directive of mod_authz_core.
 */
static cfaop_server_conf *config_being_read(cmd_parms *cmd)
{
    if (!ap_get_module_config(cmd->server->module_config, &cfaop_module)) {
        ap_set_module_config(cmd->server->module_config, &cfaop_module, cfaop_config_create(cmd->pool, cmd->server));
    }
    return cfaop_config_of(cmd->server);
}

/* Not in .htaccess files, which are read while the server runs. */
static void note_place(cmd_parms *cmd)
{
    cfaop_server_conf *conf = config_being_read(cmd);

    if (!conf->setting_is_own) {
        conf->setting_is_own = apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
    }
}

static const char *parse_line(cmd_parms *cmd, const char *line, const void **parsed)
{
    if (!ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        note_place(cmd);
    }
    if (!line || !*line) {
        return NULL;
    }
    if (!cfaop_config_is_reread() || ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        return mistake;
    }
    /* the logs of the new configuration are not open yet: this goes where httpd writes its own errors */
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, NULL, "CFAOP143: %s:%d: %s", cmd->directive->filename,
                 cmd->directive->line_num, mistake);
    *parsed = mistake;
    return NULL;
}

static const authz_provider provider = {check_connection, parse_line};

void cfaop_authz_register(apr_pool_t *p)
{
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "cf-origin-pull", AUTHZ_PROVIDER_VERSION, &provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
