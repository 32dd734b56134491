/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_chain.c
 * Verifying chains against a policy: which certificates pass, why others do not, and how long a good verdict holds.
 */
#include <check.h>
#include <stdlib.h>

#include "apr_general.h"
#include "apr_hash.h"
#include "base/module.h"
#include "config/config.h"
#include "config/pin.h"
#include "pure/verdict.h"
#include "trust/chain.h"
#include "trust/own_crl.h"
#include "trust/files.h"
#include "trust/policy.h"
#include "trust/store.h"
#include "trust/trust.h"
#include "pki.h"

#define LEVEL 1 /* OpenSSL's default on most systems */

static apr_pool_t *pool;
static pki_pair root, inter, inter2;
static cfaop_trust trust;
static cfaop_policy policy;

static void set_up(void)
{
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    pki_begin(pool);
    root = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1, .until = 10 * HOUR});
    inter = pki_issue(&root, (pki_wish){.name = "intermediate", .is_ca = 1, .until = 10 * HOUR});
    inter2 = pki_issue(&inter, (pki_wish){.name = "intermediate 2", .is_ca = 1, .until = 10 * HOUR});
    trust.store = X509_STORE_new();
    trust.depth = 1;
    trust.anchors = apr_array_make(pool, 2, sizeof(cfaop_anchor));
    trust.crls = apr_array_make(pool, 2, sizeof(cfaop_crl));
    trust.pins = apr_array_make(pool, 2, sizeof(cfaop_pin));
    policy.trust = &trust;
    policy.level = LEVEL;
}

static void tear_down(void)
{
    X509_STORE_free(trust.store);
    apr_pool_destroy(pool);
    apr_terminate();
}

static void list_anchor(X509 *cert)
{
    cfaop_anchor *anchor = apr_array_push(trust.anchors);

    anchor->cert = cert;
    X509_digest(cert, EVP_sha256(), anchor->sha256, NULL);
    ck_assert_int_eq(X509_STORE_add_cert(trust.store, cert), 1);
}

static void list_crl(X509_CRL *crl)
{
    cfaop_crl *listed = apr_array_push(trust.crls);

    listed->crl = crl;
    ck_assert_int_eq(X509_STORE_add_crl(trust.store, crl), 1);
}

/* Verifies leaf, with up to two certificates that the client sends after it; OpenSSL's list begins with the leaf. */
static cfaop_chain_result verify(const pki_pair *leaf, const pki_pair *sent, const pki_pair *sent2)
{
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    cfaop_chain_result result;

    sk_X509_push(untrusted, leaf->cert);
    if (sent) {
        sk_X509_push(untrusted, sent->cert);
    }
    if (sent2) {
        sk_X509_push(untrusted, sent2->cert);
    }
    cfaop_own_crl_find(&trust);
    result = cfaop_chain_verify(&policy, leaf->cert, untrusted, LEVEL, apr_time_now());
    sk_X509_free(untrusted);
    return result;
}

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
    pki_pair leaf = pki_issue(&root, leaves[_i].wish);

    if (leaves[_i].wish.rsa_bits == 1024) {
        policy.level = 2;
    }
    list_anchor(root.cert);
    check_reason(verify(&leaf, NULL, NULL), leaves[_i].reason);
}
END_TEST

/* OpenSSL 3 refuses SHA-1 from level 1 on, OpenSSL 1.1.1 from level 2 on. */
START_TEST(the_security_level_is_the_higher_of_policy_and_connection)
{
    pki_pair leaf = pki_issue(&root, (pki_wish){.name = "SHA-1", .digest = EVP_sha1()});

    list_anchor(root.cert);
    policy.level = 0;
    check_reason(cfaop_chain_verify(&policy, leaf.cert, NULL, 0, apr_time_now()), CFAOP_REASON_NONE);
    check_reason(cfaop_chain_verify(&policy, leaf.cert, NULL, 2, apr_time_now()), CFAOP_REASON_OTHER);
    policy.level = 2;
    check_reason(cfaop_chain_verify(&policy, leaf.cert, NULL, 0, apr_time_now()), CFAOP_REASON_OTHER);
}
END_TEST

