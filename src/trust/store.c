/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file store.c
 * Making OpenSSL's X509_STORE from certificates and CRLs, once for each content.
 */
#include "trust/store.h"

#include "base/module.h"
#include "config/config.h"
#include "trust/issuer.h"
#include "trust/files.h"
#include "trust/names.h"
#include "trust/own_crl.h"
#include "trust/parts.h"
#include "trust/trust.h"

#include "apr_hash.h"

#include <openssl/x509v3.h>

static apr_status_t free_store(void *store)
{
    X509_STORE_free(store);
    return APR_SUCCESS;
}

static apr_status_t free_names(void *names)
{
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return APR_SUCCESS;
}

/* A client looks for the issuer of its certificate among the names, so a listed leaf adds the name of its issuer. */
static int add_names_of(STACK_OF(X509_NAME) *names, X509 *cert)
{
    return cfaop_names_add(names, X509_check_ca(cert) > 0 ? X509_get_subject_name(cert) : X509_get_issuer_name(cert));
}

/*
 * Marks the anchors that share their subject with another anchor, as an old and a new CA do. Returns how many there
 * are.
 */
static int mark_namesakes(const cfaop_trust *trust)
{
    int i, k, count = 0;

    for (i = 0; i < trust->anchors->nelts; ++i) {
        cfaop_anchor *anchor = &APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor);
        for (k = 0; k < trust->anchors->nelts && !anchor->has_namesake; ++k) {
            anchor->has_namesake =
                k != i
                && !X509_NAME_cmp(X509_get_subject_name(anchor->cert),
                                  X509_get_subject_name(APR_ARRAY_IDX(trust->anchors, k, cfaop_anchor).cert));
        }
        count += anchor->has_namesake;
    }
    return count;
}

/*
 * Makes the store check signatures to tell anchors of one subject apart. OpenSSL would take the first whose name fits.
 */
static int tell_apart(cfaop_trust *trust)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    if (!ctx || !X509_STORE_CTX_init(ctx, trust->store, NULL, NULL)) {
        X509_STORE_CTX_free(ctx);
        return 0;
    }
    trust->check_names = X509_STORE_CTX_get_check_issued(ctx);
    X509_STORE_CTX_free(ctx);
    /* the cast: later versions of OpenSSL pass the certificates as const */
    X509_STORE_set_check_issued(trust->store, (X509_STORE_CTX_check_issued_fn)cfaop_issuer_may_be);
    return 1;
}

static int fill_trust(apr_pool_t *p, cfaop_trust *trust)
{
    int i;

    trust->store = X509_STORE_new();
    if (!trust->store) {
        return 0;
    }
    apr_pool_cleanup_register(p, trust->store, free_store, apr_pool_cleanup_null);
    trust->names = sk_X509_NAME_new_null();
    if (!trust->names) {
        return 0;
    }
    apr_pool_cleanup_register(p, trust->names, free_names, apr_pool_cleanup_null);
    for (i = 0; i < trust->anchors->nelts; ++i) {
        X509 *cert = APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).cert;
        int named = add_names_of(trust->names, cert);
        if (!X509_STORE_add_cert(trust->store, cert) || !named) {
            return 0;
        }
        trust->unnamed += named < 0;
    }
    for (i = 0; i < trust->crls->nelts; ++i) {
        if (!X509_STORE_add_crl(trust->store, APR_ARRAY_IDX(trust->crls, i, cfaop_crl).crl)) {
            return 0;
        }
    }
    cfaop_own_crl_find(trust);
    return !mark_namesakes(trust) || tell_apart(trust);
}

const cfaop_trust *cfaop_store_intern(apr_pool_t *p, apr_hash_t *known, cfaop_trust *candidate)
{
    const cfaop_trust *same;

    if (!cfaop_parts_digest(candidate)) {
        return NULL;
    }
    same = apr_hash_get(known, candidate->digest, CFAOP_SHA256_LEN);
    if (same) {
        return same;
    }
    if (!fill_trust(p, candidate)) {
        return NULL;
    }
    apr_hash_set(known, candidate->digest, CFAOP_SHA256_LEN, candidate);
    return candidate;
}
