/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ca_names.c
 * The names of CAs in the CertificateRequest. Clients choose their certificate by them.
 */
#include "tls/ca_names.h"

#include "trust/names.h"

/*
 * Returns a list of its own with the names of both lists, NULL if memory fails. *is_full: a CertificateRequest has no
 * room for them all.
 */
static STACK_OF(X509_NAME) *join(const STACK_OF(X509_NAME) *names, STACK_OF(X509_NAME) *more, int *is_full)
{
    STACK_OF(X509_NAME) *list = SSL_dup_CA_list(names);
    int i, added = list != NULL;

    for (i = 0; added == 1 && i < sk_X509_NAME_num(more); ++i) {
        added = cfaop_names_add(list, sk_X509_NAME_value(more, i));
    }
    if (added == 0) {
        sk_X509_NAME_pop_free(list, X509_NAME_free);
        return NULL;
    }
    *is_full = added == -1 || !cfaop_names_fit(list);
    return list;
}

/* OpenSSL sends the one list, and the other where that is empty (get_ca_names() in ssl/ssl_lib.c). */
static const STACK_OF(X509_NAME) *names_of(const SSL_CTX *ctx)
{
    const STACK_OF(X509_NAME) *of_clients = SSL_CTX_get_client_CA_list(ctx);

    return sk_X509_NAME_num(of_clients) > 0 ? of_clients : SSL_CTX_get0_CA_list(ctx);
}

int cfaop_ca_names_set(SSL_CTX *ctx, STACK_OF(X509_NAME) *names)
{
    const STACK_OF(X509_NAME) *there = names_of(ctx);
    STACK_OF(X509_NAME) *list;
    int is_full = 0;

    list = sk_X509_NAME_num(there) > 0 ? join(there, names, &is_full) : SSL_dup_CA_list(names);
    if (is_full) {
        sk_X509_NAME_pop_free(list, X509_NAME_free);
        list = SSL_dup_CA_list(names);
    }
    if (!list) {
        return 0;
    }
    SSL_CTX_set_client_CA_list(ctx, list);
    return is_full ? -1 : 1;
}
