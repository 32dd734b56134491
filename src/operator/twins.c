/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file twins.c
 * Finds virtual hosts that answer to the same name, by an index: a server can have ten thousand virtual hosts.
 */
#include "operator/twins.h"

#include "apr_hash.h"
#include "apr_strings.h"

struct cfaop_twins {
    apr_pool_t *pool;
    const server_rec *base;
    apr_hash_t *orders;      /* server_rec * -> int: its place in httpd's chain, where the last virtual host is first */
    apr_hash_t *by_name;     /* name in lower case -> array of server_rec * with that ServerName or ServerAlias */
    apr_hash_t *by_pattern;  /* wildcard in lower case -> array of server_rec * that have it as an alias */
    apr_array_header_t *odd; /* of server_rec *: servers with a wildcard that is not "*." and a name */
    apr_hash_t *by_suffix;   /* ".example.org" -> array of server_rec * with a name below it; NULL: not made yet */
};

static const char *lower_case(apr_pool_t *p, const char *name)
{
    char *copy = apr_pstrdup(p, name);

    ap_str_tolower(copy);
    return copy;
}

/* ---- the index ---- */

static void add_server(apr_hash_t *lists, const char *key, const server_rec *s)
{
    apr_array_header_t *list = apr_hash_get(lists, key, APR_HASH_KEY_STRING);

    if (!list) {
        list = apr_array_make(apr_hash_pool_get(lists), 1, sizeof(const server_rec *));
        apr_hash_set(lists, key, APR_HASH_KEY_STRING, list);
    }
    if (!list->nelts || APR_ARRAY_IDX(list, list->nelts - 1, const server_rec *) != s) {
        APR_ARRAY_PUSH(list, const server_rec *) = s;
    }
}

/* The suffix that a wildcard like "*.example.org" stands for, ".example.org"; NULL: it is of another form. */
static const char *suffix_of(const char *pattern)
{
    return pattern[0] == '*' && pattern[1] == '.' && !strpbrk(pattern + 1, "*?") ? pattern + 1 : NULL;
}

static void each_name(const server_rec *s, void (*use)(cfaop_twins *, const char *, const server_rec *),
                      cfaop_twins *twins)
{
    int i;

    if (s->server_hostname) {
        use(twins, s->server_hostname, s);
    }
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->names, i, const char *)) {
            use(twins, APR_ARRAY_IDX(s->names, i, const char *), s);
        }
    }
}

static void index_name(cfaop_twins *twins, const char *name, const server_rec *s)
{
    add_server(twins->by_name, lower_case(twins->pool, name), s);
}

static void index_wildcards(cfaop_twins *twins, const server_rec *s)
{
    int i, is_odd = 0;

    for (i = 0; s->wild_names && i < s->wild_names->nelts; ++i) {
        const char *pattern = APR_ARRAY_IDX(s->wild_names, i, const char *);
        if (pattern) {
            add_server(twins->by_pattern, lower_case(twins->pool, pattern), s);
            is_odd = is_odd || !suffix_of(pattern);
        }
    }
    if (is_odd) {
        APR_ARRAY_PUSH(twins->odd, const server_rec *) = s;
    }
}

cfaop_twins *cfaop_twins_index(apr_pool_t *p, const server_rec *base)
{
    cfaop_twins *twins = apr_palloc(p, sizeof(*twins));
    const server_rec *s;
    int count = 0;

    twins->pool = p;
    twins->base = base;
    twins->orders = apr_hash_make(p);
    twins->by_name = apr_hash_make(p);
    twins->by_pattern = apr_hash_make(p);
    twins->odd = apr_array_make(p, 4, sizeof(const server_rec *));
    twins->by_suffix = NULL;
    for (s = base; s; s = s->next) {
        const server_rec **key = apr_palloc(p, sizeof(*key));
        int *order = apr_palloc(p, sizeof(*order));
        *key = s;
        *order = count++;
        apr_hash_set(twins->orders, key, sizeof(*key), order);
        each_name(s, index_name, twins);
        index_wildcards(twins, s);
    }
    return twins;
}

static void index_suffixes(cfaop_twins *twins, const char *name, const server_rec *s)
{
    const char *dot = lower_case(twins->pool, name);

    while ((dot = strchr(dot, '.'))) {
        add_server(twins->by_suffix, dot, s);
        ++dot;
    }
}

/* Makes the index of suffixes at the first wildcard: most configurations have none. */
static apr_hash_t *suffixes(cfaop_twins *twins)
{
    const server_rec *s;

    if (!twins->by_suffix) {
        twins->by_suffix = apr_hash_make(twins->pool);
        for (s = twins->base; s; s = s->next) {
            each_name(s, index_suffixes, twins);
        }
    }
    return twins->by_suffix;
}

/* ---- looking up ---- */

static void add_twin(apr_array_header_t *found, const server_rec *self, const server_rec *s, const char *name)
{
    cfaop_twin *twin;
    int i;

    if (s == self) {
        return;
    }
    for (i = 0; i < found->nelts; ++i) {
        twin = &APR_ARRAY_IDX(found, i, cfaop_twin);
        if (twin->server == s && !ap_cstr_casecmp(twin->name, name)) {
            return;
        }
    }
    twin = apr_array_push(found);
    twin->server = s;
    twin->name = name;
}

