/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file json.h
 * Strings of JSON documents.
 */
#ifndef CFAOP_BASE_JSON_H
#define CFAOP_BASE_JSON_H

#include "apr_pools.h"

/**
 * Returns @a text as a JSON string with its quotation marks, in UTF-8. A byte that does not belong to UTF-8 becomes
 * U+FFFD. NULL is the literal null. From @a p. Any phase; any thread.
 */
const char *cfaop_json_string(apr_pool_t *p, const char *text);

#endif
