/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file twins.c
 * Finds virtual hosts that answer to the same name, by an index: a server can have ten thousand virtual hosts.
 */
#include "operator/twins.h"

#include "base/server.h"

#include "apr_hash.h"
#include "apr_strings.h"

/* A server of the index. */
typedef struct {
    const server_rec *server;
    int order;       /* its place in httpd's chain, where the last virtual host is first */
    unsigned lookup; /* the last look-up that found it */
} entry;

struct cfaop_twins {
    apr_pool_t *pool;
    unsigned lookups;
    apr_hash_t *entries;     /* server_rec * -> entry, of each server */
    apr_hash_t *by_name;     /* name in lower case -> array of entry * with that ServerName or ServerAlias */
    apr_hash_t *by_pattern;  /* wildcard in lower case -> array of entry * that have it as an alias */
    apr_hash_t *by_suffix;   /* ".example.org" -> array of entry * with a name or wildcard below it */
    apr_array_header_t *odd; /* of entry *: servers with a wildcard that is not "*." and a name */
    apr_array_header_t *all; /* of entry *: the servers that passed the test; the indexes hold only these */
};

static const char *lower_case(apr_pool_t *p, const char *name)
{
    char *copy = apr_pstrdup(p, name);

    ap_str_tolower(copy);
    return copy;
}

/* ---- the index ---- */

static void add_entry(apr_hash_t *lists, const char *key, entry *e)
{
    apr_array_header_t *list = apr_hash_get(lists, key, APR_HASH_KEY_STRING);

    if (!list) {
        list = apr_array_make(apr_hash_pool_get(lists), 1, sizeof(entry *));
        apr_hash_set(lists, key, APR_HASH_KEY_STRING, list);
    }
    if (!list->nelts || APR_ARRAY_IDX(list, list->nelts - 1, entry *) != e) {
        APR_ARRAY_PUSH(list, entry *) = e;
    }
}

/* The suffix that a wildcard like "*.example.org" stands for, ".example.org"; NULL: it is of another form. */
static const char *suffix_of(const char *pattern)
{
    return pattern[0] == '*' && pattern[1] == '.' && !strpbrk(pattern + 1, "*?") ? pattern + 1 : NULL;
}

static void index_suffixes(cfaop_twins *twins, const char *key, entry *e)
{
    const char *dot;

    for (dot = strchr(key, '.'); dot; dot = strchr(dot + 1, '.')) {
        add_entry(twins->by_suffix, dot, e);
    }
}

static void index_name(cfaop_twins *twins, const char *name, entry *e)
{
    const char *key = lower_case(twins->pool, name);

    add_entry(twins->by_name, key, e);
    index_suffixes(twins, key, e);
}

static void index_names(cfaop_twins *twins, entry *e)
{
    const server_rec *s = e->server;
    int i;

    if (s->server_hostname) {
        index_name(twins, s->server_hostname, e);
    }
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->names, i, const char *)) {
            index_name(twins, APR_ARRAY_IDX(s->names, i, const char *), e);
        }
    }
}

static void index_wildcards(cfaop_twins *twins, entry *e)
{
    const apr_array_header_t *wild = e->server->wild_names;
    int i, is_odd = 0;

    for (i = 0; wild && i < wild->nelts; ++i) {
        const char *pattern = APR_ARRAY_IDX(wild, i, const char *);
        if (pattern) {
            const char *key = lower_case(twins->pool, pattern);
            add_entry(twins->by_pattern, key, e);
            index_suffixes(twins, key, e);
            is_odd = is_odd || !suffix_of(pattern);
        }
    }
    if (is_odd) {
        APR_ARRAY_PUSH(twins->odd, entry *) = e;
    }
}

