/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file issuer.h
 * Which certificate has issued another, among those that a trust lists.
 */
#ifndef CFAOP_TRUST_ISSUER_H
#define CFAOP_TRUST_ISSUER_H

#include "trust/trust.h"

#include <openssl/x509.h>

/** The app data of an X509_STORE_CTX that verifies against a trust: what OpenSSL's callbacks are told, and tell. */
typedef struct {
    const cfaop_trust *trust;
    int anchor_excused; /**< set where a missing CRL of the anchor was passed over */
} cfaop_issuer_check;

/**
 * Says whether @a issuer may be the issuer of @a cert, for the store of a trust in which anchors have namesakes:
 * OpenSSL's own answer by names and key identifiers, and for such an anchor also its signature. The signature of a
 * certificate that the client has sent is not looked at here: OpenSSL does that, from the anchor down, once the chain
 * is known. Called by OpenSSL while cfaop_chain_verify() runs.
 */
int cfaop_issuer_may_be(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer);

/** Says whether @a trust lists the issuer of @a cert too: then CRLs count for @a cert itself. Not for self-signed ones. */
int cfaop_issuer_is_listed(const cfaop_trust *trust, X509 *cert);

#endif
