/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ca_names.c
 * The names of CAs in the CertificateRequest. Clients choose their certificate by them.
 */
#include "tls/ca_names.h"

#include "trust/names.h"

#include "apr_tables.h"

/* The lists of CA names (STACK_OF(X509_NAME) *) that share() has made. Ends with the configuration pool. */
static apr_array_header_t *shared_names;

static apr_status_t empty_names(void *data)
{
    int i;

    (void)data;
    for (i = 0; i < shared_names->nelts; ++i) {
        sk_X509_NAME_zero(APR_ARRAY_IDX(shared_names, i, STACK_OF(X509_NAME) *));
    }
    shared_names = NULL;
    return APR_SUCCESS;
}

/* One cleanup for all lists: removing any cleanup from a pool means walking past all of them. */
static void empty_in_time(apr_pool_t *p, STACK_OF(X509_NAME) *list)
{
    if (!shared_names) {
        shared_names = apr_array_make(p, 16, sizeof(list));
        apr_pool_pre_cleanup_register(p, NULL, empty_names);
    }
    APR_ARRAY_PUSH(shared_names, STACK_OF(X509_NAME) *) = list;
}

/*
 * Sets the CA names that clients are sent. An SSL_CTX frees its list with the names in it. Thousands of deep copies
 * would cost much memory, so each SSL_CTX gets a list of its own with the policy's names in it, and all lists are
 * emptied before mod_ssl frees the SSL_CTXs.
 */
static int share(apr_pool_t *p, SSL_CTX *ctx, STACK_OF(X509_NAME) *names)
{
    STACK_OF(X509_NAME) *list = sk_X509_NAME_dup(names);

    if (!list) {
        return 0;
    }
    empty_in_time(p, list);
    SSL_CTX_set_client_CA_list(ctx, list);
    return 1;
}

/*
 * Where mod_ssl has CAs too, for this server or a directory of it, clients are sent mod_ssl's names and the policy's.
 * Returns as cfaop_ca_names_set().
 */
static int join(SSL_CTX *ctx, STACK_OF(X509_NAME) *names)
{
    STACK_OF(X509_NAME) *list = SSL_dup_CA_list(SSL_CTX_get_client_CA_list(ctx));
    int i, added = list != NULL;

    for (i = 0; added == 1 && i < sk_X509_NAME_num(names); ++i) {
        added = cfaop_names_add(list, sk_X509_NAME_value(names, i));
    }
    if (added == 1 && cfaop_names_fit(list)) {
        SSL_CTX_set_client_CA_list(ctx, list);
        return 1;
    }
    sk_X509_NAME_pop_free(list, X509_NAME_free);
    return added ? -1 : 0;
}

int cfaop_ca_names_set(apr_pool_t *p, SSL_CTX *ctx, STACK_OF(X509_NAME) *names)
{
    int joined;

    if (sk_X509_NAME_num(SSL_CTX_get_client_CA_list(ctx)) <= 0) {
        return share(p, ctx, names);
    }
    joined = join(ctx, names);
    return joined == -1 && !share(p, ctx, names) ? 0 : joined;
}
