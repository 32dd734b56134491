/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_chain.c
 * Verifying whatever a client sends. The first byte of the input chooses the policy: bit 0 adds a CRL, the next two
 * bits are the depth. Then follow certificates as DER: the leaf, and those that are sent beside it. What is accepted
 * must bear signatures that lead to the CA, by a way that this file walks without X509_verify_cert().
 */
#include <string.h>

#include "apr_general.h"
#include "base/module.h"
#include "config/config.h"
#include "config/pin.h"
#include "pure/verdict.h"
#include "trust/chain.h"
#include "trust/own_crl.h"
#include "trust/files.h"
#include "trust/policy.h"
#include "trust/trust.h"
#include "chain_der.h"
#include "fuzz.h"

#include <openssl/x509v3.h>

const char *const fuzz_corpus = "chain";

#define LEVEL  1
#define BESIDE 7 /* certificates that a client sends, at most */

static apr_pool_t *pool;
static X509 *root;
static X509_CRL *crl;

static void tear_down(void)
{
    X509_free(root);
    X509_CRL_free(crl);
    apr_terminate();
}

static void set_up(void)
{
    const unsigned char *der = root_der;

    MUST(apr_initialize() == APR_SUCCESS && apr_pool_create(&pool, NULL) == APR_SUCCESS);
    root = d2i_X509(NULL, &der, sizeof(root_der));
    der = crl_der;
    crl = d2i_X509_CRL(NULL, &der, sizeof(crl_der));
    MUST(root && crl);
    atexit(tear_down);
}

static void make_trust(cfaop_trust *trust, apr_pool_t *p, int with_crl, int depth)
{
    cfaop_anchor *anchor;

    trust->store = X509_STORE_new();
    trust->depth = depth;
    trust->anchors = apr_array_make(p, 1, sizeof(cfaop_anchor));
    trust->crls = apr_array_make(p, 1, sizeof(cfaop_crl));
    trust->pins = apr_array_make(p, 1, sizeof(cfaop_pin));
    MUST(trust->store && X509_STORE_add_cert(trust->store, root));
    anchor = apr_array_push(trust->anchors);
    anchor->cert = root;
    MUST(X509_digest(root, EVP_sha256(), anchor->sha256, NULL));
    if (with_crl) {
        MUST(X509_STORE_add_crl(trust->store, crl));
        ((cfaop_crl *)apr_array_push(trust->crls))->crl = crl;
    }
    cfaop_own_crl_find(trust);
}

static int is_signed_by(X509 *cert, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return key && X509_verify(cert, key) == 1;
}

/* Do signatures lead from cert to the CA, over at most depth of the certificates beside it? */
static int leads_to_root(X509 *cert, STACK_OF(X509) *beside, int depth)
{
    int i;

    if (is_signed_by(cert, root)) {
        return 1;
    }
    for (i = 0; depth > 0 && i < sk_X509_num(beside); ++i) {
        X509 *issuer = sk_X509_value(beside, i);
        if (issuer != cert && X509_check_ca(issuer) > 0 && is_signed_by(cert, issuer)
            && leads_to_root(issuer, beside, depth - 1)) {
            return 1;
        }
    }
    return 0;
}

static void check_accepted(const cfaop_chain_result *result, X509 *leaf, STACK_OF(X509) *beside,
                           const cfaop_trust *trust, apr_time_t now)
{
    unsigned char sha256[CFAOP_SHA256_LEN];
    X509_REVOKED *entry;
    int days, seconds;

    MUST(X509_digest(root, EVP_sha256(), sha256, NULL) && !memcmp(result->anchor, sha256, sizeof(sha256)));
    MUST(result->valid_from == apr_time_sec(now) && result->valid_until >= apr_time_sec(now));
    MUST(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) && (days > 0 || seconds > 0));
    MUST(!(X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) || (X509_get_extended_key_usage(leaf) & XKU_SSL_CLIENT));
    /* the CA itself may be shown, too */
    MUST(!X509_cmp(leaf, root) || leads_to_root(leaf, beside, trust->depth));
    if (trust->crls->nelts && is_signed_by(leaf, root)) {
        MUST(X509_CRL_get0_by_cert(crl, &entry, leaf) == 0);
    }
}

static X509 *next_certificate(const unsigned char **at, const unsigned char *end)
{
    return *at < end ? d2i_X509(NULL, at, end - *at) : NULL;
}

static void judge(X509 *leaf, STACK_OF(X509) *beside, uint8_t choice)
{
    cfaop_trust trust = {0};
    cfaop_policy policy = {.trust = &trust, .level = LEVEL};
    apr_time_t now = apr_time_now();
    cfaop_chain_result result;
    apr_pool_t *p;

    MUST(apr_pool_create(&p, pool) == APR_SUCCESS);
    make_trust(&trust, p, choice & 1, choice >> 1 & 3);
    result = cfaop_chain_verify(&policy, leaf, beside, LEVEL, now);
    MUST((result.reason == CFAOP_REASON_NONE) == (result.x509_error == X509_V_OK));
    if (result.reason == CFAOP_REASON_NONE) {
        check_accepted(&result, leaf, beside, &trust, now);
    }
    X509_STORE_free(trust.store);
    apr_pool_destroy(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *at = data + 1;
    STACK_OF(X509) *beside;
    X509 *leaf, *cert;

    if (!pool) {
        set_up();
    }
    if (!size) {
        return 0;
    }
    beside = sk_X509_new_null();
    leaf = next_certificate(&at, data + size);
    if (leaf && X509_up_ref(leaf)) {
        MUST(sk_X509_push(beside, leaf)); /* OpenSSL's list of what a client sent begins with the leaf */
    }
    while (leaf && sk_X509_num(beside) < BESIDE && (cert = next_certificate(&at, data + size))) {
        MUST(sk_X509_push(beside, cert));
    }
    judge(leaf, beside, data[0]);
    sk_X509_pop_free(beside, X509_free);
    X509_free(leaf);
    return 0;
}