static void add_twins(apr_array_header_t *found, const server_rec *self, apr_hash_t *lists, const char *key,
                      const char *name)
{
    const apr_array_header_t *list = apr_hash_get(lists, key, APR_HASH_KEY_STRING);
    int i;

    for (i = 0; list && i < list->nelts; ++i) {
        add_twin(found, self, APR_ARRAY_IDX(list, i, const server_rec *), name);
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

/* The virtual hosts with a wildcard that stands for name; a name may be a wildcard itself. */
static void find_broader(cfaop_twins *twins, const server_rec *self, const char *name, apr_array_header_t *found)
{
    const char *dot = lower_case(twins->pool, name);
    int i;

    for (; (dot = strchr(dot, '.')); ++dot) {
        add_twins(found, self, twins->by_pattern, apr_pstrcat(twins->pool, "*", dot, NULL), name);
    }
    for (i = 0; i < twins->odd->nelts; ++i) {
        const server_rec *s = APR_ARRAY_IDX(twins->odd, i, const server_rec *);
        if (matches_wildcard(s, name)) {
            add_twin(found, self, s, name);
        }
    }
}

/* The virtual hosts that answer to each name that name, which may be a wildcard, stands for. */
static void find_all_of(cfaop_twins *twins, const server_rec *self, const char *name, apr_array_header_t *found)
{
    add_twins(found, self, twins->by_name, lower_case(twins->pool, name), name);
    find_broader(twins, self, name, found);
}

static int has_name_like(const server_rec *s, const char *pattern)
{
    int i;

    for (i = 0; s->names && i < s->names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(s->names, i, const char *);
        if (name && !ap_strcasecmp_match(name, pattern)) {
            return 1;
        }
    }
    return s->server_hostname && !ap_strcasecmp_match(s->server_hostname, pattern);
}

/* The virtual hosts that answer to a name that the wildcard stands for. */
static void find_some_of(cfaop_twins *twins, const server_rec *self, const char *pattern, apr_array_header_t *found)
{
    const char *suffix = suffix_of(pattern);
    const server_rec *s;

    add_twins(found, self, twins->by_pattern, lower_case(twins->pool, pattern), pattern);
    if (suffix) {
        add_twins(found, self, suffixes(twins), lower_case(twins->pool, suffix), pattern);
        return;
    }
    for (s = twins->base; s; s = s->next) {
        if (has_name_like(s, pattern)) {
            add_twin(found, self, s, pattern);
        }
    }
}

apr_array_header_t *cfaop_twins_of(cfaop_twins *twins, const server_rec *s)
{
    apr_array_header_t *found = apr_array_make(twins->pool, 2, sizeof(cfaop_twin));
    int i;

    if (s->server_hostname) {
        find_all_of(twins, s, s->server_hostname, found);
    }
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->names, i, const char *)) {
            find_all_of(twins, s, APR_ARRAY_IDX(s->names, i, const char *), found);
        }
    }
    for (i = 0; s->wild_names && i < s->wild_names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->wild_names, i, const char *)) {
            find_some_of(twins, s, APR_ARRAY_IDX(s->wild_names, i, const char *), found);
        }
    }
    return found;
}

/* ---- which of two gets the requests ---- */

static int has_address(const server_rec *s, const server_addr_rec *wanted)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        if (addr->host_port == wanted->host_port && apr_sockaddr_equal(addr->host_addr, wanted->host_addr)) {
            return 1;
        }
    }
    return 0;
}

int cfaop_twins_is_hidden(const cfaop_twins *twins, const server_rec *s, const server_rec *by)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        if (!has_address(by, addr)) {
            return 0;
        }
    }
    return s->is_virtual && by->is_virtual
        && *(int *)apr_hash_get(twins->orders, &by, sizeof(by)) > *(int *)apr_hash_get(twins->orders, &s, sizeof(s));
}

/* ---- is each name covered by another virtual host? ---- */

static int is_covered(cfaop_twins *twins, const server_rec *s, const char *name, cfaop_server_test test,
                      const void *data)
{
    apr_array_header_t *found = apr_array_make(twins->pool, 2, sizeof(cfaop_twin));
    int i;

    find_all_of(twins, s, name, found);
    add_twins(found, s, twins->by_pattern, lower_case(twins->pool, name), name);
    for (i = 0; i < found->nelts; ++i) {
        if (test(data, APR_ARRAY_IDX(found, i, cfaop_twin).server)) {
            return 1;
        }
    }
    return 0;
}

static const char *uncovered_among(cfaop_twins *twins, const server_rec *s, const apr_array_header_t *names,
                                   cfaop_server_test test, const void *data)
{
    int i;

    for (i = 0; names && i < names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (name && !is_covered(twins, s, name, test, data)) {
            return name;
        }
    }
    return NULL;
}

const char *cfaop_twins_uncovered(cfaop_twins *twins, const server_rec *s, cfaop_server_test test, const void *data)
{
    const char *name = s->server_hostname ? s->server_hostname : "";

    if (!is_covered(twins, s, name, test, data)) {
        return name;
    }
    name = uncovered_among(twins, s, s->names, test, data);
    return name ? name : uncovered_among(twins, s, s->wild_names, test, data);
}
