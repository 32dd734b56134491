/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file policies.c
 * What each virtual host demands, in a form that is the same on all machines where it demands the same: the digest of a
 * policy depends on certificates, CRLs, pins and depth, and not on paths or the order of lines.
 */
#include "operator/policies.h"

#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "stats/label.h"
#include "trust/trust.h"

#include "apr_strings.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const cfaop_vhost_policy *one = a, *other = b;
    int order = strcmp(one->vhost, other->vhost);

    if (order == 0) {
        order = strcmp(one->mode, other->mode);
    }
    return order ? order : strcmp(one->policy, other->policy);
}

static void describe(apr_pool_t *p, const server_rec *s, cfaop_vhost_policy *out)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);
    char hex[CFAOP_SHA256_HEX];

    out->vhost = cfaop_label_of_server(p, s);
    out->mode = cfaop_config_mode_name(conf->mode);
    apr_cpystrn(out->policy, cfaop_config_asks(conf) && conf->trust ? cfaop_text_hex(conf->trust->digest, hex) : "none",
                sizeof(out->policy));
}

/* Removes what is listed twice, from a sorted list. */
static void make_unique(apr_array_header_t *list)
{
    cfaop_vhost_policy *all = (cfaop_vhost_policy *)list->elts;
    int i, kept = 0;

    for (i = 0; i < list->nelts; ++i) {
        if (!kept || compare(&all[kept - 1], &all[i])) {
            all[kept++] = all[i];
        }
    }
    list->nelts = kept;
}

apr_array_header_t *cfaop_policies(apr_pool_t *p, const server_rec *base)
{
    apr_array_header_t *list = apr_array_make(p, 8, sizeof(cfaop_vhost_policy));
    const server_rec *s;

    for (s = base; s; s = s->next) {
        if (cfaop_config_of(s)->has_tls || cfaop_config_is_guarded(s)) {
            describe(p, s, apr_array_push(list));
        }
    }
    qsort(list->elts, (size_t)list->nelts, sizeof(cfaop_vhost_policy), compare);
    make_unique(list);
    return list;
}
