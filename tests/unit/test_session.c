/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_session.c
 * Which TLS sessions are taken up again: what session.c writes into sessions and which it lets resume.
 */
#include <check.h>
#include <stdlib.h>

#include "pki.h"
#include "tls_pair.h"

#define DAY (24 * HOUR)

START_TEST(a_good_session_resumes_with_its_judgement)
{
    cfaop_chain_result first;
    int i;

    pair_begin(_i);
    meet();
    first = conn.so_far.chain;
    client.until = DAY; /* a resumption judges nothing, so this must not show */
    for (i = 0; i < 3; ++i) {
        ck_assert(connects_resumed());
        ck_assert(conn.so_far.judged && conn.so_far.chain.reason == CFAOP_REASON_NONE
                  && conn.so_far.chain.x509_error == X509_V_OK);
        ck_assert(conn.so_far.chain.valid_from == first.valid_from
                  && conn.so_far.chain.valid_until == first.valid_until);
        ck_assert_mem_eq(conn.so_far.chain.anchor, first.anchor, CFAOP_SHA256_LEN);
    }
}
END_TEST

START_TEST(a_session_of_another_policy_does_not)
{
    pair_begin(_i);
    meet();
    vhost.policy = &other_policy;
    ck_assert(!connects_resumed());
    ck_assert(connects_resumed()); /* the one just made under it */
}
END_TEST

START_TEST(a_session_of_a_vhost_that_asks_does_not_where_nothing_is_asked)
{
    pair_begin(_i);
    meet();
    vhost.policy = NULL;
    ck_assert(!connects_resumed());
    ck_assert(connects_resumed()); /* the one just made there */
    vhost.policy = &policy;
    ck_assert(!connects_resumed());
}
END_TEST

START_TEST(a_session_without_a_certificate_does_not)
{
    pair_begin(_i);
    client.shows = 0;
    meet();
    ck_assert(!connects_resumed());
}
END_TEST

START_TEST(a_session_of_a_refused_certificate_does_not)
{
    pair_begin(_i);
    client.reason = CFAOP_REASON_UNTRUSTED_ISSUER;
    meet();
    ck_assert(!connects_resumed());
    client.reason = CFAOP_REASON_NONE;
    ck_assert(!connects_resumed());
    ck_assert(connects_resumed());
}
END_TEST

START_TEST(a_session_ends_with_its_judgement)
{
    pair_begin(_i);
    client.until = 0;
    meet();
    ck_assert(!connects_resumed());
}
END_TEST

START_TEST(a_session_ends_a_day_after_its_full_handshake)
{
    pair_begin(_i);
    client.until = 30 * DAY;
    client.from = -(DAY - HOUR);
    meet();
    ck_assert(connects_resumed());
    ck_assert(conn.so_far.chain.valid_until - conn.so_far.chain.valid_from == DAY);
    client.from = -DAY;
    SSL_SESSION_free(kept);
    kept = NULL;
    meet();
    ck_assert(!connects_resumed());
}
END_TEST

START_TEST(a_session_from_the_future_does_not_resume)
{
    pair_begin(_i);
    client.from = HOUR;
    client.until = DAY;
    meet();
    ck_assert(!connects_resumed());
}
END_TEST

START_TEST(a_session_of_a_client_that_mod_ssl_asked_again_does_not)
{
    pair_begin(_i);
    client.reverified = 1;
    meet();
    ck_assert(!connects_resumed());
}
END_TEST

START_TEST(a_session_that_mod_ssl_did_not_verify_is_nothing_where_it_verifies)
{
    pair_begin(_i);
    meet();
    vhost.mod_ssl_mode = SSL_VERIFY_PEER;
    ck_assert(!connects_resumed());
    ck_assert(connects_resumed()); /* the one just made there */
    vhost.mod_ssl_mode = SSL_VERIFY_NONE;
    ck_assert(connects_resumed());
}
END_TEST

START_TEST(a_session_under_another_key_does_not)
{
    unsigned char other_key[CFAOP_SESSION_KEY_LEN] = "another key";

    pair_begin(_i);
    meet();
    vhost.session_key = other_key;
    ck_assert(!connects_resumed());
    ck_assert(connects_resumed()); /* the one just made under it */
    vhost.session_key = NULL;
    ck_assert(!connects_resumed());
    ck_assert(!connects_resumed());
}
END_TEST

/* OpenSSL offers no session with a TLS 1.2 ticket to the cache, and ours does not take one with a TLS 1.3 ticket. */
START_TEST(only_a_session_that_can_resume_goes_to_the_cache)
{
    int expected = pair_kinds[_i].tickets ? 0 : 1;

    pair_begin(_i);
    meet();
    ck_assert(expected ? offered_to_cache > 0 : offered_to_cache == 0);
    offered_to_cache = 0;
    SSL_SESSION_free(kept);
    kept = NULL;
    client.reason = CFAOP_REASON_UNTRUSTED_ISSUER;
    meet();
    client.reason = CFAOP_REASON_NONE;
    client.shows = 0;
    ck_assert(!connects_resumed()); /* with what the refused client got */
    ck_assert(!connects_resumed());
    ck_assert_int_eq(offered_to_cache, 0);
    vhost.policy = NULL;
    ck_assert(!connects_resumed());
    ck_assert(expected ? offered_to_cache > 0 : 1); /* where nothing is asked, mod_ssl's cache gets them all */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("sessions");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, pair_set_up, pair_tear_down);
    tcase_add_loop_test(tcase, a_good_session_resumes_with_its_judgement, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_of_another_policy_does_not, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_of_a_vhost_that_asks_does_not_where_nothing_is_asked, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_without_a_certificate_does_not, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_of_a_refused_certificate_does_not, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_ends_with_its_judgement, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_ends_a_day_after_its_full_handshake, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_from_the_future_does_not_resume, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_of_a_client_that_mod_ssl_asked_again_does_not, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_that_mod_ssl_did_not_verify_is_nothing_where_it_verifies, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_session_under_another_key_does_not, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, only_a_session_that_can_resume_goes_to_the_cache, 0, PAIR_KINDS);
    suite_add_tcase(suite, tcase);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
