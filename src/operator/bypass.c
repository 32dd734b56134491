/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file bypass.c
 * Ways round the guard that the configuration shows: a guarded name that another virtual host serves without it.
 */
#include "operator/bypass.h"

#include "pure/verdict.h"
#include "base/findings.h"
#include "base/module.h"
#include "base/name_list.h"
#include "base/server.h"
#include "config/config.h"
#include "config/tree.h"
#include "operator/redirects.h"
#include "operator/twins.h"

#include "apr_hash.h"
#include "apr_strings.h"

/* How many names have a line of their own; the last line counts the others. */
#define LINES_MAX 20

/* ---- ways round ---- */

/*
 * Says whether s has an On of its own that refuses plain HTTP: no virtual host with TLS has its names, so the guard
 * answers 400.
 */
static int refuses_plain_http(const server_rec *s)
{
    return s->is_virtual && cfaop_config_has_own_on(s);
}

/* Says whether s answers clients without a certificate with more than redirects and refusals. */
static int answers_strangers(apr_pool_t *p, const cfaop_redirects *redirects, const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    if (conf->is_reached_by_tls && conf->mode != CFAOP_MODE_ON && !cfaop_redirects_all(p, redirects, s, 1)) {
        return 1;
    }
    return conf->is_reached_by_plain_http && !refuses_plain_http(s) && !cfaop_redirects_all(p, redirects, s, 0);
}

/* What answers_strangers() needs, for the index, which asks it once about each server. */
typedef struct {
    apr_pool_t *pool; /* for one answer: thousands of servers have their lines looked at */
    const cfaop_redirects *redirects;
} question;

static int is_open(const void *data, const server_rec *s)
{
    const question *q = data;
    int is_open_to_all = answers_strangers(q->pool, q->redirects, s);

    apr_pool_clear(q->pool);
    return is_open_to_all;
}

cfaop_twins *cfaop_bypass_index(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base)
{
    question q = {NULL, cfaop_redirects_index(p, tree, base)};
    cfaop_twins *twins;

    apr_pool_create(&q.pool, p);
    twins = cfaop_twins_index(p, base, is_open, &q);
    apr_pool_destroy(q.pool);
    return twins;
}

int cfaop_bypass_is_guarded(const cfaop_tree *tree, const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return conf->mode == CFAOP_MODE_ON && cfaop_tree_shows_tls(tree, s) && (s->is_virtual || conf->is_reached_by_tls);
}

/* Says whether s says itself that it is not On. */
static int is_open_on_purpose(const server_rec *s)
{
    return s->is_virtual && cfaop_config_of(s)->mode_is_own && cfaop_config_of(s)->mode != CFAOP_MODE_ON;
}

/*
 * A name within a wildcard of guarded, which another virtual host writes, may be meant to be open. It is if that
 * virtual host says so. Where it also stands before guarded, guarded never gets a request for the name.
 */
static int is_no_bypass(const cfaop_twins *twins, const cfaop_twin *twin, const server_rec *guarded)
{
    return cfaop_twins_is_hidden(twins, twin->server, guarded) || (twin->is_within && is_open_on_purpose(twin->server));
}

/* How many twins, from the first one on, are of its name. */
static int count_of_name(const cfaop_twin *first, const cfaop_twin *end)
{
    const cfaop_twin *twin = first;

    while (twin < end && twin->name == first->name) {
        ++twin;
    }
    return (int)(twin - first);
}

static int is_given_away(const cfaop_twins *twins, const cfaop_twin *first, int count, const server_rec *guarded)
{
    int i;

    for (i = 0; first->is_within && i < count; ++i) {
        if (is_open_on_purpose(first[i].server) && cfaop_twins_is_hidden(twins, guarded, first[i].server)) {
            return 1;
        }
    }
    return 0;
}

/* Adds the way round that the twins of one name are, if there is one. */
static void add_bypass(apr_array_header_t *bypasses, const cfaop_twins *twins, const cfaop_twin *first, int count,
                       const server_rec *guarded)
{
    cfaop_bypass *bypass = NULL;
    int i;

    if (is_given_away(twins, first, count, guarded)) {
        return;
    }
    for (i = 0; i < count; ++i) {
        if (is_no_bypass(twins, &first[i], guarded)) {
            continue;
        }
        if (!bypass) {
            bypass = apr_array_push(bypasses);
            bypass->name = first->name;
            bypass->is_within = first->is_within;
            bypass->servers = apr_array_make(bypasses->pool, 1, sizeof(const server_rec *));
        }
        APR_ARRAY_PUSH(bypass->servers, const server_rec *) = first[i].server;
    }
}

