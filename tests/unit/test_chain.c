/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_chain.c
 * Verifying chains against a policy: which certificates pass, why others do not, and how long a good verdict holds.
 */
#include <check.h>
#include <stdlib.h>

#include "apr_hash.h"
#include "chain_case.h"
#include "pki.h"
#include "pure/verdict.h"
#include "trust/chain.h"
#include "trust/store.h"

static void check_reason(cfaop_chain_result result, cfaop_reason reason)
{
    ck_assert_msg(result.reason == reason, "%s, not %s (%s)", cfaop_verdict_reason_name(result.reason),
                  cfaop_verdict_reason_name(reason), X509_verify_cert_error_string(result.x509_error));
    ck_assert_int_eq(result.x509_error == X509_V_OK, reason == CFAOP_REASON_NONE);
}

static void check_until(cfaop_chain_result result, long from_now)
{
    apr_int64_t seconds = result.valid_until - apr_time_sec(apr_time_now());

    ck_assert_msg(seconds > from_now - 60 && seconds <= from_now, "holds for %d seconds", (int)seconds);
}

/* ---- one CA, leaves of all kinds ---- */

static const struct {
    pki_wish wish;
    cfaop_reason reason;
} leaves[] = {
    {{.name = "no EKU"}, CFAOP_REASON_NONE},
    {{.name = "RSA", .rsa_bits = 2048}, CFAOP_REASON_NONE},
    {{.name = "client", .eku = "clientAuth"}, CFAOP_REASON_NONE},
    {{.name = "both", .eku = "clientAuth,serverAuth"}, CFAOP_REASON_NONE},
    {{.name = "server", .eku = "serverAuth"}, CFAOP_REASON_WRONG_PURPOSE},
    {{.name = "expired", .from = -3 * HOUR, .until = -2 * HOUR}, CFAOP_REASON_EXPIRED},
    {{.name = "not yet", .from = 2 * HOUR, .until = 3 * HOUR}, CFAOP_REASON_NOT_YET_VALID},
    {{.name = "RSA-1024 is too weak at level 2", .rsa_bits = 1024}, CFAOP_REASON_OTHER},
};

START_TEST(judges_leaves_of_the_ca)
{
    pki_pair leaf = pki_issue(&chain.root, leaves[_i].wish);

    if (leaves[_i].wish.rsa_bits == 1024) {
        chain.policy.level = 2;
    }
    chain_case_anchor(chain.root.cert);
    check_reason(chain_case_verify(&leaf, NULL, NULL), leaves[_i].reason);
}
END_TEST

/* OpenSSL 3 refuses SHA-1 from level 1 on, OpenSSL 1.1.1 from level 2 on. */
START_TEST(the_security_level_is_the_higher_of_policy_and_connection)
{
    pki_pair leaf = pki_issue(&chain.root, (pki_wish){.name = "SHA-1", .digest = EVP_sha1()});

    chain_case_anchor(chain.root.cert);
    chain.policy.level = 0;
    check_reason(cfaop_chain_verify(&chain.policy, leaf.cert, NULL, 0, apr_time_now()), CFAOP_REASON_NONE);
    check_reason(cfaop_chain_verify(&chain.policy, leaf.cert, NULL, 2, apr_time_now()), CFAOP_REASON_OTHER);
    chain.policy.level = 2;
    check_reason(cfaop_chain_verify(&chain.policy, leaf.cert, NULL, 0, apr_time_now()), CFAOP_REASON_OTHER);
}
END_TEST