START_TEST(refuses_strangers)
{
    pki_pair self_signed = pki_issue(NULL, (pki_wish){.name = "self-signed"});
    pki_pair namesake = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    pki_pair of_namesake = pki_issue(&namesake, (pki_wish){.name = "leaf"});
    pki_pair leaf = pki_issue(&root, (pki_wish){.name = "leaf"});
    pki_pair of_leaf = pki_issue(&leaf, (pki_wish){.name = "issued by a leaf"});

    list_anchor(root.cert);
    check_reason(verify(&self_signed, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(verify(&of_namesake, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(verify(&of_namesake, &namesake, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(verify(&of_leaf, &leaf, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(cfaop_chain_verify(&policy, NULL, NULL, LEVEL, apr_time_now()), CFAOP_REASON_OTHER);
}
END_TEST

/* Cloudflare's CA has the same keyUsage. */
START_TEST(a_ca_that_only_signs_certificates_is_no_client)
{
    pki_pair ca = pki_issue(NULL, (pki_wish){.name = "ca", .is_ca = 1, .ku = "critical,keyCertSign,cRLSign"});

    list_anchor(ca.cert);
    check_reason(verify(&ca, NULL, NULL), CFAOP_REASON_WRONG_PURPOSE);
}
END_TEST

/* ---- chains ---- */

START_TEST(counts_intermediates)
{
    pki_pair direct = pki_issue(&root, (pki_wish){.name = "leaf"});
    pki_pair by_one = pki_issue(&inter, (pki_wish){.name = "leaf"});
    pki_pair by_two = pki_issue(&inter2, (pki_wish){.name = "leaf"});

    list_anchor(root.cert);
    check_reason(verify(&by_one, &inter, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&by_one, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(verify(&by_two, &inter2, &inter), CFAOP_REASON_DEPTH);
    trust.depth = 2;
    check_reason(verify(&by_two, &inter2, &inter), CFAOP_REASON_NONE);
    trust.depth = 0;
    check_reason(verify(&direct, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&by_one, &inter, NULL), CFAOP_REASON_DEPTH);
}
END_TEST

START_TEST(trusts_what_is_listed_by_itself)
{
    pki_pair leaf = pki_issue(&root, (pki_wish){.name = "leaf"});
    pki_pair sibling = pki_issue(&root, (pki_wish){.name = "sibling"});
    pki_pair by_one = pki_issue(&inter, (pki_wish){.name = "leaf"});
    cfaop_chain_result result;
    unsigned char sha256[CFAOP_SHA256_LEN];

    list_anchor(leaf.cert);
    list_anchor(inter.cert);
    result = verify(&leaf, NULL, NULL);
    check_reason(result, CFAOP_REASON_NONE);
    X509_digest(leaf.cert, EVP_sha256(), sha256, NULL);
    ck_assert_mem_eq(result.anchor, sha256, CFAOP_SHA256_LEN);
    check_reason(verify(&by_one, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&sibling, NULL, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
    check_reason(verify(&sibling, &root, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
}
END_TEST

START_TEST(a_listed_leaf_may_bring_any_chain)
{
    pki_pair leaf = pki_issue(&inter2, (pki_wish){.name = "leaf"});
    pki_pair sibling = pki_issue(&inter2, (pki_wish){.name = "sibling"});

    list_anchor(leaf.cert);
    check_reason(verify(&leaf, &inter2, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&leaf, &inter2, &inter), CFAOP_REASON_NONE);
    trust.depth = 0;
    check_reason(verify(&leaf, &inter2, &inter), CFAOP_REASON_NONE);
    check_reason(verify(&leaf, &root, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&sibling, &leaf, NULL), CFAOP_REASON_UNTRUSTED_ISSUER);
}
END_TEST

/* An old and a new CA; whichever the store has first, one of the leaves is by the other. */
START_TEST(two_cas_of_one_subject_are_told_apart_by_their_signatures)
{
    pki_pair twin = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    pki_pair stranger = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    pki_pair by_root = pki_issue(&root, (pki_wish){.name = "leaf"});
    pki_pair by_twin = pki_issue(&twin, (pki_wish){.name = "leaf"});
    pki_pair by_stranger = pki_issue(&stranger, (pki_wish){.name = "leaf"});
    cfaop_trust listed = {.depth = 1, .anchors = trust.anchors, .crls = trust.crls, .pins = trust.pins};

    list_anchor(root.cert);
    list_anchor(twin.cert);
    policy.trust = cfaop_store_intern(pool, apr_hash_make(pool), &listed);
    ck_assert_ptr_nonnull(policy.trust);
    check_reason(verify(&by_root, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&by_twin, NULL, NULL), CFAOP_REASON_NONE);
    ck_assert_int_ne(verify(&by_stranger, NULL, NULL).reason, CFAOP_REASON_NONE);
    ck_assert_int_ne(verify(&by_stranger, &stranger, NULL).reason, CFAOP_REASON_NONE);
}
END_TEST

/* ---- CRLs ---- */

START_TEST(looks_up_every_certificate_of_the_chain)
{
    pki_pair good = pki_issue(&root, (pki_wish){.name = "good"});
    pki_pair bad = pki_issue(&root, (pki_wish){.name = "bad"});
    pki_pair by_one = pki_issue(&inter, (pki_wish){.name = "leaf"});

    list_anchor(root.cert);
    list_crl(pki_crl(&root, bad.cert, HOUR / 2));
    check_reason(verify(&good, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&bad, NULL, NULL), CFAOP_REASON_REVOKED);
    check_reason(verify(&by_one, &inter, NULL), CFAOP_REASON_OTHER); /* the intermediate has published no CRL */
    list_crl(pki_crl(&inter, NULL, HOUR / 2));
    check_reason(verify(&by_one, &inter, NULL), CFAOP_REASON_NONE);
}
END_TEST

START_TEST(a_revoked_intermediate_revokes_its_leaves)
{
    pki_pair by_one = pki_issue(&inter, (pki_wish){.name = "leaf"});

    list_anchor(root.cert);
    list_crl(pki_crl(&root, inter.cert, HOUR));
    list_crl(pki_crl(&inter, NULL, HOUR));
    check_reason(verify(&by_one, &inter, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

START_TEST(an_ended_crl_refuses)
{
    pki_pair leaf = pki_issue(&root, (pki_wish){.name = "leaf"});

    list_anchor(root.cert);
    list_crl(pki_crl(&root, NULL, -HOUR / 2));
    check_reason(verify(&leaf, NULL, NULL), CFAOP_REASON_OTHER);
}
END_TEST

START_TEST(a_listed_leaf_needs_no_crl_unless_its_issuer_is_listed_too)
{
    pki_pair leaf = pki_issue(&root, (pki_wish){.name = "leaf"});
    pki_pair other = pki_issue(NULL, (pki_wish){.name = "other", .is_ca = 1});

    list_anchor(leaf.cert);
    list_crl(pki_crl(&other, NULL, HOUR));
    check_reason(verify(&leaf, NULL, NULL), CFAOP_REASON_NONE);
    list_anchor(root.cert);
    check_reason(verify(&leaf, NULL, NULL), CFAOP_REASON_OTHER); /* root is listed, and has published none */
    list_crl(pki_crl(&root, leaf.cert, HOUR));
    check_reason(verify(&leaf, NULL, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

START_TEST(a_listed_intermediate_is_looked_up_if_its_issuer_is_listed_too)
{
    pki_pair by_one = pki_issue(&inter, (pki_wish){.name = "leaf"});

    list_anchor(inter.cert);
    list_crl(pki_crl(&inter, NULL, HOUR));
    check_reason(verify(&by_one, NULL, NULL), CFAOP_REASON_NONE);
    list_anchor(root.cert);
    check_reason(verify(&by_one, NULL, NULL), CFAOP_REASON_OTHER); /* root has published none */
    list_crl(pki_crl(&root, inter.cert, HOUR));
    check_reason(verify(&by_one, NULL, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

START_TEST(a_self_signed_ca_is_not_excused_from_its_own_crl)
{
    pki_pair other = pki_issue(NULL, (pki_wish){.name = "other", .is_ca = 1});

    list_anchor(root.cert);
    list_crl(pki_crl(&other, NULL, HOUR));
    check_reason(verify(&root, NULL, NULL), CFAOP_REASON_OTHER);
}
END_TEST

START_TEST(a_self_signed_ca_needs_a_crl_of_its_own_that_holds)
{
    pki_pair leaf = pki_issue(&root, (pki_wish){.name = "leaf"});

    list_anchor(root.cert);
    list_crl(pki_crl(&root, NULL, HOUR));
    check_reason(verify(&root, NULL, NULL), CFAOP_REASON_NONE);
    check_reason(verify(&leaf, NULL, NULL), CFAOP_REASON_NONE);
    list_crl(pki_crl(&root, root.cert, HOUR));
    check_reason(verify(&root, NULL, NULL), CFAOP_REASON_REVOKED);
    check_reason(verify(&leaf, NULL, NULL), CFAOP_REASON_REVOKED);
}
END_TEST

/* ---- how long a verdict holds ---- */

START_TEST(a_verdict_ends_with_the_first_of_its_certificates_and_crls)
{
    pki_pair leaf = pki_issue(&root, (pki_wish){.name = "leaf", .until = 5 * HOUR});

    list_anchor(root.cert);
    check_until(verify(&leaf, NULL, NULL), 5 * HOUR);
    list_crl(pki_crl(&root, NULL, 2 * HOUR));
    check_until(verify(&leaf, NULL, NULL), 2 * HOUR);
}
END_TEST

START_TEST(a_verdict_ends_with_the_intermediate_and_its_crl)
{
    pki_pair middle = pki_issue(&root, (pki_wish){.name = "short", .is_ca = 1, .until = 4 * HOUR});
    pki_pair leaf = pki_issue(&middle, (pki_wish){.name = "leaf", .until = 5 * HOUR});

    list_anchor(root.cert);
    check_until(verify(&leaf, &middle, NULL), 4 * HOUR);
    list_crl(pki_crl(&root, NULL, 9 * HOUR));
    list_crl(pki_crl(&middle, NULL, 3 * HOUR));
    check_until(verify(&leaf, &middle, NULL), 3 * HOUR);
}
END_TEST

START_TEST(a_verdict_names_the_anchor_that_ends_the_chain)
{
    pki_pair leaf = pki_issue(&inter, (pki_wish){.name = "leaf"});
    unsigned char sha256[CFAOP_SHA256_LEN];

    list_anchor(root.cert);
    X509_digest(root.cert, EVP_sha256(), sha256, NULL);
    ck_assert_mem_eq(verify(&leaf, &inter, NULL).anchor, sha256, CFAOP_SHA256_LEN);
}
END_TEST

static TCase *make_cases(void)
{
    TCase *tcase = tcase_create("chains");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
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