/* The servers of found that get requests for a name of guarded, by name. */
static apr_array_header_t *by_name(apr_pool_t *p, const cfaop_twins *twins, const apr_array_header_t *found,
                                   const server_rec *guarded)
{
    apr_array_header_t *bypasses = apr_array_make(p, 1, sizeof(cfaop_bypass));
    const cfaop_twin *twin = (const cfaop_twin *)found->elts, *end = twin + found->nelts;
    int count;

    for (; twin < end; twin += count) {
        count = count_of_name(twin, end);
        add_bypass(bypasses, twins, twin, count, guarded);
    }
    return bypasses;
}

apr_array_header_t *cfaop_bypass_of(apr_pool_t *p, cfaop_twins *twins, const server_rec *guarded)
{
    return by_name(p, twins, cfaop_twins_of(p, twins, guarded), guarded);
}

/* ---- warnings ---- */

/* Returns the servers of a way round: "a (file:1), b (file:2)". */
static const char *servers_of(apr_pool_t *p, const cfaop_bypass *bypass)
{
    cfaop_name_list list = {p, NULL, 0};
    int i;

    for (i = 0; i < bypass->servers->nelts; ++i) {
        const server_rec *s = APR_ARRAY_IDX(bypass->servers, i, const server_rec *);
        cfaop_name_list_add(&list, apr_psprintf(p, "%s (%s)", cfaop_server_label(p, s), cfaop_server_place(p, s)));
    }
    return cfaop_name_list_text(&list);
}

static void warn_of_name(apr_array_header_t *findings, const server_rec *guarded, const cfaop_bypass *bypass)
{
    apr_pool_t *p = findings->pool;

    const char *text =
        apr_psprintf(p,
                     "CFAOP131: %s is guarded by %s, but is served without the guard by %s: "
                     "have that one redirect everything to the guarded one, or guard it, "
                     "or %s",
                     bypass->name, cfaop_server_label(p, guarded), servers_of(p, bypass),
                     bypass->is_within ? "write CFOriginPull Off into it if that is meant" : "remove the name from it");

    cfaop_findings_add(findings, APLOG_WARNING, text);
}

/*
 * Warns once of each name of guarded that open serves. Names with a warning are in seen; *more counts those without a
 * line.
 */
static void warn_of_server(apr_array_header_t *findings, const server_rec *guarded, const apr_array_header_t *open,
                           apr_hash_t *seen, int *more)
{
    apr_pool_t *p = apr_hash_pool_get(seen);
    int i;

    for (i = 0; i < open->nelts; ++i) {
        const cfaop_bypass *bypass = &APR_ARRAY_IDX(open, i, cfaop_bypass);
        char *name = apr_pstrdup(open->pool, bypass->name);
        ap_str_tolower(name);
        if (apr_hash_get(seen, name, APR_HASH_KEY_STRING)) {
            continue;
        }
        name = apr_pstrdup(p, name);
        apr_hash_set(seen, name, APR_HASH_KEY_STRING, name);
        if (apr_hash_count(seen) > LINES_MAX) {
            ++*more;
        }
        else {
            warn_of_name(findings, guarded, bypass);
        }
    }
}

void cfaop_bypass_warn(apr_array_header_t *findings, apr_pool_t *ptemp, const cfaop_tree *tree, const server_rec *base)
{
    cfaop_twins *twins = cfaop_bypass_index(ptemp, tree, base);
    apr_hash_t *seen = apr_hash_make(ptemp);
    apr_pool_t *each;
    const server_rec *s;
    int more = 0;

    apr_pool_create(&each, ptemp);
    for (s = base; s; s = s->next) {
        if (cfaop_bypass_is_guarded(tree, s)) {
            warn_of_server(findings, s, cfaop_bypass_of(each, twins, s), seen, &more);
            apr_pool_clear(each);
        }
    }
    apr_pool_destroy(each);
    if (more) {
        const char *text = apr_psprintf(findings->pool,
                                        "CFAOP132: %d more guarded names are served without the guard: "
                                        "apachectl -t -D DUMP_CF_ORIGIN_PULL lists them",
                                        more);
        cfaop_findings_add(findings, APLOG_WARNING, text);
    }
}
