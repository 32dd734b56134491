/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file silence.c
 * Refusing without a byte of HTTP. The request ends as any other does, with its line in the access log, but a filter
 * keeps back all that is sent for it, and its connection ends with TLS's close_notify.
 */
#include "request/silence.h"

#include "config/config.h"
#include "config/refuse.h"
#include "request/broken.h"
#include "request/state.h"

#include "http_core.h"
#include "http_request.h"
#include "util_filter.h"

#define FILTER "CF_ORIGIN_PULL_SILENCE"

static int answers_with_page(const cfaop_server_conf *conf)
{
    return cfaop_refuse_of(conf) == CFAOP_REFUSE_400;
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

int cfaop_silence_applies(request_rec *r, const cfaop_server_conf *conf)
{
    return !answers_with_page(conf) && !r->main && !is_error_page_of_exempt(r) && !cfaop_broken_is_error_page(r);
}

/* The end of the request (its EOR bucket) does not come here: httpd sends it to the connection's filters. */
static apr_status_t keep_back(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    (void)f;
    apr_brigade_cleanup(brigade);
    return APR_SUCCESS;
}

void cfaop_silence_register_filter(void)
{
    /* before the filters that write the head of an answer: httpd's own page for an error passes no earlier ones */
    ap_register_output_filter(FILTER, keep_back, NULL, (ap_filter_type)(AP_FTYPE_PROTOCOL - 1));
}

/*
 * With HTTP/2, c is the connection of the stream, which belongs to this thread. Once aborted, the stream is reset; else
 * mod_http2 would answer it with a 500. Of the real connection this thread may touch the socket only. The socket is
 * open as long as this thread works for the connection: mod_http2 waits for the thread before it closes the connection
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

int cfaop_silence_request(request_rec *r, int status)
{
    silence(r);
    r->status = status; /* for the access log; and httpd reads no body after such a status */
    return DONE;
}

void cfaop_silence_on_error(request_rec *r)
{
    if (cfaop_broken_outcome_of(r) == CFAOP_BROKEN_UNANSWERED) {
        silence(r);
    }
}

int cfaop_silence_error_page(request_rec *r)
{
    if (!cfaop_broken_is_error_page(r) || cfaop_broken_outcome_of(cfaop_state_first_of(r)) != CFAOP_BROKEN_UNANSWERED) {
        return 0;
    }
    silence(r);
    r->status = r->prev->status; /* for the access log */
    return 1;
}
