/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_rules.c
 * What mod_rewrite's rules of a virtual host make of its requests. Whatever is not clearly an answer to everything
 * counts as none.
 */
#include "operator/rewrite_rules.h"

#include "operator/patterns.h"
#include "operator/rewrite_conds.h"
#include "operator/rewrite_flags.h"

#include "apr_strings.h"

struct cfaop_rewrite_main {
    const cfaop_tree *tree;
    apr_array_header_t *rules; /* of const ap_directive_t *: its conditions and rules, in order */
    int options;               /* its RewriteOptions */
    int is_switched_off;       /* a section of it has RewriteEngine off */
    int is_switched_on;        /* one has RewriteEngine on */
};

/* ---- rules ---- */

typedef struct {
    const char *pattern, *target;
    cfaop_rewrite_flags flags;
} rewrite_rule;

static rewrite_rule read_rule(apr_pool_t *p, const char *args)
{
    rewrite_rule rule;

    rule.pattern = ap_getword_conf(p, &args);
    rule.target = ap_getword_conf(p, &args);
    rule.flags = cfaop_rewrite_flags_of(p, ap_getword_conf(p, &args));
    return rule;
}

static int has_target(const rewrite_rule *rule)
{
    return strcmp(rule->target, "-") != 0;
}

/*
 * Does the rule redirect, or refuse? mod_rewrite takes any status; without a target [R=301] does nothing. It takes a
 * target on another scheme for a redirect, too. A target on the request's own scheme may be this very server.
 */
static int answers(const rewrite_rule *rule, const cfaop_requests *requests)
{
    const char *other = requests->scheme && !strcmp(requests->scheme, "https") ? "http://" : "https://";
    int status = rule->flags.status;

    if (rule->flags.is_final || (rule->flags.redirects && has_target(rule))) {
        return !status || (status >= 300 && status != HTTP_NOT_MODIFIED);
    }
    return requests->scheme && !strncasecmp(rule->target, other, strlen(other));
}

/* Does a rule for ACME challenges leave it at that? Its target may be any place of the site. */
static int is_for_challenges(const rewrite_rule *rule)
{
    static const char *const words[] = {"acme", "challenge", "letsencrypt", NULL};
    int i;

    for (i = 0; words[i]; ++i) {
        if (ap_strcasestr(rule->target, words[i])) {
            return 1;
        }
    }
    return !has_target(rule) || rule->flags.proxies || rule->flags.redirects || rule->flags.is_final;
}

static cfaop_rewrite kind_of_rule(apr_pool_t *p, const rewrite_rule *rule, const cfaop_rewrite_conds *c,
                                  const cfaop_requests *requests)
{
    const char *pattern = rule->pattern;
    int is_for_all = cfaop_patterns_match_all(p, pattern) || (*pattern == '!' && cfaop_patterns_is_acme(pattern + 1));

    if (rule->flags.steers) {
        return CFAOP_REWRITE_SERVES;
    }
    if (c->is_never) {
        return CFAOP_REWRITE_NOTHING;
    }
    if (c->is_acme || cfaop_patterns_is_acme(pattern)) {
        return is_for_challenges(rule) ? CFAOP_REWRITE_NOTHING : CFAOP_REWRITE_SERVES;
    }
    if (rule->flags.proxies) {
        return CFAOP_REWRITE_SERVES;
    }
    if (!answers(rule, requests)) {
        return has_target(rule) || rule->flags.ends ? CFAOP_REWRITE_SERVES : CFAOP_REWRITE_NOTHING;
    }
    return is_for_all && cfaop_rewrite_conds_hold_for(c, requests->server) ? CFAOP_REWRITE_ANSWERS_ALL
                                                                           : CFAOP_REWRITE_NOTHING;
}

/* ---- lists of rules ---- */

/*
 * What the rules so far do. After a redirect that does not end the rules, mod_rewrite goes on with the URL of the
 * target, and a later rule can still make a local path of it.
 */
typedef struct {
    cfaop_rewrite kind;
    int is_over;     /* no later rule changes it */
    int is_absolute; /* a redirect may have gone before, and mod_rewrite has gone on */
} progress;

