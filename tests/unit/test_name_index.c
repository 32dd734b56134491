/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_name_index.c
 * Names and wildcards are found as a comparison of each with each would find them, and with few comparisons.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "operator/name_index.h"

#include "apr_fnmatch.h"
#include "apr_general.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "httpd.h"

static int comparisons;

/* What httpd has under these names; the test is not within httpd. */
int ap_strcasecmp_match(const char *text, const char *pattern)
{
    ++comparisons;
    return apr_fnmatch(pattern, text, APR_FNM_CASE_BLIND);
}

void ap_str_tolower(char *text)
{
    for (; *text; ++text) {
        *text = (char)apr_tolower(*text);
    }
}

static const char *const names[] = {"a.test",   "A.Test",       "b.a.test", "c.b.a.test", "ba.test",
                                    "a.test.b", "shop1.a.test", "shop1",    "shop12",     "",
                                    "test",     "sh1op.test",   "x"};
static const char *const wildcards[] = {"*",          "*.test", "*.a.test", "*a.test",     "*.*.test", "a.*",
                                        "shop*",      "shop?",  "?.a.test", "*.a.*",       "a.t?st",   "a*t",
                                        "*.B.A.test", "sh*p*",  "?",        "shop?.a.test"};

#define NAMES     (sizeof(names) / sizeof(*names))
#define WILDCARDS (sizeof(wildcards) / sizeof(*wildcards))
#define ALL       (NAMES + WILDCARDS)

static apr_pool_t *pool;

static void set_up(void)
{
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    comparisons = 0;
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

static const char *text_of(size_t i)
{
    return i < NAMES ? names[i] : wildcards[i - NAMES];
}

/* The owner of each name is its place in found. */
static void note(void *data, const char *name, void *owner)
{
    (void)data;
    (void)name;
    ++*(int *)owner;
}

START_TEST(all_are_found_and_no_other)
{
    cfaop_name_index *index = cfaop_name_index_make(pool);
    int found[ALL];
    size_t i, j;

    for (i = 0; i < NAMES; ++i) {
        cfaop_name_index_add(index, names[i], &found[i]);
    }
    for (i = 0; i < WILDCARDS; ++i) {
        cfaop_name_index_add_wildcard(index, wildcards[i], &found[NAMES + i]);
    }
    for (i = 0; i < ALL; ++i) {
        memset(found, 0, sizeof(found));
        cfaop_name_index_find_broader(pool, index, text_of(i), note, NULL);
        for (j = 0; j < ALL; ++j) {
            ck_assert_msg((found[j] > 0) == !ap_strcasecmp_match(text_of(i), text_of(j)), "%s for %s", text_of(j),
                          text_of(i));
        }
        memset(found, 0, sizeof(found));
        cfaop_name_index_find_within(pool, index, text_of(i), note, NULL);
        for (j = 0; j < ALL; ++j) {
            ck_assert_msg(found[j] == !ap_strcasecmp_match(text_of(j), text_of(i)), "%s within %s", text_of(j),
                          text_of(i));
        }
    }
}
END_TEST

/* Counts how often the name changes from one that is found to the next. */
typedef struct {
    const char *name;
    int changes, count;
} order;

static void note_order(void *data, const char *name, void *owner)
{
    order *o = data;

    (void)owner;
    o->changes += !o->name || strcmp(o->name, name) != 0;
    o->name = name;
    ++o->count;
}

START_TEST(the_same_names_follow_each_other)
{
    static const char *const patterns[] = {"*.test", "a*"};
    cfaop_name_index *index = cfaop_name_index_make(pool);
    int i;

    for (i = 0; i < 60; ++i) {
        cfaop_name_index_add(index, apr_psprintf(pool, i % 2 ? "a%d.test" : "A%d.test", i % 3), &comparisons);
    }
    for (i = 0; i < 2; ++i) {
        order o = {NULL, 0, 0};
        cfaop_name_index_find_within(pool, index, patterns[i], note_order, &o);
        ck_assert_int_eq(o.count, 60);
        ck_assert_int_eq(o.changes, 3);
    }
}
END_TEST

static const char *const forms[] = {"*s%d.test", "*.s%d.test", "s%d*", "s%d.?om", "?.s%d.test"};

START_TEST(a_name_is_compared_with_few)
{
    cfaop_name_index *index = cfaop_name_index_make(pool);
    int i, found = 0;

    for (i = 1000; i < 3000; ++i) {
        cfaop_name_index_add_wildcard(index, apr_psprintf(pool, forms[_i], i), &found);
    }
    for (i = 1000; i < 3000; ++i) {
        const char *pattern = apr_psprintf(pool, forms[_i], i);
        cfaop_name_index_find_broader(pool, index, pattern, note, NULL);
        cfaop_name_index_find_within(pool, index, pattern, note, NULL);
    }
    ck_assert_int_eq(found, 4000);
    ck_assert_int_le(comparisons, 8000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("name_index");
    TCase *test = tcase_create("name_index");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(test, set_up, tear_down);
    tcase_add_test(test, all_are_found_and_no_other);
    tcase_add_test(test, the_same_names_follow_each_other);
    tcase_add_loop_test(test, a_name_is_compared_with_few, 0, 5);
    suite_add_tcase(suite, test);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
