/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ca_names.c
 * The names of CAs in the CertificateRequest. Clients choose their certificate by them.
 *
 * An SSL_CTX has two lists of names: that of SSL_CTX_set_client_CA_list(), and that of SSL_CTX_set0_CA_list(), which
 * OpenSSL sends where the first one is empty (get_ca_names() in ssl/ssl_lib.c). mod_ssl sets the first one.
 */
#include "tls/ca_names.h"

#include "trust/names.h"

#include "apr_tables.h"

/* An SSL_CTX, and the list that share() has given to it. */
typedef struct {
    SSL_CTX *ctx;
    STACK_OF(X509_NAME) *list;
} lent;

/* Of lent. Ends with the configuration pool. */
static apr_array_header_t *lent_lists;

/* Another module may have freed a list, and put its own in the place. */
static apr_status_t empty_lists(void *data)
{
    int i;

    (void)data;
    for (i = 0; i < lent_lists->nelts; ++i) {
        const lent *l = &APR_ARRAY_IDX(lent_lists, i, lent);
        if (SSL_CTX_get0_CA_list(l->ctx) == l->list) {
            sk_X509_NAME_zero(l->list);
        }
    }
    lent_lists = NULL;
    return APR_SUCCESS;
}

/* One cleanup for all lists: removing any cleanup from a pool means walking past all of them. */
static void empty_in_time(apr_pool_t *p, SSL_CTX *ctx, STACK_OF(X509_NAME) *list)
{
    lent *l;

    if (!lent_lists) {
        lent_lists = apr_array_make(p, 16, sizeof(lent));
        apr_pool_pre_cleanup_register(p, NULL, empty_lists);
    }
    l = apr_array_push(lent_lists);
    l->ctx = ctx;
    l->list = list;
}

/*
 * Has clients of ctx be sent the policy's names. An SSL_CTX frees its lists with the names in them. Thousands of copies
 * of the names would cost much memory, so each SSL_CTX gets a list of its own with the policy's names in it, and these
 * lists are emptied before mod_ssl frees the SSL_CTXs. It is the second list: a module that comes later and sets the
 * first one frees none of these names.
 */
static int share(apr_pool_t *p, SSL_CTX *ctx, STACK_OF(X509_NAME) *names)
{
    STACK_OF(X509_NAME) *list = sk_X509_NAME_dup(names);

    if (!list) {
        return 0;
    }
    empty_in_time(p, ctx, list);
    SSL_CTX_set_client_CA_list(ctx, NULL);
    SSL_CTX_set0_CA_list(ctx, list);
    return 1;
}

/* Returns the names that clients of ctx are sent. */
static const STACK_OF(X509_NAME) *names_of(const SSL_CTX *ctx)
{
    const STACK_OF(X509_NAME) *first = SSL_CTX_get_client_CA_list(ctx);

    return sk_X509_NAME_num(first) > 0 ? first : SSL_CTX_get0_CA_list(ctx);
}

/* Has clients of ctx be sent the names in there, which it has, and the policy's. Returns as cfaop_ca_names_set(). */
static int join(SSL_CTX *ctx, const STACK_OF(X509_NAME) *there, STACK_OF(X509_NAME) *names)
{
    STACK_OF(X509_NAME) *list = SSL_dup_CA_list(there);
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
    const STACK_OF(X509_NAME) *there = names_of(ctx);
    int joined;

    if (sk_X509_NAME_num(there) <= 0) {
        return share(p, ctx, names);
    }
    joined = join(ctx, there, names);
    return joined == -1 && !share(p, ctx, names) ? 0 : joined;
}
