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
#include "request/judgement.h"
#include "request/silence.h"

#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_core.h"

APLOG_USE_MODULE(cfaop);

static const char *sentence(request_rec *r, const cfaop_judgement *j)
{
    if (j->verdict->reason != CFAOP_REASON_NO_CERTIFICATE) {
        return "The SSL certificate error";
    }
    return cfaop_connection_is_plain_http(r->connection, j->conn) ? "The plain HTTP request was sent to HTTPS port"
                                                                  : "No required SSL certificate was sent";
}

/* The page, as nginx writes it. */
static const char *page(request_rec *r, const cfaop_judgement *j)
{
    int misdirected = j->verdict->status == HTTP_MISDIRECTED_REQUEST;
    const char *reason = misdirected ? NULL : sentence(r, j);
    const char *title = misdirected ? "421 Misdirected Request" : apr_pstrcat(r->pool, "400 ", reason, NULL);
    const char *heading = misdirected ? title : "400 Bad Request";
    const char *why = misdirected ? "" : apr_pstrcat(r->pool, "<center>", reason, "</center>" CRLF, NULL);

    return apr_pstrcat(r->pool, "<html>" CRLF "<head><title>", title, "</title></head>" CRLF "<body>" CRLF,
                       "<center><h1>", heading, "</h1></center>" CRLF, why, "<hr><center>",
                       ap_escape_html(r->pool, ap_get_server_banner()), "</center>" CRLF "</body>" CRLF "</html>" CRLF,
                       NULL);
}

/*
 * May the ErrorDocument be sent to a client that was refused? A text or a URL runs nothing here. A local path would run
 * a handler, which only an exempt path may.
 */
static int may_be_sent(const cfaop_server_conf *conf, const char *error_document)
{
    return error_document
        && (*error_document == '"' || ap_is_url(error_document)
            || cfaop_exemption_has_path(conf->exemptions, error_document));
}

/*
 * A request that is refused before translate_name has no file name. An expression with "-F", for a header or for the
 * log, looks up a file from there, and httpd crashes if there is none (ap_sub_req_lookup_file() in server/request.c).
 * The log format %f says "-" of none, too.
 */
static void give_file_name(request_rec *r)
{
    if (!r->main && !r->filename) {
        r->filename = apr_pstrdup(r->pool, "-");
    }
}

int cfaop_refusal_answer(request_rec *r, const cfaop_judgement *j)
{
    int status = j->verdict->status;

    give_file_name(r);
    if (cfaop_silence_applies(r, j->conf)) {
        return cfaop_silence_request(r, status);
    }
    if (!may_be_sent(j->conf, ap_response_code_string(r, ap_index_of_response(status)))) {
        ap_custom_response(r, status, page(r, j));
        apr_table_setn(r->subprocess_env, "suppress-error-charset", "1"); /* nginx says text/html and no more */
    }
    /*
     * over HTTP/2 only the stream ends, as in nginx; a sub-request does not end the connection of the request that it
     * is made for
     */
    if (!r->connection->master && !r->main) {
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    return status;
}
