/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_verdict.c
 * Walks the table of verdicts: what a virtual host demands, what the connection has shown, what the request gets.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pure/verdict.h"

#define PLAIN_HTTP 1
#define WITH_TLS   0

static const int policy_a, policy_b; /* only their addresses count */

/* One row of the table: what is known of the connection, and what On, Optional and LogOnly make of it. */
typedef struct {
    const char *name;
    cfaop_evidence evidence;
    cfaop_reason reason;
    int on, optional;
    const char *variable;
} row;

static const row rows[] = {
    {"verified", {&policy_a, 1, CFAOP_REASON_NONE, 1, 0, WITH_TLS}, CFAOP_REASON_NONE, 0, 0, "SUCCESS"},
    {"verified, no SNI", {&policy_a, 1, CFAOP_REASON_NONE, 0, 0, WITH_TLS}, CFAOP_REASON_NONE, 0, 0, "SUCCESS"},
    {"none shown", {&policy_a, 0, CFAOP_REASON_NONE, 1, 0, WITH_TLS}, CFAOP_REASON_NO_CERTIFICATE, 400, 0, "NONE"},
    {"none shown, no SNI", {&policy_a, 0, CFAOP_REASON_NONE, 0, 0, WITH_TLS},
     CFAOP_REASON_NO_CERTIFICATE, 400, 0, "NONE"},
    {"expired", {&policy_a, 1, CFAOP_REASON_EXPIRED, 1, 0, WITH_TLS}, CFAOP_REASON_EXPIRED, 400, 400, "FAILED:expired"},
    {"expired, no SNI", {&policy_a, 1, CFAOP_REASON_EXPIRED, 0, 0, WITH_TLS},
     CFAOP_REASON_EXPIRED, 400, 400, "FAILED:expired"},
    {"other policy, verified there", {&policy_b, 1, CFAOP_REASON_NONE, 1, 0, WITH_TLS},
     CFAOP_REASON_MISDIRECTED, 421, 421, "FAILED:misdirected"},
    {"other policy, none shown", {&policy_b, 0, CFAOP_REASON_NONE, 1, 0, WITH_TLS},
     CFAOP_REASON_MISDIRECTED, 421, 421, "NONE"},
    {"other policy, failed there", {&policy_b, 1, CFAOP_REASON_EXPIRED, 1, 0, WITH_TLS},
     CFAOP_REASON_MISDIRECTED, 421, 421, "FAILED:misdirected"},
    {"not asked", {NULL, 0, CFAOP_REASON_NONE, 1, 0, WITH_TLS}, CFAOP_REASON_MISDIRECTED, 421, 421, "NONE"},
    {"not asked, no SNI", {NULL, 0, CFAOP_REASON_NONE, 0, 0, WITH_TLS}, CFAOP_REASON_NO_CERTIFICATE, 400, 0, "NONE"},
    {"not asked by us but shown to mod_ssl, no SNI", {NULL, 1, CFAOP_REASON_NONE, 0, 0, WITH_TLS},
     CFAOP_REASON_MISDIRECTED, 400, 0, "FAILED:misdirected"},
    {"other policy, none shown, no SNI", {&policy_b, 0, CFAOP_REASON_NONE, 0, 0, WITH_TLS},
     CFAOP_REASON_NO_CERTIFICATE, 400, 0,
     "NONE"},
    {"other policy, verified there, no SNI", {&policy_b, 1, CFAOP_REASON_NONE, 0, 0, WITH_TLS},
     CFAOP_REASON_MISDIRECTED, 400, 400, "FAILED:misdirected"},
    {"other policy, failed there, no SNI", {&policy_b, 1, CFAOP_REASON_REVOKED, 0, 0, WITH_TLS},
     CFAOP_REASON_MISDIRECTED, 400, 400, "FAILED:misdirected"},
    {"plain HTTP", {NULL, 0, CFAOP_REASON_NONE, 0, 0, PLAIN_HTTP}, CFAOP_REASON_NO_CERTIFICATE, 400, 400, "NONE"},
    {"unreadable", {&policy_a, 1, CFAOP_REASON_NONE, 1, 1, WITH_TLS}, CFAOP_REASON_OTHER, 400, 400, "FAILED:other"},
};

static void check_verdict(const row *r, cfaop_mode mode, int status)
{
    cfaop_demand demand = {mode, &policy_a, 1, 0};
    cfaop_verdict v = cfaop_verdict_reach(&demand, &r->evidence);

    ck_assert_msg(v.status == status, "%s: status %d, not %d", r->name, v.status, status);
    ck_assert_msg(v.would_status == r->on, "%s: would be %d, not %d", r->name, v.would_status, r->on);
    ck_assert_msg(v.reason == r->reason, "%s: reason %s", r->name, cfaop_verdict_reason_name(v.reason));
    ck_assert_msg(!strcmp(v.variable, r->variable), "%s: variable %s", r->name, v.variable);
}

START_TEST(on_refuses_what_is_not_verified)
{
    check_verdict(&rows[_i], CFAOP_MODE_ON, rows[_i].on);
}
END_TEST

START_TEST(optional_forgives_only_absence)
{
    check_verdict(&rows[_i], CFAOP_MODE_OPTIONAL, rows[_i].optional);
}
END_TEST

