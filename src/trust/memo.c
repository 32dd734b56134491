/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file memo.c
 * A memo of good verdicts. Cloudflare's edge shows the same few certificates again and again: a certificate that was
 * verified under the same policy within the last hour is not verified again.
 *
 * Each process has its own memo, and each configuration makes a new one, so a reload forgets all verdicts. The table
 * has a fixed size. It is divided into shards, each with a mutex. A handshake does not wait for a mutex: if another
 * thread holds it, the certificate is verified.
 */
#include "trust/memo.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"
#include "trust/chain.h"
#include "trust/policy.h"

#include "apr_thread_mutex.h"

#define SHARDS      64 /* a power of two */
#define SHARD_SLOTS 16
#define MAX_SECONDS (60L * 60)

/* What a verdict depends on. Keys are compared byte for byte, so the struct has no padding. */
typedef struct {
    unsigned char policy[CFAOP_SHA256_LEN];
    unsigned char leaf[CFAOP_SHA256_LEN];
    apr_int64_t level;
} memo_key;

typedef struct {
    memo_key key;
    apr_int64_t from;        /* seconds: when it was verified; not used before, should the clock be set back */
    apr_int64_t until;       /* seconds: not used from then on; 0: the slot is empty */
    apr_int64_t valid_until; /* seconds: as in cfaop_chain_result */
    apr_uint64_t used;       /* the shard's tick at the last use */
    unsigned char anchor[CFAOP_SHA256_LEN];
} memo_slot;

typedef struct {
    apr_thread_mutex_t *mutex;
    apr_uint64_t ticks;
    memo_slot slots[SHARD_SLOTS];
} memo_shard;

static memo_shard *shards; /* [SHARDS]; NULL: nothing is remembered */

static apr_status_t forget_memo(void *data)
{
    (void)data;
    shards = NULL;
    return APR_SUCCESS;
}

void cfaop_memo_init(apr_pool_t *p)
{
    memo_shard *made = apr_palloc(p, SHARDS * sizeof(*made));
    int i;

    memset(made, 0, SHARDS * sizeof(*made));
    for (i = 0; i < SHARDS; ++i) {
        if (apr_thread_mutex_create(&made[i].mutex, APR_THREAD_MUTEX_DEFAULT, p) != APR_SUCCESS) {
            return;
        }
    }
    shards = made;
    apr_pool_cleanup_register(p, NULL, forget_memo, apr_pool_cleanup_null);
}

static void make_key(memo_key *key, const cfaop_policy *policy, const unsigned char *leaf, int level)
{
    memcpy(key->policy, policy->digest, CFAOP_SHA256_LEN);
    memcpy(key->leaf, leaf, CFAOP_SHA256_LEN);
    key->level = level > policy->level ? level : policy->level;
}

/* Returns the shard for leaf, locked; NULL if another thread has locked it, or if there is no memo. */
static memo_shard *enter(const unsigned char *leaf)
{
    memo_shard *shard = shards ? &shards[leaf[0] & (SHARDS - 1)] : NULL;

    return shard && apr_thread_mutex_trylock(shard->mutex) == APR_SUCCESS ? shard : NULL;
}

static void leave(memo_shard *shard)
{
    apr_thread_mutex_unlock(shard->mutex);
}

static memo_slot *slot_of(memo_shard *shard, const memo_key *key)
{
    int i;

    for (i = 0; i < SHARD_SLOTS; ++i) {
        if (shard->slots[i].until && !memcmp(&shard->slots[i].key, key, sizeof(*key))) {
            return &shard->slots[i];
        }
    }
    return NULL;
}

int cfaop_memo_find(const cfaop_policy *policy, const unsigned char *leaf, int level, apr_time_t now,
                    cfaop_chain_result *result)
{
    apr_int64_t seconds = apr_time_sec(now);
    memo_shard *shard = enter(leaf);
    memo_slot *slot;
    memo_key key;
    int found = 0;

    if (!shard) {
        return 0;
    }
    make_key(&key, policy, leaf, level);
    slot = slot_of(shard, &key);
    if (slot && slot->from <= seconds && seconds < slot->until) {
        slot->used = ++shard->ticks;
        memset(result, 0, sizeof(*result));
        result->reason = CFAOP_REASON_NONE;
        result->x509_error = X509_V_OK;
        result->valid_from = seconds;
        result->valid_until = slot->valid_until;
        result->is_leaf_only = 1;
        memcpy(result->anchor, slot->anchor, CFAOP_SHA256_LEN);
        found = 1;
    }
    leave(shard);
    return found;
}

/* Returns the slot for a new verdict: an empty slot, else the one that was not used for the longest time. */
static memo_slot *victim(memo_shard *shard)
{
    memo_slot *slot = &shard->slots[0];
    int i;

    for (i = 1; i < SHARD_SLOTS; ++i) {
        if (shard->slots[i].used < slot->used) {
            slot = &shard->slots[i];
        }
    }
    return slot;
}

void cfaop_memo_keep(const cfaop_policy *policy, const unsigned char *leaf, int level, const cfaop_chain_result *result)
{
    memo_shard *shard;
    memo_slot *slot;
    memo_key key;

    if (result->reason != CFAOP_REASON_NONE || !result->is_leaf_only || !(shard = enter(leaf))) {
        return;
    }
    make_key(&key, policy, leaf, level);
    slot = slot_of(shard, &key);
    if (!slot) {
        slot = victim(shard);
    }
    slot->key = key;
    slot->from = result->valid_from;
    slot->valid_until = result->valid_until;
    slot->until = slot->from + MAX_SECONDS < slot->valid_until ? slot->from + MAX_SECONDS : slot->valid_until;
    slot->used = ++shard->ticks;
    memcpy(slot->anchor, result->anchor, CFAOP_SHA256_LEN);
    leave(shard);
}
