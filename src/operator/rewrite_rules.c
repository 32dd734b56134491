/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_rules.c
 * What mod_rewrite's rules of a virtual host make of its requests. Whatever is not clearly an answer to everything
 * counts as none.
 */
#include "operator/rewrite_rules.h"

#include "operator/patterns.h"

#include "apr_strings.h"

struct cfaop_rewrite_main {
    const cfaop_tree *tree;
    apr_array_header_t *rules; /* of const ap_directive_t *: its conditions and rules, in order */
    int options;               /* its RewriteOptions */
    int is_switched_off;       /* a section of it has RewriteEngine off */
};

/* Returns the value of a flag, "" if it has none; NULL: it is not among the flags. */
static const char *flag_value(apr_pool_t *p, const char *flags, const char *brief, const char *full)
{
    char *state, *list = apr_pstrdup(p, flags), *flag;

    for (flag = apr_strtok(list, "[], ", &state); flag; flag = apr_strtok(NULL, "[], ", &state)) {
        const char *value = strchr(flag, '=');
        apr_size_t length = value ? (apr_size_t)(value - flag) : strlen(flag);
        if ((length == strlen(brief) && !strncasecmp(flag, brief, length))
            || (length == strlen(full) && !strncasecmp(flag, full, length))) {
            return value ? value + 1 : "";
        }
    }
    return NULL;
}

static int has_flag(apr_pool_t *p, const char *flags, const char *brief, const char *full)
{
    return flag_value(p, flags, brief, full) != NULL;
}

/* ---- conditions ---- */

