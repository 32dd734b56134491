/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file expiry.c
 * Warns of certificates and CRLs that have ended or will end soon, and names the virtual hosts that depend on them.
 */
#include "operator/expiry.h"

#include "pure/expiry_schedule.h"
#include "base/findings.h"
#include "base/module.h"
#include "base/name_list.h"
#include "base/text.h"
#include "config/config.h"
#include "operator/inventory.h"

#include "apr_strings.h"

APLOG_USE_MODULE(cfaop);

/* How many certificates and CRLs have a line of their own; the last line counts the others. */
#define LINES_MAX 50

static apr_int64_t last_look; /* seconds; only the parent uses it */

static cfaop_expiry_stage stage_of(const cfaop_item *item, apr_int64_t now, int days)
{
    cfaop_expiry_stage stage = cfaop_expiry_schedule_stage_of(item->end, now, days);
    int is_early = item->warned && item->end - now > item->warned;

    return stage == CFAOP_EXPIRY_SOON && is_early ? CFAOP_EXPIRY_FAR : stage;
}

/* Names the servers for which item is in stage, by their own number of days. NULL: there is none. */
static const char *servers_at(apr_pool_t *p, const cfaop_item *item, cfaop_expiry_stage stage, apr_int64_t now)
{
    cfaop_name_list list = {p, NULL, 0};
    int i;

    for (i = 0; i < item->servers->nelts; ++i) {
        const server_rec *s = APR_ARRAY_IDX(item->servers, i, const server_rec *);
        if (stage_of(item, now, cfaop_config_expiry_days_of(cfaop_config_of(s))) == stage) {
            cfaop_name_list_add_server(&list, ", ", s);
        }
    }
    return cfaop_name_list_text(&list);
}

static const char *date_of_end(apr_pool_t *p, apr_int64_t seconds)
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
    const char *name = cfaop_inventory_words(item->kind)->name;
    char hex[CFAOP_SHA256_HEX];

    if (item->kind == CFAOP_ITEM_LEAF) {
        return apr_psprintf(p, "%s, \"%s\" (sha256 %s),", name, item->subject, cfaop_text_hex(item->sha256, hex));
    }
    return apr_psprintf(p, "%s of \"%s\" (%s)", name, item->subject, item->origin);
}

/* Adds the warning about item, if one is due. */
static void warn_of_item(apr_array_header_t *findings, const cfaop_item *item, apr_int64_t now)
{
    apr_pool_t *p = findings->pool;
    const cfaop_inventory_kind_words *words = cfaop_inventory_words(item->kind);
    const char *names = servers_at(p, item, CFAOP_EXPIRY_PAST, now);
    const char *text;

    if (names) {
        text = apr_psprintf(p,
                            "CFAOP106: %s ended on %s: what depends on it is refused unless a successor is listed, "
                            "replace it or remove it; %s %s",
                            description(p, item), date_of_end(p, item->end), words->dependence, names);
        cfaop_findings_add(findings, APLOG_WARNING, text);
        return;
    }
    names = servers_at(p, item, CFAOP_EXPIRY_SOON, now);
    if (names) {
        text =
            apr_psprintf(p, "CFAOP112: %s ends on %s, %s: %s; %s %s", description(p, item), date_of_end(p, item->end),
                         time_left(p, item->end, now), words->cure, words->dependence, names);
        cfaop_findings_add(findings, APLOG_WARNING, text);
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
        /* a CRL may have no end; CFAOP157 tells of a time that cannot be read */
        if (item->end) {
            warn_of_item(findings, item, now);
        }
    }
    if (findings->nelts > LINES_MAX) {
        int more = findings->nelts - LINES_MAX;
        findings->nelts = LINES_MAX;
        static const char text[] = "CFAOP144: %d more certificates and CRLs have ended or end soon: see the status "
                                   "page";
        cfaop_findings_add(findings, APLOG_WARNING, apr_psprintf(p, text, more));
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

    if (cfaop_expiry_schedule_is_due(last_look, apr_time_sec(apr_time_now()))
        && apr_pool_create(&scratch, p) == APR_SUCCESS) {
        cfaop_expiry_log(scratch, base);
        apr_pool_destroy(scratch);
    }
    return DECLINED;
}
