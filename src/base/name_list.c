/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file name_list.c
 * Lists of names for a line of the log: "a, b and 3 more".
 */
#include "base/name_list.h"

#include "base/server.h"

#include "apr_strings.h"

/* How many names a line lists. The others are only counted. */
#define NAMES_MAX 20

static void append_name(cfaop_name_list *list, const char *separator, const char *name)
{
    list->text = list->text ? apr_pstrcat(list->pool, list->text, separator, name, NULL) : name;
}

void cfaop_name_list_add(cfaop_name_list *list, const char *name)
{
    if (list->count++ < NAMES_MAX) {
        append_name(list, ", ", name);
    }
}

void cfaop_name_list_add_server(cfaop_name_list *list, const char *separator, const server_rec *s)
{
    if (list->count++ < NAMES_MAX) {
        append_name(list, separator, cfaop_server_label(list->pool, s));
    }
}

const char *cfaop_name_list_text(const cfaop_name_list *list)
{
    return list->count <= NAMES_MAX ? list->text
                                    : apr_psprintf(list->pool, "%s and %d more", list->text, list->count - NAMES_MAX);
}
