/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file label.c
 * The label by which counters and metrics name a virtual host.
 */
#include "stats/label.h"

#include "base/server.h"
#include "base/text.h"

#include "apr_hash.h"
#include "apr_strings.h"

static void copy_label(char *to, apr_size_t size, const char *text)
{
    apr_size_t length = strlen(text);
    apr_ssize_t hashed = (apr_ssize_t)length;

    if (length < size) {
        apr_cpystrn(to, text, size);
        return;
    }
    apr_snprintf(to, size, "%.*s~%08x", (int)(size - sizeof("~01234567")), text, apr_hashfunc_default(text, &hashed));
}

const char *cfaop_label_of_server(apr_pool_t *p, const server_rec *s)
{
    char *label = apr_palloc(p, CFAOP_LABEL_SIZE);
    char *text = apr_pstrdup(p, cfaop_server_label(p, s));

    ap_str_tolower(text);
    copy_label(label, CFAOP_LABEL_SIZE, cfaop_text_escape(p, text, strlen(text)));
    return label;
}
