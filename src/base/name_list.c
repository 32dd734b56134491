/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file name_list.c
 * Lists of names for a line of the log: "a, b and 3 more".
 */
#include "base/name_list.h"

#include "apr_strings.h"

/* How many names a line lists. The others are only counted. */
#define NAMES_MAX 20

void cfaop_name_list_add(cfaop_name_list *list, const char *name)
{
    if (list->count++ < NAMES_MAX) {
        list->text = list->text ? apr_pstrcat(list->pool, list->text, ", ", name, NULL) : name;
    }
}

const char *cfaop_name_list_text(const cfaop_name_list *list)
{
    return list->count <= NAMES_MAX ? list->text
                                    : apr_psprintf(list->pool, "%s and %d more", list->text, list->count - NAMES_MAX);
}
