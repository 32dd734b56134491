/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file memo.h
 * A memo of good verdicts. Cloudflare's edge shows the same few certificates again and again: a certificate that was
 * verified under the same policy within the last hour is not verified again.
 */
#ifndef CFAOP_TRUST_MEMO_H
#define CFAOP_TRUST_MEMO_H

#include "config/config.h"
#include "trust/chain.h"

#include "apr_pools.h"
#include "apr_time.h"

/**
 * Makes an empty memo in @a p, the configuration pool. Until then, and if it fails, nothing is remembered.
 * Configuration phase.
 */
void cfaop_memo_init(apr_pool_t *p);

/**
 * Looks for the certificate with the SHA-256 @a leaf. If it was verified under @a policy at security level @a level or
 * the policy's, whichever is higher, within the last hour, without the client's other certificates, and is still valid
 * at @a now, the function fills @a result as cfaop_chain_verify() would and returns 1; else 0. Connection phase; any
 * thread; never waits.
 */
int cfaop_memo_find(const cfaop_policy *policy, const unsigned char *leaf, int level, apr_time_t now,
                    cfaop_chain_result *result);

/**
 * Remembers @a result of cfaop_chain_verify() if the reason is NONE and it is_leaf_only. Connection phase; any thread;
 * never waits.
 */
void cfaop_memo_keep(const cfaop_policy *policy, const unsigned char *leaf, int level,
                     const cfaop_chain_result *result);

#endif
