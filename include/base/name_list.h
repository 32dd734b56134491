/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file name_list.h
 * Lists of names for a line of the log: "a, b and 3 more".
 */
#ifndef CFAOP_BASE_NAME_LIST_H
#define CFAOP_BASE_NAME_LIST_H

#include "httpd.h"
#include "apr_pools.h"

/** Names for a line of the log. An empty list is {pool, NULL, 0}. */
typedef struct {
    apr_pool_t *pool; /**< the text is allocated from it */
    const char *text; /**< private: see cfaop_name_list_text() */
    int count;        /**< number of names */
} cfaop_name_list;

/** Adds @a name, which must live as long as the list. Any phase. */
void cfaop_name_list_add(cfaop_name_list *list, const char *name);

/** Adds the name and port of @a s after @a separator. Once the text is full this only counts, and allocates nothing. */
void cfaop_name_list_add_server(cfaop_name_list *list, const char *separator, const server_rec *s);

/** Returns the names, "a, b and 3 more"; NULL if the list is empty. Any phase. */
const char *cfaop_name_list_text(const cfaop_name_list *list);

#endif
