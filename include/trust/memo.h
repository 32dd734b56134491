/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file memo.h
 * A memo of good verdicts. Cloudflare's edge shows the same few certificates over and over; what was verified a moment ago under the
 * same policy need not be verified again.
 */
#ifndef CFAOP_TRUST_MEMO_H
#define CFAOP_TRUST_MEMO_H

#include "config/config.h"
#include "trust/chain.h"

#include "apr_pools.h"
#include "apr_time.h"

/** Makes an empty memo that lives as long as @a p, the configuration pool; without it nothing is remembered. Configuration phase. */
void cfaop_memo_init(apr_pool_t *p);

/**
 * Says whether the certificate with the SHA-256 @a leaf was verified under @a policy at security level @a level (or the policy's,
 * whichever is higher) within the last hour, on no more than itself, and would be verified at @a now, too: then it fills @a result
 * as cfaop_chain_verify() would. Connection phase; any thread; never waits.
 */
int cfaop_memo_find(const cfaop_policy *policy, const unsigned char *leaf, int level, apr_time_t now, cfaop_chain_result *result);

/** Remembers @a result of cfaop_chain_verify() if it is good and is_leaf_only. As above. */
void cfaop_memo_keep(const cfaop_policy *policy, const unsigned char *leaf, int level, const cfaop_chain_result *result);

#endif
