/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file redirects.c
 * Does a virtual host do nothing but redirect or refuse? Then it is no way round the guard, and the dump need not
 * name it. Whatever is not clearly an answer to everything counts as serving.
 */
#include "operator/redirects.h"

#include "config/tree.h"
#include "operator/patterns.h"
#include "operator/rewrite_rules.h"

#include "apr_strings.h"

/* The arguments of a directive, as words; what ends a section's line is no part of them. */
static apr_array_header_t *words_of(apr_pool_t *p, const ap_directive_t *node)
{
    apr_array_header_t *words = apr_array_make(p, 4, sizeof(const char *));
    const char *args = node->args, *word;
    apr_size_t length = strlen(args);

    if (*node->directive == '<' && length && args[length - 1] == '>') {
        args = apr_pstrndup(p, args, length - 1);
    }
    while (*args && *(word = ap_getword_conf(p, &args))) {
        APR_ARRAY_PUSH(words, const char *) = word;
    }
    return words;
}

static const char *word_at(const apr_array_header_t *words, int i)
{
    return i < words->nelts ? APR_ARRAY_IDX(words, i, const char *) : "";
}

static int is_called(const ap_directive_t *node, const char *name)
{
    return !ap_cstr_casecmp(node->directive, name);
}

/* ---- mod_alias ---- */

typedef enum { NO_STATUS, WITH_TARGET, WITHOUT_TARGET } status_kind;

/* What a Redirect's first word makes of it. Answers other than redirects have no target. */
static status_kind kind_of_status(const char *word)
{
    static const char *const moved[] = {"permanent", "temp", "seeother", NULL};

    if (cfaop_patterns_is_one_of(word, moved) || (*word == '3' && strspn(word, "0123456789") == strlen(word))) {
        return WITH_TARGET;
    }
    if (!strcmp(word, "gone") || ((*word == '4' || *word == '5') && strspn(word, "0123456789") == strlen(word))) {
        return WITHOUT_TARGET;
    }
    return NO_STATUS;
}

/* Redirect [status] PATH [TARGET], in each of its spellings, for everything. In a <Location> there need be no path. */
static int is_redirect_of_all(apr_pool_t *p, const ap_directive_t *node, int is_in_location)
{
    const apr_array_header_t *words = words_of(p, node);
    int takes_status = is_called(node, "Redirect") || is_called(node, "RedirectMatch");
    status_kind status = takes_status ? kind_of_status(word_at(words, 0)) : NO_STATUS;
    int from = status != NO_STATUS, targets = status != WITHOUT_TARGET;

    if (!takes_status && !is_called(node, "RedirectPermanent") && !is_called(node, "RedirectTemp")) {
        return 0;
    }
    if (is_in_location && words->nelts == from + targets) {
        return 1;
    }
    if (words->nelts != from + 1 + targets) {
        return 0;
    }
    return is_called(node, "RedirectMatch") ? cfaop_patterns_match_all(word_at(words, from))
                                            : !strcmp(word_at(words, from), "/");
}

/* Is node an <If> that holds for plain HTTP? */
static int is_for_plain_http(apr_pool_t *p, const ap_directive_t *node)
{
    static const char *const all[] = {"%{HTTPS}==off", "%{HTTPS}!=on", "%{REQUEST_SCHEME}==http",
                                      "%{REQUEST_SCHEME}!=https", NULL};
    const char *from;
    char *text = apr_pstrdup(p, node->args), *to = text;

    if (!is_called(node, "<If")) {
        return 0;
    }
    for (from = text; *from; ++from) {
        if (!strchr(" \t\"'>", *from)) {
            *to++ = *from;
        }
    }
    *to = '\0';
    return cfaop_patterns_is_one_of(text, all);
}

static int is_for_all_paths(apr_pool_t *p, const ap_directive_t *node)
{
    return is_called(node, "<Location") && !strcmp(word_at(words_of(p, node), 0), "/");
}

static int redirects(apr_pool_t *p, const ap_directive_t *node)
{
    int is_location = is_for_all_paths(p, node);
    const ap_directive_t *inner;

    for (inner = is_location || is_for_plain_http(p, node) ? node->first_child : NULL; inner; inner = inner->next) {
        if (is_redirect_of_all(p, inner, is_location)) {
            return 1;
        }
    }
    return is_redirect_of_all(p, node, 0);
}

/* ---- <Location /> with "Require all denied", and no section that could grant anything after it ---- */

static int denies(apr_pool_t *p, const ap_directive_t *node)
{
    const ap_directive_t *inner = node->first_child;
    const apr_array_header_t *words = inner ? words_of(p, inner) : NULL;

    return is_for_all_paths(p, node) && inner && !inner->next && is_called(inner, "Require") && words->nelts == 2
        && !ap_cstr_casecmp(word_at(words, 0), "all") && !ap_cstr_casecmp(word_at(words, 1), "denied");
}

