/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_memo.c
 * What the memo of good verdicts remembers, for how long and how much of it. A certificate is a number here: its hash,
 * and the anchor that vouched for it, are made from it.
 */
#include <check.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "apr_general.h"
#include "apr_thread_proc.h"
#include "base/module.h"
#include "config/config.h"
#include "pure/verdict.h"
#include "trust/chain.h"
#include "trust/memo.h"
#include "trust/policy.h"

#define HOUR     (60 * 60)
#define NOW      1800000000
#define LEVEL    1
#define CAPACITY 1024
#define FLOOD    100000
#define THREADS  8
#define ROUNDS   20000
#define LEAVES   64 /* that the threads have in common */

static apr_pool_t *pool;
static cfaop_policy policy, other_policy;

static void set_up(void)
{
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    memset(policy.digest, 1, sizeof(policy.digest));
    memset(other_policy.digest, 1, sizeof(other_policy.digest));
    other_policy.digest[CFAOP_SHA256_LEN - 1] = 2;
    policy.level = other_policy.level = LEVEL;
}

static void set_up_with_memo(void)
{
    set_up();
    cfaop_memo_init(pool);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

/* A hash of what and number: equal ones for equal arguments, spread over all bytes like SHA-256. */
static void hash(unsigned char *to, apr_uint64_t what, apr_uint64_t number)
{
    apr_uint64_t state = number * 2 + what;
    int i;

    for (i = 0; i < CFAOP_SHA256_LEN; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        to[i] = (unsigned char)(state >> 56);
    }
    memcpy(to + CFAOP_SHA256_LEN - sizeof(number), &number, sizeof(number));
}

static cfaop_chain_result good(unsigned number)
{
    cfaop_chain_result result = {.valid_from = NOW, .valid_until = NOW + 100 * HOUR, .is_leaf_only = 1};

    hash(result.anchor, 1, number);
    return result;
}

static void keep_at(const cfaop_policy *under, unsigned number, int level, const cfaop_chain_result *result)
{
    unsigned char leaf[CFAOP_SHA256_LEN];

    hash(leaf, 0, number);
    cfaop_memo_keep(under, leaf, level, result);
}

static void keep(unsigned number, cfaop_chain_result result)
{
    keep_at(&policy, number, LEVEL, &result);
}

static int find_at(const cfaop_policy *under, unsigned number, int level, apr_int64_t seconds,
                   cfaop_chain_result *result)
{
    unsigned char leaf[CFAOP_SHA256_LEN];

    hash(leaf, 0, number);
    return cfaop_memo_find(under, leaf, level, apr_time_from_sec(seconds), result);
}

static int knows(unsigned number, apr_int64_t seconds)
{
    cfaop_chain_result result;

    return find_at(&policy, number, LEVEL, seconds, &result);
}

START_TEST(a_good_verdict_comes_back_as_it_was)
{
    cfaop_chain_result kept = good(7), found;

    memset(&found, 0xff, sizeof(found));
    ck_assert(!find_at(&policy, 7, LEVEL, NOW, &found));
    keep(7, kept);
    ck_assert(find_at(&policy, 7, LEVEL, NOW + 60, &found));
    ck_assert(found.reason == CFAOP_REASON_NONE && found.x509_error == X509_V_OK && found.is_leaf_only);
    ck_assert(found.valid_from == NOW + 60 && found.valid_until == kept.valid_until);
    ck_assert_mem_eq(found.anchor, kept.anchor, CFAOP_SHA256_LEN);
}
END_TEST

START_TEST(it_is_for_one_certificate_under_one_policy_at_one_level)
{
    cfaop_chain_result found;

    keep(7, good(7));
    ck_assert(!knows(8, NOW));
    ck_assert(!find_at(&other_policy, 7, LEVEL, NOW, &found));
    ck_assert(!find_at(&policy, 7, LEVEL + 1, NOW, &found));
    ck_assert(find_at(&policy, 7, LEVEL - 1, NOW, &found)); /* the policy's level is the least that counts */
    ck_assert(knows(7, NOW));
}
END_TEST

START_TEST(it_is_for_each_policy_apart)
{
    cfaop_chain_result one = good(1), two = good(2), found;

    keep_at(&policy, 7, LEVEL, &one);
    keep_at(&other_policy, 7, LEVEL, &two);
    ck_assert(find_at(&policy, 7, LEVEL, NOW, &found));
    ck_assert_mem_eq(found.anchor, one.anchor, CFAOP_SHA256_LEN);
    ck_assert(find_at(&other_policy, 7, LEVEL, NOW, &found));
    ck_assert_mem_eq(found.anchor, two.anchor, CFAOP_SHA256_LEN);
}
END_TEST

START_TEST(it_holds_for_an_hour)
{
    keep(7, good(7));
    ck_assert(knows(7, NOW));
    ck_assert(knows(7, NOW + HOUR - 1)); /* asking does not make it last longer */
    ck_assert(!knows(7, NOW + HOUR));
    ck_assert(!knows(7, NOW + 2 * HOUR));
}
END_TEST

START_TEST(it_ends_with_the_chain)
{
    cfaop_chain_result result = good(7);

    result.valid_until = NOW + 10;
    keep(7, result);
    ck_assert(knows(7, NOW + 9));
    ck_assert(!knows(7, NOW + 10));
}
END_TEST

START_TEST(a_clock_that_is_set_back_finds_nothing)
{
    keep(7, good(7));
    ck_assert(!knows(7, NOW - 1));
    ck_assert(!knows(7, NOW - 100 * HOUR));
    ck_assert(knows(7, NOW));
}
END_TEST

START_TEST(a_later_verdict_takes_the_place_of_the_one_before)
{
    cfaop_chain_result later = good(8), found;

    keep(7, good(7));
    later.valid_from = NOW + 2 * HOUR;
    keep(7, later);
    ck_assert(!knows(7, NOW));
    ck_assert(find_at(&policy, 7, LEVEL, NOW + 2 * HOUR, &found));
    ck_assert_mem_eq(found.anchor, later.anchor, CFAOP_SHA256_LEN);
}
END_TEST

START_TEST(no_bad_verdict_is_remembered)
{
    int reason;

    for (reason = CFAOP_REASON_NONE + 1; reason < CFAOP_REASON_COUNT; ++reason) {
        cfaop_chain_result result = good(7);
        result.reason = (cfaop_reason)reason;
        keep(7, result);
        ck_assert_msg(!knows(7, NOW), "%s is remembered", cfaop_verdict_reason_name((cfaop_reason)reason));
    }
}
END_TEST

START_TEST(what_needed_the_clients_other_certificates_is_not)
{
    cfaop_chain_result result = good(7);

    result.is_leaf_only = 0;
    keep(7, result);
    ck_assert(!knows(7, NOW));
}
END_TEST

/*
 * What the process has allocated. glibc can be asked; elsewhere it is 0, and only the number of entries is
 * looked at.
 */
static size_t allocated(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#elif defined(__GLIBC__)
    struct mallinfo info = mallinfo();
    return (size_t)info.uordblks + (size_t)info.hblkhd;
#else
    return 0;
#endif
}

START_TEST(a_flood_takes_no_more_memory)
{
    size_t before = allocated();
    unsigned number, known = 0;

    for (number = 0; number < FLOOD; ++number) {
        keep(number, good(number));
        ck_assert(knows(number, NOW));
    }
    ck_assert_uint_eq(allocated(), before);
    for (number = 0; number < FLOOD; ++number) {
        known += (unsigned)knows(number, NOW);
    }
    ck_assert_msg(known > CAPACITY / 2 && known <= CAPACITY, "%u are remembered", known);
}
END_TEST

START_TEST(a_flood_does_not_drive_out_what_is_in_use)
{
    unsigned number;

    keep(FLOOD, good(FLOOD));
    for (number = 0; number < FLOOD; ++number) {
        keep(number, good(number));
        ck_assert(knows(FLOOD, NOW));
    }
    ck_assert(!knows(0, NOW));
}
END_TEST

START_TEST(without_a_memo_nothing_is_remembered)
{
    keep(7, good(7));
    ck_assert(!knows(7, NOW));
}
END_TEST

START_TEST(a_new_configuration_begins_with_an_empty_one)
{
    apr_pool_t *configuration;

    ck_assert_int_eq(apr_pool_create(&configuration, pool), APR_SUCCESS);
    cfaop_memo_init(configuration);
    keep(7, good(7));
    ck_assert(knows(7, NOW));
    apr_pool_destroy(configuration);
    ck_assert(!knows(7, NOW));
    cfaop_memo_init(pool);
    ck_assert(!knows(7, NOW));
}
END_TEST

/* What the threads have seen; each has its own. */
typedef struct {
    unsigned first;
    unsigned found;
    unsigned wrong;
} witness;

static void *APR_THREAD_FUNC keep_and_find(apr_thread_t *thread, void *data)
{
    witness *seen = data;
    unsigned i;

    (void)thread;
    for (i = 0; i < ROUNDS; ++i) {
        /* the threads' own certificates drive out one another's, among them those that all have in common */
        unsigned number = i % 2 ? i * 7 % LEAVES : seen->first + i;
        cfaop_chain_result expected = good(number), found;
        if (find_at(&policy, number, LEVEL, NOW, &found)) {
            ++seen->found;
            seen->wrong +=
                memcmp(found.anchor, expected.anchor, CFAOP_SHA256_LEN) || found.valid_until != expected.valid_until;
        }
        else {
            keep(number, expected);
        }
    }
    return NULL;
}

START_TEST(threads_at_once_never_see_anothers_verdict)
{
    apr_thread_t *threads[THREADS];
    witness seen[THREADS];
    apr_status_t ignored;
    int i;

    for (i = 0; i < THREADS; ++i) {
        seen[i] = (witness){.first = FLOOD * (unsigned)(i + 1)};
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, keep_and_find, &seen[i], pool), APR_SUCCESS);
    }
    for (i = 0; i < THREADS; ++i) {
        apr_thread_join(&ignored, threads[i]);
    }
    for (i = 0; i < THREADS; ++i) {
        ck_assert_uint_eq(seen[i].wrong, 0);
        ck_assert_uint_gt(seen[i].found, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memo");
    TCase *with = tcase_create("with a memo"), *without = tcase_create("without");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(with, set_up_with_memo, tear_down);
    tcase_set_timeout(with, 120);
    tcase_add_test(with, a_good_verdict_comes_back_as_it_was);
    tcase_add_test(with, it_is_for_one_certificate_under_one_policy_at_one_level);
    tcase_add_test(with, it_is_for_each_policy_apart);
    tcase_add_test(with, it_holds_for_an_hour);
    tcase_add_test(with, it_ends_with_the_chain);
    tcase_add_test(with, a_clock_that_is_set_back_finds_nothing);
    tcase_add_test(with, a_later_verdict_takes_the_place_of_the_one_before);
    tcase_add_test(with, no_bad_verdict_is_remembered);
    tcase_add_test(with, what_needed_the_clients_other_certificates_is_not);
    tcase_add_test(with, a_flood_takes_no_more_memory);
    tcase_add_test(with, a_flood_does_not_drive_out_what_is_in_use);
    tcase_add_test(with, threads_at_once_never_see_anothers_verdict);
    suite_add_tcase(suite, with);
    tcase_add_checked_fixture(without, set_up, tear_down);
    tcase_add_test(without, without_a_memo_nothing_is_remembered);
    tcase_add_test(without, a_new_configuration_begins_with_an_empty_one);
    suite_add_tcase(suite, without);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
