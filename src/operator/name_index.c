/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file name_index.c
 * An index of host names and of wildcards like those of ServerAlias, with what each belongs to.
 */
#include "operator/name_index.h"

#include "httpd.h"

#include "apr_hash.h"
#include "apr_strings.h"
#include "apr_tables.h"

#include <stdlib.h>
#include <string.h>

#define WILD "*?"

/* A name or a wildcard. */
typedef struct {
    const char *key;  /* what a list is sorted by: the name, or the name from its end to its beginning */
    const char *name; /* in lower case */
    void *owner;
    int place; /* in the list, as it was filled */
} named;

struct cfaop_name_index {
    apr_pool_t *pool;
    apr_hash_t *by_name;          /* name -> array of named */
    apr_hash_t *by_tail;          /* what follows a wildcard's last "*" or "?" -> array of named: the wildcards */
    apr_hash_t *by_head;          /* what is before the first, of those where that is longer -> array of named */
    apr_array_header_t *forward;  /* of named: all, sorted by name */
    apr_array_header_t *backward; /* of named: all, sorted by the name from its end */
    int is_sorted;
};

static const char *lower_case(apr_pool_t *p, const char *name)
{
    char *copy = apr_pstrdup(p, name);

    ap_str_tolower(copy);
    return copy;
}

static const char *reversed(apr_pool_t *p, const char *text)
{
    apr_size_t length = strlen(text), i;
    char *copy = apr_palloc(p, length + 1);

    for (i = 0; i < length; ++i) {
        copy[i] = text[length - 1 - i];
    }
    copy[length] = '\0';
    return copy;
}

/* ---- filling ---- */

cfaop_name_index *cfaop_name_index_make(apr_pool_t *p)
{
    cfaop_name_index *index = apr_pcalloc(p, sizeof(*index));

    index->pool = p;
    index->by_name = apr_hash_make(p);
    index->by_tail = apr_hash_make(p);
    index->by_head = apr_hash_make(p);
    index->forward = apr_array_make(p, 8, sizeof(named));
    index->backward = apr_array_make(p, 8, sizeof(named));
    return index;
}

static void push(apr_array_header_t *list, const char *key, const char *name, void *owner)
{
    named *n = apr_array_push(list);

    n->key = key;
    n->name = name;
    n->owner = owner;
    n->place = list->nelts;
}

static void add_to(apr_hash_t *lists, const char *key, const char *name, void *owner)
{
    apr_array_header_t *list = apr_hash_get(lists, key, APR_HASH_KEY_STRING);

    if (!list) {
        list = apr_array_make(apr_hash_pool_get(lists), 1, sizeof(named));
        apr_hash_set(lists, key, APR_HASH_KEY_STRING, list);
    }
    push(list, key, name, owner);
}

static void add_to_all(cfaop_name_index *index, const char *name, void *owner)
{
    push(index->forward, name, name, owner);
    push(index->backward, reversed(index->pool, name), name, owner);
    index->is_sorted = 0;
}

void cfaop_name_index_add(cfaop_name_index *index, const char *name, void *owner)
{
    const char *lower = lower_case(index->pool, name);

    add_to(index->by_name, lower, lower, owner);
    add_to_all(index, lower, owner);
}

/* What follows the last "*" or "?". */
static const char *tail_of(const char *pattern)
{
    const char *next;

    while ((next = strpbrk(pattern, WILD))) {
        pattern = next + 1;
    }
    return pattern;
}

static const char *head_of(apr_pool_t *p, const char *pattern)
{
    return apr_pstrmemdup(p, pattern, strcspn(pattern, WILD));
}

void cfaop_name_index_add_wildcard(cfaop_name_index *index, const char *pattern, void *owner)
{
    const char *lower = lower_case(index->pool, pattern);
    const char *head = head_of(index->pool, lower), *tail = tail_of(lower);

    if (strlen(head) > strlen(tail)) {
        add_to(index->by_head, head, lower, owner);
    }
    else {
        add_to(index->by_tail, tail, lower, owner);
    }
    add_to_all(index, lower, owner);
}

/* ---- what is broader than a name ---- */

static void report_matching(const apr_array_header_t *list, const char *name, cfaop_name_found found, void *data)
{
    int i;

    for (i = 0; list && i < list->nelts; ++i) {
        const named *n = &APR_ARRAY_IDX(list, i, named);
        if (!ap_strcasecmp_match(name, n->name)) {
            found(data, n->name, n->owner);
        }
    }
}

void cfaop_name_index_find_broader(apr_pool_t *p, const cfaop_name_index *index, const char *name,
                                   cfaop_name_found found, void *data)
{
    const char *lower = lower_case(p, name);
    apr_ssize_t length = (apr_ssize_t)strlen(lower), i;

    report_matching(apr_hash_get(index->by_name, lower, length), lower, found, data);
    for (i = 0; i <= length; ++i) {
        report_matching(apr_hash_get(index->by_tail, lower + i, length - i), lower, found, data);
        report_matching(apr_hash_get(index->by_head, lower, i), lower, found, data);
    }
}

/* ---- what is within a wildcard ---- */

static int compare(const void *left, const void *right)
{
    const named *a = left, *b = right;
    int order = strcmp(a->key, b->key);

    return order ? order : a->place - b->place;
}

static void sort(cfaop_name_index *index)
{
    if (!index->is_sorted) {
        qsort(index->forward->elts, (size_t)index->forward->nelts, sizeof(named), compare);
        qsort(index->backward->elts, (size_t)index->backward->nelts, sizeof(named), compare);
        index->is_sorted = 1;
    }
}

/* The place of the first of the sorted list whose key is not before the given one. */
static int first_from(const apr_array_header_t *list, const char *key)
{
    int low = 0, high = list->nelts;

    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(APR_ARRAY_IDX(list, middle, named).key, key) < 0) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low;
}

void cfaop_name_index_find_within(apr_pool_t *p, cfaop_name_index *index, const char *pattern, cfaop_name_found found,
                                  void *data)
{
    const char *lower = lower_case(p, pattern), *head = head_of(p, lower), *tail = tail_of(lower);
    int by_head = strlen(head) > strlen(tail);
    const apr_array_header_t *list = by_head ? index->forward : index->backward;
    const char *begin = by_head ? head : reversed(p, tail);
    int i;

    sort(index);
    for (i = first_from(list, begin); i < list->nelts; ++i) {
        const named *n = &APR_ARRAY_IDX(list, i, named);
        if (strncmp(n->key, begin, strlen(begin)) != 0) {
            return;
        }
        if (!ap_strcasecmp_match(n->name, lower)) {
            found(data, n->name, n->owner);
        }
    }
}