/* The conditions before a rule: groups that are joined by [OR] inside, and all of which must hold. */
typedef struct {
    int exception;             /* a group may be false */
    int is_acme;               /* a group holds for ACME challenges only */
    apr_array_header_t *names; /* of const char *: SERVER_NAME equals one of them */
    int name_groups;           /* how many groups have names */
    int is_open;               /* the condition before this one had [OR] */
    /* of the group that is being read */
    int group_is_true; /* one condition always holds */
    int group_is_odd;  /* one is not understood */
    int group_is_acme; /* one holds for ACME challenges only */
    int group_is_more; /* one is something else */
    int group_start;   /* where its names begin */
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
static int holds_for_scheme(const char *subject, const char *pattern, const cfaop_requests *requests)
{
    static const char *const off[] = {"off", "=off", "!on", "!=on", "^off$", "!^on$", NULL};
    static const char *const on[] = {"on", "=on", "!off", "!=off", "^on$", "!^off$", NULL};
    static const char *const http[] = {"http", "=http", "^http$", "!https", "!=https", "!^https$", NULL};
    static const char *const https[] = {"https", "=https", "^https$", "!=http", "!^http$", NULL};

    if (!strcmp(subject, "%{HTTPS}")) {
        return cfaop_patterns_is_one_of(pattern, requests->is_tls ? on : off);
    }
    return !strcmp(subject, "%{REQUEST_SCHEME}") && requests->scheme
        && cfaop_patterns_is_one_of(pattern, strcmp(requests->scheme, "https") ? http : https);
}

static int is_uri(const char *subject)
{
    return !strcmp(subject, "%{REQUEST_URI}");
}

static int is_all_but_acme(const char *subject, const char *pattern)
{
    return is_uri(subject) && *pattern == '!' && cfaop_patterns_is_acme(pattern + 1);
}

static void end_group(conditions *c)
{
    if (c->group_is_true) {
        c->names->nelts = c->group_start;
    }
    else if (c->group_is_odd) {
        c->exception = 1;
    }
    c->is_acme = c->is_acme || (c->group_is_acme && !c->group_is_more);
    c->name_groups += c->names->nelts > c->group_start;
    c->group_is_true = c->group_is_odd = c->group_is_acme = c->group_is_more = c->is_open = 0;
    c->group_start = c->names->nelts;
}

static void add_condition(apr_pool_t *p, conditions *c, const char *args, const cfaop_requests *requests)
{
    const char *subject = ap_getword_conf(p, &args);
    const char *pattern = ap_getword_conf(p, &args);
    int is_acme = is_uri(subject) && cfaop_patterns_is_acme(pattern);

    if (!strcmp(subject, "%{SERVER_NAME}") && *pattern == '=') {
        APR_ARRAY_PUSH(c->names, const char *) = pattern + 1;
    }
    else if (holds_for_scheme(subject, pattern, requests) || is_all_but_acme(subject, pattern)) {
        c->group_is_true = 1;
    }
    else {
        c->group_is_odd = 1;
    }
    c->group_is_acme |= is_acme;
    c->group_is_more |= !is_acme;
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

/* Is it the value of [R] that makes a redirect or a refusal? mod_rewrite takes any status. */
static int is_answer(const char *status)
{
    static const char *const moved[] = {"", "permanent", "temp", "seeother", NULL};

    return cfaop_patterns_is_one_of(status, moved) || (strchr("345", *status) && strcmp(status, "304") != 0);
}

/*
 * mod_rewrite takes a target on another scheme for a redirect. A target on the request's own scheme may be this very
 * server.
 */
static int answers(apr_pool_t *p, const char *target, const char *flags, const cfaop_requests *requests)
{
    const char *status = flag_value(p, flags, "R", "redirect");
    const char *other = requests->scheme && !strcmp(requests->scheme, "https") ? "http://" : "https://";

    if (status) {
        return is_answer(status);
    }
    return has_flag(p, flags, "F", "forbidden") || has_flag(p, flags, "G", "gone")
        || (requests->scheme && !strncasecmp(target, other, strlen(other)));
}

/* Does the rule decide about those after it? */
static int steers(apr_pool_t *p, const char *flags)
{
    return has_flag(p, flags, "C", "chain") || has_flag(p, flags, "S", "skip") || has_flag(p, flags, "N", "next");
}

static int ends(apr_pool_t *p, const char *flags)
{
    return has_flag(p, flags, "L", "last") || has_flag(p, flags, "END", "END") || has_flag(p, flags, "R", "redirect");
}

/* Does a rule for ACME challenges leave it at that? Its target may be any place of the site. */
static int is_for_challenges(apr_pool_t *p, const char *target, const char *flags)
{
    static const char *const words[] = {"acme", "challenge", "letsencrypt", NULL};
    int i;

    for (i = 0; words[i]; ++i) {
        if (ap_strcasestr(target, words[i])) {
            return 1;
        }
    }
    return !strcmp(target, "-") || has_flag(p, flags, "P", "proxy") || has_flag(p, flags, "R", "redirect")
        || has_flag(p, flags, "F", "forbidden") || has_flag(p, flags, "G", "gone");
}

static cfaop_rewrite kind_of_rule(apr_pool_t *p, const char *args, const conditions *c, const cfaop_requests *requests)
{
    const char *pattern = ap_getword_conf(p, &args);
    const char *target = ap_getword_conf(p, &args);
    const char *flags = ap_getword_conf(p, &args);
    int is_for_all = cfaop_patterns_match_all(p, pattern) || (*pattern == '!' && cfaop_patterns_is_acme(pattern + 1));

    if (steers(p, flags)) {
        return CFAOP_REWRITE_SERVES;
    }
    if (c->is_acme || cfaop_patterns_is_acme(pattern)) {
        return is_for_challenges(p, target, flags) ? CFAOP_REWRITE_NOTHING : CFAOP_REWRITE_SERVES;
    }
    if (has_flag(p, flags, "P", "proxy")) {
        return CFAOP_REWRITE_SERVES;
    }
    if (!answers(p, target, flags, requests)) {
        return strcmp(target, "-") != 0 || ends(p, flags) ? CFAOP_REWRITE_SERVES : CFAOP_REWRITE_NOTHING;
    }
    return is_for_all && hold_for(c, requests->server) ? CFAOP_REWRITE_ANSWERS_ALL : CFAOP_REWRITE_NOTHING;
}

/* Adds the conditions and rules from node on to an array of const ap_directive_t *. */
static apr_array_header_t *rules_from(apr_pool_t *p, const ap_directive_t *node)
{
    apr_array_header_t *rules = apr_array_make(p, 4, sizeof(const ap_directive_t *));

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "RewriteCond") || !ap_cstr_casecmp(node->directive, "RewriteRule")) {
            APR_ARRAY_PUSH(rules, const ap_directive_t *) = node;
        }
    }
    return rules;
}

