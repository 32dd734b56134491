/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file inventory.c
 * The certificates and CRLs that guarded virtual hosts depend on.
 */
#include "operator/inventory.h"

#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "stats/counters.h"
#include "stats/numbers.h"
#include "trust/files.h"
#include "trust/trust.h"

#include "apr_hash.h"
#include "apr_strings.h"

/* Seven days. A certificate that the edge showed longer ago is not the one that it shows now. */
#define SHOWN_MAX_SECONDS APR_INT64_C(604800)

/* A CRL of 30 days would be warned of from its first day to its last. It should be renewed by its last third. */
#define CRL_LIFE_SHARE 3

/* The servers that share a trust: all of them depend on its certificates and CRLs. */
typedef struct {
    const cfaop_trust *trust;
    apr_array_header_t *servers;
} dependants;

typedef struct {
    apr_pool_t *pool;
    apr_array_header_t *items; /* of cfaop_item */
    apr_hash_t *known;         /* kind and SHA-256 -> known_item */
} listing;

typedef struct {
    unsigned char key[1 + CFAOP_SHA256_LEN];
    int index;
} known_item;

#define WORDS_OF(value, metric, name, cure, dependence) [value] = {metric, name, cure, dependence},

const cfaop_inventory_kind_words *cfaop_inventory_words(cfaop_item_kind kind)
{
    static const cfaop_inventory_kind_words words[CFAOP_ITEM_COUNT] = {CFAOP_INVENTORY_KINDS(WORDS_OF)};

    return &words[kind];
}

/* Returns the item of this kind and digest; with *is_new the caller has to fill it in. */
static cfaop_item *item_of(listing *l, cfaop_item_kind kind, const unsigned char *sha256, int *is_new)
{
    known_item *known = apr_palloc(l->pool, sizeof(*known)), *found;
    cfaop_item *item;

    known->key[0] = (unsigned char)kind;
    memcpy(known->key + 1, sha256, CFAOP_SHA256_LEN);
    found = apr_hash_get(l->known, known->key, sizeof(known->key));
    *is_new = found == NULL;
    if (found) {
        return &APR_ARRAY_IDX(l->items, found->index, cfaop_item);
    }
    known->index = l->items->nelts;
    apr_hash_set(l->known, known->key, sizeof(known->key), known);
    item = apr_array_push(l->items);
    item->kind = kind;
    item->sha256 = known->key + 1;
    item->servers = apr_array_make(l->pool, 1, sizeof(const server_rec *));
    return item;
}

static void list_anchor(listing *l, const cfaop_anchor *anchor, const apr_array_header_t *servers)
{
    int is_new;
    cfaop_item *item = item_of(l, CFAOP_ITEM_CA, anchor->sha256, &is_new);

    if (is_new) {
        item->subject = cfaop_text_subject(l->pool, X509_get_subject_name(anchor->cert));
        item->origin = anchor->origin;
        item->end = cfaop_text_seconds(X509_get0_notAfter(anchor->cert));
    }
    apr_array_cat(item->servers, servers);
}

static void list_crl(listing *l, const cfaop_crl *crl, const apr_array_header_t *servers)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl->crl);
    int is_new;
    cfaop_item *item = item_of(l, CFAOP_ITEM_CRL, crl->sha256, &is_new);

    if (is_new) {
        item->subject = cfaop_text_subject(l->pool, X509_CRL_get_issuer(crl->crl));
        item->origin = crl->origin;
        item->end = next ? cfaop_text_seconds(next) : 0;
        item->warned = (item->end - cfaop_text_seconds(X509_CRL_get0_lastUpdate(crl->crl))) / CRL_LIFE_SHARE;
    }
    apr_array_cat(item->servers, servers);
}

static void list_leaf(listing *l, const server_rec *s)
{
    cfaop_vhost_counters *counters = cfaop_config_of(s)->counters;
    int is_new;
    cfaop_item *item;
    cfaop_leaf leaf;

    if (!counters || !cfaop_numbers_leaf(counters->numbers, &leaf)
        || leaf.last_seen < apr_time_sec(apr_time_now()) - SHOWN_MAX_SECONDS) {
        return;
    }
    item = item_of(l, CFAOP_ITEM_LEAF, leaf.sha256, &is_new);
    if (is_new) {
        item->subject = apr_pstrdup(l->pool, leaf.subject);
        item->end = leaf.not_after;
    }
    APR_ARRAY_PUSH(item->servers, const server_rec *) = s;
}

/* Groups the wanted servers by their trust (of dependants), in the order of each group's first server. */
static apr_array_header_t *by_trust(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *))
{
    apr_array_header_t *groups = apr_array_make(p, 4, sizeof(dependants));
    apr_hash_t *index = apr_hash_make(p); /* digest -> servers */
    const server_rec *s;

    for (s = base; s; s = s->next) {
        const cfaop_trust *trust = is_wanted(s) ? cfaop_config_of(s)->trust : NULL;
        apr_array_header_t *servers;
        if (!trust) {
            continue;
        }
        servers = apr_hash_get(index, trust->digest, CFAOP_SHA256_LEN);
        if (!servers) {
            dependants *group = apr_array_push(groups);
            group->trust = trust;
            group->servers = servers = apr_array_make(p, 4, sizeof(const server_rec *));
            apr_hash_set(index, trust->digest, CFAOP_SHA256_LEN, servers);
        }
        APR_ARRAY_PUSH(servers, const server_rec *) = s;
    }
    return groups;
}

apr_array_header_t *cfaop_inventory(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *))
{
    listing l = {p, apr_array_make(p, 8, sizeof(cfaop_item)), apr_hash_make(p)};
    const apr_array_header_t *groups = by_trust(p, base, is_wanted);
    const server_rec *s;
    int g, i;

    for (g = 0; g < groups->nelts; ++g) {
        const dependants *group = &APR_ARRAY_IDX(groups, g, dependants);
        for (i = 0; i < group->trust->anchors->nelts; ++i) {
            list_anchor(&l, &APR_ARRAY_IDX(group->trust->anchors, i, cfaop_anchor), group->servers);
        }
        for (i = 0; i < group->trust->crls->nelts; ++i) {
            list_crl(&l, &APR_ARRAY_IDX(group->trust->crls, i, cfaop_crl), group->servers);
        }
    }
    for (s = base; s; s = s->next) {
        if (is_wanted(s)) {
            list_leaf(&l, s);
        }
    }
    return l.items;
}
