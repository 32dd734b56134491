/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file patterns.c
 * What the patterns of redirects and rewrite rules stand for, as far as a glance tells. Whatever is not plain counts
 * as no match.
 */
#include "operator/patterns.h"

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

int cfaop_patterns_match_all(const char *regex)
{
    static const char *const all[] = {"^",       "^/",      "^/?",      ".*",    "^.*",   "^.*$",
                                      "(.*)",    "^(.*)$",  "^(.*)",    "^/.*",  "^/.*$", "^/(.*)",
                                      "^/(.*)$", "^/?(.*)", "^/?(.*)$", "/(.*)", NULL};

    return cfaop_patterns_is_one_of(regex, all);
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

int cfaop_patterns_is_acme_path(const char *path)
{
    return !strncmp(path, ACME, strlen(ACME));
}