START_TEST(refuses_strangers)
{
    pki_pair self_signed = pki_issue(NULL, (pki_wish){.name = "self-signed"});
    pki_pair namesake = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    pki_pair of_namesake = pki_issue(&namesake, (pki_wish){.name = "leaf"});
    pki_pair leaf = pki_issue(&chain.root, (pki_wish){.name = "leaf"});
    pki_pair of_leaf = pki_issue(&leaf, (pki_wish){.name = "issued by a leaf"});

    chain_case_anchor(chain.root.cert);
    check_reason(chain_case_verify(&self_signed, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(chain_case_verify(&of_namesake, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(chain_case_verify(&of_namesake, &namesake, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(chain_case_verify(&of_leaf, &leaf, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(cfaop_chain_verify(&chain.policy, NULL, NULL, CHAIN_CASE_LEVEL, apr_time_now()), CFAOP_REASON_OTHER);
}
END_TEST

/* Cloudflare's CA has the same keyUsage. */
START_TEST(a_ca_that_only_signs_certificates_is_no_client)
{
    pki_pair ca = pki_issue(NULL, (pki_wish){.name = "ca", .is_ca = 1, .ku = "critical,keyCertSign,cRLSign"});

    chain_case_anchor(ca.cert);
    check_reason(chain_case_verify(&ca, NULL, NULL), CFAOP_REASON_WRONG_PURPOSE);
}
END_TEST

/* ---- chains ---- */

START_TEST(counts_intermediates)
{
    pki_pair direct = pki_issue(&chain.root, (pki_wish){.name = "leaf"});
    pki_pair by_one = pki_issue(&chain.inter, (pki_wish){.name = "leaf"});
    pki_pair by_two = pki_issue(&chain.inter2, (pki_wish){.name = "leaf"});

    chain_case_anchor(chain.root.cert);
    check_reason(chain_case_verify(&by_one, &chain.inter, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&by_one, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(chain_case_verify(&by_two, &chain.inter2, &chain.inter), CFAOP_REASON_DEPTH);
    chain.trust.depth = 2;
    check_reason(chain_case_verify(&by_two, &chain.inter2, &chain.inter), CFAOP_REASON_NONE);
    chain.trust.depth = 0;
    check_reason(chain_case_verify(&direct, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&by_one, &chain.inter, NULL), CFAOP_REASON_DEPTH);
}
END_TEST

START_TEST(trusts_what_is_listed_by_itself)
{
    pki_pair leaf = pki_issue(&chain.root, (pki_wish){.name = "leaf"});
    pki_pair sibling = pki_issue(&chain.root, (pki_wish){.name = "sibling"});
    pki_pair by_one = pki_issue(&chain.inter, (pki_wish){.name = "leaf"});
    cfaop_chain_result result;
    unsigned char sha256[CFAOP_SHA256_LEN];

    chain_case_anchor(leaf.cert);
    chain_case_anchor(chain.inter.cert);
    result = chain_case_verify(&leaf, NULL, NULL);
    check_reason(result, CFAOP_REASON_NONE);
    X509_digest(leaf.cert, EVP_sha256(), sha256, NULL);
    ck_assert_mem_eq(result.anchor, sha256, CFAOP_SHA256_LEN);
    check_reason(chain_case_verify(&by_one, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&sibling, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(chain_case_verify(&sibling, &chain.root, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
}
END_TEST

START_TEST(a_listed_leaf_may_bring_any_chain)
{
    pki_pair leaf = pki_issue(&chain.inter2, (pki_wish){.name = "leaf"});
    pki_pair sibling = pki_issue(&chain.inter2, (pki_wish){.name = "sibling"});

    chain_case_anchor(leaf.cert);
    check_reason(chain_case_verify(&leaf, &chain.inter2, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&leaf, &chain.inter2, &chain.inter), CFAOP_REASON_NONE);
    chain.trust.depth = 0;
    check_reason(chain_case_verify(&leaf, &chain.inter2, &chain.inter), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&leaf, &chain.root, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&sibling, &leaf, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
}
END_TEST

/* An old and a new CA; whichever the store has first, one of the leaves is by the other. */
START_TEST(two_cas_of_one_subject_are_told_apart_by_their_signatures)
{
    pki_pair twin = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    pki_pair stranger = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    pki_pair by_root = pki_issue(&chain.root, (pki_wish){.name = "leaf"});
    pki_pair by_twin = pki_issue(&twin, (pki_wish){.name = "leaf"});
    pki_pair by_stranger = pki_issue(&stranger, (pki_wish){.name = "leaf"});
    cfaop_trust listed = {.depth = 1,
                          .anchors = chain.trust.anchors,
                          .crls = chain.trust.crls,
                          .pins = chain.trust.pins};

    chain_case_anchor(chain.root.cert);
    chain_case_anchor(twin.cert);
    chain.policy.trust = cfaop_store_intern(chain.pool, apr_hash_make(chain.pool), &listed);
    ck_assert_ptr_nonnull(chain.policy.trust);
    check_reason(chain_case_verify(&by_root, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&by_twin, NULL, NULL), CFAOP_REASON_NONE);
    ck_assert_int_ne(chain_case_verify(&by_stranger, NULL, NULL).reason, CFAOP_REASON_NONE);
    ck_assert_int_ne(chain_case_verify(&by_stranger, &stranger, NULL).reason, CFAOP_REASON_NONE);
}
END_TEST

/* ---- CRLs ---- */

START_TEST(looks_up_every_certificate_of_the_chain)
{
    pki_pair good = pki_issue(&chain.root, (pki_wish){.name = "good"});
    pki_pair bad = pki_issue(&chain.root, (pki_wish){.name = "bad"});
    pki_pair by_one = pki_issue(&chain.inter, (pki_wish){.name = "leaf"});

    chain_case_anchor(chain.root.cert);
    chain_case_crl(pki_crl(&chain.root, bad.cert, HOUR / 2));
    check_reason(chain_case_verify(&good, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&bad, NULL, NULL), CFAOP_REASON_REVOKED);
    check_reason(chain_case_verify(&by_one, &chain.inter, NULL),
                 CFAOP_REASON_OTHER); /* the intermediate has published no CRL */
    chain_case_crl(pki_crl(&chain.inter, NULL, HOUR / 2));
    check_reason(chain_case_verify(&by_one, &chain.inter, NULL), CFAOP_REASON_NONE);
}
END_TEST

START_TEST(a_revoked_intermediate_revokes_its_leaves)
{
    pki_pair by_one = pki_issue(&chain.inter, (pki_wish){.name = "leaf"});

    chain_case_anchor(chain.root.cert);
    chain_case_crl(pki_crl(&chain.root, chain.inter.cert, HOUR));
    chain_case_crl(pki_crl(&chain.inter, NULL, HOUR));
    check_reason(chain_case_verify(&by_one, &chain.inter, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

/* OpenSSL takes the intermediate, which has the name of the CA, for the issuer of the CRL. */
START_TEST(no_crl_is_verified_with_a_key_that_no_ca_has_signed)
{
    pki_pair ca = pki_issue(NULL, (pki_wish){.name = "ca", .is_ca = 1, .key_ids = 1});
    pki_pair stranger = pki_issue(NULL, (pki_wish){.name = "stranger", .is_ca = 1});
    pki_pair liar = {ca.cert, stranger.key};
    pki_pair namesake = pki_issue(&liar, (pki_wish){.name = "ca", .is_ca = 1, .key_ids = 1});
    pki_pair leaf = pki_issue(&namesake, (pki_wish){.name = "leaf", .key_ids = 1});
    pki_pair good = pki_issue(&ca, (pki_wish){.name = "good", .key_ids = 1});

    chain_case_anchor(ca.cert);
    chain_case_crl(pki_crl(&ca, NULL, HOUR));
    check_reason(chain_case_verify(&good, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&leaf, &namesake, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
}
END_TEST

START_TEST(an_ended_crl_refuses)
{
    pki_pair leaf = pki_issue(&chain.root, (pki_wish){.name = "leaf"});

    chain_case_anchor(chain.root.cert);
    chain_case_crl(pki_crl(&chain.root, NULL, -HOUR / 2));
    check_reason(chain_case_verify(&leaf, NULL, NULL), CFAOP_REASON_OTHER);
}
END_TEST

START_TEST(a_listed_leaf_needs_no_crl_unless_its_issuer_is_listed_too)
{
    pki_pair leaf = pki_issue(&chain.root, (pki_wish){.name = "leaf"});
    pki_pair other = pki_issue(NULL, (pki_wish){.name = "other", .is_ca = 1});

    chain_case_anchor(leaf.cert);
    chain_case_crl(pki_crl(&other, NULL, HOUR));
    check_reason(chain_case_verify(&leaf, NULL, NULL), CFAOP_REASON_NONE);
    chain_case_anchor(chain.root.cert);
    check_reason(chain_case_verify(&leaf, NULL, NULL),
                 CFAOP_REASON_OTHER); /* chain.root is listed, and has published none */
    chain_case_crl(pki_crl(&chain.root, leaf.cert, HOUR));
    check_reason(chain_case_verify(&leaf, NULL, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

START_TEST(a_listed_intermediate_is_looked_up_if_its_issuer_is_listed_too)
{
    pki_pair by_one = pki_issue(&chain.inter, (pki_wish){.name = "leaf"});

    chain_case_anchor(chain.inter.cert);
    chain_case_crl(pki_crl(&chain.inter, NULL, HOUR));
    check_reason(chain_case_verify(&by_one, NULL, NULL), CFAOP_REASON_NONE);
    chain_case_anchor(chain.root.cert);
    check_reason(chain_case_verify(&by_one, NULL, NULL), CFAOP_REASON_OTHER); /* chain.root has published none */
    chain_case_crl(pki_crl(&chain.root, chain.inter.cert, HOUR));
    check_reason(chain_case_verify(&by_one, NULL, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

START_TEST(a_self_signed_ca_is_not_excused_from_its_own_crl)
{
    pki_pair other = pki_issue(NULL, (pki_wish){.name = "other", .is_ca = 1});

    chain_case_anchor(chain.root.cert);
    chain_case_crl(pki_crl(&other, NULL, HOUR));
    check_reason(chain_case_verify(&chain.root, NULL, NULL), CFAOP_REASON_OTHER);
}
END_TEST

START_TEST(a_self_signed_ca_needs_a_crl_of_its_own_that_holds)
{
    pki_pair leaf = pki_issue(&chain.root, (pki_wish){.name = "leaf"});

    chain_case_anchor(chain.root.cert);
    chain_case_crl(pki_crl(&chain.root, NULL, HOUR));
    check_reason(chain_case_verify(&chain.root, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(chain_case_verify(&leaf, NULL, NULL), CFAOP_REASON_NONE);
    chain_case_crl(pki_crl(&chain.root, chain.root.cert, HOUR));
    check_reason(chain_case_verify(&chain.root, NULL, NULL), CFAOP_REASON_REVOKED);
    check_reason(chain_case_verify(&leaf, NULL, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

/* ---- how long a verdict holds ---- */

START_TEST(a_verdict_ends_with_the_first_of_its_certificates_and_crls)
{
    pki_pair leaf = pki_issue(&chain.root, (pki_wish){.name = "leaf", .until = 5 * HOUR});

    chain_case_anchor(chain.root.cert);
    check_until(chain_case_verify(&leaf, NULL, NULL), 5 * HOUR);
    chain_case_crl(pki_crl(&chain.root, NULL, 2 * HOUR));
    check_until(chain_case_verify(&leaf, NULL, NULL), 2 * HOUR);
}
END_TEST

START_TEST(a_verdict_ends_with_the_intermediate_and_its_crl)
{
    pki_pair middle = pki_issue(&chain.root, (pki_wish){.name = "short", .is_ca = 1, .until = 4 * HOUR});
    pki_pair leaf = pki_issue(&middle, (pki_wish){.name = "leaf", .until = 5 * HOUR});

    chain_case_anchor(chain.root.cert);
    check_until(chain_case_verify(&leaf, &middle, NULL), 4 * HOUR);
    chain_case_crl(pki_crl(&chain.root, NULL, 9 * HOUR));
    chain_case_crl(pki_crl(&middle, NULL, 3 * HOUR));
    check_until(chain_case_verify(&leaf, &middle, NULL), 3 * HOUR);
}
END_TEST

START_TEST(a_verdict_names_the_anchor_that_ends_the_chain)
{
    pki_pair leaf = pki_issue(&chain.inter, (pki_wish){.name = "leaf"});
    unsigned char sha256[CFAOP_SHA256_LEN];

    chain_case_anchor(chain.root.cert);
    X509_digest(chain.root.cert, EVP_sha256(), sha256, NULL);
    ck_assert_mem_eq(chain_case_verify(&leaf, &chain.inter, NULL).anchor, sha256, CFAOP_SHA256_LEN);
}
END_TEST

static TCase *make_cases(void)
{
    TCase *tcase = tcase_create("chains");

    tcase_add_checked_fixture(tcase, chain_case_begin, chain_case_end);
    tcase_add_loop_test(tcase, judges_leaves_of_the_ca, 0, (int)(sizeof(leaves) / sizeof(leaves[0])));
    tcase_add_test(tcase, the_security_level_is_the_higher_of_policy_and_connection);
    tcase_add_test(tcase, refuses_strangers);
    tcase_add_test(tcase, a_ca_that_only_signs_certificates_is_no_client);
    tcase_add_test(tcase, counts_intermediates);
    tcase_add_test(tcase, trusts_what_is_listed_by_itself);
    tcase_add_test(tcase, a_listed_leaf_may_bring_any_chain);
    tcase_add_test(tcase, two_cas_of_one_subject_are_told_apart_by_their_signatures);
    tcase_add_test(tcase, looks_up_every_certificate_of_the_chain);
    tcase_add_test(tcase, a_revoked_intermediate_revokes_its_leaves);
    tcase_add_test(tcase, no_crl_is_verified_with_a_key_that_no_ca_has_signed);
    tcase_add_test(tcase, an_ended_crl_refuses);
    tcase_add_test(tcase, a_listed_leaf_needs_no_crl_unless_its_issuer_is_listed_too);
    tcase_add_test(tcase, a_listed_intermediate_is_looked_up_if_its_issuer_is_listed_too);
    tcase_add_test(tcase, a_self_signed_ca_is_not_excused_from_its_own_crl);
    tcase_add_test(tcase, a_self_signed_ca_needs_a_crl_of_its_own_that_holds);
    tcase_add_test(tcase, a_verdict_ends_with_the_first_of_its_certificates_and_crls);
    tcase_add_test(tcase, a_verdict_ends_with_the_intermediate_and_its_crl);
    tcase_add_test(tcase, a_verdict_names_the_anchor_that_ends_the_chain);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("chain");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, make_cases());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
