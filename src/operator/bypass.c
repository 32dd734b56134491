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

#include "ap_listen.h"
#include "apr_hash.h"
#include "apr_strings.h"

/* How many names have a line of their own; the last line counts the others. */
#define LINES_MAX 20

#define PORTS 65536

/* ---- which servers TLS and plain HTTP reach ---- */

/* A mark for each port. */
typedef char port_set[PORTS];

static void mark_ports(port_set ports, const server_rec *s)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        ports[addr->host_port] = 1;
    }
}

/* Notes how s, which shows no TLS of its own, is reached by its ports. Port 0 stands for any port. */
static void note_ports(const char *tls, const server_rec *s)
{
    cfaop_server_conf *conf = cfaop_config_of(s);
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        if (tls[addr->host_port] || tls[0] || !addr->host_port) {
            conf->is_reached_by_tls = 1;
        }
        if (!tls[addr->host_port]) {
            conf->is_reached_by_plain_http = 1;
        }
    }
}

/* The main server answers at the ports of Listen lines that no virtual host has. */
static void note_main_server(apr_pool_t *ptemp, port_set tls, const cfaop_tree *tree, const server_rec *base)
{
    cfaop_server_conf *conf = cfaop_config_of(base);
    int has_tls = cfaop_tree_shows_tls(tree, base);
    char *taken = apr_pcalloc(ptemp, sizeof(port_set));
    const ap_listen_rec *l;
    const server_rec *s;

    for (s = base->next; s; s = s->next) {
        mark_ports(taken, s);
    }
    for (l = ap_listeners; l; l = l->next) {
        if (taken[0] || taken[l->bind_addr->port]) {
            continue;
        }
        if (has_tls) {
            conf->is_reached_by_tls = 1;
            tls[l->bind_addr->port] = 1;
        }
        else {
            conf->is_reached_by_plain_http = 1;
        }
    }
}

void cfaop_bypass_note_reach(apr_pool_t *ptemp, const cfaop_tree *tree, const server_rec *base)
{
    char *tls = apr_pcalloc(ptemp, sizeof(port_set));
    const server_rec *s;

    note_main_server(ptemp, tls, tree, base);
    for (s = base->next; s; s = s->next) {
        if (cfaop_tree_shows_tls(tree, s)) {
            cfaop_config_of(s)->is_reached_by_tls = 1;
            mark_ports(tls, s);
        }
    }
    for (s = base; s; s = s->next) {
        if (s != base && !cfaop_tree_shows_tls(tree, s)) {
            note_ports(tls, s);
        }
    }
}

/* ---- ways round ---- */

/*
 * Says whether s has an On of its own that refuses plain HTTP: no virtual host with TLS has its names, so the guard
 * answers 400.
 */
static int refuses_plain_http(const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return s->is_virtual && conf->mode == CFAOP_MODE_ON && conf->mode_is_own && !conf->is_doubled;
}

/* Says whether s answers clients without a certificate. */
static int answers_strangers(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    if (conf->is_reached_by_tls && conf->mode != CFAOP_MODE_ON) {
        return 1;
    }
    return conf->is_reached_by_plain_http && !refuses_plain_http(s) && !cfaop_redirects_all(p, tree, s);
}

/* What answers_strangers() needs, for the index, which asks it once about each server. */
typedef struct {
    apr_pool_t *pool; /* for one answer: thousands of servers may have thousands of inherited lines looked at */
    const cfaop_tree *tree;
} question;

static int is_open(const void *data, const server_rec *s)
{
    const question *q = data;
    int is_open_to_all = answers_strangers(q->pool, q->tree, s);

    apr_pool_clear(q->pool);
    return is_open_to_all;
}

cfaop_twins *cfaop_bypass_index(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base)
{
    question q = {NULL, tree};
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

apr_array_header_t *cfaop_bypass_of(apr_pool_t *p, cfaop_twins *twins, const server_rec *guarded)
{
    const apr_array_header_t *found = cfaop_twins_of(p, twins, guarded);
    apr_array_header_t *open = apr_array_make(p, 1, sizeof(cfaop_twin));
    int i;

    for (i = 0; i < found->nelts; ++i) {
        const cfaop_twin *twin = &APR_ARRAY_IDX(found, i, cfaop_twin);
        if (!cfaop_twins_is_hidden(twins, twin->server, guarded)) {
            APR_ARRAY_PUSH(open, cfaop_twin) = *twin;
        }
    }
    return open;
}

/* ---- warnings ---- */

/* Returns the servers of open, from index from on, that answer to name: "a (file:1), b (file:2)". */
static const char *servers_of(apr_pool_t *p, const apr_array_header_t *open, int from, const char *name)
{
    cfaop_name_list list = {p, NULL, 0};
    int i;

    for (i = from; i < open->nelts; ++i) {
        const cfaop_twin *twin = &APR_ARRAY_IDX(open, i, cfaop_twin);
        if (!ap_cstr_casecmp(twin->name, name)) {
            cfaop_name_list_add(&list, apr_psprintf(p, "%s (%s)", cfaop_server_label(p, twin->server),
                                                    cfaop_server_place(p, twin->server)));
        }
    }
    return cfaop_name_list_text(&list);
}

static void warn_of_name(apr_array_header_t *findings, const server_rec *guarded, const char *name, const char *servers)
{
    apr_pool_t *p = findings->pool;

    const char *text = apr_psprintf(p,
                                    "CFAOP131: %s is guarded by %s, but is served without the guard by %s: "
                                    "have that one redirect everything to the guarded one, or guard it, "
                                    "or remove the name from it",
                                    name, cfaop_server_label(p, guarded), servers);

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
        char *name = apr_pstrdup(open->pool, APR_ARRAY_IDX(open, i, cfaop_twin).name);
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
            warn_of_name(findings, guarded, name, servers_of(p, open, i, name));
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
