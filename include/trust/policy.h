/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file policy.h
 * Making trusts and policies from the configuration at startup. Virtual hosts whose files have the same content share a
 * trust with its X509_STORE, so ten thousand of them need no more memory than one.
 */
#ifndef CFAOP_TRUST_POLICY_H
#define CFAOP_TRUST_POLICY_H

#include "base/module.h"
#include "config/config.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * What a connection is asked for and judged by. Immutable once built. Policies of the same digest have the same
 * address.
 */
struct cfaop_policy {
    const cfaop_trust *trust;               /**< certificates, CRLs, depth */
    int level;                              /**< OpenSSL's security level of the server's TLS */
    unsigned char digest[CFAOP_SHA256_LEN]; /**< of the trust's digest and the level: the policy digest */
};

/**
 * Sets index, and trust or broken, of each server from @a base on. What it makes lives in @a p, the configuration pool;
 * @a ptemp is for the call. Returns the findings (of cfaop_finding), each text once. Configuration phase
 * (check_config).
 */
apr_array_header_t *cfaop_policy_resolve_all(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base);

/**
 * Returns the policy of @a trust at @a level; NULL if OpenSSL fails. Lives in the configuration pool. Configuration
 * phase.
 */
const cfaop_policy *cfaop_policy_at_level(const cfaop_trust *trust, int level);

/** Says whether only the built-in CA is trusted, which all of Cloudflare's customers share. Any phase. */
int cfaop_policy_is_builtin_only(const cfaop_trust *trust);

#endif
