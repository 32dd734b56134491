/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file chain_case.c
 * A root with two intermediates, and a policy to verify chains against.
 */
#include "chain_case.h"

#include <check.h>

#include "apr_general.h"
#include "config/pin.h"
#include "trust/files.h"
#include "trust/own_crl.h"

struct chain_case chain;

void chain_case_begin(void)
{
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&chain.pool, NULL), APR_SUCCESS);
    pki_begin(chain.pool);
    chain.root = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1, .until = 10 * HOUR});
    chain.inter = pki_issue(&chain.root, (pki_wish){.name = "intermediate", .is_ca = 1, .until = 10 * HOUR});
    chain.inter2 = pki_issue(&chain.inter, (pki_wish){.name = "intermediate 2", .is_ca = 1, .until = 10 * HOUR});
    chain.trust.store = X509_STORE_new();
    chain.trust.depth = 1;
    chain.trust.anchors = apr_array_make(chain.pool, 2, sizeof(cfaop_anchor));
    chain.trust.crls = apr_array_make(chain.pool, 2, sizeof(cfaop_crl));
    chain.trust.pins = apr_array_make(chain.pool, 2, sizeof(cfaop_pin));
    chain.policy.trust = &chain.trust;
    chain.policy.level = CHAIN_CASE_LEVEL;
}

void chain_case_end(void)
{
    X509_STORE_free(chain.trust.store);
    apr_pool_destroy(chain.pool);
    apr_terminate();
}

void chain_case_anchor(X509 *cert)
{
    cfaop_anchor *anchor = apr_array_push(chain.trust.anchors);

    anchor->cert = cert;
    X509_digest(cert, EVP_sha256(), anchor->sha256, NULL);
    ck_assert_int_eq(X509_STORE_add_cert(chain.trust.store, cert), 1);
}

void chain_case_crl(X509_CRL *crl)
{
    cfaop_crl *listed = apr_array_push(chain.trust.crls);

    listed->crl = crl;
    ck_assert_int_eq(X509_STORE_add_crl(chain.trust.store, crl), 1);
}

cfaop_chain_result chain_case_verify(const pki_pair *leaf, const pki_pair *sent, const pki_pair *sent2)
{
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    cfaop_chain_result result;

    sk_X509_push(untrusted, leaf->cert);
    if (sent) {
        sk_X509_push(untrusted, sent->cert);
    }
    if (sent2) {
        sk_X509_push(untrusted, sent2->cert);
    }
    cfaop_own_crl_find(&chain.trust);
    result = cfaop_chain_verify(&chain.policy, leaf->cert, untrusted, CHAIN_CASE_LEVEL, apr_time_now());
    sk_X509_free(untrusted);
    return result;
}
