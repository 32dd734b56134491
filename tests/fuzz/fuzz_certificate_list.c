/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_certificate_list.c
 * A Certificate message of any content, before OpenSSL has parsed it: nothing beyond it is read, no curve or point
 * is overlooked, and the count stays within what the bytes can hold. The first byte says which version of TLS it is.
 */
#include <string.h>

#include "pure/certificate_list.h"
#include "fuzz.h"

#define MAX 24

const char *const fuzz_corpus = "certificate_list";

/* The same by looking at each place. */
static int is_there(const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i + 7 <= size; ++i) {
        if (!memcmp(data + i, "\x2a\x86\x48\xce\x3d\x01\x01", 7)
            || !memcmp(data + i, "\x2a\x86\x48\xce\x3d\x01\x02", 7)) {
            return 1;
        }
    }
    return 0;
}

static int begins_with(const uint8_t *data, size_t size, const char *text, size_t length)
{
    return size >= length && !memcmp(data, text, length);
}

/* Is it the OID of a curve, after its length, with a point that has not both coordinates? */
static int is_costly_point(const uint8_t *data, size_t size)
{
    size_t oid = 0, tag;

    if (begins_with(data, size, "\x08\x2a\x86\x48\xce\x3d\x03\x00", 8)
        || begins_with(data, size, "\x08\x2a\x86\x48\xce\x3d\x03\x01", 8)) {
        oid = 9;
    }
    else if (begins_with(data, size, "\x05\x2b\x81\x04\x00", 5) || begins_with(data, size, "\x05\x67\x2b\x01\x04", 5)) {
        oid = 6;
    }
    if (!oid || size < oid || data[oid - 1] == 0 || (oid == 9 && data[7] == 1 && data[8] == 7)
        || (oid == 6 && data[1] == 0x2b && (data[5] == 10 || data[5] == 34 || data[5] == 35))) {
        return 0;
    }
    for (tag = 2; tag <= 3; ++tag) {
        const uint8_t *key = data + oid;
        if (size >= oid + tag + 2 && key[0] == 3 && (key[1] == 0x81) == (tag == 3) && key[1] <= 0x81 && key[tag] == 0
            && key[tag + 1] == 4) {
            return 0;
        }
    }
    return 1;
}

static int has_costly_point(const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; ++i) {
        if (is_costly_point(data + i, size - i)) {
            return 1;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int is_tls13 = size && (data[0] & 1), count;

    data += size ? 1 : 0;
    size -= size ? 1 : 0;
    count = cfaop_certificate_list_count(data, size, is_tls13, MAX);
    MUST(count >= 0 && count <= MAX + 1 && (size_t)count <= size / 3);
    MUST(cfaop_certificate_list_spells_out_curve(data, size) == is_there(data, size));
    MUST(cfaop_certificate_list_has_costly_point(data, size) == has_costly_point(data, size));
    return 0;
}
