/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file patterns.c
 * What the patterns of redirects and rewrite rules stand for, as far as a glance tells. Whatever is not plain counts
 * as no match.
 */
#include "operator/patterns.h"

#include "apr_strings.h"
#include "httpd.h"

#include <string.h>

#define ACME "/.well-known/acme-challenge"

int cfaop_patterns_is_one_of(const char *word, const char *const *words)
{
    for (; *words; ++words) {
        if (!strcmp(word, *words)) {
            return 1;
        }
    }
    return 0;
}

/* An alternative, or a place inside the path, would let in what is no challenge. */
int cfaop_patterns_is_acme(const char *regex)
{
    static const char acme[] = ACME;
    const char *expected = acme;

    if (*regex++ != '^' || strchr(regex, '|')) {
        return 0;
    }
    for (; *expected; ++expected, ++regex) {
        if (*regex == '\\') {
            ++regex;
        }
        if (*regex != *expected) {
            return 0;
        }
        if (expected == acme && regex[1] == '?') {
            ++regex;
        }
    }
    return 1;
}

/*
 * Returns "^REST" of "^(?!PATH)REST", where PATH is that of ACME challenges. The slash may stand before the bracket:
 * "^/REST" of "^/(?!PATH)REST". NULL: the pattern is of another form.
 */
static const char *without_acme(apr_pool_t *p, const char *regex)
{
    const char *slash = strncmp(regex, "^/", 2) ? "" : "/";
    const char *except = regex + 1 + strlen(slash), *end = strchr(regex, ')'), *path;

    if (*regex != '^' || strncmp(except, "(?!", 3) != 0 || !end) {
        return NULL;
    }
    path = apr_pstrmemdup(p, except + 3, (apr_size_t)(end - except - 3));
    return cfaop_patterns_is_acme(apr_pstrcat(p, "^", slash, path, NULL)) ? apr_pstrcat(p, "^", slash, end + 1, NULL)
                                                                          : NULL;
}

/*
 * A client can write a line break into a path, as %0A. A dot matches it by httpd's default only: RegexDefaultOptions
 * can take DOTALL away, and is in force by now.
 */
static int matches_line_break(apr_pool_t *p, const char *regex)
{
    const ap_regex_t *compiled = ap_pregcomp(p, regex, AP_REG_EXTENDED);

    return compiled && !ap_regexec(compiled, "/\n/", 0, NULL, 0);
}

int cfaop_patterns_match_all(apr_pool_t *p, const char *regex)
{
    static const char *const all[] = {"^",       "^/",      "^/?",      "/",     ".",      ".*",     "^.*",
                                      "^.*$",    ".+",      "^.+",      "^.+$",  "(.*)",   "^(.*)",  "^(.*)$",
                                      "(.+)",    "^(.+)",   "^(.+)$",   "^/.*",  "^/.*$",  "/(.*)",  "^/(.*)",
                                      "^/(.*)$", "^/?(.*)", "^/?(.*)$", "^/?.*", "^/?.*$", "^(/.*)", "^(/.*)$",
                                      ".?",      "(.*)$",   ".*$",      "^.?",   NULL};
    const char *rest = without_acme(p, regex);
    const char *path = rest ? rest : regex;

    return cfaop_patterns_is_one_of(path, all) && matches_line_break(p, path);
}

int cfaop_patterns_may_match_absolute(const char *regex)
{
    const char *rest = regex[0] == '^' && regex[1] == '\\' ? regex + 2 : regex + 1;

    return *regex != '^' || *rest != '/' || strchr(rest, '|') || (rest[1] && strchr("?*{", rest[1]));
}

int cfaop_patterns_is_acme_path(const char *path)
{
    return !strncmp(path, ACME, strlen(ACME));
}
