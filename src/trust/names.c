/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file names.c
 * The list of CA names for a CertificateRequest, whose size is limited.
 */
#include "trust/names.h"

#include "apr.h"

/* The names and a few other fields of a CertificateRequest must fit into 65,535 bytes, or each handshake fails. */
#define CA_NAMES_MAX_BYTES 60000

/* Returns the size of the names in a CertificateRequest. */
static apr_size_t bytes_of(const STACK_OF(X509_NAME) *names)
{
    apr_size_t bytes = 0;
    int i;

    for (i = 0; i < sk_X509_NAME_num(names); ++i) {
        bytes += 2 + (apr_size_t)i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL);
    }
    return bytes;
}

int cfaop_names_fit(const STACK_OF(X509_NAME) *names)
{
    return bytes_of(names) <= CA_NAMES_MAX_BYTES;
}

int cfaop_names_add(STACK_OF(X509_NAME) *names, const X509_NAME *const_name)
{
    X509_NAME *name = (X509_NAME *)const_name; /* OpenSSL 1.1.1 wants it so; the name is only read */
    X509_NAME *copy;
    int i;

    for (i = 0; i < sk_X509_NAME_num(names); ++i) {
        if (!X509_NAME_cmp(sk_X509_NAME_value(names, i), name)) {
            return 1;
        }
    }
    if (sk_X509_NAME_num(names) > 0
        && bytes_of(names) + 2 + (apr_size_t)i2d_X509_NAME(name, NULL) > CA_NAMES_MAX_BYTES) {
        return -1;
    }
    copy = X509_NAME_dup(name);
    if (copy && sk_X509_NAME_push(names, copy)) {
        return 1;
    }
    X509_NAME_free(copy);
    return 0;
}
