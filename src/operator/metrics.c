/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file metrics.c
 * The counters for Prometheus: in its text format 0.0.4, or in OpenMetrics 1.0 if the client's Accept header names it.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and https://github.com/OpenObservability/OpenMetrics
 *
 * Labels are written as they are: the counters hold names and subjects escaped, in printable ASCII without quotes and
 * backslashes.
 */
#include "operator/metrics.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "stats/counters.h"
#include "stats/numbers.h"
#include "operator/inventory.h"
#include "operator/policies.h"
#include "operator/rows.h"

#include "apr_lib.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_main.h"
#include "http_protocol.h"
#include "http_request.h"

#include <openssl/crypto.h>

#define HANDLER "cf-origin-pull-metrics"

#define TEXT_TYPE        "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_NAME "application/openmetrics-text"
#define OPENMETRICS_TYPE OPENMETRICS_NAME "; version=1.0.0; charset=utf-8"

/* A page that is being written. */
typedef struct {
    request_rec *r;
    int is_openmetrics;
    const char *pending; /* the head of a family that has no series yet */
} page;

/* Begins a family, whose head is written with its first series. suffix: "_total" for counters, "" for gauges. */
static void begin_family(page *out, const char *name, const char *suffix, const char *help)
{
    const char *family = out->is_openmetrics ? name : apr_pstrcat(out->r->pool, name, suffix, NULL);

    out->pending =
        apr_psprintf(out->r->pool, "# HELP %s %s\n# TYPE %s %s\n", family, help, family, *suffix ? "counter" : "gauge");
}

/* Writes a series that is not 0. */
static void series(page *out, const char *labels, apr_int64_t value)
{
    if (!value) {
        return;
    }
    if (out->pending) {
        ap_rputs(out->pending, out->r);
        out->pending = NULL;
    }
    ap_rprintf(out->r, "%s %" APR_INT64_T_FMT "\n", labels, value);
}

static void write_reasons(page *out, const cfaop_vhost_counters *c, cfaop_request_result result)
{
    const char *labels = cfaop_numbers_request_words(result)->labels;
    int reason;

    for (reason = 0; reason < CFAOP_REASON_COUNT; ++reason) {
        apr_int64_t value = (apr_int64_t)cfaop_numbers_read(&c->numbers->requests[result][reason]);
        if (value) {
            const char *name = cfaop_verdict_reason_name((cfaop_reason)reason);
            series(out,
                   apr_psprintf(out->r->pool, "cf_origin_pull_requests_total{vhost=\"%s\",%s,reason=\"%s\"}", c->label,
                                labels, name),
                   value);
        }
    }
}

static void write_requests(page *out, const apr_array_header_t *rows)
{
    int i, result;

    begin_family(out, "cf_origin_pull_requests", "_total",
                 "Requests to guarded virtual hosts, by what became of them and why.");
    for (i = 0; i < rows->nelts; ++i) {
        cfaop_vhost_counters *c = APR_ARRAY_IDX(rows, i, cfaop_row).counters;
        for (result = 0; result < CFAOP_REQUEST_COUNT; ++result) {
            write_reasons(out, c, (cfaop_request_result)result);
        }
    }
}

static void write_handshakes(page *out, const apr_array_header_t *rows)
{
    int i, result;

    begin_family(out, "cf_origin_pull_handshakes", "_total", "TLS handshakes that asked for a client certificate.");
    for (i = 0; i < rows->nelts; ++i) {
        cfaop_vhost_counters *c = APR_ARRAY_IDX(rows, i, cfaop_row).counters;
        for (result = 0; result < CFAOP_HANDSHAKE_COUNT; ++result) {
            const char *labels = cfaop_numbers_handshake_words((cfaop_handshake_result)result)->labels;
            series(out,
                   apr_psprintf(out->r->pool, "cf_origin_pull_handshakes_total{vhost=\"%s\",%s}", c->label, labels),
                   (apr_int64_t)cfaop_numbers_read(&c->numbers->handshakes[result]));
        }
    }
}

static const char *anchor_labels(apr_pool_t *p, const char *metric, const cfaop_anchor_counters *c)
{
    char hex[CFAOP_SHA256_HEX];

    return apr_psprintf(p, "%s{subject=\"%s\",sha256=\"%s\"}", metric, c->subject, cfaop_text_hex(c->sha256, hex));
}

