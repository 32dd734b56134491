/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file status.c
 * The guard's section of mod_status's page, and the guard's keys of "?auto".
 */
#include "operator/status.h"

#include "pure/expiry_schedule.h"
#include "pure/verdict.h"
#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "stats/counters.h"
#include "stats/numbers.h"
#include "operator/inventory.h"
#include "operator/rows.h"

#include "apr_strings.h"
#include "http_core.h"
#include "http_main.h"
#include "http_protocol.h"
#include "mod_status.h"

/* Virtual hosts without traffic are shown one by one only if the page stays readable. */
#define IDLE_ROWS_MAX 200

#define SHORT_HEX 16

#define KEY "CFOriginPull"

/* ---- for the page and the keys ---- */

/* Drops the virtual hosts without traffic if there are too many for the page, and returns how many it dropped. */
static int drop_idle(apr_array_header_t *rows)
{
    int from, to = 0, idle = 0;

    for (from = 0; from < rows->nelts; ++from) {
        idle += !APR_ARRAY_IDX(rows, from, cfaop_row).is_used;
    }
    if (idle <= IDLE_ROWS_MAX) {
        return 0;
    }
    for (from = 0; from < rows->nelts; ++from) {
        if (APR_ARRAY_IDX(rows, from, cfaop_row).is_used) {
            APR_ARRAY_IDX(rows, to++, cfaop_row) = APR_ARRAY_IDX(rows, from, cfaop_row);
        }
    }
    rows->nelts = to;
    return idle;
}

/* Returns the sums over all virtual hosts. */
static cfaop_vhost_numbers *sum_up(apr_pool_t *p)
{
    cfaop_vhost_numbers *sum = apr_pcalloc(p, sizeof(*sum));
    cfaop_vhost_counters *counters;
    int i, k, reason, count = cfaop_counters_vhosts(&counters);

    for (i = 0; i < count; ++i) {
        for (k = 0; k < CFAOP_HANDSHAKE_COUNT; ++k) {
            sum->handshakes[k] += cfaop_numbers_read(&counters[i].numbers->handshakes[k]);
        }
        for (k = 0; k < CFAOP_REQUEST_COUNT; ++k) {
            for (reason = 0; reason < CFAOP_REASON_COUNT; ++reason) {
                sum->requests[k][reason] += cfaop_numbers_read(&counters[i].numbers->requests[k][reason]);
            }
        }
    }
    return sum;
}

static const char *mode_of(const cfaop_row *row)
{
    return row->server ? cfaop_config_mode_name(cfaop_config_of(row->server)->demand.mode) : "-";
}

/* Returns how many virtual hosts depend on the item of this kind and digest. */
static int dependants_of(const apr_array_header_t *items, cfaop_item_kind kind, const unsigned char *sha256)
{
    int i;

    for (i = 0; i < items->nelts; ++i) {
        const cfaop_item *item = &APR_ARRAY_IDX(items, i, cfaop_item);
        if (item->kind == kind && !memcmp(item->sha256, sha256, CFAOP_SHA256_LEN)) {
            return item->servers->nelts;
        }
    }
    return 0;
}

/* ---- the page ---- */

static void put_number(request_rec *r, apr_uint64_t number)
{
    ap_rprintf(r, "<td align=\"right\">%" APR_UINT64_T_FMT "</td>", number);
}

static const char *moment_or_never(apr_pool_t *p, apr_int64_t seconds)
{
    char text[APR_RFC822_DATE_LEN];

    return seconds && apr_rfc822_date(text, apr_time_from_sec(seconds)) == APR_SUCCESS ? apr_pstrdup(p, text) : "never";
}

static const char *short_hex(apr_pool_t *p, const unsigned char *sha256)
{
    char hex[CFAOP_SHA256_HEX];

    return apr_pstrndup(p, cfaop_text_hex(sha256, hex), SHORT_HEX);
}

static const char *end_and_days_left(apr_pool_t *p, apr_int64_t end)
{
    apr_int64_t now = apr_time_sec(apr_time_now());

    if (!end) {
        return "never";
    }
    return apr_psprintf(p, end < now ? "%s, <b>ended</b>" : "%s, %d days left", cfaop_text_date(p, end),
                        cfaop_expiry_schedule_days_left(end, now));
}

/* "refused: no_certificate 3, expired 1" */
static void put_reasons(request_rec *r, cfaop_vhost_numbers *c)
{
    static const cfaop_request_result results[] = {CFAOP_REQUEST_REFUSED, CFAOP_REQUEST_WOULD_REFUSE};
    int i, reason;
    const char *line = "";

    ap_rputs("<td>", r);
    for (i = 0; i < 2; ++i) {
        const char *heading = cfaop_numbers_request_words(results[i])->heading;
        const char *before = apr_psprintf(r->pool, "%s%s: ", *line ? "<br />" : "", heading);
        for (reason = 0; reason < CFAOP_REASON_COUNT; ++reason) {
            apr_uint64_t number = cfaop_numbers_read(&c->requests[results[i]][reason]);
            if (number) {
                line = apr_psprintf(r->pool, "%s%s %" APR_UINT64_T_FMT, before,
                                    cfaop_verdict_reason_name((cfaop_reason)reason), number);
                ap_rputs(line, r);
                before = ", ";
            }
        }
    }
    ap_rputs("</td>", r);
}

