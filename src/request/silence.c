/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file silence.c
 * Refusing without a byte of HTTP. The request ends as any other does, with its line in the access log, but a filter
 * keeps back all that is sent for it, and its connection ends with the good-bye of TLS.
 */
#include "request/silence.h"

#include "pure/verdict.h"
#include "base/peer.h"
#include "config/config.h"
#include "config/exemption.h"
#include "config/refuse.h"
#include "tls/connection.h"
#include "request/state.h"

#include "http_core.h"
#include "http_request.h"
#include "util_filter.h"

#define FILTER "CF_ORIGIN_PULL_SILENCE"

static int has_page(const server_rec *s)
{
    return cfaop_refuse_of(cfaop_config_of(s)) == CFAOP_REFUSE_400;
}

/* Is r the ErrorDocument for an error of a request that was exempt? httpd has a page of its own for that error. */
static int is_error_page_of_exempt(const request_rec *r)
{
    int is_for_error = 0;

    for (; r->prev; r = r->prev) {
        is_for_error = is_for_error || ap_is_HTTP_ERROR(r->prev->status);
    }
    if (is_for_error) {
        const cfaop_request *state = cfaop_state_of(r);
        return state && state->exempt;
    }
    return 0;
}

int cfaop_silence_applies(const request_rec *r)
{
    return !has_page(r->server) && !r->main && !is_error_page_of_exempt(r);
}

/* The end of the request (its EOR bucket) is none of these: httpd sends it to the connection's filters. */
static apr_status_t keep_back(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    (void)f;
    apr_brigade_cleanup(brigade);
    return APR_SUCCESS;
}

void cfaop_silence_register_filter(void)
{
    /* before the filters that write the head of an answer, which are the first that an error's own page passes */
    ap_register_output_filter(FILTER, keep_back, NULL, (ap_filter_type)(AP_FTYPE_PROTOCOL - 1));
}

/*
 * With HTTP/2, c is the connection of the stream, and this thread's. Aborted, it is reset; else mod_http2 would make
 * a 500 of a stream without an answer. The socket is all of the real connection that may be touched from here. It is open as
 * long as this thread works for the connection: mod_http2 waits for that before the connection is closed
 * (h2_mplx_c1_destroy() in modules/http2/h2_mplx.c).
 */
static void end_connection(conn_rec *c)
{
    apr_socket_t *socket;

    c->keepalive = AP_CONN_CLOSE;
    if (c->master) {
        c->aborted = 1;
        socket = ap_get_conn_socket(c->master);
        if (socket) {
            apr_socket_shutdown(socket, APR_SHUTDOWN_READ);
        }
    }
}

static void silence(request_rec *r)
{
    ap_add_output_filter(FILTER, NULL, r, r->connection);
    r->expecting_100 = 0;
    end_connection(r->connection);
}

int cfaop_silence_request(request_rec *r, const cfaop_verdict *v)
{
    silence(r);
    r->status = v->status; /* for the access log; and httpd reads no body after such a status */
    return DONE;
}

/* Has r been judged, or has httpd at least tried to serve it (an Off virtual host judges nothing)? */
static int is_judged(const request_rec *r)
{
    const cfaop_request *state;

    while (r->prev) {
        r = r->prev;
    }
    state = cfaop_state_of(r);
    return r->invoke_mtx || (state && (state->passed_for || state->exempt || state->counted));
}

/* httpd may not have got as far as the Host: then the virtual host that the client's SNI named counts, too. */
static int refuses_without_page(request_rec *r)
{
    const cfaop_conn *conn = cfaop_connection_of(r->connection);
    const server_rec *asked_by = conn && r->server == r->connection->base_server ? conn->asked_by : NULL;

    return (!has_page(r->server) && cfaop_connection_verdict(r->server, r->connection).status)
        || (asked_by && !has_page(asked_by) && cfaop_connection_verdict(asked_by, r->connection).status);
}

void cfaop_silence_on_error(request_rec *r)
{
    if (!is_judged(r) && refuses_without_page(r) && !cfaop_exemption_of(r)) {
        silence(r);
    }
}
