/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file redirects.c
 * Does a virtual host do nothing but redirect or refuse? Then it is no way round the guard, and the dump need not
 * name it. Whatever is not clearly an answer to everything counts as serving.
 */
#include "operator/redirects.h"

#include "config/tree.h"
#include "operator/patterns.h"
#include "operator/rewrite_conds.h"
#include "operator/rewrite_rules.h"

#include "apr_strings.h"

struct cfaop_redirects {
    const cfaop_tree *tree;
    const cfaop_rewrite_main *rewrite; /* what mod_rewrite has from the main server */
    int main_proxies;                  /* a line of the main server hands requests on by mod_proxy */
    int main_may_grant;                /* a section of the main server may undo "Require all denied" */
};

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
    int is_moved = !strcasecmp(word, "permanent") || !strcasecmp(word, "temp") || !strcasecmp(word, "seeother");

    if (is_moved || (*word == '3' && strspn(word, "0123456789") == strlen(word))) {
        return WITH_TARGET;
    }
    if (!strcasecmp(word, "gone") || ((*word == '4' || *word == '5') && strspn(word, "0123456789") == strlen(word))) {
        return WITHOUT_TARGET;
    }
    return NO_STATUS;
}

/* Redirect [status] PATH [TARGET], in each of its spellings, for everything. In a section there need be no path. */
static int is_redirect_of_all(apr_pool_t *p, const ap_directive_t *node, int is_in_section)
{
    const apr_array_header_t *words = words_of(p, node);
    int takes_status = is_called(node, "Redirect") || is_called(node, "RedirectMatch");
    status_kind status = takes_status ? kind_of_status(word_at(words, 0)) : NO_STATUS;
    int from = status != NO_STATUS, targets = status != WITHOUT_TARGET;

    if (!takes_status && !is_called(node, "RedirectPermanent") && !is_called(node, "RedirectTemp")) {
        return 0;
    }
    if (is_in_section && words->nelts == from + targets) {
        return 1;
    }
    if (words->nelts != from + 1 + targets) {
        return 0;
    }
    return is_called(node, "RedirectMatch") ? cfaop_patterns_match_all(p, word_at(words, from))
                                            : !strcmp(word_at(words, from), "/");
}

/* Is node an <If> that holds for all these requests? */
static int is_for_scheme(apr_pool_t *p, const ap_directive_t *node, const cfaop_requests *requests)
{
    return is_called(node, "<If")
        && (!strcmp(word_at(words_of(p, node), 0), "true")
            || cfaop_rewrite_conds_expression_holds(p, node->args, requests));
}

static int is_for_all_paths(apr_pool_t *p, const ap_directive_t *node)
{
    const char *path = word_at(words_of(p, node), 0);

    if (is_called(node, "<LocationMatch")) {
        return cfaop_patterns_match_all(p, path);
    }
    return is_called(node, "<Location") && !strcmp(path, "/");
}

static int answers_all(apr_pool_t *p, const ap_directive_t *node, const cfaop_requests *requests)
{
    int is_for_all = is_for_all_paths(p, node) || is_for_scheme(p, node, requests);
    const ap_directive_t *inner;

    for (inner = is_for_all ? node->first_child : NULL; inner; inner = inner->next) {
        if (is_redirect_of_all(p, inner, 1)) {
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

/*
 * Is node an ErrorDocument for denials that is a local path? httpd runs it for each client that it denies a URL, and
 * asks for no right again where the same sections hold for that path: an application there answers every URL.
 */
static int is_local_page_of_denials(const ap_directive_t *node)
{
    const char *args = node->args + strspn(node->args, " \t\"'");

    if (!is_called(node, "ErrorDocument") || (strncmp(args, "401", 3) != 0 && strncmp(args, "403", 3) != 0)) {
        return 0;
    }
    args += 3;
    return args[strspn(args, " \t\"'")] == '/';
}

static int has_local_page_of_denials(const cfaop_tree *tree, const server_rec *s)
{
    return cfaop_tree_local_error_document(tree, s, "401") || cfaop_tree_local_error_document(tree, s, "403");
}

/* httpd merges each <If> after all other sections, wherever it stands. Satisfy Any needs no more than an address. */
static int may_grant(const ap_directive_t *node)
{
    return is_called(node, "<If") || is_called(node, "<ElseIf") || is_called(node, "<Else")
        || is_called(node, "Satisfy") || is_local_page_of_denials(node);
}

static int denies_all(apr_pool_t *p, const cfaop_redirects *redirects, const server_rec *s)
{
    const ap_directive_t *node;
    int found = 0;

    for (node = cfaop_tree_directives(redirects->tree, s); node; node = node->next) {
        if (denies(p, node)) {
            found = 1;
        }
        else if (!strncasecmp(node->directive, "<Location", 9) || may_grant(node)) {
            return 0;
        }
    }
    return found && !redirects->main_may_grant && !has_local_page_of_denials(redirects->tree, s)
        && !cfaop_tree_in_sections(redirects->tree, s, may_grant);
}

/* ---- what serves although there is a Redirect: mod_proxy comes before it ---- */

static int proxies(apr_pool_t *p, const ap_directive_t *node, int is_in_location)
{
    const apr_array_header_t *words = words_of(p, node);
    const char *path = word_at(words, 0), *target = word_at(words, is_in_location ? 0 : 1);

    if (is_called(node, "ProxyExpressEnable")) {
        return !strcasecmp(path, "on");
    }
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

static int main_server_serves(apr_pool_t *p, const cfaop_tree *tree)
{
    static const char *const names[] = {"<location", "<locationmatch", "proxypass", "proxypassmatch",
                                        "proxyexpressenable"};
    int i, n;

    for (n = 0; n < (int)(sizeof(names) / sizeof(names[0])); ++n) {
        const apr_array_header_t *list = cfaop_tree_inherited(tree, names[n]);
        for (i = 0; list && i < list->nelts; ++i) {
            if (serves(p, APR_ARRAY_IDX(list, i, const ap_directive_t *))) {
                return 1;
            }
        }
    }
    return 0;
}

/* Has the main server a section that virtual hosts inherit and that may grant what they deny? */
static int main_server_may_grant(const cfaop_tree *tree, const server_rec *base)
{
    return cfaop_tree_inherited(tree, "<if") || cfaop_tree_in_sections(tree, base, may_grant);
}

cfaop_redirects *cfaop_redirects_index(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base)
{
    cfaop_redirects *redirects = apr_palloc(p, sizeof(*redirects));

    redirects->tree = tree;
    redirects->rewrite = cfaop_rewrite_rules_of_main(p, tree, base);
    redirects->main_proxies = main_server_serves(p, tree);
    redirects->main_may_grant = main_server_may_grant(tree, base);
    return redirects;
}

int cfaop_redirects_all(apr_pool_t *p, const cfaop_redirects *redirects, const server_rec *s, int is_tls)
{
    cfaop_requests requests = cfaop_rewrite_rules_requests(redirects->tree, s, is_tls);
    cfaop_rewrite rules = cfaop_rewrite_rules_of(p, redirects->rewrite, &requests);
    const ap_directive_t *node;
    int found = rules == CFAOP_REWRITE_ANSWERS_ALL;

    if (denies_all(p, redirects, s)) {
        return 1;
    }
    if (rules == CFAOP_REWRITE_SERVES || redirects->main_proxies) {
        return 0;
    }
    for (node = cfaop_tree_directives(redirects->tree, s); node; node = node->next) {
        if (serves(p, node)) {
            return 0;
        }
        found = found || answers_all(p, node, &requests);
    }
    return found;
}
