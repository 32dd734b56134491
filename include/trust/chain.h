/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file chain.h
 * Verifying a client's certificate against a policy. OpenSSL's TLS code sets purpose, depth and security level on its
 * X509_STORE_CTX. The guard has a context of its own, so it sets them itself.
 */
#ifndef CFAOP_TRUST_CHAIN_H
#define CFAOP_TRUST_CHAIN_H

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"

#include "apr.h"
#include "apr_time.h"

#include <openssl/x509.h>

/** How many of the certificates that a client sends are looked at: a leaf, the longest chain above it, and its CA. */
#define CFAOP_SENT_MAX (CFAOP_DEPTH_MAX + 2)

/** The result of verifying a client's certificate. */
typedef struct {
    cfaop_reason reason;                    /**< NONE: verified */
    int x509_error;                         /**< OpenSSL's X509_V_ code; X509_V_OK if verified */
    apr_int64_t valid_from;                 /**< seconds: the time of verification; with reason NONE only */
    apr_int64_t valid_until;                /**< seconds: earliest notAfter of the chain and nextUpdate of its CRLs */
    unsigned char anchor[CFAOP_SHA256_LEN]; /**< SHA-256 of the trust anchor that matched; with reason NONE only */
    int is_leaf_only;                       /**< no other certificate of the client was needed; with reason NONE */
} cfaop_chain_result;

/**
 * Verifies @a leaf against @a policy, with the first CFAOP_SENT_MAX of the certificates that the client sent
 * (@a untrusted; NULL: none), at time @a now, at security level @a level or the policy's, whichever is higher. If
 * anything fails, memory included, the reason is not NONE. Takes no ownership. Connection phase; any thread.
 */
cfaop_chain_result cfaop_chain_verify(const cfaop_policy *policy, X509 *leaf, STACK_OF(X509) *untrusted, int level,
                                      apr_time_t now);

#endif
