/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file attach_counters.c
 * Giving each virtual host and trusted certificate its counters, by name and by SHA-256, so that they keep them at a
 * reload.
 */
#include "startup/attach_counters.h"

#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "stats/counters.h"
#include "stats/label.h"
#include "trust/files.h"
#include "trust/trust.h"

#include "apr_hash.h"
#include "apr_strings.h"

APLOG_USE_MODULE(cfaop);

/* What is shared by the functions below during a call. */
typedef struct {
    apr_pool_t *pool; /* ends with the call */
    apr_pool_t *process_pool;
    apr_hash_t *vhosts;                  /* label -> cfaop_vhost_counters */
    apr_hash_t *anchors;                 /* SHA-256 -> cfaop_anchor_counters */
    cfaop_vhost_counters *other_vhost;   /* shared by virtual hosts without a slot */
    cfaop_anchor_counters *other_anchor; /* shared by certificates without a slot */
    int vhosts_without;                  /* number of virtual hosts without a slot */
    int anchors_without;                 /* number of certificates without a slot */
} attachment;

static void index_slots(attachment *a)
{
    cfaop_vhost_counters *vhosts;
    cfaop_anchor_counters *anchors;
    int i, vhost_count = cfaop_counters_vhosts(&vhosts), anchor_count = cfaop_counters_anchors(&anchors);

    for (i = 0; i < vhost_count; ++i) {
        apr_hash_set(a->vhosts, vhosts[i].label, APR_HASH_KEY_STRING, &vhosts[i]);
    }
    for (i = 1; i < anchor_count; ++i) {
        apr_hash_set(a->anchors, anchors[i].sha256, CFAOP_SHA256_LEN, &anchors[i]);
    }
    a->other_vhost = &vhosts[0];
    a->other_anchor = &anchors[0];
}

static cfaop_vhost_counters *vhost_slot(attachment *a, const server_rec *s)
{
    const char *label = cfaop_label_of_server(a->pool, s);
    cfaop_vhost_counters *slot = apr_hash_get(a->vhosts, label, APR_HASH_KEY_STRING);

    if (!slot) {
        slot = cfaop_counters_add_vhost(a->process_pool, label);
        if (!slot) {
            ++a->vhosts_without;
            return a->other_vhost;
        }
        apr_hash_set(a->vhosts, slot->label, APR_HASH_KEY_STRING, slot);
    }
    return slot;
}

static cfaop_anchor_counters *anchor_slot(attachment *a, const cfaop_anchor *anchor)
{
    cfaop_anchor_counters *slot = apr_hash_get(a->anchors, anchor->sha256, CFAOP_SHA256_LEN);
    const char *subject;

    if (!slot) {
        subject = cfaop_text_subject(a->pool, X509_get_subject_name(anchor->cert));
        slot = cfaop_counters_add_anchor(a->process_pool, anchor->sha256, subject,
                                         cfaop_text_seconds(X509_get0_notAfter(anchor->cert)));
        if (!slot) {
            ++a->anchors_without;
            return a->other_anchor;
        }
        apr_hash_set(a->anchors, slot->sha256, CFAOP_SHA256_LEN, slot);
    }
    return slot;
}

static void attach_server(attachment *a, server_rec *s)
{
    cfaop_server_conf *conf = cfaop_config_of(s);
    const apr_array_header_t *anchors = conf->trust ? conf->trust->anchors : NULL;
    int i;

    conf->counters = vhost_slot(a, s);
    /* servers that share a trust share its anchors: if one has counters, an earlier server has attached all */
    for (i = 0; anchors && i < anchors->nelts && !APR_ARRAY_IDX(anchors, i, cfaop_anchor).counters; ++i) {
        cfaop_anchor *anchor = &APR_ARRAY_IDX(anchors, i, cfaop_anchor);
        anchor->counters = anchor_slot(a, anchor);
    }
}

/* Counts the slots that the servers from base on could need at most. */
static void count_all(const server_rec *base, apr_pool_t *ptemp, int *servers, int *anchors)
{
    apr_hash_t *trusts = apr_hash_make(ptemp), *certificates = apr_hash_make(ptemp);
    const server_rec *s;
    int i;

    *servers = 0;
    for (s = base; s; s = s->next, ++*servers) {
        const cfaop_trust *trust = cfaop_config_of(s)->trust;
        if (!trust || apr_hash_get(trusts, trust->digest, CFAOP_SHA256_LEN)) {
            continue;
        }
        apr_hash_set(trusts, trust->digest, CFAOP_SHA256_LEN, trust);
        for (i = 0; i < trust->anchors->nelts; ++i) {
            apr_hash_set(certificates, APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).sha256, CFAOP_SHA256_LEN, trust);
        }
    }
    *anchors = (int)apr_hash_count(certificates);
}

static void attach_all(attachment *a, server_rec *base)
{
    cfaop_vhost_counters *vhosts;
    cfaop_anchor_counters *anchors;
    server_rec *s;

    for (s = base; s; s = s->next) {
        if (cfaop_config_is_guarded(s)) {
            attach_server(a, s);
        }
    }
    if (a->vhosts_without || a->anchors_without) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base,
                     "CFAOP129: there are counters for %d virtual hosts and %d "
                     "trusted certificates, as many as were expected when httpd was started: %d and %d more share "
                     "those called \"" CFAOP_OTHER "\"; stop and start httpd to give each its own",
                     cfaop_counters_vhosts(&vhosts) - 1, cfaop_counters_anchors(&anchors) - 1, a->vhosts_without,
                     a->anchors_without);
    }
}

void cfaop_attach_counters(server_rec *base, apr_pool_t *ptemp, int is_needed)
{
    attachment a = {ptemp, base->process->pool, apr_hash_make(ptemp), apr_hash_make(ptemp), NULL, NULL, 0, 0};
    int servers, anchors;

    count_all(base, ptemp, &servers, &anchors);
    if (cfaop_counters_open(base->process->pool, base->process->pconf, servers, anchors, is_needed)) {
        index_slots(&a);
        attach_all(&a, base);
    }
    else if (is_needed) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base,
                     "CFAOP128: there is no shared memory for the counters: "
                     "nothing is counted, requests are judged all the same; check the limits on memory and restart");
    }
}
