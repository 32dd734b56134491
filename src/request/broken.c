/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file broken.c
 * Requests that httpd finds broken, and answers before any hook could judge them.
 */
#include "request/broken.h"

#include "pure/verdict.h"
#include "config/config.h"
#include "config/exemption.h"
#include "config/refuse.h"
#include "tls/connection.h"
#include "request/state.h"

/*
 * Has r been judged, or has httpd at least tried to serve it (an Off virtual host judges nothing)? httpd makes
 * invoke_mtx when it begins to process a request (ap_process_async_request()), and not before that is complete.
 */
static int is_judged(request_rec *r)
{
    const request_rec *first = cfaop_state_first_of(r);
    const cfaop_request *state = cfaop_state_of(first);

    return first->invoke_mtx || (state && (state->passed_for || state->exempt || state->counted));
}

static cfaop_broken_outcome outcome_on(const server_rec *s, conn_rec *c)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    if (!cfaop_connection_verdict(&conf->demand, c, cfaop_connection_of(c)).status
        || cfaop_exemption_has_peer(conf->exemptions, c)) {
        return CFAOP_BROKEN_TOLD;
    }
    return cfaop_refuse_of(conf) == CFAOP_REFUSE_400 ? CFAOP_BROKEN_REFUSED : CFAOP_BROKEN_UNANSWERED;
}

/*
 * If httpd did not get as far as the Host, r->server is the default virtual host. If the host stands in the request
 * line, httpd may have read it without looking for its virtual host: then the default one decides, too.
 */
static cfaop_broken_outcome outcome_of(const request_rec *r)
{
    conn_rec *c = r->connection;
    const cfaop_shown *shown = cfaop_connection_shown(cfaop_connection_of(c));
    cfaop_broken_outcome by_sni, by_default;

    if (!shown || !shown->server || r->server != c->base_server) {
        return outcome_on(r->server, c);
    }
    by_sni = outcome_on(shown->server, c);
    by_default = r->hostname ? outcome_on(r->server, c) : by_sni;
    return by_sni > by_default ? by_sni : by_default;
}

cfaop_broken_outcome cfaop_broken_outcome_of(request_rec *r)
{
    return is_judged(r) || cfaop_exemption_of(r) ? CFAOP_BROKEN_TOLD : outcome_of(r);
}

int cfaop_broken_is_error_page(request_rec *r)
{
    request_rec *first = cfaop_state_first_of(r);

    return first != r && ap_is_HTTP_ERROR(r->prev->status) && !is_judged(first);
}

int cfaop_broken_is_refused_by_server(request_rec *r)
{
    return !is_judged(r) && !cfaop_exemption_of(r) && outcome_on(r->server, r->connection) != CFAOP_BROKEN_TOLD;
}
