/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file name_index.h
 * An index of host names and of wildcards like those of ServerAlias, with what each belongs to. A look-up does not go
 * through all of them: a server can have ten thousand virtual hosts.
 */
#ifndef CFAOP_OPERATOR_NAME_INDEX_H
#define CFAOP_OPERATOR_NAME_INDEX_H

#include "apr_pools.h"

/** The index. */
typedef struct cfaop_name_index cfaop_name_index;

/** Is given what a look-up finds: the @a name, in lower case and from the index's pool, and what it belongs to. */
typedef void (*cfaop_name_found)(void *data, const char *name, void *owner);

/** Returns an empty index, from @a p. Configuration phase, as all of this. */
cfaop_name_index *cfaop_name_index_make(apr_pool_t *p);

/** Adds a host @a name that belongs to @a owner. Case does not matter, as in httpd. */
void cfaop_name_index_add(cfaop_name_index *index, const char *name, void *owner);

/** Adds a wildcard, with "*" and "?" as ap_strcasecmp_match() takes them. */
void cfaop_name_index_add_wildcard(cfaop_name_index *index, const char *pattern, void *owner);

/**
 * Calls @a found for each name and wildcard of the index that stands for every host name which @a name stands for;
 * @a name may be a wildcard. One of the index may be found twice. Memory is taken from @a p.
 */
void cfaop_name_index_find_broader(apr_pool_t *p, const cfaop_name_index *index, const char *name,
                                   cfaop_name_found found, void *data);

/**
 * Calls @a found for each name and wildcard of the index that is within the wildcard @a pattern; the same ones follow
 * each other. Memory is taken from @a p.
 */
void cfaop_name_index_find_within(apr_pool_t *p, cfaop_name_index *index, const char *pattern, cfaop_name_found found,
                                  void *data);

#endif
