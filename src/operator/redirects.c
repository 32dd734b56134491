/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file redirects.c
 * Tells whether a virtual host does nothing but redirect: such a host is no way round the guard. A configuration that
 * may do anything else counts as serving.
 */
#include "operator/redirects.h"

#include "config/tree.h"

#include "apr_strings.h"

#define ACME "acme-challenge"

static int is_one_of(const char *word, const char *const *words)
{
    for (; *words; ++words) {
        if (!strcmp(word, *words)) {
            return 1;
        }
    }
    return 0;
}

static int matches_all(const char *pattern)
{
    static const char *const all[] = {"^",       "^/",      "^/?",      ".*",    "^.*",   "^.*$",
                                      "(.*)",    "^(.*)$",  "^(.*)",    "^/.*",  "^/.*$", "^/(.*)",
                                      "^/(.*)$", "^/?(.*)", "^/?(.*)$", "/(.*)", NULL};

    return is_one_of(pattern, all);
}

/* ---- mod_alias ---- */

static const char *word_before_last(apr_pool_t *p, const char *args)
{
    const char *word, *last = "", *before = "";

    while (*args && *(word = ap_getword_conf(p, &args))) {
        before = last;
        last = word;
    }
    return before;
}

/* Redirect [status] PATH TARGET, in each of its spellings, with a path that stands for all */
static int is_redirect_of_all(apr_pool_t *p, const ap_directive_t *node)
{
    static const char *const plain[] = {"redirect", "redirectpermanent", "redirecttemp", NULL};
    char *name = apr_pstrdup(p, node->directive);

    ap_str_tolower(name);
    if (!strcmp(name, "redirectmatch")) {
        return matches_all(word_before_last(p, node->args));
    }
    return is_one_of(name, plain) && !strcmp(word_before_last(p, node->args), "/");
}

/* ---- directives that serve beside a Redirect: httpd asks mod_proxy and the handlers of a <Location> first ---- */

static int proxies(const ap_directive_t *node)
{
    return !strncasecmp(node->directive, "ProxyPass", 9) && strncasecmp(node->directive, "ProxyPassReverse", 16) != 0
        && !strstr(node->args, ACME);
}

static int serves(const ap_directive_t *node)
{
    const ap_directive_t *inner;

    if (proxies(node) || !ap_cstr_casecmp(node->directive, "SetHandler")) {
        return 1;
    }
    if (strncasecmp(node->directive, "<Location", 9) != 0 || strstr(node->args, ACME)) {
        return 0;
    }
    for (inner = node->first_child; inner; inner = inner->next) {
        if (serves(inner)) {
            return 1;
        }
    }
    return 0;
}

/* ---- mod_rewrite ---- */

/* The conditions (RewriteCond) of a rule. */
typedef struct {
    int exception;             /* a condition may be false for plain HTTP */
    apr_array_header_t *names; /* of const char *: the conditions allow these values of SERVER_NAME or HTTP_HOST */
    int all_or;                /* conditions on names are joined by [OR] */
} conditions;

static void clear(conditions *c)
{
    c->exception = 0;
    c->all_or = 1;
    apr_array_clear(c->names);
}

static int is_always_true(const char *subject, const char *pattern)
{
    static const char *const off[] = {"off", "=off", "!on", "!=on", "^off$", "!^on$", NULL};
    static const char *const port[] = {"80", "=80", "^80$", "!443", "!=443", "!^443$", NULL};
    static const char *const scheme[] = {"http", "=http", "^http$", "!https", "!=https", "!^https$", NULL};

    return (!strcmp(subject, "%{HTTPS}") && is_one_of(pattern, off))
        || (!strcmp(subject, "%{SERVER_PORT}") && is_one_of(pattern, port))
        || (!strcmp(subject, "%{REQUEST_SCHEME}") && is_one_of(pattern, scheme))
        || (!strcmp(subject, "%{REQUEST_URI}") && *pattern == '!' && strstr(pattern, ACME));
}

