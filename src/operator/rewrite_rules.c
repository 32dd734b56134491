/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_rules.c
 * What mod_rewrite's rules of a virtual host make of plain HTTP. Whatever is not clearly an answer to everything
 * counts as none.
 */
#include "operator/rewrite_rules.h"

#include "operator/patterns.h"

#include "apr_strings.h"

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

/* ---- conditions ---- */

/* The conditions before a rule: groups that are joined by [OR] inside, and all of which must hold. */
typedef struct {
    int exception;             /* a group may be false for plain HTTP */
    apr_array_header_t *names; /* of const char *: SERVER_NAME equals one of them */
    int name_groups;           /* how many groups have names */
    int is_open;               /* the condition before this one had [OR] */
    int group_is_true, group_is_odd;
    int group_start; /* where its names begin */
} conditions;

static void clear(conditions *c)
{
    apr_array_header_t *names = c->names;

    apr_array_clear(names);
    memset(c, 0, sizeof(*c));
    c->names = names;
}

/*
 * SERVER_PORT is not among these, nor is HTTP_HOST among the names below: both are what the client writes into the
 * Host header, in any case and with any port.
 */
static int is_always_true(const char *subject, const char *pattern)
{
    static const char *const off[] = {"off", "=off", "!on", "!=on", "^off$", "!^on$", NULL};
    static const char *const scheme[] = {"http", "=http", "^http$", "!https", "!=https", "!^https$", NULL};

    return (!strcmp(subject, "%{HTTPS}") && cfaop_patterns_is_one_of(pattern, off))
        || (!strcmp(subject, "%{REQUEST_SCHEME}") && cfaop_patterns_is_one_of(pattern, scheme))
        || (!strcmp(subject, "%{REQUEST_URI}") && *pattern == '!' && cfaop_patterns_is_acme(pattern + 1));
}

static void end_group(conditions *c)
{
    if (c->group_is_true) {
        c->names->nelts = c->group_start;
    }
    else if (c->group_is_odd) {
        c->exception = 1;
    }
    c->name_groups += c->names->nelts > c->group_start;
    c->group_is_true = c->group_is_odd = c->is_open = 0;
    c->group_start = c->names->nelts;
}

static void add_condition(apr_pool_t *p, conditions *c, const char *args)
{
    const char *subject = ap_getword_conf(p, &args);
    const char *pattern = ap_getword_conf(p, &args);

    if (!strcmp(subject, "%{SERVER_NAME}") && *pattern == '=') {
        APR_ARRAY_PUSH(c->names, const char *) = pattern + 1;
    }
    else if (is_always_true(subject, pattern)) {
        c->group_is_true = 1;
    }
    else {
        c->group_is_odd = 1;
    }
    c->is_open = has_flag(p, ap_getword_conf(p, &args), "OR", "ornext");
    if (!c->is_open) {
        end_group(c);
    }
}

/* "=" compares bytes, and httpd has the name that a client sends in lower case. */
static int has_name(const conditions *c, const char *name)
{
    int i;

    for (i = 0; i < c->names->nelts && !strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); ++i) {
        if (!strcmp(APR_ARRAY_IDX(c->names, i, const char *), name)) {
            return 1;
        }
    }
    return 0;
}

/* Do the conditions hold for each name that s answers to? */
static int hold_for(const conditions *c, const server_rec *s)
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

/* ---- rules ---- */

/* mod_rewrite takes a target on another scheme for a redirect. "http://" does not count: it may be this very server. */
static int answers(apr_pool_t *p, const char *target, const char *flags)
{
    return has_flag(p, flags, "R", "redirect") || has_flag(p, flags, "F", "forbidden")
        || has_flag(p, flags, "G", "gone") || !strncasecmp(target, "https://", strlen("https://"));
}

/* Does the rule decide about those after it? */
static int steers(apr_pool_t *p, const char *flags)
{
    return has_flag(p, flags, "C", "chain") || has_flag(p, flags, "S", "skip") || has_flag(p, flags, "N", "next");
}

static int ends(apr_pool_t *p, const char *flags)
{
    return has_flag(p, flags, "L", "last") || has_flag(p, flags, "END", "END");
}

