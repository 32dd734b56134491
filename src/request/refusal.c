/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refusal.c
 * The answer to a request that is refused: nginx's page and status, by httpd's own error handling.
 */
#include "request/refusal.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"
#include "config/exemption.h"
#include "tls/connection.h"
#include "request/silence.h"

#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_core.h"

APLOG_USE_MODULE(cfaop);

static const char *sentence(request_rec *r, const cfaop_verdict *v)
{
    if (v->reason != CFAOP_REASON_NO_CERTIFICATE) {
        return "The SSL certificate error";
    }
    return cfaop_connection_is_plain_http(r->connection) ? "The plain HTTP request was sent to HTTPS port"
                                                        : "No required SSL certificate was sent";
}

/* The page, as nginx writes it. */
static const char *page(request_rec *r, const cfaop_verdict *v)
{
    const char *head, *why = "";

    if (v->status == HTTP_MISDIRECTED_REQUEST) {
        head = "<html>" CRLF "<head><title>421 Misdirected Request</title></head>" CRLF "<body>" CRLF
               "<center><h1>421 Misdirected Request</h1></center>" CRLF;
    }
    else {
        const char *x = sentence(r, v);
        head = apr_pstrcat(r->pool, "<html>" CRLF "<head><title>400 ", x, "</title></head>" CRLF "<body>" CRLF
                           "<center><h1>400 Bad Request</h1></center>" CRLF, NULL);
        why = apr_pstrcat(r->pool, "<center>", x, "</center>" CRLF, NULL);
    }
    return apr_pstrcat(r->pool, head, why, "<hr><center>", ap_escape_html(r->pool, ap_get_server_banner()), "</center>" CRLF
                       "</body>" CRLF "</html>" CRLF, NULL);
}

/*
 * A text or a URL of an ErrorDocument runs nothing here; a local path would run a handler for somebody who was refused, unless
 * everybody may have it.
 */
static int may_be_sent(const request_rec *r, const char *error_document)
{
    return error_document
        && (*error_document == '"' || ap_is_url(error_document)
            || cfaop_exemption_has_path(cfaop_config_of(r->server)->exemptions, error_document));
}

int cfaop_refusal_answer(request_rec *r, const cfaop_verdict *v)
{
    if (cfaop_silence_applies(r)) {
        return cfaop_silence_request(r, v);
    }
    if (!may_be_sent(r, ap_response_code_string(r, ap_index_of_response(v->status)))) {
        ap_custom_response(r, v->status, page(r, v));
        apr_table_setn(r->subprocess_env, "suppress-error-charset", "1"); /* nginx says text/html and no more */
    }
    /* over HTTP/2 only the stream ends, as in nginx; and a sub-request does not decide for the request that it is made for */
    if (!r->connection->master && !r->main) {
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    return v->status;
}