static entry *add_server(cfaop_twins *twins, const server_rec *s, int order)
{
    entry *e = apr_pcalloc(twins->pool, sizeof(*e));

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

    twins->pool = p;
    twins->entries = apr_hash_make(p);
    twins->by_name = apr_hash_make(p);
    twins->by_pattern = apr_hash_make(p);
    twins->by_suffix = apr_hash_make(p);
    twins->odd = apr_array_make(p, 4, sizeof(entry *));
    twins->all = apr_array_make(p, 4, sizeof(entry *));
    for (s = base; s; s = s->next) {
        entry *e = add_server(twins, s, count++);
        if (test(data, s)) {
            APR_ARRAY_PUSH(twins->all, entry *) = e;
            index_names(twins, e);
            index_wildcards(twins, e);
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
    apr_array_header_t *found;
} lookup;

static void add_twin(const lookup *l, entry *e)
{
    cfaop_twin *twin;

    if (e->server == l->self || e->lookup == l->twins->lookups) {
        return;
    }
    e->lookup = l->twins->lookups;
    twin = apr_array_push(l->found);
    twin->server = e->server;
    twin->name = l->name;
}

static void add_twins(const lookup *l, apr_hash_t *lists, const char *key)
{
    const apr_array_header_t *list = apr_hash_get(lists, key, APR_HASH_KEY_STRING);
    int i;

    for (i = 0; list && i < list->nelts; ++i) {
        add_twin(l, APR_ARRAY_IDX(list, i, entry *));
    }
}

static int matches_wildcard(const server_rec *s, const char *name)
{
    int i;

    for (i = 0; s->wild_names && i < s->wild_names->nelts; ++i) {
        const char *pattern = APR_ARRAY_IDX(s->wild_names, i, const char *);
        if (pattern && !ap_strcasecmp_match(name, pattern)) {
            return 1;
        }
    }
    return 0;
}

/* The virtual hosts with a wildcard that stands for the name, which may be a wildcard itself. */
static void find_broader(const lookup *l)
{
    apr_pool_t *p = l->found->pool;
    const char *dot = lower_case(p, l->name);
    int i;

    for (; (dot = strchr(dot, '.')); ++dot) {
        add_twins(l, l->twins->by_pattern, apr_pstrcat(p, "*", dot, NULL));
    }
    for (i = 0; i < l->twins->odd->nelts; ++i) {
        entry *e = APR_ARRAY_IDX(l->twins->odd, i, entry *);
        if (matches_wildcard(e->server, l->name)) {
            add_twin(l, e);
        }
    }
}

/* The servers that answer to every host name that l->name, which may be a wildcard, matches. */
static void find_all_of(const lookup *l)
{
    ++l->twins->lookups;
    add_twins(l, l->twins->by_name, lower_case(l->found->pool, l->name));
    find_broader(l);
}

static int has_one_like(const apr_array_header_t *names, const char *pattern)
{
    int i;

    for (i = 0; names && i < names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (name && !ap_strcasecmp_match(name, pattern)) {
            return 1;
        }
    }
    return 0;
}

/* A narrower wildcard is like the pattern, too. */
static int has_name_like(const server_rec *s, const char *pattern)
{
    return has_one_like(s->names, pattern) || has_one_like(s->wild_names, pattern)
        || (s->server_hostname && !ap_strcasecmp_match(s->server_hostname, pattern));
}

/* The servers that answer to at least one host name that the wildcard l->name matches. */
static void find_some_of(const lookup *l)
{
    const char *suffix = suffix_of(l->name);
    int i;

    ++l->twins->lookups;
    add_twins(l, l->twins->by_pattern, lower_case(l->found->pool, l->name));
    find_broader(l);
    if (suffix) {
        add_twins(l, l->twins->by_suffix, lower_case(l->found->pool, suffix));
        return;
    }
    for (i = 0; i < l->twins->all->nelts; ++i) {
        entry *e = APR_ARRAY_IDX(l->twins->all, i, entry *);
        if (has_name_like(e->server, l->name)) {
            add_twin(l, e);
        }
    }
}

/* Looks up the name, if it was not looked up before: a name may be written twice. */
static void find_once(lookup *l, apr_hash_t *done, const char *name, void (*find)(const lookup *))
{
    const char *key = name ? lower_case(l->found->pool, name) : NULL;

    if (key && !apr_hash_get(done, key, APR_HASH_KEY_STRING)) {
        apr_hash_set(done, key, APR_HASH_KEY_STRING, key);
        l->name = name;
        find(l);
    }
}

apr_array_header_t *cfaop_twins_of(apr_pool_t *p, cfaop_twins *twins, const server_rec *s)
{
    lookup l = {twins, s, NULL, apr_array_make(p, 2, sizeof(cfaop_twin))};
    apr_hash_t *done = apr_hash_make(p);
    int i;

    find_once(&l, done, s->server_hostname, find_all_of);
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        find_once(&l, done, APR_ARRAY_IDX(s->names, i, const char *), find_all_of);
    }
    for (i = 0; s->wild_names && i < s->wild_names->nelts; ++i) {
        find_once(&l, done, APR_ARRAY_IDX(s->wild_names, i, const char *), find_some_of);
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
    lookup l = {twins, s, name, apr_array_make(twins->pool, 2, sizeof(cfaop_twin))};

    find_all_of(&l);
    add_twins(&l, twins->by_pattern, lower_case(twins->pool, name));
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
