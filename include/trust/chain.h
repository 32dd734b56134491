/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file chain.h
 * Verifying a peer certificate against a policy. Everything that OpenSSL's own TLS code would set on its X509_STORE_CTX is
 * set here too (purpose, depth, security level): a context of our own has none of it.
 */
#ifndef CFAOP_TRUST_CHAIN_H
#define CFAOP_TRUST_CHAIN_H

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"

#include "apr.h"
#include "apr_time.h"

#include <openssl/x509.h>

/** How many certificates of a client, its leaf included, are looked at: twice the longest chain. */
#define CFAOP_SENT_MAX (2 * (CFAOP_DEPTH_MAX + 2))

/** What verifying a peer certificate has shown. */
typedef struct {
    cfaop_reason reason;                    /**< NONE: verified */
    int x509_error;                         /**< OpenSSL's X509_V_ code; X509_V_OK if verified */
    apr_int64_t valid_from;                 /**< seconds: the time of verification; with reason NONE only */
    apr_int64_t valid_until;                /**< seconds: earliest notAfter of the chain and nextUpdate of its CRLs */
    unsigned char anchor[CFAOP_SHA256_LEN]; /**< SHA-256 of the trust anchor that matched; with reason NONE only */
    int is_leaf_only;                       /**< nothing that the client sent beside its leaf was needed; with reason NONE only */
} cfaop_chain_result;

/**
 * Verifies @a leaf with the certificates that the client sent beside it (CFAOP_SENT_MAX of them at most, the others are
 * not looked at), against @a policy and nothing else, at security level @a level or the policy's, whichever is higher,
 * at time @a now. Connection phase; any thread; takes no ownership. Anything that fails, memory included, is a reason
 * other than NONE.
 */
cfaop_chain_result cfaop_chain_verify(const cfaop_policy *policy, X509 *leaf, STACK_OF(X509) *untrusted, int level,
                                      apr_time_t now);

#endif
