/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file certificate_list.c
 * The body of TLS's Certificate message, as bytes: what it would cost to parse.
 */
#include "pure/certificate_list.h"

#include <string.h>

#define LIST_LENGTH       3 /* bytes of the length of the list, and of a certificate */
#define EXTENSIONS_LENGTH 2 /* bytes of the length of a certificate's extensions; TLS 1.3 only */

/* Returns where these bytes come, followed by another one; NULL: nowhere. */
static const unsigned char *find_bytes(const unsigned char *at, const unsigned char *end, const unsigned char *bytes,
                                       size_t size)
{
    while ((at = memchr(at, bytes[0], (size_t)(end - at))) != NULL && (size_t)(end - at) > size) {
        if (!memcmp(at, bytes, size)) {
            return at;
        }
        ++at;
    }
    return NULL;
}

/*
 * Looks for the OIDs prime-field (1.2.840.10045.1.1) and characteristic-two-field (1.2.840.10045.1.2), one of which
 * each spelled-out curve holds: OpenSSL reads an OID in one encoding only, and in one piece. Keys on named curves
 * have 1.2.840.10045.2.1 and .3. The bytes of a modulus or a signature are these by chance once in 2^55 places.
 */
int cfaop_certificate_list_spells_out_curve(const unsigned char *data, size_t length)
{
    static const unsigned char field_type[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01};
    const unsigned char *end = data + length, *at = data;

    while ((at = find_bytes(at, end, field_type, sizeof(field_type))) != NULL) {
        unsigned char which = at[sizeof(field_type)];
        if (which == 1 || which == 2) {
            return 1;
        }
        ++at;
    }
    return 0;
}

/*
 * How the OIDs of OpenSSL's curves begin, after their length, and the last byte of those that are usual (0 is none).
 * Not among them are brainpool's and SM2's. In the fields of these and of the usual ones a square root is one power.
 * In that of secp224r1 OpenSSL has to search for it, and in binary fields it is slow, too.
 */
static const struct {
    unsigned char start[8];
    unsigned char size, usual[4];
} families[] = {
    {{0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x00}, 8, {0}}, /* X9.62, binary fields */
    {{0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01}, 8, {7}}, /* X9.62, prime fields; P-256 */
    {{0x05, 0x2b, 0x81, 0x04, 0x00}, 5, {10, 34, 35}},          /* SECG; secp256k1, P-384, P-521 */
    {{0x05, 0x67, 0x2b, 0x01, 0x04}, 5, {0}},                   /* WAP */
};

/*
 * Says whether a point follows that has both coordinates, in DER, so that there is no root to find. After the curve's
 * OID OpenSSL reads a BIT STRING and nothing else, but in encodings that no real key has, too: these are no such point.
 */
static int is_full_point(const unsigned char *at, size_t left)
{
    size_t head = left > 1 && at[1] == 0x81 ? 3 : 2; /* bytes of tag and length */

    return left > head + 1 && at[0] == 0x03 && at[1] <= 0x81 && at[head] == 0 && at[head + 1] == 4;
}

/* The bytes of a modulus or a signature are such an OID by chance once in 2^39 places. */
int cfaop_certificate_list_has_costly_point(const unsigned char *data, size_t length)
{
    const unsigned char *end = data + length, *at;
    size_t i;

    for (i = 0; i < sizeof(families) / sizeof(families[0]); ++i) {
        size_t size = families[i].size;
        for (at = data; (at = find_bytes(at, end, families[i].start, size)) != NULL; ++at) {
            if (!memchr(families[i].usual, at[size], sizeof(families[i].usual))
                && !is_full_point(at + size + 1, (size_t)(end - at) - size - 1)) {
                return 1;
            }
        }
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
