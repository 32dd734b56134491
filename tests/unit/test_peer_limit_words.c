/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_peer_limit_words.c
 * The words of CFOriginPullPeerLimit.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "apr_general.h"
#include "config/config.h"
#include "config/peer_limit.h"

static apr_pool_t *pool;

static void set_up(void)
{
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

static const struct {
    const char *bytes, *names;
    cfaop_peer_limit limit;
} good[] = {
    {"1024", NULL, {1024, 100}},
    {"102400", "10000", {102400, 10000}},
    {"16384", "1", {16384, 1}},
    {"020000", "007", {20000, 7}},
};

START_TEST(good_words_are_read)
{
    char *words[2] = {(char *)good[_i].bytes, (char *)good[_i].names};
    cfaop_peer_limit limit = {0, 0};

    ck_assert_ptr_null(cfaop_peer_limit_parse(pool, words[1] ? 2 : 1, words, &limit));
    ck_assert_int_eq(limit.bytes, good[_i].limit.bytes);
    ck_assert_int_eq(limit.names, good[_i].limit.names);
}
END_TEST

static const struct {
    int count;
    const char *words[3];
    const char *mistake;
} bad[] = {
    {0, {NULL}, "takes one or two arguments"},
    {3, {"16384", "100", "1"}, "takes one or two arguments"},
    {1, {"1023"}, "'1023' is not a number of bytes"},
    {1, {"102401"}, "'102401' is not a number of bytes"},
    {1, {"16k"}, "'16k' is not a number of bytes"},
    {1, {"-1"}, "'-1' is not a number of bytes"},
    {1, {""}, "'' is not a number of bytes"},
    {1, {"4294983680"}, "is not a number of bytes"},
    {2, {"16384", "0"}, "'0' is not a number of names"},
    {2, {"16384", "10001"}, "'10001' is not a number of names"},
    {2, {"16384", "many"}, "'many' is not a number of names"},
};

START_TEST(bad_words_change_nothing)
{
    cfaop_peer_limit limit = {0, 0};
    const char *mistake = cfaop_peer_limit_parse(pool, bad[_i].count, (char *const *)bad[_i].words, &limit);

    ck_assert_ptr_nonnull(mistake);
    ck_assert_msg(strstr(mistake, bad[_i].mistake) != NULL, "%s", mistake);
    ck_assert_int_eq(limit.bytes, 0);
    ck_assert_int_eq(limit.names, 0);
}
END_TEST

START_TEST(default_holds_where_nothing_is_said)
{
    cfaop_server_conf conf;

    memset(&conf, 0, sizeof(conf));
    ck_assert_int_eq(cfaop_peer_limit_of(&conf).bytes, 16384);
    ck_assert_int_eq(cfaop_peer_limit_of(&conf).names, 100);
    conf.peer_limit.bytes = 20000;
    conf.peer_limit.names = 7;
    ck_assert_int_eq(cfaop_peer_limit_of(&conf).bytes, 20000);
    ck_assert_int_eq(cfaop_peer_limit_of(&conf).names, 7);
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

int main(void)
{
    Suite *suite = suite_create("peer_limit_words");
    TCase *tests = tcase_create("peer_limit_words");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, good_words_are_read, 0, COUNT(good));
    tcase_add_loop_test(tests, bad_words_change_nothing, 0, COUNT(bad));
    tcase_add_test(tests, default_holds_where_nothing_is_said);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
