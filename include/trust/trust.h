/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file trust.h
 * What certificates are verified against.
 */
#ifndef CFAOP_TRUST_TRUST_H
#define CFAOP_TRUST_TRUST_H

#include "base/module.h"
#include "config/config.h"

#include "apr_tables.h"

#include <openssl/x509.h>

/**
 * What certificates are verified against, without the security level. Immutable once built. The same parts are one
 * trust.
 */
struct cfaop_trust {
    /* the parts: src/trust/parts.c */
    int depth;                   /**< how many intermediates may stand between leaf and anchor */
    apr_array_header_t *anchors; /**< of cfaop_anchor, sorted by SHA-256, no doubles */
    apr_array_header_t *crls;    /**< of cfaop_crl, sorted by SHA-256, no doubles */
    apr_array_header_t *pins;    /**< of cfaop_pin, sorted by text, no doubles; empty: none */

    /* made from them */
    unsigned char digest[CFAOP_SHA256_LEN];     /**< over the parts, purpose and flags */
    X509_STORE *store;                          /**< anchors and CRLs */
    X509_STORE_CTX_check_issued_fn check_names; /**< OpenSSL's own check; set if anchors have namesakes */
    STACK_OF(X509_NAME) *names;                 /**< CA names for the CertificateRequest; never empty */
    int unnamed;                                /**< number of anchors whose name does not fit into names */
};

#endif