static cfaop_rewrite kind_of_rule(apr_pool_t *p, const char *args, const conditions *c, const server_rec *s)
{
    const char *pattern = ap_getword_conf(p, &args);
    const char *target = ap_getword_conf(p, &args);
    const char *flags = ap_getword_conf(p, &args);
    int is_for_all = cfaop_patterns_match_all(pattern) || (*pattern == '!' && cfaop_patterns_is_acme(pattern + 1));

    if (has_flag(p, flags, "P", "proxy") && !cfaop_patterns_is_acme(pattern)) {
        return CFAOP_REWRITE_SERVES;
    }
    if (steers(p, flags)) {
        return CFAOP_REWRITE_SERVES;
    }
    if (cfaop_patterns_is_acme(pattern)) {
        return CFAOP_REWRITE_NOTHING;
    }
    if (!answers(p, target, flags)) {
        return strcmp(target, "-") != 0 || ends(p, flags) ? CFAOP_REWRITE_SERVES : CFAOP_REWRITE_NOTHING;
    }
    return is_for_all && hold_for(c, s) ? CFAOP_REWRITE_ANSWERS_ALL : CFAOP_REWRITE_NOTHING;
}

/* What the rules from node on do: the first that does anything decides. */
static cfaop_rewrite kind_of_rules(apr_pool_t *p, const ap_directive_t *node, const server_rec *s)
{
    conditions c = {.names = apr_array_make(p, 2, sizeof(const char *))};
    cfaop_rewrite result = CFAOP_REWRITE_NOTHING;

    for (; node && result == CFAOP_REWRITE_NOTHING; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "RewriteCond")) {
            add_condition(p, &c, node->args);
        }
        else if (!ap_cstr_casecmp(node->directive, "RewriteRule")) {
            result = kind_of_rule(p, node->args, &c, s);
            clear(&c);
        }
    }
    return result;
}

/* ---- what is inherited ---- */

enum { INHERIT = 1, INHERIT_BEFORE = 2, DOWN = 4, DOWN_BEFORE = 8, IGNORE = 16, ANY = 32 };

static int option_of(const char *word)
{
    static const struct {
        const char *name;
        int option;
    } options[] = {{"Inherit", INHERIT},
                   {"InheritBefore", INHERIT_BEFORE},
                   {"InheritDown", DOWN},
                   {"InheritDownBefore", DOWN_BEFORE},
                   {"IgnoreInherit", IGNORE}};
    apr_size_t i;

    for (i = 0; i < sizeof(options) / sizeof(options[0]); ++i) {
        if (!ap_cstr_casecmp(word, options[i].name)) {
            return options[i].option;
        }
    }
    return 0;
}

static int options_of(apr_pool_t *p, const ap_directive_t *node)
{
    const char *args = node->args, *word;
    int options = ANY;

    while (*args && *(word = ap_getword_conf(p, &args))) {
        options |= option_of(word);
    }
    return options;
}

/* How s inherits the main server's rules: INHERIT (they come last), INHERIT_BEFORE, or 0. */
static int inheritance(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    const apr_array_header_t *list = cfaop_tree_inherited(tree, "rewriteoptions");
    const ap_directive_t *node;
    int own = 0, base = 0, i;

    for (i = 0; list && i < list->nelts; ++i) {
        base |= options_of(p, APR_ARRAY_IDX(list, i, const ap_directive_t *));
    }
    for (node = cfaop_tree_directives(tree, s); node; node = node->next) {
        own |= ap_cstr_casecmp(node->directive, "RewriteOptions") ? 0 : options_of(p, node);
    }
    own = own ? own : base; /* options are inherited themselves */
    if (own & INHERIT || (base & DOWN && !(own & IGNORE))) {
        return INHERIT;
    }
    return own & INHERIT_BEFORE || (base & DOWN_BEFORE && !(own & IGNORE)) ? INHERIT_BEFORE : 0;
}

cfaop_rewrite cfaop_rewrite_rules_of(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *own = cfaop_tree_directives(tree, s);
    const char *engine = cfaop_tree_last(tree, s, "rewriteengine");
    int inherits = s->is_virtual ? inheritance(p, tree, s) : 0;
    cfaop_rewrite first;

    if (!engine || ap_cstr_casecmp(engine, "on") != 0) {
        return CFAOP_REWRITE_NOTHING;
    }
    first = kind_of_rules(p, inherits == INHERIT_BEFORE ? ap_conftree : own, s);
    if (first != CFAOP_REWRITE_NOTHING || !inherits) {
        return first;
    }
    return kind_of_rules(p, inherits == INHERIT_BEFORE ? own : ap_conftree, s);
}
