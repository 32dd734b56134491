/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file policy.h
 * What a virtual host demands, resolved at startup. Virtual hosts that say the same, by content, share one X509_STORE: ten
 * thousand of them cost no more than one.
 */
#ifndef CFAOP_TRUST_POLICY_H
#define CFAOP_TRUST_POLICY_H

#include "base/module.h"
#include "config/config.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** What a connection is asked and judged under. Immutable once built; equal digests are one pointer. */
struct cfaop_policy {
    const cfaop_trust *trust;               /**< certificates, CRLs, depth */
    int level;                              /**< OpenSSL's security level of the server's TLS */
    unsigned char digest[CFAOP_SHA256_LEN]; /**< of the trust's digest and the level: the policy digest */
};

/**
 * Resolves trust and broken of every server from @a base on. Configuration phase (check_config). What is built lives in
 * @a p, the configuration pool; @a ptemp is for what only the round needs. Returns the findings (of cfaop_finding), each text
 * once.
 */
apr_array_header_t *cfaop_policy_resolve_all(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base);

/** Returns the policy of @a trust at @a level; the same arguments return the same pointer. Configuration phase. */
const cfaop_policy *cfaop_policy_at_level(const cfaop_trust *trust, int level);

/** Says whether nothing but the built-in CA is trusted, which all of Cloudflare's customers share. */
int cfaop_policy_is_builtin_only(const cfaop_trust *trust);

#endif
