/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ssl_hooks.c
 * Hooks of the guard's that call mod_ssl's hooks of a request, in their place.
 *
 * mod_ssl's hooks make a user, an Authorization header and variables of a certificate, and may deny access after that.
 * What they make of a certificate that was not accepted has to be removed. A hook after mod_ssl's cannot do that: httpd
 * does not call it when mod_ssl's hook, or one between the two, ends the phase. "Satisfy Any", sub-requests, error
 * documents and the log would go on with what mod_ssl has made.
 */
#include "request/ssl_hooks.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"
#include "tls/after_handshake.h"
#include "tls/connection.h"
#include "request/fake_basic_auth.h"
#include "request/ssl_variables.h"

#include "http_protocol.h"
#include "http_request.h"

APLOG_USE_MODULE(cfaop);

#define MOD_SSL "mod_ssl.c"

/* mod_ssl, and what it has registered. */
static const module *mod_ssl;
static ap_HOOK_access_checker_t *check_access;
static ap_HOOK_check_user_id_t *check_user;
static ap_HOOK_fixups_t *fix_up;

/*
 * The client left mod_ssl's question unanswered. The connection still has the certificate that the client showed to the
 * guard, or a later certificate whose key the client has not proven: neither counts from now on. mod_ssl may have
 * granted access by it. Where mod_ssl has denied access, it has said why.
 */
static int refuse_unanswered(request_rec *r, int answer)
{
    cfaop_after_handshake_note_unanswered(r->connection);
    r->connection->keepalive = AP_CONN_CLOSE;
    if (answer != OK && answer != DECLINED) {
        return answer;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "CFAOP305: refused: SSLVerifyClient asks for another certificate "
                  "than the one of the handshake, and the client has not answered");
    return HTTP_FORBIDDEN;
}

static int has_directive_of_mod_ssl(const request_rec *r)
{
    const void *of_server = ap_get_module_config(r->server->lookup_defaults, mod_ssl);

    /* httpd merges a module's sections only where there are some */
    return ap_get_module_config(r->per_dir_config, mod_ssl) != of_server;
}

/*
 * May mod_ssl's access hook ask for a certificate? Not where all is as it was in the handshake: the virtual host, and
 * mod_ssl's directives.
 */
static int may_ask(const request_rec *r, const cfaop_demand *demand, const cfaop_conn *conn)
{
    return !r->connection->master && (!cfaop_connection_is_accepted(demand, conn) || has_directive_of_mod_ssl(r));
}

static int on_access(request_rec *r)
{
    const cfaop_demand *demand = &cfaop_config_of(r->server)->demand;
    cfaop_conn *conn = cfaop_after_handshake_conn(r->connection);
    const cfaop_shown *shown = cfaop_connection_shown(conn);
    char *user = r->user;
    int answer;

    if (!shown || !shown->asked || !shown->peer) {
        return cfaop_after_handshake_call_access(r, conn, check_access);
    }
    if (shown->can_renegotiate && may_ask(r, demand, conn)) {
        cfaop_after_handshake_forbid_quick_renegotiation(conn);
    }
    if (conn->later.result_hidden && shown->chain.reason == CFAOP_REASON_NONE) {
        cfaop_after_handshake_show_result(r->connection); /* else mod_ssl takes it for the result of its own question */
    }
    answer = cfaop_after_handshake_call_access(r, conn, check_access);
    if (conn->later.asked_again && cfaop_after_handshake_is_unanswered(r->connection)) {
        answer = refuse_unanswered(r, answer);
    }
    if (!cfaop_connection_is_accepted(demand, conn) && cfaop_ssl_variables_client_verify(demand, conn)) {
        r->user = user;
        cfaop_after_handshake_hide_result(r->connection); /* mod_ssl makes it good for each request with TLS 1.2 */
    }
    return answer;
}

/* SSLOptions +FakeBasicAuth */
static int on_user(request_rec *r)
{
    const cfaop_demand *demand = &cfaop_config_of(r->server)->demand;
    const cfaop_conn *conn = cfaop_connection_of(r->connection);
    int is_in_doubt = r->connection->master || cfaop_ssl_variables_is_in_doubt(demand, conn);

    return is_in_doubt ? cfaop_fake_basic_auth_check(r, demand, conn, check_user) : check_user(r);
}

CFAOP_OUT_OF_LINE static int watched_fixups(request_rec *r, const cfaop_demand *demand, const cfaop_conn *conn)
{
    int answer = fix_up(r);

    cfaop_ssl_variables_correct_environment(r, demand, conn);
    return answer;
}

/* SSLOptions +StdEnvVars and +ExportCertData */
static int on_fixups(request_rec *r)
{
    const cfaop_demand *demand = &cfaop_config_of(r->server)->demand;
    const cfaop_conn *conn = cfaop_connection_of(r->connection);

    return cfaop_ssl_variables_is_in_doubt(demand, conn) ? watched_fixups(r, demand, conn) : fix_up(r);
}

/* ---- taking the place of mod_ssl's hooks ---- */

/*
 * Makes find_HOOK(), which returns mod_ssl's entry in the list of a hook, as httpd has sorted it; NULL unless there is
 * exactly one.
 */
#define FIND(hook) \
    static ap_LINK_##hook##_t *find_##hook(void) \
    { \
        apr_array_header_t *list = ap_hook_get_##hook(); \
        ap_LINK_##hook##_t *found = NULL; \
        int i; \
        for (i = 0; list && i < list->nelts; ++i) { \
            ap_LINK_##hook##_t *link = &APR_ARRAY_IDX(list, i, ap_LINK_##hook##_t); \
            if (!link->szName || strcmp(link->szName, MOD_SSL) != 0) { \
                continue; \
            } \
            if (found) { \
                return NULL; \
            } \
            found = link; \
        } \
        return found; \
    }

FIND(access_checker)
FIND(check_user_id)
FIND(fixups)

int cfaop_ssl_hooks_take_over(void)
{
    ap_LINK_access_checker_t *access = find_access_checker();
    ap_LINK_check_user_id_t *user = find_check_user_id();
    ap_LINK_fixups_t *fixups = find_fixups();

    mod_ssl = ap_find_linked_module(MOD_SSL);
    if (!access || !user || !fixups) {
        return 0;
    }
    check_access = access->pFunc;
    access->pFunc = on_access;
    check_user = user->pFunc;
    user->pFunc = on_user;
    fix_up = fixups->pFunc;
    fixups->pFunc = on_fixups;
    return 1;
}
