/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ssl_hooks.c
 * mod_ssl's hooks of a request, called by ours in their place.
 *
 * They make a user, an Authorization header and variables of a certificate, and may deny access after that. What they have made of one that
 * nobody accepted has to go again. A hook of ours behind theirs is not enough: whenever theirs, or another one between them, ends the phase,
 * it is not called, and "Satisfy Any", look-ups, error documents and the log go on with what is left.
 */
#include "request/ssl_hooks.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/peer.h"
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
 * Whoever left mod_ssl's question unanswered has the certificate that was shown to us, or one without the proof of its key: it counts for
 * nothing any more. mod_ssl may have let the request in for it; where it has refused it, for this or another reason, it has said why.
 */
static int refuse_unanswered(request_rec *r, cfaop_conn *conn, int answer)
{
    conn->unanswered = 1;
    conn->accepted_by = NULL;
    conn->accepted_by_mod_ssl = 0;
    r->connection->keepalive = AP_CONN_CLOSE;
    if (answer != OK && answer != DECLINED) {
        return answer;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "CFAOP305: refused: SSLVerifyClient asks for another certificate than the one of the "
                  "handshake, and the client has not answered");
    return HTTP_FORBIDDEN;
}

/*
 * May mod_ssl's access hook ask for a certificate? Not where all is as it was in the handshake: in the virtual host of the handshake, with
 * no section that has a directive of mod_ssl's, for httpd merges those of a module only where there are some.
 */
static int may_ask(const request_rec *r, const cfaop_conn *conn)
{
    return !r->connection->master
           && (!cfaop_connection_is_accepted(r->server, conn)
               || ap_get_module_config(r->per_dir_config, mod_ssl) != ap_get_module_config(r->server->lookup_defaults, mod_ssl));
}

/* Calls mod_ssl's hook, and says so for as long as it may have asked the client for a certificate; over HTTP/2 it never asks. */
static int may_ask_now(request_rec *r, cfaop_conn *conn)
{
    int answer;

    if (r->connection->master) {
        return check_access(r);
    }
    conn->mod_ssl_may_ask = 1;
    answer = check_access(r);
    conn->mod_ssl_may_ask = 0;
    return answer;
}

static int on_access(request_rec *r)
{
    cfaop_conn *conn = cfaop_connection_of(r->connection);
    char *user = r->user;
    int answer;

    if (!conn) {
        return check_access(r);
    }
    if (!conn->asked || !conn->peer) {
        return may_ask_now(r, conn);
    }
    if (conn->can_renegotiate && may_ask(r, conn)) {
        cfaop_after_handshake_forbid_quick_renegotiation(conn);
    }
    if (conn->chain.reason == CFAOP_REASON_NONE) {
        cfaop_after_handshake_show_result(r->connection); /* else mod_ssl takes it for the result of its own question */
    }
    answer = may_ask_now(r, conn);
    if (conn->asked_again && cfaop_after_handshake_is_unanswered(r->connection)) {
        answer = refuse_unanswered(r, conn, answer);
    }
    if (!cfaop_connection_is_accepted(r->server, conn) && cfaop_ssl_variables_client_verify(r->server, r->connection)) {
        r->user = user;
        cfaop_after_handshake_hide_result(r->connection); /* mod_ssl makes it good for each request with TLS 1.2 */
    }
    return answer;
}

/* SSLOptions +FakeBasicAuth */
static int on_user(request_rec *r)
{
    int is_in_doubt = r->connection->master || cfaop_ssl_variables_is_in_doubt(r->server, r->connection);

    return is_in_doubt ? cfaop_fake_basic_auth_check(r, check_user) : check_user(r);
}

CFAOP_OUT_OF_LINE static int watched_fixups(request_rec *r)
{
    int answer = fix_up(r);

    cfaop_ssl_variables_correct_environment(r);
    return answer;
}

/* SSLOptions +StdEnvVars and +ExportCertData */
static int on_fixups(request_rec *r)
{
    return cfaop_ssl_variables_is_in_doubt(r->server, r->connection) ? watched_fixups(r) : fix_up(r);
}

/* ---- taking their place ---- */

/* Makes find_HOOK(), which returns mod_ssl's entry in the list of a hook, as httpd has sorted it; NULL unless there is exactly one. */
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