static void put_leaf(request_rec *r, cfaop_vhost_numbers *c)
{
    cfaop_leaf leaf;

    if (!cfaop_numbers_leaf(c, &leaf)) {
        ap_rputs("<td></td>", r);
        return;
    }
    ap_rprintf(r, "<td><tt>%s</tt> %s<br />ends %s, last seen %s</td>", short_hex(r->pool, leaf.sha256),
               ap_escape_html(r->pool, leaf.subject), end_and_days_left(r->pool, leaf.not_after),
               moment_or_never(r->pool, leaf.last_seen));
}

static void put_row(request_rec *r, const char *name, const char *mode, cfaop_vhost_numbers *c)
{
    int i;

    ap_rprintf(r, "<tr><td>%s</td><td>%s</td>", ap_escape_html(r->pool, name), mode);
    for (i = 0; i < CFAOP_HANDSHAKE_COUNT; ++i) {
        put_number(r, cfaop_numbers_read(&c->handshakes[i]));
    }
    for (i = 0; i < CFAOP_REQUEST_COUNT; ++i) {
        put_number(r, cfaop_numbers_sum(c, (cfaop_request_result)i));
    }
    put_reasons(r, c);
    put_leaf(r, c);
    ap_rputs("</tr>\n", r);
}

static void put_heads(request_rec *r)
{
    int i;

    ap_rprintf(r,
               "<tr><th rowspan=\"2\">Virtual host</th><th rowspan=\"2\">Mode</th><th colspan=\"%d\">Handshakes</th>"
               "<th colspan=\"%d\">Requests</th><th rowspan=\"2\">Reasons</th>"
               "<th rowspan=\"2\">Certificate shown last</th></tr>\n<tr>",
               CFAOP_HANDSHAKE_COUNT, CFAOP_REQUEST_COUNT);
    for (i = 0; i < CFAOP_HANDSHAKE_COUNT; ++i) {
        ap_rvputs(r, "<th>", cfaop_numbers_handshake_words((cfaop_handshake_result)i)->heading, "</th>", NULL);
    }
    for (i = 0; i < CFAOP_REQUEST_COUNT; ++i) {
        ap_rvputs(r, "<th>", cfaop_numbers_request_words((cfaop_request_result)i)->heading, "</th>", NULL);
    }
    ap_rputs("</tr>\n", r);
}

static void put_vhosts(request_rec *r, apr_array_header_t *rows)
{
    int i, idle = drop_idle(rows);

    ap_rputs("<h2>Virtual hosts</h2>\n\n<table id=\"cf-origin-pull-vhosts\" rules=\"all\" cellpadding=\"3\">\n", r);
    put_heads(r);
    put_row(r, "Whole server", "", sum_up(r->pool));
    for (i = 0; i < rows->nelts; ++i) {
        const cfaop_row *row = &APR_ARRAY_IDX(rows, i, cfaop_row);
        put_row(r, row->counters->label, mode_of(row), row->counters->numbers);
    }
    ap_rputs("</table>\n", r);
    if (idle) {
        ap_rprintf(r, "<p>%d more guarded virtual hosts had no traffic.</p>\n", idle);
    }
}

static void put_certificate(request_rec *r, const char *kind, const char *subject, const unsigned char *sha256,
                            apr_int64_t end)
{
    ap_rprintf(r, "<tr><td>%s</td><td>%s</td><td><tt>%s</tt></td><td>%s</td>", kind, ap_escape_html(r->pool, subject),
               short_hex(r->pool, sha256), end_and_days_left(r->pool, end));
}

static void put_certificates(request_rec *r, const apr_array_header_t *items)
{
    cfaop_anchor_counters *anchors;
    int i, count = cfaop_counters_anchors(&anchors);

    ap_rputs("<h2>Trusted certificates and CRLs</h2>\n\n"
             "<table id=\"cf-origin-pull-certificates\" rules=\"all\" cellpadding=\"3\">\n"
             "<tr><th>Kind</th><th>Subject</th><th>SHA-256</th><th>Ends</th><th>Connections</th><th>Last used</th>"
             "<th>Virtual hosts</th></tr>\n",
             r);
    for (i = 0; i < count; ++i) {
        if (i > 0 || cfaop_numbers_read(&anchors[i].numbers->connections)) { /* 0: CFAOP_OTHER */
            put_certificate(r, "CA", anchors[i].subject, anchors[i].sha256, anchors[i].not_after);
            put_number(r, cfaop_numbers_read(&anchors[i].numbers->connections));
            ap_rprintf(r, "<td>%s</td>", moment_or_never(r->pool, cfaop_numbers_time(&anchors[i].numbers->last_used)));
            put_number(r, (apr_uint64_t)dependants_of(items, CFAOP_ITEM_CA, anchors[i].sha256));
            ap_rputs("</tr>\n", r);
        }
    }
    for (i = 0; i < items->nelts; ++i) {
        const cfaop_item *item = &APR_ARRAY_IDX(items, i, cfaop_item);
        if (item->kind == CFAOP_ITEM_CRL) {
            put_certificate(r, "CRL", item->subject, item->sha256, item->end);
            ap_rputs("<td></td><td></td>", r);
            put_number(r, (apr_uint64_t)item->servers->nelts);
            ap_rputs("</tr>\n", r);
        }
    }
    ap_rputs("</table>\n", r);
}