static void add_condition(apr_pool_t *p, conditions *c, const char *args)
{
    const char *subject = ap_getword_conf(p, &args);
    const char *pattern = ap_getword_conf(p, &args);
    const char *flags = ap_getword_conf(p, &args);

    if ((!strcmp(subject, "%{SERVER_NAME}") || !strcmp(subject, "%{HTTP_HOST}")) && *pattern == '=') {
        if (c->names->nelts && !c->all_or) {
            c->exception = 1; /* the name has to equal two values at once */
        }
        APR_ARRAY_PUSH(c->names, const char *) = pattern + 1;
        c->all_or = strstr(flags, "OR") != NULL;
    }
    else if (!is_always_true(subject, pattern)) {
        c->exception = 1;
    }
}

static int has_name(const conditions *c, const char *name)
{
    int i;

    for (i = 0; i < c->names->nelts; ++i) {
        if (!ap_cstr_casecmp(APR_ARRAY_IDX(c->names, i, const char *), name)) {
            return 1;
        }
    }
    return 0;
}

/* Says whether the conditions hold for each name that s answers to. */
static int hold_for(const conditions *c, const server_rec *s)
{
    int i;

    if (c->exception || (c->names->nelts && s->wild_names && s->wild_names->nelts)) {
        return 0;
    }
    if (!c->names->nelts) {
        return 1;
    }
    for (i = 0; s->names && i < s->names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(s->names, i, const char *);
        if (name && !has_name(c, name)) {
            return 0;
        }
    }
    return !s->server_hostname || has_name(c, s->server_hostname);
}

static int has_flag(apr_pool_t *p, const char *flags, const char *brief, const char *full)
{
    char *state, *list = apr_pstrdup(p, flags), *flag;

    for (flag = apr_strtok(list, "[], ", &state); flag; flag = apr_strtok(NULL, "[], ", &state)) {
        const char *value = strchr(flag, '=');
        apr_size_t length = value ? (apr_size_t)(value - flag) : strlen(flag);
        if ((length == strlen(brief) && !strncasecmp(flag, brief, length))
            || (length == strlen(full) && !strncasecmp(flag, full, length))) {
            return 1;
        }
    }
    return 0;
}

typedef enum { RULE_HARMLESS, RULE_REDIRECTS_ALL, RULE_SERVES } rule_kind;

static rule_kind kind_of_rule(apr_pool_t *p, const char *args, const conditions *c, const server_rec *s)
{
    const char *pattern = ap_getword_conf(p, &args);
    const char *flags;

    (void)ap_getword_conf(p, &args);
    flags = ap_getword_conf(p, &args);
    if (strstr(pattern, ACME)) {
        return RULE_HARMLESS;
    }
    if (!has_flag(p, flags, "R", "redirect") || has_flag(p, flags, "P", "proxy")) {
        return RULE_SERVES;
    }
    return matches_all(pattern) && hold_for(c, s) ? RULE_REDIRECTS_ALL : RULE_HARMLESS;
}

/* Returns what the rewrite rules of s do. Without RewriteEngine on in s itself they do nothing. */
static rule_kind kind_of_rules(apr_pool_t *p, const ap_directive_t *node, const server_rec *s)
{
    conditions c = {0, apr_array_make(p, 2, sizeof(const char *)), 1};
    rule_kind result = RULE_HARMLESS;
    int engine = 0;

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "RewriteEngine")) {
            engine = !ap_cstr_casecmp(node->args, "on");
        }
        else if (!ap_cstr_casecmp(node->directive, "RewriteCond")) {
            add_condition(p, &c, node->args);
        }
        else if (!ap_cstr_casecmp(node->directive, "RewriteRule")) {
            if (result == RULE_HARMLESS) {
                result = kind_of_rule(p, node->args, &c, s);
            }
            clear(&c);
        }
    }
    return engine ? result : RULE_HARMLESS;
}

int cfaop_redirects_all(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *first = cfaop_tree_directives(tree, s), *node;
    rule_kind rules = kind_of_rules(p, first, s);
    int redirects = rules == RULE_REDIRECTS_ALL;

    if (rules == RULE_SERVES) {
        return 0;
    }
    for (node = first; node; node = node->next) {
        if (serves(node)) {
            return 0;
        }
        redirects = redirects || is_redirect_of_all(p, node);
    }
    return redirects;
}