/* What the rules do: the first that does anything decides. */
static cfaop_rewrite kind_of_rules(apr_pool_t *p, const apr_array_header_t *rules, const cfaop_requests *requests)
{
    conditions c = {.names = apr_array_make(p, 2, sizeof(const char *))};
    cfaop_rewrite result = CFAOP_REWRITE_NOTHING;
    int i;

    for (i = 0; i < rules->nelts && result == CFAOP_REWRITE_NOTHING; ++i) {
        const ap_directive_t *node = APR_ARRAY_IDX(rules, i, const ap_directive_t *);
        if (!ap_cstr_casecmp(node->directive, "RewriteCond")) {
            add_condition(p, &c, node->args, requests);
        }
        else {
            result = kind_of_rule(p, node->args, &c, requests);
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
static int inheritance(apr_pool_t *p, const cfaop_rewrite_main *base, const server_rec *s)
{
    const ap_directive_t *node;
    int own = 0, inherited = base->options;

    for (node = cfaop_tree_directives(base->tree, s); node; node = node->next) {
        own |= ap_cstr_casecmp(node->directive, "RewriteOptions") ? 0 : options_of(p, node);
    }
    own = own ? own : inherited; /* options are inherited themselves */
    if (own & INHERIT || (inherited & DOWN && !(own & IGNORE))) {
        return INHERIT;
    }
    return own & INHERIT_BEFORE || (inherited & DOWN_BEFORE && !(own & IGNORE)) ? INHERIT_BEFORE : 0;
}

/* mod_rewrite asks for the engine of the request's <Location> and <If> sections before it looks at rules. */
static int switches_off(const ap_directive_t *node)
{
    const ap_directive_t *section = node->parent;

    if (ap_cstr_casecmp(node->directive, "RewriteEngine") || !ap_cstr_casecmp(node->args, "on")) {
        return 0;
    }
    for (; section; section = section->parent) {
        if (!strncasecmp(section->directive, "<Location", 9) || !strncasecmp(section->directive, "<If", 3)
            || !strncasecmp(section->directive, "<Else", 5)) {
            return 1;
        }
    }
    return 0;
}

cfaop_rewrite_main *cfaop_rewrite_rules_of_main(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base)
{
    cfaop_rewrite_main *found = apr_pcalloc(p, sizeof(*found));
    const apr_array_header_t *list = cfaop_tree_inherited(tree, "rewriteoptions");
    int i;

    found->tree = tree;
    found->rules = rules_from(p, cfaop_tree_directives(tree, base));
    found->is_switched_off = cfaop_tree_in_sections(tree, base, switches_off);
    for (i = 0; list && i < list->nelts; ++i) {
        found->options |= options_of(p, APR_ARRAY_IDX(list, i, const ap_directive_t *));
    }
    return found;
}

static int is_switched_off(const cfaop_rewrite_main *base, const server_rec *s)
{
    return base->is_switched_off || cfaop_tree_in_sections(base->tree, s, switches_off);
}

/*
 * httpd takes the scheme from ServerName, if it has one; else from mod_ssl, which goes by the virtual host, not by the
 * connection.
 */
cfaop_requests cfaop_rewrite_rules_requests(const cfaop_tree *tree, const server_rec *s, int is_tls)
{
    cfaop_requests requests = {s, is_tls, NULL};

    if (!s->server_scheme && cfaop_tree_shows_tls(tree, s) == is_tls) {
        requests.scheme = is_tls ? "https" : "http";
    }
    return requests;
}

cfaop_rewrite cfaop_rewrite_rules_of(apr_pool_t *p, const cfaop_rewrite_main *base, const cfaop_requests *requests)
{
    const server_rec *s = requests->server;
    const char *engine = cfaop_tree_last(base->tree, s, "rewriteengine");
    int inherits = s->is_virtual ? inheritance(p, base, s) : 0;
    const apr_array_header_t *own;
    cfaop_rewrite result;

    if (!engine || ap_cstr_casecmp(engine, "on") != 0) {
        return CFAOP_REWRITE_NOTHING;
    }
    own = s->is_virtual ? rules_from(p, cfaop_tree_directives(base->tree, s)) : base->rules;
    result = kind_of_rules(p, inherits == INHERIT_BEFORE ? base->rules : own, requests);
    if (result == CFAOP_REWRITE_NOTHING && inherits) {
        result = kind_of_rules(p, inherits == INHERIT_BEFORE ? own : base->rules, requests);
    }
    return result == CFAOP_REWRITE_ANSWERS_ALL && is_switched_off(base, s) ? CFAOP_REWRITE_NOTHING : result;
}