/* ---- the keys ---- */

static void put_key(request_rec *r, const char *prefix, const char *word, apr_uint64_t number)
{
    ap_rprintf(r, "%s%s: %" APR_UINT64_T_FMT "\n", prefix, word, number);
}

/* A certificate can have ended before 1970. */
static void put_time(request_rec *r, const char *prefix, const char *word, apr_int64_t seconds)
{
    ap_rprintf(r, "%s%s: %" APR_INT64_T_FMT "\n", prefix, word, seconds);
}

static void put_counters(request_rec *r, const char *prefix, cfaop_vhost_numbers *c)
{
    int i, reason;

    for (i = 0; i < CFAOP_HANDSHAKE_COUNT; ++i) {
        put_key(r, prefix, cfaop_numbers_handshake_words((cfaop_handshake_result)i)->key,
                cfaop_numbers_read(&c->handshakes[i]));
    }
    for (i = 0; i < CFAOP_REQUEST_COUNT; ++i) {
        const char *key = cfaop_numbers_request_words((cfaop_request_result)i)->key;
        put_key(r, prefix, key, cfaop_numbers_sum(c, (cfaop_request_result)i));
        for (reason = CFAOP_REASON_NONE + 1; reason < CFAOP_REASON_COUNT; ++reason) {
            apr_uint64_t number = cfaop_numbers_read(&c->requests[i][reason]);
            const char *name = cfaop_verdict_reason_name((cfaop_reason)reason);
            if (number) {
                put_key(r, prefix, apr_psprintf(r->pool, "%s[%s]", key, name), number);
            }
        }
    }
}

static void put_vhost_keys(request_rec *r, const char *prefix, const cfaop_row *row)
{
    cfaop_leaf leaf;
    char hex[CFAOP_SHA256_HEX];

    ap_rprintf(r, "%sName: %s\n%sMode: %s\n", prefix, row->counters->label, prefix, mode_of(row));
    put_counters(r, prefix, row->counters->numbers);
    if (cfaop_numbers_leaf(row->counters->numbers, &leaf)) {
        ap_rprintf(r, "%sLeafSHA256: %s\n%sLeafSubject: %s\n", prefix, cfaop_text_hex(leaf.sha256, hex), prefix,
                   leaf.subject);
        put_time(r, prefix, "LeafNotAfter", leaf.not_after);
        put_time(r, prefix, "LeafLastSeen", leaf.last_seen);
    }
}

static void put_keys(request_rec *r, apr_array_header_t *rows)
{
    cfaop_anchor_counters *anchors;
    int i, count = cfaop_counters_anchors(&anchors);
    char hex[CFAOP_SHA256_HEX];

    drop_idle(rows);
    put_counters(r, KEY, sum_up(r->pool));
    for (i = 0; i < rows->nelts; ++i) {
        put_vhost_keys(r, apr_psprintf(r->pool, KEY "Vhost[%d]", i), &APR_ARRAY_IDX(rows, i, cfaop_row));
    }
    for (i = 1; i < count; ++i) {
        const char *prefix = apr_psprintf(r->pool, KEY "CA[%d]", i - 1);
        ap_rprintf(r, "%sSHA256: %s\n%sSubject: %s\n", prefix, cfaop_text_hex(anchors[i].sha256, hex), prefix,
                   anchors[i].subject);
        put_time(r, prefix, "NotAfter", anchors[i].not_after);
        put_key(r, prefix, "Connections", cfaop_numbers_read(&anchors[i].numbers->connections));
        put_time(r, prefix, "LastUsed", cfaop_numbers_time(&anchors[i].numbers->last_used));
    }
}

int cfaop_status_hook(request_rec *r, int flags)
{
    apr_array_header_t *rows = cfaop_rows(r->pool, ap_server_conf);

    if (!rows->nelts) {
        return DECLINED; /* nothing is guarded */
    }
    if (flags & AP_STATUS_SHORT) {
        put_keys(r, rows);
        return OK;
    }
    ap_rputs("<hr />\n<h1>Cloudflare origin pulls</h1>\n", r);
    put_vhosts(r, rows);
    put_certificates(r, cfaop_inventory(r->pool, ap_server_conf, cfaop_config_is_guarded));
    return OK;
}
