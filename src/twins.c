/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file twins.c
 * Virtual hosts that answer to the same name. An index by name, since people have ten thousand of them.
 */
#include "cfaop.h"

#include "apr_hash.h"
#include "apr_strings.h"

struct cfaop_twins {
    apr_pool_t *pool;
    const server_rec *base;
    apr_hash_t *by_name;           /* name in lower case -> array of server_rec * with that ServerName or ServerAlias */
    apr_array_header_t *wildcards; /* of server_rec *: those with a wildcard among their aliases */
};

static const char *lower(apr_pool_t *p, const char *name)
{
    char *copy = apr_pstrdup(p, name);

    ap_str_tolower(copy);
    return copy;
}

static void add_name(cfaop_twins *twins, const char *name, const server_rec *s)
{
    apr_array_header_t *servers;
    const char *key = lower(twins->pool, name);

    servers = apr_hash_get(twins->by_name, key, APR_HASH_KEY_STRING);
    if (!servers) {
        servers = apr_array_make(twins->pool, 1, sizeof(const server_rec *));
        apr_hash_set(twins->by_name, key, APR_HASH_KEY_STRING, servers);
    }
    APR_ARRAY_PUSH(servers, const server_rec *) = s;
}

cfaop_twins *cfaop_twins_index(apr_pool_t *p, const server_rec *base)
{
    cfaop_twins *twins = apr_palloc(p, sizeof(*twins));
    const server_rec *s;
    int i;

    twins->pool = p;
    twins->base = base;
    twins->by_name = apr_hash_make(p);
    twins->wildcards = apr_array_make(p, 4, sizeof(const server_rec *));
    for (s = base->next; s; s = s->next) {
        if (s->server_hostname) {
            add_name(twins, s->server_hostname, s);
        }
        for (i = 0; s->names && i < s->names->nelts; ++i) {
            if (APR_ARRAY_IDX(s->names, i, const char *)) {
                add_name(twins, APR_ARRAY_IDX(s->names, i, const char *), s);
            }
        }
        if (s->wild_names && s->wild_names->nelts) {
            APR_ARRAY_PUSH(twins->wildcards, const server_rec *) = s;
        }
    }
    return twins;
}

static void add_twin(apr_array_header_t *found, const server_rec *self, const server_rec *s, const char *name)
{
    cfaop_twin *twin;
    int i;

    if (s == self) {
        return;
    }
    for (i = 0; i < found->nelts; ++i) {
        if (APR_ARRAY_IDX(found, i, cfaop_twin).server == s) {
            return;
        }
    }
    twin = apr_array_push(found);
    twin->server = s;
    twin->name = name;
}

static int matches_wildcard(const server_rec *s, const char *name)
{
    int i;

    for (i = 0; i < s->wild_names->nelts; ++i) {
        const char *pattern = APR_ARRAY_IDX(s->wild_names, i, const char *);
        if (pattern && !ap_strcasecmp_match(name, pattern)) {
            return 1;
        }
    }
    return 0;
}

/* Who else answers to name? */
static void find_name(const cfaop_twins *twins, const server_rec *self, const char *name, apr_array_header_t *found)
{
    const apr_array_header_t *same = apr_hash_get(twins->by_name, lower(twins->pool, name), APR_HASH_KEY_STRING);
    int i;

    for (i = 0; same && i < same->nelts; ++i) {
        add_twin(found, self, APR_ARRAY_IDX(same, i, const server_rec *), name);
    }
    for (i = 0; i < twins->wildcards->nelts; ++i) {
        const server_rec *s = APR_ARRAY_IDX(twins->wildcards, i, const server_rec *);
        if (matches_wildcard(s, name)) {
            add_twin(found, self, s, name);
        }
    }
}

static int is_among(const apr_array_header_t *names, const char *pattern, int (*differ)(const char *, const char *))
{
    int i;

    for (i = 0; names && i < names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (name && !differ(name, pattern)) {
            return 1;
        }
    }
    return 0;
}

/* Who else answers to a name that the wildcard stands for? */
static void find_wildcard(const cfaop_twins *twins, const server_rec *self, const char *pattern, apr_array_header_t *found)
{
    const server_rec *s;

    for (s = twins->base->next; s; s = s->next) {
        if ((s->server_hostname && !ap_strcasecmp_match(s->server_hostname, pattern))
            || is_among(s->names, pattern, ap_strcasecmp_match) || is_among(s->wild_names, pattern, strcasecmp)) {
            add_twin(found, self, s, pattern);
        }
    }
}

apr_array_header_t *cfaop_twins_of(const cfaop_twins *twins, const server_rec *s)
{
    apr_array_header_t *found = apr_array_make(twins->pool, 2, sizeof(cfaop_twin));
    int i;

    if (s->server_hostname) {
        find_name(twins, s, s->server_hostname, found);
    }
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->names, i, const char *)) {
            find_name(twins, s, APR_ARRAY_IDX(s->names, i, const char *), found);
        }
    }
    for (i = 0; s->wild_names && i < s->wild_names->nelts; ++i) {
        if (APR_ARRAY_IDX(s->wild_names, i, const char *)) {
            find_wildcard(twins, s, APR_ARRAY_IDX(s->wild_names, i, const char *), found);
        }
    }
    return found;
}
