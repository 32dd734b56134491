/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file der.c
 * The number of elements in a value of ASN.1.
 *
 * OpenSSL decides by the type that it expects whether it looks into an element, the count by the bytes alone. So the
 * count goes into each element that could be a list and can be read as one to its end. What cannot be read is one
 * element, and hides none that come after it.
 */
#include "base/der.h"

#include <openssl/asn1.h>

/* What ASN1_get_object() says in its answer, besides V_ASN1_CONSTRUCTED. */
#define UNREADABLE 0x80
#define INDEFINITE 0x01

/* OpenSSL looks into no extension as deep as this. */
#define DEPTH_MAX 32

#define NO_LIST (-1)

/* A count of elements, not of bytes: it goes on from "at" to "end". */
typedef struct {
    const unsigned char *at, *end;
    int depth, max;
} walk;

static int count_list(walk *list, int is_indefinite);

/* OpenSSL reads a list of a known type without a look at its mark; other types must be constructed. */
static int may_be_list(int form, int tag, int class)
{
    return (form & V_ASN1_CONSTRUCTED) || class == V_ASN1_CONTEXT_SPECIFIC
        || (class == V_ASN1_UNIVERSAL && (tag == V_ASN1_SEQUENCE || tag == V_ASN1_SET));
}

/* Where the length is not given, the elements go on after the header. Too deep counts as too many. */
static int count_indefinite(walk *list)
{
    int count = list->max;

    if (list->depth > 0) {
        --list->depth;
        count = count_list(list, 1);
        ++list->depth;
    }
    return count;
}

static int count_definite(const walk *list, long length)
{
    walk inner = {list->at, list->at + length, list->depth - 1, list->max};
    int count = list->depth > 0 ? count_list(&inner, 0) : NO_LIST;

    return count == NO_LIST ? 0 : count;
}

/* Moves behind the next element. Returns NO_LIST if there is none that can be read. */
static int count_element(walk *list)
{
    long length = 0;
    int tag, class, count = 0;
    int form = ASN1_get_object(&list->at, &length, &tag, &class, (long)(list->end - list->at));

    if (form & UNREADABLE) {
        return NO_LIST;
    }
    if (form & INDEFINITE) {
        count = count_indefinite(list);
        return count == NO_LIST ? NO_LIST : 1 + count;
    }
    if (may_be_list(form, tag, class)) {
        count = count_definite(list, length);
    }
    list->at += length;
    return 1 + count;
}

static int is_at_end_mark(const walk *list)
{
    return list->end - list->at >= 2 && list->at[0] == 0 && list->at[1] == 0;
}

/* A list whose length is not given goes to an end mark. */
static int count_list(walk *list, int is_indefinite)
{
    int count = 0, more;

    while (list->at < list->end && count <= list->max) {
        if (is_indefinite && is_at_end_mark(list)) {
            list->at += 2;
            return count;
        }
        more = count_element(list);
        if (more == NO_LIST) {
            return NO_LIST;
        }
        count += more;
    }
    return is_indefinite && count <= list->max ? NO_LIST : count;
}

int cfaop_der_count(const unsigned char *der, long length, int max)
{
    walk first = {der, der + length, DEPTH_MAX, max};
    int count = length > 0 ? count_element(&first) : 0;

    return count == NO_LIST ? 0 : count;
}
