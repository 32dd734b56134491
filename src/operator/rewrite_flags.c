/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file rewrite_flags.c
 * The flags of mod_rewrite's rules and conditions, as mod_rewrite reads them.
 */
#include "operator/rewrite_flags.h"

#include "httpd.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <stdlib.h>

/*
 * Returns the next flag of *rest, without the blanks around it; NULL: there is none left. Only a comma ends a flag: the
 * value of [E] may have blanks.
 */
static char *next_flag(char **rest)
{
    char *flag = apr_strtok(NULL, ",", rest), *end;

    if (!flag) {
        return NULL;
    }
    while (apr_isspace(*flag)) {
        ++flag;
    }
    for (end = flag + strlen(flag); end > flag && apr_isspace(end[-1]); --end) {
        end[-1] = '\0';
    }
    return flag;
}

/* Returns a copy of what the brackets hold, for next_flag(). */
static char *inside(apr_pool_t *p, const char *text)
{
    apr_size_t length = strlen(text);

    return length > 1 && *text == '[' ? apr_pstrmemdup(p, text + 1, length - 2) : apr_pstrdup(p, "");
}

static int is_flag(const char *flag, const char *brief, const char *full)
{
    return !strcasecmp(flag, brief) || !strcasecmp(flag, full);
}

/* The value of [R]: mod_rewrite takes a word that it does not know for a 302. */
static int status_of(const char *value)
{
    if (!strcasecmp(value, "permanent")) {
        return HTTP_MOVED_PERMANENTLY;
    }
    return strcasecmp(value, "seeother") ? atoi(value) : HTTP_SEE_OTHER;
}

/* A status that is no redirect stays final, even if another [R] comes after it. */
static void set_status(cfaop_rewrite_flags *flags, int status)
{
    flags->status = status;
    flags->is_final = flags->is_final || (status && !ap_is_HTTP_REDIRECT(status));
}

static void add_flag(cfaop_rewrite_flags *flags, const char *flag, const char *value)
{
    if (is_flag(flag, "R", "redirect")) {
        flags->redirects = 1;
        if (value && *value) {
            set_status(flags, status_of(value));
        }
    }
    else if (is_flag(flag, "F", "forbidden")) {
        set_status(flags, HTTP_FORBIDDEN);
    }
    else if (is_flag(flag, "G", "gone")) {
        set_status(flags, HTTP_GONE);
    }
    flags->ends = flags->ends || is_flag(flag, "L", "last") || !strcasecmp(flag, "END")
               || is_flag(flag, "PT", "passthrough") || is_flag(flag, "P", "proxy");
    flags->steers =
        flags->steers || is_flag(flag, "C", "chain") || is_flag(flag, "S", "skip") || is_flag(flag, "N", "next");
    flags->proxies = flags->proxies || is_flag(flag, "P", "proxy");
}

cfaop_rewrite_flags cfaop_rewrite_flags_of(apr_pool_t *p, const char *text)
{
    cfaop_rewrite_flags flags = {0, 0, 0, 0, 0, 0};
    char *rest = inside(p, text), *flag;

    while ((flag = next_flag(&rest))) {
        char *value = strchr(flag, '=');
        if (value) {
            *value++ = '\0';
        }
        add_flag(&flags, flag, value);
    }
    flags.ends = flags.ends || flags.is_final;
    return flags;
}

int cfaop_rewrite_flags_has(apr_pool_t *p, const char *text, const char *brief, const char *full)
{
    char *rest = inside(p, text), *flag;

    while ((flag = next_flag(&rest))) {
        if (is_flag(flag, brief, full)) {
            return 1;
        }
    }
    return 0;
}