static void apply(apr_pool_t *p, progress *so_far, const rewrite_rule *rule, const cfaop_rewrite_conds *c,
                  const cfaop_requests *requests)
{
    cfaop_rewrite kind = kind_of_rule(p, rule, c, requests);
    int may_match = !so_far->is_absolute || cfaop_patterns_may_match_absolute(rule->pattern);

    if (so_far->kind == CFAOP_REWRITE_NOTHING) {
        so_far->kind = kind;
    }
    else if (kind == CFAOP_REWRITE_SERVES && (rule->flags.steers || (may_match && has_target(rule)))) {
        so_far->kind = CFAOP_REWRITE_SERVES;
    }
    so_far->is_over =
        so_far->kind == CFAOP_REWRITE_SERVES || (kind == CFAOP_REWRITE_ANSWERS_ALL && rule->flags.ends && may_match);
    so_far->is_absolute = so_far->is_absolute || (answers(rule, requests) && !rule->flags.ends);
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

static void apply_all(apr_pool_t *p, progress *so_far, const apr_array_header_t *rules, const cfaop_requests *requests)
{
    cfaop_rewrite_conds c = cfaop_rewrite_conds_none(p);
    int i;

    for (i = 0; i < rules->nelts && !so_far->is_over; ++i) {
        const ap_directive_t *node = APR_ARRAY_IDX(rules, i, const ap_directive_t *);
        if (!ap_cstr_casecmp(node->directive, "RewriteCond")) {
            cfaop_rewrite_conds_add(p, &c, node->args, requests);
        }
        else {
            rewrite_rule rule = read_rule(p, node->args);
            apply(p, so_far, &rule, &c, requests);
            cfaop_rewrite_conds_clear(&c);
        }
    }
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

static int is_of_mod_rewrite(const ap_directive_t *node)
{
    static const char *const names[] = {"RewriteEngine", "RewriteOptions", "RewriteBase", "RewriteCond",
                                        "RewriteRule",   "RewriteMap",     NULL};
    int i;

    for (i = 0; names[i] && ap_cstr_casecmp(node->directive, names[i]) != 0; ++i) {
    }
    return names[i] != NULL;
}

/*
 * mod_rewrite does nothing in a virtual host that has no directive of it, neither outside of sections nor in one,
 * whatever the main server hands down.
 */
static int has_directives(const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *node;

    for (node = cfaop_tree_directives(tree, s); node && s->is_virtual; node = node->next) {
        if (is_of_mod_rewrite(node)) {
            return 1;
        }
    }
    return !s->is_virtual || cfaop_tree_in_sections(tree, s, is_of_mod_rewrite);
}

/* httpd takes the word in quotes, too. */
static int says_on(const char *args)
{
    args += strspn(args, " \t\"'");
    return !strncasecmp(args, "on", 2) && !args[2 + strspn(args + 2, " \t\"'")];
}

/* mod_rewrite asks for the engine of the request's <Location> and <If> sections before it looks at rules. */
static int switches(const ap_directive_t *node, int on)
{
    const ap_directive_t *section = node->parent;

    if (ap_cstr_casecmp(node->directive, "RewriteEngine") || says_on(node->args) != on) {
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

static int switches_off(const ap_directive_t *node)
{
    return switches(node, 0);
}

static int switches_on(const ap_directive_t *node)
{
    return switches(node, 1);
}

cfaop_rewrite_main *cfaop_rewrite_rules_of_main(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base)
{
    cfaop_rewrite_main *found = apr_pcalloc(p, sizeof(*found));
    const apr_array_header_t *list = cfaop_tree_inherited(tree, "rewriteoptions");
    int i;

    found->tree = tree;
    found->rules = rules_from(p, cfaop_tree_directives(tree, base));
    found->is_switched_off = cfaop_tree_in_sections(tree, base, switches_off);
    found->is_switched_on = cfaop_tree_in_sections(tree, base, switches_on);
    for (i = 0; list && i < list->nelts; ++i) {
        found->options |= options_of(p, APR_ARRAY_IDX(list, i, const ap_directive_t *));
    }
    return found;
}

/* What the rules do, if the engine is on or off outside of sections, and a section may switch it. */
static cfaop_rewrite where_switched(const cfaop_rewrite_main *base, const server_rec *s, cfaop_rewrite kind, int is_on)
{
    if (kind == CFAOP_REWRITE_ANSWERS_ALL && is_on
        && !(base->is_switched_off || cfaop_tree_in_sections(base->tree, s, switches_off))) {
        return kind;
    }
    return kind == CFAOP_REWRITE_SERVES
                && (is_on || base->is_switched_on || cfaop_tree_in_sections(base->tree, s, switches_on))
             ? kind
             : CFAOP_REWRITE_NOTHING;
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
    progress so_far = {CFAOP_REWRITE_NOTHING, 0, 0};
    const apr_array_header_t *own;

    if (!has_directives(base->tree, s)) {
        return CFAOP_REWRITE_NOTHING;
    }
    own = s->is_virtual ? rules_from(p, cfaop_tree_directives(base->tree, s)) : base->rules;
    apply_all(p, &so_far, inherits == INHERIT_BEFORE ? base->rules : own, requests);
    if (inherits) {
        apply_all(p, &so_far, inherits == INHERIT_BEFORE ? own : base->rules, requests);
    }
    return where_switched(base, s, so_far.kind, engine && !ap_cstr_casecmp(engine, "on"));
}
