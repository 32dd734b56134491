/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file trust.h
 * What certificates are verified against: what the files of this layer share.
 */
#ifndef CFAOP_TRUST_TRUST_H
#define CFAOP_TRUST_TRUST_H

#include "base/module.h"
#include "config/config.h"

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

#endif
