/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file chain_case.h
 * A root with two intermediates, and a policy to verify chains against.
 */
#ifndef CFAOP_TEST_CHAIN_CASE_H
#define CFAOP_TEST_CHAIN_CASE_H

#include "apr_pools.h"
#include "pki.h"
#include "trust/chain.h"
#include "trust/policy.h"
#include "trust/trust.h"

/** The security level of the policy and of connections: OpenSSL's default on most systems. */
#define CHAIN_CASE_LEVEL 1

/** What a test begins with: the policy trusts nothing yet. */
extern struct chain_case {
    apr_pool_t *pool;
    pki_pair root, inter, inter2;
    cfaop_trust trust;
    cfaop_policy policy;
} chain;

/** Fixture: makes the case anew. */
void chain_case_begin(void);

/** Fixture: frees it. */
void chain_case_end(void);

/** Has the policy trust @a cert. */
void chain_case_anchor(X509 *cert);

/** Has the policy look up @a crl. */
void chain_case_crl(X509_CRL *crl);

/**
 * Verifies @a leaf, with up to two certificates that the client sends after it (NULL: none); OpenSSL's list begins with
 * the leaf.
 */
cfaop_chain_result chain_case_verify(const pki_pair *leaf, const pki_pair *sent, const pki_pair *sent2);

#endif
