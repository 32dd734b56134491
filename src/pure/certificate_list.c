/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file certificate_list.c
 * The body of TLS's Certificate message, as bytes: what it would cost to parse.
 */
#include "pure/certificate_list.h"

#include <string.h>

#define LIST_LENGTH       3 /* bytes of the length of the list, and of a certificate */
#define EXTENSIONS_LENGTH 2 /* bytes of the length of a certificate's extensions; TLS 1.3 only */

/*
 * Looks for the OIDs prime-field (1.2.840.10045.1.1) and characteristic-two-field (1.2.840.10045.1.2), one of which
 * each spelled-out curve holds: OpenSSL reads an OID in one encoding only, and in one piece. Keys on named curves
 * have 1.2.840.10045.2.1 and .3. The bytes of a modulus or a signature are these by chance once in 2^55 places.
 */
int cfaop_certificate_list_spells_out_curve(const unsigned char *data, size_t length)
{
    static const unsigned char field_type[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01};
    const unsigned char *end = data + length, *at = data;

    while ((at = memchr(at, field_type[0], (size_t)(end - at))) != NULL && (size_t)(end - at) > sizeof(field_type)) {
        unsigned char which = at[sizeof(field_type)];
        if (!memcmp(at, field_type, sizeof(field_type)) && (which == 1 || which == 2)) {
            return 1;
        }
        ++at;
    }
    return 0;
}

/* Steps over a length of so many bytes and what it tells of. Returns 0 if there is less. */
static int skip(const unsigned char **at, size_t *left, int bytes)
{
    size_t length = 0;
    int i;

    if (*left < (size_t)bytes) {
        return 0;
    }
    for (i = 0; i < bytes; ++i) {
        length = length << 8 | (*at)[i];
    }
    if (*left - (size_t)bytes < length) {
        return 0;
    }
    *at += (size_t)bytes + length;
    *left -= (size_t)bytes + length;
    return 1;
}

int cfaop_certificate_list_count(const unsigned char *body, size_t length, int is_tls13, int max)
{
    int count = 0;

    if ((is_tls13 && !skip(&body, &length, 1)) || length < LIST_LENGTH) {
        return 0;
    }
    body += LIST_LENGTH; /* the list is all that is left, or OpenSSL refuses it */
    length -= LIST_LENGTH;
    while (count <= max && skip(&body, &length, LIST_LENGTH)) {
        ++count;
        if (is_tls13 && !skip(&body, &length, EXTENSIONS_LENGTH)) {
            break;
        }
    }
    return count;
}
