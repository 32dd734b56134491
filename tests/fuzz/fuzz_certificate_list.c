/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_certificate_list.c
 * A Certificate message of any content, before OpenSSL has parsed it: nothing beyond it is read, no curve is
 * overlooked, and the count stays within what the bytes can hold. The first byte says which version of TLS it is.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int is_tls13 = size && (data[0] & 1), count;

    data += size ? 1 : 0;
    size -= size ? 1 : 0;
    count = cfaop_certificate_list_count(data, size, is_tls13, MAX);
    MUST(count >= 0 && count <= MAX + 1 && (size_t)count <= size / 3);
    MUST(cfaop_certificate_list_spells_out_curve(data, size) == is_there(data, size));
    return 0;
}
