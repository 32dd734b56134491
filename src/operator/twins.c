/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file twins.c
 * Finds virtual hosts that answer to the same name, by an index: a server can have ten thousand virtual hosts.
 */
#include "operator/twins.h"

#include "base/server.h"
#include "operator/name_index.h"

#include "apr_hash.h"
#include "apr_strings.h"

/* A server of the index. */
typedef struct {
    const server_rec *server;
    int order;          /* its place in httpd's chain, where the last virtual host is first */
    unsigned lookup;    /* the last look-up that found it */
    const char *within; /* the name by which it did, of those within the wildcard; NULL: by all that was looked up */
} entry;

struct cfaop_twins {
    unsigned lookups;
    apr_hash_t *entries;     /* server_rec * -> entry, of each server */
    cfaop_name_index *names; /* of the servers that passed the test; an owner is an entry */
};

/* ---- the index ---- */

static void index_names(cfaop_twins *twins, entry *e)
{
    const server_rec *s = e->server;
    int i;

    if (s->server_hostname) {
        cfaop_name_index_add(twins->names, s->server_hostname, e);
    }
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->names, i, const char *)) {
            cfaop_name_index_add(twins->names, APR_ARRAY_IDX(s->names, i, const char *), e);
        }
    }
    for (i = 0; s->wild_names && i < s->wild_names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->wild_names, i, const char *)) {
            cfaop_name_index_add_wildcard(twins->names, APR_ARRAY_IDX(s->wild_names, i, const char *), e);
        }
    }
}

static entry *add_server(cfaop_twins *twins, const server_rec *s, int order)
{
    entry *e = apr_pcalloc(apr_hash_pool_get(twins->entries), sizeof(*e));

    e->server = s;
    e->order = order;
    apr_hash_set(twins->entries, &e->server, sizeof(const server_rec *), e);
    return e;
}

cfaop_twins *cfaop_twins_index(apr_pool_t *p, const server_rec *base, cfaop_server_test test, const void *data)
{
    cfaop_twins *twins = apr_pcalloc(p, sizeof(*twins));
    const server_rec *s;
    int count = 0;

    twins->entries = apr_hash_make(p);
    twins->names = cfaop_name_index_make(p);
    for (s = base; s; s = s->next) {
        entry *e = add_server(twins, s, count++);
        if (test(data, s)) {
            index_names(twins, e);
        }
    }
    return twins;
}

/* ---- looking up ---- */

/* What one look-up finds: the servers of the index, except self, that answer to name. */
typedef struct {
    cfaop_twins *twins;
    const server_rec *self;
    const char *name;
    apr_hash_t *done;   /* the names that were looked up, or found within a wildcard, in lower case */
    const char *within; /* the name within the wildcard that is being found */
    int is_done;        /* that name was found before */
    apr_array_header_t *found;
} lookup;

static void add_twin(const lookup *l, entry *e, const char *within)
{
    cfaop_twin *twin = apr_array_push(l->found);

    e->lookup = l->twins->lookups;
    e->within = within;
    twin->server = e->server;
    twin->name = within ? within : l->name;
    twin->is_within = within != NULL;
}

/* Adds the owner of a name that is the one looked up, or of a wildcard that it is within. */
static void add_broader(void *data, const char *name, void *owner)
{
    const lookup *l = data;
    entry *e = owner;

    (void)name;
    if (e->server != l->self && e->lookup != l->twins->lookups) {
        add_twin(l, e, NULL);
    }
}

/* Adds the owner of a name within the wildcard that is looked up. The same names follow each other. */
static void add_within(void *data, const char *name, void *owner)
{
    lookup *l = data;
    entry *e = owner;

    if (!l->within || strcmp(l->within, name) != 0) {
        l->within = name;
        l->is_done = apr_hash_get(l->done, name, APR_HASH_KEY_STRING) != NULL;
        apr_hash_set(l->done, name, APR_HASH_KEY_STRING, name);
    }
    if (l->is_done || e->server == l->self
        || (e->lookup == l->twins->lookups && (!e->within || e->within == l->within))) {
        return;
    }
    add_twin(l, e, l->within);
}

/* The servers that answer to every host name that l->name, which may be a wildcard, matches. */
static void find_all_of(lookup *l)
{
    ++l->twins->lookups;
    cfaop_name_index_find_broader(l->found->pool, l->twins->names, l->name, add_broader, l);
}

/* The servers that answer to at least one host name that the wildcard l->name matches. */
static void find_some_of(lookup *l)
{
    find_all_of(l);
    l->within = NULL;
    cfaop_name_index_find_within(l->found->pool, l->twins->names, l->name, add_within, l);
}

/* Looks up the name, if it was not looked up before: a name may be written twice. */
static void find_once(lookup *l, const char *name, void (*find)(lookup *))
{
    char *key = name ? apr_pstrdup(l->found->pool, name) : NULL;

    if (!key) {
        return;
    }
    ap_str_tolower(key);
    if (!apr_hash_get(l->done, key, APR_HASH_KEY_STRING)) {
        apr_hash_set(l->done, key, APR_HASH_KEY_STRING, key);
        l->name = name;
        find(l);
    }
}

static lookup start_lookup(apr_pool_t *p, cfaop_twins *twins, const server_rec *s)
{
    lookup l = {twins, s, NULL, apr_hash_make(p), NULL, 0, apr_array_make(p, 2, sizeof(cfaop_twin))};

    return l;
}

apr_array_header_t *cfaop_twins_of(apr_pool_t *p, cfaop_twins *twins, const server_rec *s)
{
    lookup l = start_lookup(p, twins, s);
    int i;

    find_once(&l, s->server_hostname, find_all_of);
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        find_once(&l, APR_ARRAY_IDX(s->names, i, const char *), find_all_of);
    }
    for (i = 0; s->wild_names && i < s->wild_names->nelts; ++i) {
        find_once(&l, APR_ARRAY_IDX(s->wild_names, i, const char *), find_some_of);
    }
    return l.found;
}

/* ---- which of two gets the requests ---- */

static int order_of(const cfaop_twins *twins, const server_rec *s)
{
    const entry *e = apr_hash_get(twins->entries, &s, sizeof(s));

    return e->order;
}

int cfaop_twins_is_hidden(const cfaop_twins *twins, const server_rec *s, const server_rec *by)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        if (!cfaop_server_has_address(by, addr)) {
            return 0;
        }
    }
    return s->is_virtual && by->is_virtual && order_of(twins, by) > order_of(twins, s);
}

/* ---- is each name covered by another virtual host? ---- */

static int is_covered(cfaop_twins *twins, const server_rec *s, const char *name)
{
    lookup l = start_lookup(apr_hash_pool_get(twins->entries), twins, s);

    l.name = name;
    find_all_of(&l);
    return l.found->nelts > 0;
}

static const char *uncovered_among(cfaop_twins *twins, const server_rec *s, const apr_array_header_t *names)
{
    int i;

    for (i = 0; names && i < names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (name && !is_covered(twins, s, name)) {
            return name;
        }
    }
    return NULL;
}

const char *cfaop_twins_uncovered(cfaop_twins *twins, const server_rec *s)
{
    const char *name = s->server_hostname ? s->server_hostname : "";

    if (!is_covered(twins, s, name)) {
        return name;
    }
    name = uncovered_among(twins, s, s->names);
    return name ? name : uncovered_among(twins, s, s->wild_names);
}