static void write_anchors(page *out)
{
    cfaop_anchor_counters *anchors;
    int i, count = cfaop_counters_anchors(&anchors);

    begin_family(out, "cf_origin_pull_ca_connections", "_total", "Connections that this trusted certificate verified.");
    for (i = 0; i < count; ++i) {
        series(out, anchor_labels(out->r->pool, "cf_origin_pull_ca_connections_total", &anchors[i]),
               (apr_int64_t)cfaop_numbers_read(&anchors[i].numbers->connections));
    }
    begin_family(out, "cf_origin_pull_ca_last_used_timestamp_seconds", "",
                 "When this trusted certificate last verified a connection.");
    for (i = 0; i < count; ++i) {
        series(out, anchor_labels(out->r->pool, "cf_origin_pull_ca_last_used_timestamp_seconds", &anchors[i]),
               cfaop_numbers_time(&anchors[i].numbers->last_used));
    }
}

static void write_ends(page *out)
{
    const apr_array_header_t *items = cfaop_inventory(out->r->pool, ap_server_conf, cfaop_config_is_guarded);
    char hex[CFAOP_SHA256_HEX];
    int i;

    begin_family(out, "cf_origin_pull_certificate_not_after_timestamp_seconds", "",
                 "When a trusted certificate, a CRL or the certificate that the edge shows ends.");
    for (i = 0; i < items->nelts; ++i) {
        const cfaop_item *item = &APR_ARRAY_IDX(items, i, cfaop_item);
        series(out,
               apr_psprintf(out->r->pool,
                            "cf_origin_pull_certificate_not_after_timestamp_seconds{kind=\"%s\",subject=\"%s\",sha256="
                            "\"%s\"}",
                            cfaop_inventory_words(item->kind)->metric, item->subject,
                            cfaop_text_hex(item->sha256, hex)),
               item->end);
    }
}

static void write_policies(page *out)
{
    const apr_array_header_t *policies = cfaop_policies(out->r->pool, ap_server_conf);
    int i;

    begin_family(out, "cf_origin_pull_vhost_info", "", "What a virtual host demands.");
    for (i = 0; i < policies->nelts; ++i) {
        const cfaop_vhost_policy *of = &APR_ARRAY_IDX(policies, i, cfaop_vhost_policy);
        series(out,
               apr_psprintf(out->r->pool, "cf_origin_pull_vhost_info{vhost=\"%s\",mode=\"%s\",policy=\"%s\"}",
                            of->vhost, of->mode, of->policy),
               1);
    }
}

/* The versions that the process runs with, which need not be those that the module was built with. */
static void write_build(page *out)
{
    apr_pool_t *p = out->r->pool;
    const char *openssl = OpenSSL_version(OPENSSL_VERSION); /* "OpenSSL 3.0.22 7 Jul 2026" */
    ap_version_t httpd;

    ap_get_server_revision(&httpd);
    (void)ap_getword_white(p, &openssl);
    begin_family(out, "cf_origin_pull_build_info", "", "The versions of mod_cfaop, OpenSSL and httpd.");
    series(out,
           apr_psprintf(p, "cf_origin_pull_build_info{version=\"%s\",openssl=\"%s\",httpd=\"%d.%d.%d\"}", CFAOP_VERSION,
                        ap_getword_white(p, &openssl), httpd.major, httpd.minor, httpd.patch),
           1);
}

/* Says whether the client's Accept header names OpenMetrics, and not with q=0. */
static int wants_openmetrics(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    char *type, *last;

    if (!accept) {
        return 0;
    }
    for (type = apr_strtok(apr_pstrdup(r->pool, accept), ",", &last); type; type = apr_strtok(NULL, ",", &last)) {
        char *parameter, *rest;
        char *name = apr_strtok(type, "; \t", &rest);
        if (!name || ap_cstr_casecmp(name, OPENMETRICS_NAME)) {
            continue;
        }
        while ((parameter = apr_strtok(NULL, "; \t", &rest))) {
            if (!ap_cstr_casecmpn(parameter, "q=", 2) && atof(parameter + 2) <= 0) {
                return 0;
            }
        }
        return 1;
    }
    return 0;
}

CFAOP_OUT_OF_LINE static int answer(request_rec *r)
{
    page out = {r, 0, NULL};
    const apr_array_header_t *rows;

    if (r->method_number != M_GET) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    out.is_openmetrics = wants_openmetrics(r);
    ap_set_content_type(r, out.is_openmetrics ? OPENMETRICS_TYPE : TEXT_TYPE);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_mergen(r->headers_out, "Vary", "Accept");
    if (r->header_only) {
        return OK;
    }
    rows = cfaop_rows(r->pool, ap_server_conf);
    write_requests(&out, rows);
    write_handshakes(&out, rows);
    write_anchors(&out);
    write_ends(&out);
    write_policies(&out);
    write_build(&out);
    if (out.is_openmetrics) {
        ap_rputs("# EOF\n", r);
    }
    return OK;
}

int cfaop_metrics_handler(request_rec *r)
{
    /* nearly all requests have no handler, or another one; the first letter shows it */
    if (!r->handler || *r->handler != *HANDLER || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    return answer(r);
}
