/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file store.h
 * From certificates and CRLs to what OpenSSL verifies against, once for each content.
 */
#ifndef CFAOP_TRUST_STORE_H
#define CFAOP_TRUST_STORE_H

#include "base/module.h"
#include "config/config.h"

#include "apr_hash.h"
#include "apr_pools.h"
#include "apr_tables.h"

#include <openssl/x509.h>

/** What certificates are verified against, the security level aside. Immutable once built; equal ones are one. */
struct cfaop_trust {
    unsigned char digest[CFAOP_SHA256_LEN]; /**< over certificates, CRLs, pins, depth, purpose and flags */
    apr_array_header_t *anchors;            /**< of cfaop_anchor, sorted by SHA-256, no doubles */
    apr_array_header_t *crls;               /**< of cfaop_crl, sorted by SHA-256, no doubles */
    apr_array_header_t *pins;               /**< of cfaop_pin, sorted by text, no doubles; empty: none */
    int depth;                              /**< how many intermediates may stand between leaf and anchor */
    X509_STORE *store;                      /**< anchors and CRLs */
    X509_STORE_CTX_check_issued_fn check_names; /**< OpenSSL's own check; set where anchors have namesakes */
    STACK_OF(X509_NAME) *names;             /**< CA names for the CertificateRequest; never empty */
    int unnamed;                            /**< number of anchors whose name does not fit among them */
};

/**
 * Completes @a candidate, of which anchors, crls, pins and depth are set, and enters it into @a known; or returns the one of the
 * same content that is there. What is built lives in @a p. Returns NULL if OpenSSL fails. Configuration phase.
 */
const cfaop_trust *cfaop_store_intern(apr_pool_t *p, apr_hash_t *known, cfaop_trust *candidate);

#endif
