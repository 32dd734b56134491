/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_expiry_schedule.c
 * When a certificate's end is worth a warning, and when the daily look is due.
 */
#include "pure/expiry_schedule.h"

#include <check.h>
#include <stdlib.h>

#define DAY ((apr_int64_t)24 * 60 * 60)
#define NOW ((apr_int64_t)1800000000)

START_TEST(what_ends_within_the_days_is_soon)
{
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW + 31 * DAY, NOW, 30), CFAOP_EXPIRY_FAR);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW + 30 * DAY + 1, NOW, 30), CFAOP_EXPIRY_FAR);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW + 30 * DAY, NOW, 30), CFAOP_EXPIRY_SOON);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW + 1, NOW, 30), CFAOP_EXPIRY_SOON);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW + 3650 * DAY, NOW, 3650), CFAOP_EXPIRY_SOON);
}
END_TEST

START_TEST(its_last_second_is_not_past)
{
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW, NOW, 30), CFAOP_EXPIRY_SOON);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW - 1, NOW, 30), CFAOP_EXPIRY_PAST);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(0, NOW, 30), CFAOP_EXPIRY_PAST);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(-DAY, NOW, 30), CFAOP_EXPIRY_PAST);
}
END_TEST

START_TEST(zero_days_means_no_warning_before_the_end)
{
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW, NOW, 0), CFAOP_EXPIRY_FAR);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW + 1, NOW, 0), CFAOP_EXPIRY_FAR);
    ck_assert_int_eq(cfaop_expiry_schedule_stage_of(NOW - 1, NOW, 0), CFAOP_EXPIRY_PAST);
}
END_TEST

START_TEST(whole_days_are_left)
{
    ck_assert_int_eq(cfaop_expiry_schedule_days_left(NOW + DAY, NOW), 1);
    ck_assert_int_eq(cfaop_expiry_schedule_days_left(NOW + DAY - 1, NOW), 0);
    ck_assert_int_eq(cfaop_expiry_schedule_days_left(NOW, NOW), 0);
    ck_assert_int_eq(cfaop_expiry_schedule_days_left(NOW - 5 * DAY, NOW), 0);
}
END_TEST

START_TEST(the_look_is_due_once_a_day)
{
    ck_assert_int_eq(cfaop_expiry_schedule_is_due(NOW, NOW), 0);
    ck_assert_int_eq(cfaop_expiry_schedule_is_due(NOW, NOW + DAY - 1), 0);
    ck_assert_int_eq(cfaop_expiry_schedule_is_due(NOW, NOW + DAY), 1);
    ck_assert_int_eq(cfaop_expiry_schedule_is_due(NOW, NOW + 100 * DAY), 1);
    ck_assert_int_eq(cfaop_expiry_schedule_is_due(0, NOW), 1);
}
END_TEST

START_TEST(a_clock_that_was_set_back_does_not_silence_it)
{
    ck_assert_int_eq(cfaop_expiry_schedule_is_due(NOW + 3650 * DAY, NOW), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expiry_schedule");
    TCase *tests = tcase_create("expiry_schedule");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, what_ends_within_the_days_is_soon);
    tcase_add_test(tests, its_last_second_is_not_past);
    tcase_add_test(tests, zero_days_means_no_warning_before_the_end);
    tcase_add_test(tests, whole_days_are_left);
    tcase_add_test(tests, the_look_is_due_once_a_day);
    tcase_add_test(tests, a_clock_that_was_set_back_does_not_silence_it);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
