/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file expiry.c
 * Warnings of certificates and CRLs that have ended or soon will, with the names of who depends on them.
 */
#include "operator/expiry.h"

#include "pure/expiry_schedule.h"
#include "base/findings.h"
#include "base/module.h"
#include "base/server.h"
#include "base/text.h"
#include "config/config.h"
#include "operator/inventory.h"

#include "apr_strings.h"

APLOG_USE_MODULE(cfaop);

/* How many names a line lists before it only counts. */
#define NAMES_MAX 20

/* The words of a warning, by kind. */
static const struct {
    const char *what;
    const char *cure;
    const char *dependants;
} words[] = {
    {"the trusted certificate", "list its successor beside it before that", "trusted by"},
    {"the CRL", "put a newer one in its place before that", "used by"},
    {"the certificate that the edge shows", "renew it at Cloudflare before that", "shown to"},
};

/* How many lines are logged before the rest is only counted. */
#define LINES_MAX 50

static apr_int64_t last_look; /* seconds; in the parent */

static int days_of(const server_rec *s)
{
    int days = cfaop_config_of(s)->expiry_days;

    return days < 0 ? CFAOP_EXPIRY_DAYS_DEFAULT : days;
}

/* Names the servers that want to hear of item now; *count says how many. */
static const char *names_of(apr_pool_t *p, const cfaop_item *item, cfaop_expiry_stage stage, apr_int64_t now, int *count)
{
    const char *names = "";
    int i;

    for (*count = i = 0; i < item->servers->nelts; ++i) {
        const server_rec *s = APR_ARRAY_IDX(item->servers, i, const server_rec *);
        if (cfaop_expiry_schedule_stage_of(item->end, now, days_of(s)) == stage && (*count)++ < NAMES_MAX) {
            names = apr_pstrcat(p, names, *names ? ", " : "", cfaop_server_label(p, s), NULL);
        }
    }
    return *count > NAMES_MAX ? apr_psprintf(p, "%s and %d more", names, *count - NAMES_MAX) : names;
}

static const char *moment(apr_pool_t *p, apr_int64_t seconds)
{
    char text[APR_RFC822_DATE_LEN];

    return apr_rfc822_date(text, apr_time_from_sec(seconds)) == APR_SUCCESS ? apr_pstrdup(p, text) : "-";
}

static const char *time_left(apr_pool_t *p, apr_int64_t end, apr_int64_t now)
{
    int days = cfaop_expiry_schedule_days_left(end, now);

    return days ? apr_psprintf(p, "in %d day%s", days, days > 1 ? "s" : "") : "within a day";
}

/* 'the CRL of "CN=x" (file)' */
static const char *description(apr_pool_t *p, const cfaop_item *item)
{
    char hex[CFAOP_SHA256_HEX];

    if (item->kind == CFAOP_ITEM_LEAF) {
        return apr_psprintf(p, "%s, \"%s\" (sha256 %s),", words[item->kind].what, item->subject, cfaop_text_hex(item->sha256, hex));
    }
    return apr_psprintf(p, "%s of \"%s\" (%s)", words[item->kind].what, item->subject, item->origin);
}

static void add(apr_array_header_t *findings, const char *text)
{
    cfaop_finding *finding = apr_array_push(findings);

    finding->level = APLOG_WARNING;
    finding->text = text;
}

static void look_at(apr_array_header_t *findings, const cfaop_item *item, apr_int64_t now)
{
    apr_pool_t *p = findings->pool;
    int count;
    const char *names = names_of(p, item, CFAOP_EXPIRY_PAST, now, &count);

    if (count) {
        add(findings, apr_psprintf(p, "CFAOP106: %s ended on %s: what depends on it is refused, replace it; %s %s",
                                   description(p, item), moment(p, item->end), words[item->kind].dependants, names));
        return;
    }
    names = names_of(p, item, CFAOP_EXPIRY_SOON, now, &count);
    if (count) {
        add(findings, apr_psprintf(p, "CFAOP112: %s ends on %s, %s: %s; %s %s", description(p, item), moment(p, item->end),
                                   time_left(p, item->end, now), words[item->kind].cure, words[item->kind].dependants, names));
    }
}

apr_array_header_t *cfaop_expiry_findings(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *))
{
    apr_array_header_t *findings = apr_array_make(p, 2, sizeof(cfaop_finding));
    const apr_array_header_t *items = cfaop_inventory(p, base, is_wanted);
    apr_int64_t now = apr_time_sec(apr_time_now());
    int i;

    for (i = 0; i < items->nelts; ++i) {
        const cfaop_item *item = &APR_ARRAY_IDX(items, i, cfaop_item);
        if (item->kind != CFAOP_ITEM_CRL || item->end) {
            look_at(findings, item, now);
        }
    }
    if (findings->nelts > LINES_MAX) {
        int more = findings->nelts - LINES_MAX;
        findings->nelts = LINES_MAX;
        add(findings, apr_psprintf(p, "CFAOP144: %d more certificates and CRLs have ended or end soon: see the status page", more));
    }
    return findings;
}

void cfaop_expiry_log(apr_pool_t *p, server_rec *base)
{
    const apr_array_header_t *findings = cfaop_expiry_findings(p, base, cfaop_config_is_guarded);
    int i;

    last_look = apr_time_sec(apr_time_now());
    for (i = 0; i < findings->nelts; ++i) {
        const cfaop_finding *finding = &APR_ARRAY_IDX(findings, i, cfaop_finding);
        ap_log_error(APLOG_MARK, finding->level, 0, base, "%s", finding->text);
    }
}

int cfaop_expiry_monitor(apr_pool_t *p, server_rec *base)
{
    apr_pool_t *scratch;

    if (cfaop_expiry_schedule_is_due(last_look, apr_time_sec(apr_time_now())) && apr_pool_create(&scratch, p) == APR_SUCCESS) {
        cfaop_expiry_log(scratch, base);
        apr_pool_destroy(scratch);
    }
    return DECLINED;
}