static int denies_all(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *node;
    int found = 0;

    for (node = cfaop_tree_directives(tree, s); node; node = node->next) {
        if (denies(p, node)) {
            found = 1;
        }
        else if (!strncasecmp(node->directive, "<Location", 9) || !strncasecmp(node->directive, "<If", 3)) {
            return 0;
        }
    }
    return found && !cfaop_tree_inherited(tree, "<if");
}

/* ---- mod_md: MDRequireHttps comes before everything else, for the names of a managed domain ---- */

static int requires_https(const char *word)
{
    return word && (!ap_cstr_casecmp(word, "permanent") || !ap_cstr_casecmp(word, "temporary"));
}

static int is_managed(apr_pool_t *p, const ap_directive_t *node, const server_rec *s)
{
    const apr_array_header_t *words = words_of(p, node);
    int i;

    for (i = 0; s->server_hostname && i < words->nelts; ++i) {
        if (!ap_cstr_casecmp(word_at(words, i), s->server_hostname)) {
            return 1;
        }
    }
    return 0;
}

/* What is said inside of a domain's section counts there instead of what is said for all. */
static int has_https(apr_pool_t *p, const ap_directive_t *node, int is_required)
{
    const ap_directive_t *inner;

    for (inner = node->first_child; inner; inner = inner->next) {
        if (is_called(inner, "MDRequireHttps")) {
            is_required = requires_https(word_at(words_of(p, inner), 0));
        }
    }
    return is_required;
}

static int is_redirected_by_mod_md(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    static const char *const names[] = {"mdomain", "<mdomain", "<mdomainset"};
    int is_required = requires_https(cfaop_tree_last_inherited(tree, "mdrequirehttps")), i, n;

    for (n = 0; n < 3; ++n) {
        const apr_array_header_t *list = cfaop_tree_inherited(tree, names[n]);
        for (i = 0; list && i < list->nelts; ++i) {
            const ap_directive_t *node = APR_ARRAY_IDX(list, i, const ap_directive_t *);
            if (is_managed(p, node, s)) {
                return has_https(p, node, is_required) && !(s->wild_names && s->wild_names->nelts);
            }
        }
    }
    return 0;
}

/* ---- what serves although there is a Redirect: mod_proxy comes before it ---- */

static int proxies(apr_pool_t *p, const ap_directive_t *node, int is_in_location)
{
    const apr_array_header_t *words = words_of(p, node);
    const char *path = word_at(words, 0), *target = word_at(words, is_in_location ? 0 : 1);

    if (is_called(node, "ProxyPassMatch")) {
        return strcmp(target, "!") != 0 && (is_in_location || !cfaop_patterns_is_acme(path));
    }
    return is_called(node, "ProxyPass") && strcmp(target, "!") != 0
        && (is_in_location || !cfaop_patterns_is_acme_path(path));
}

static int is_location_of_acme(apr_pool_t *p, const ap_directive_t *node)
{
    const apr_array_header_t *words = words_of(p, node);

    if (is_called(node, "<LocationMatch")) {
        return cfaop_patterns_is_acme(word_at(words, 0));
    }
    return strcmp(word_at(words, 0), "~") != 0 ? cfaop_patterns_is_acme_path(word_at(words, 0))
                                               : cfaop_patterns_is_acme(word_at(words, 1));
}

static int serves(apr_pool_t *p, const ap_directive_t *node)
{
    const ap_directive_t *inner;

    if (strncasecmp(node->directive, "<Location", 9) != 0 || is_location_of_acme(p, node)) {
        return proxies(p, node, 0);
    }
    for (inner = node->first_child; inner; inner = inner->next) {
        if (proxies(p, inner, 1)) {
            return 1;
        }
    }
    return 0;
}

static int serves_by_inheritance(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    static const char *const names[] = {"<location", "<locationmatch", "proxypass", "proxypassmatch"};
    int i, n;

    for (n = 0; n < 4 && s->is_virtual; ++n) {
        const apr_array_header_t *list = cfaop_tree_inherited(tree, names[n]);
        for (i = 0; list && i < list->nelts; ++i) {
            if (serves(p, APR_ARRAY_IDX(list, i, const ap_directive_t *))) {
                return 1;
            }
        }
    }
    return 0;
}

int cfaop_redirects_all(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    cfaop_rewrite rules = cfaop_rewrite_rules_of(p, tree, s);
    const ap_directive_t *node;
    int found = rules == CFAOP_REWRITE_ANSWERS_ALL;

    if (denies_all(p, tree, s) || is_redirected_by_mod_md(p, tree, s)) {
        return 1;
    }
    if (rules == CFAOP_REWRITE_SERVES || serves_by_inheritance(p, tree, s)) {
        return 0;
    }
    for (node = cfaop_tree_directives(tree, s); node; node = node->next) {
        if (serves(p, node)) {
            return 0;
        }
        found = found || redirects(p, node);
    }
    return found;
}
