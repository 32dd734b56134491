/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file issuer.h
 * Finding the issuer of a certificate among the anchors of a trust.
 */
#ifndef CFAOP_TRUST_ISSUER_H
#define CFAOP_TRUST_ISSUER_H

#include "trust/trust.h"

#include <openssl/x509.h>

/** Two CAs of one name, and the longest chain that CFOriginPullVerifyDepth allows. More are asked for again. */
#define CFAOP_ISSUER_ANSWERS_MAX 32

/** Whether the key of an anchor has signed a certificate. */
typedef struct {
    const X509 *cert;
    const X509 *anchor;
    int is_issuer;
} cfaop_issuer_answer;

/** The app data of an X509_STORE_CTX that verifies against a trust, for OpenSSL's callbacks. */
typedef struct {
    const cfaop_trust *trust;
    int anchor_excused; /**< set by the callback for errors: a missing CRL was excused at the anchor */
    int answered;       /**< how many of `answers` are there */
    cfaop_issuer_answer answers[CFAOP_ISSUER_ANSWERS_MAX]; /**< of this verification, whose certificates stay */
} cfaop_issuer_check;

/**
 * Says whether @a issuer may be the issuer of @a cert. It is the check_issued callback of a store in which anchors have
 * namesakes. OpenSSL's own check compares names and key identifiers. If @a issuer is an anchor with a namesake, the
 * signature of @a cert must be by its key, too. Other signatures OpenSSL verifies itself, once it knows the chain.
 * Called by OpenSSL in cfaop_chain_verify(): connection phase; any thread.
 */
int cfaop_issuer_may_be(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer);

/**
 * Says whether @a trust lists the issuer of @a cert, which is not self-signed. Then CRLs apply to @a cert. Any phase;
 * any thread.
 */
int cfaop_issuer_is_listed(const cfaop_trust *trust, X509 *cert);

#endif
