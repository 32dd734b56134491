/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pki.h
 * Certificates and CRLs made on the spot for unit tests. Whatever fails ends the test.
 */
#ifndef CFAOP_UNIT_PKI_H
#define CFAOP_UNIT_PKI_H

#include <openssl/x509.h>

#include "apr_pools.h"

#define HOUR 3600L

/** What a certificate says; zero means "a leaf without extendedKeyUsage, valid now". */
typedef struct {
    const char *name;    /**< its CN */
    int is_ca;           /**< basicConstraints CA:TRUE */
    const char *eku;     /**< extendedKeyUsage as OpenSSL writes it, "serverAuth"; NULL: none */
    const char *ku;      /**< keyUsage, "keyCertSign"; NULL: none */
    long from;           /**< seconds from now; 0: an hour ago */
    long until;          /**< seconds from now; 0: in an hour */
    int key_ids;         /**< subjectKeyIdentifier, and authorityKeyIdentifier if its issuer has one */
    int rsa_bits;        /**< an RSA key of this size; 0: P-256 */
    const EVP_MD *digest; /**< of the signature; NULL: SHA-256 */
} pki_wish;

/** A certificate with its key. */
typedef struct {
    X509 *cert;
    EVP_PKEY *key;
} pki_pair;

/** Everything below is made from @a p, and ends with it. Call this first. */
void pki_begin(apr_pool_t *p);

/** Makes a certificate issued by @a issuer; NULL: self-signed. */
pki_pair pki_issue(const pki_pair *issuer, pki_wish wish);

/** Makes a CRL of @a issuer with @a revoked on it (NULL: nothing), which ends @a until seconds from now. */
X509_CRL *pki_crl(const pki_pair *issuer, X509 *revoked, long until);

/** Returns the PEM text of a certificate, CRL or private key. */
const char *pki_pem_of_cert(X509 *cert);
const char *pki_pem_of_crl(X509_CRL *crl);
const char *pki_pem_of_key(EVP_PKEY *key);

#endif