START_TEST(log_only_refuses_nothing_but_says_what_on_would)
{
    check_verdict(&rows[_i], CFAOP_MODE_LOG_ONLY, 0);
}
END_TEST

START_TEST(off_lets_everything_go_on)
{
    cfaop_demand demand = {CFAOP_MODE_OFF, NULL, 1, 0};
    cfaop_verdict v = cfaop_verdict_reach(&demand, &rows[_i].evidence);

    ck_assert_int_eq(v.status, 0);
    ck_assert_int_eq(v.would_status, 0);
    ck_assert_int_eq(v.reason, CFAOP_REASON_NONE);
}
END_TEST

/* A virtual host without TLS of its own demands of TLS what any other does, and nothing of plain HTTP. */
START_TEST(borrowed_tls_is_judged_and_plain_http_is_not)
{
    static const cfaop_mode modes[] = {CFAOP_MODE_ON, CFAOP_MODE_OPTIONAL, CFAOP_MODE_LOG_ONLY};
    const cfaop_evidence *evidence = &rows[_i].evidence;
    size_t i;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); ++i) {
        cfaop_demand own = {modes[i], &policy_a, 1, 0}, borrows = {modes[i], &policy_a, 1, 1};
        cfaop_verdict expected = cfaop_verdict_reach(&own, evidence), v = cfaop_verdict_reach(&borrows, evidence);

        ck_assert_int_eq(cfaop_verdict_demand_applies(&borrows, evidence->plain_http), !evidence->plain_http);
        ck_assert_int_eq(v.status, evidence->plain_http ? 0 : expected.status);
        ck_assert_int_eq(v.would_status, evidence->plain_http ? 0 : expected.would_status);
        ck_assert_str_eq(v.variable, evidence->plain_http ? "NONE" : expected.variable);
    }
}
END_TEST

/* A policy that could not be built is not the same as one that was never asked under: it is never satisfied. */
START_TEST(an_unusable_policy_is_never_satisfied)
{
    static const cfaop_demand demands[] = {
        {CFAOP_MODE_ON, &policy_a, 0, 0}, {CFAOP_MODE_OPTIONAL, &policy_a, 0, 0},
        {CFAOP_MODE_ON, NULL, 1, 0},      {CFAOP_MODE_OPTIONAL, NULL, 1, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(demands) / sizeof(demands[0]); ++i) {
        cfaop_verdict v = cfaop_verdict_reach(&demands[i], &rows[_i].evidence);

        ck_assert_int_eq(v.status, 400);
        ck_assert_int_eq(v.reason, CFAOP_REASON_CONFIGURATION);
        ck_assert_str_eq(v.variable, "FAILED:configuration");
    }
}
END_TEST

START_TEST(log_only_goes_on_with_an_unusable_policy)
{
    cfaop_demand demand = {CFAOP_MODE_LOG_ONLY, NULL, 0, 0};
    cfaop_verdict v = cfaop_verdict_reach(&demand, &rows[_i].evidence);

    ck_assert_int_eq(v.status, 0);
    ck_assert_int_eq(v.would_status, 400);
    ck_assert_str_eq(v.variable, "FAILED:configuration");
}
END_TEST

/* Log analysers and dashboards read these. */
START_TEST(reasons_have_their_published_names)
{
    static const char *const names[CFAOP_REASON_COUNT] = {
        "none",    "no_certificate", "expired", "not_yet_valid", "untrusted_issuer", "wrong_purpose",
        "revoked", "depth",          "pin",     "misdirected",   "configuration",    "other",
    };

    ck_assert_str_eq(cfaop_verdict_reason_name((cfaop_reason)_i), names[_i]);
    ck_assert_str_eq(cfaop_verdict_reason_failed((cfaop_reason)_i) + strlen("FAILED:"), names[_i]);
    ck_assert(!strncmp(cfaop_verdict_reason_failed((cfaop_reason)_i), "FAILED:", strlen("FAILED:")));
}
END_TEST

START_TEST(an_unknown_reason_is_other)
{
    ck_assert_str_eq(cfaop_verdict_reason_name(CFAOP_REASON_COUNT), "other");
    ck_assert_str_eq(cfaop_verdict_reason_failed((cfaop_reason)-1), "FAILED:other");
}
END_TEST

int main(void)
{
    const int count = (int)(sizeof(rows) / sizeof(rows[0]));
    Suite *suite = suite_create("verdict");
    TCase *tcase = tcase_create("table");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, on_refuses_what_is_not_verified, 0, count);
    tcase_add_loop_test(tcase, optional_forgives_only_absence, 0, count);
    tcase_add_loop_test(tcase, log_only_refuses_nothing_but_says_what_on_would, 0, count);
    tcase_add_loop_test(tcase, off_lets_everything_go_on, 0, count);
    tcase_add_loop_test(tcase, borrowed_tls_is_judged_and_plain_http_is_not, 0, count);
    tcase_add_loop_test(tcase, an_unusable_policy_is_never_satisfied, 0, count);
    tcase_add_loop_test(tcase, log_only_goes_on_with_an_unusable_policy, 0, count);
    tcase_add_loop_test(tcase, reasons_have_their_published_names, 0, CFAOP_REASON_COUNT);
    tcase_add_test(tcase, an_unknown_reason_is_other);
    suite_add_tcase(suite, tcase);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
