/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_conds.c
 * Which requests the conditions before a rule of mod_rewrite hold for. Whatever is not plain counts as an exception.
 */
#include "operator/rewrite_conds.h"

#include "operator/patterns.h"
#include "operator/rewrite_flags.h"

#include "apr_strings.h"

cfaop_rewrite_conds cfaop_rewrite_conds_none(apr_pool_t *p)
{
    cfaop_rewrite_conds c = {.names = apr_array_make(p, 2, sizeof(const char *))};

    return c;
}

void cfaop_rewrite_conds_clear(cfaop_rewrite_conds *c)
{
    apr_array_header_t *names = c->names;

    apr_array_clear(names);
    memset(c, 0, sizeof(*c));
    c->names = names;
}

int cfaop_rewrite_conds_expression_holds(apr_pool_t *p, const char *expression, const cfaop_requests *requests)
{
    static const char *const plain[] = {"%{HTTPS}==off", "%{HTTPS}!=on", NULL};
    static const char *const tls[] = {"%{HTTPS}==on", "%{HTTPS}!=off", NULL};
    static const char *const http[] = {"%{REQUEST_SCHEME}==http", "%{REQUEST_SCHEME}!=https", NULL};
    static const char *const https[] = {"%{REQUEST_SCHEME}==https", "%{REQUEST_SCHEME}!=http", NULL};
    const char *from;
    char *text = apr_pstrdup(p, expression), *to = text;

    for (from = text; *from; ++from) {
        if (!strchr(" \t\"'>", *from)) {
            *to++ = *from;
        }
    }
    *to = '\0';
    return cfaop_patterns_is_one_of(text, requests->is_tls ? tls : plain)
        || (requests->scheme && cfaop_patterns_is_one_of(text, strcmp(requests->scheme, "https") ? http : https));
}

/*
 * SERVER_PORT is not among these, nor is HTTP_HOST among the names below: both are what the client writes into the
 * Host header, in any case and with any port.
 */
static int holds_for_scheme(apr_pool_t *p, const char *subject, const char *pattern, const cfaop_requests *requests)
{
    static const char *const off[] = {"off", "=off", "!on", "!=on", "^off", "!^on", "^off$", "!^on$", NULL};
    static const char *const on[] = {"on", "=on", "!off", "!=off", "^on", "!^off", "^on$", "!^off$", NULL};
    static const char *const http[] = {"http", "=http", "^http$", "!https", "!=https", "!^https", "!^https$", NULL};
    static const char *const https[] = {"https", "=https", "^https", "^https$", "!=http", "!^http$", NULL};

    if (!strcasecmp(subject, "expr")) {
        return cfaop_rewrite_conds_expression_holds(p, pattern, requests);
    }
    if (!strcmp(subject, "%{HTTPS}")) {
        return cfaop_patterns_is_one_of(pattern, requests->is_tls ? on : off);
    }
    return !strcmp(subject, "%{REQUEST_SCHEME}") && requests->scheme
        && cfaop_patterns_is_one_of(pattern, strcmp(requests->scheme, "https") ? http : https);
}

/* Is a condition on HTTPS false for all these requests? */
static int is_false(apr_pool_t *p, const char *subject, const char *pattern, const cfaop_requests *requests)
{
    cfaop_requests others = {requests->server, !requests->is_tls, NULL};

    return holds_for_scheme(p, subject, pattern, &others);
}

static int is_uri(const char *subject)
{
    return !strcmp(subject, "%{REQUEST_URI}");
}

static int is_all_but_acme(const char *subject, const char *pattern)
{
    return is_uri(subject) && *pattern == '!' && cfaop_patterns_is_acme(pattern + 1);
}

static void end_group(cfaop_rewrite_conds *c)
{
    if (c->group_is_true) {
        c->names->nelts = c->group_start;
    }
    else if (c->group_is_odd) {
        c->exception = 1;
    }
    c->is_acme = c->is_acme || (c->group_is_acme && !c->group_is_more);
    c->is_never = c->is_never || !c->group_may_be;
    c->name_groups += c->names->nelts > c->group_start;
    c->group_is_true = c->group_is_odd = c->group_is_acme = c->group_is_more = c->group_may_be = c->is_open = 0;
    c->group_start = c->names->nelts;
}

void cfaop_rewrite_conds_add(apr_pool_t *p, cfaop_rewrite_conds *c, const char *args, const cfaop_requests *requests)
{
    const char *subject = ap_getword_conf(p, &args);
    const char *pattern = ap_getword_conf(p, &args);
    int is_acme = is_uri(subject) && cfaop_patterns_is_acme(pattern);

    if (!strcmp(subject, "%{SERVER_NAME}") && *pattern == '=') {
        APR_ARRAY_PUSH(c->names, const char *) = pattern + 1;
    }
    else if (holds_for_scheme(p, subject, pattern, requests) || is_all_but_acme(subject, pattern)) {
        c->group_is_true = 1;
    }
    else {
        c->group_is_odd = 1;
    }
    c->group_may_be |= !is_false(p, subject, pattern, requests);
    c->group_is_acme |= is_acme;
    c->group_is_more |= !is_acme;
    c->is_open = cfaop_rewrite_flags_has(p, ap_getword_conf(p, &args), "OR", "ornext");
    if (!c->is_open) {
        end_group(c);
    }
}

/* "=" compares bytes, and httpd has the name that a client sends in lower case. */
static int has_name(const cfaop_rewrite_conds *c, const char *name)
{
    int i;

    for (i = 0; i < c->names->nelts && !strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); ++i) {
        if (!strcmp(APR_ARRAY_IDX(c->names, i, const char *), name)) {
            return 1;
        }
    }
    return 0;
}

int cfaop_rewrite_conds_hold_for(const cfaop_rewrite_conds *c, const server_rec *s)
{
    int i;

    if (c->exception || c->is_open || c->name_groups > 1) {
        return 0;
    }
    if (!c->name_groups) {
        return 1;
    }
    if (s->wild_names && s->wild_names->nelts) {
        return 0;
    }
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(s->names, i, const char *);
        if (name && !has_name(c, name)) {
            return 0;
        }
    }
    return !s->server_hostname || has_name(c, s->server_hostname);
}
