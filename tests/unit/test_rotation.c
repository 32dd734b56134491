/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_rotation.c
 * An old and a new CA of one name stand side by side: each leaf finds the one that signed it, and a client that sends
 * many certificates of that name buys no work. Signatures are counted, by whose key they are verified: the functions
 * below stand in front of OpenSSL's.
 */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "apr_general.h"
#include "apr_hash.h"
#include "base/module.h"
#include "config/config.h"
#include "config/pin.h"
#include "pure/verdict.h"
#include "trust/chain.h"
#include "trust/files.h"
#include "trust/policy.h"
#include "trust/store.h"
#include "trust/trust.h"
#include "pki.h"

#define LEVEL 1
#define SENT  80 /* CAs of the trusted ones' name that the attacker sends */

/*
 * What one verification may cost whatever the client sends: signatures under keys of two trusted CAs, and under keys
 * that the client chose. Each anchor of the name is asked once for each certificate of the longest chain.
 */
#define TRUSTED_MAX(depth) (2 * ((depth) + 2))
#define FOREIGN_MAX        1

static apr_pool_t *pool;
static cfaop_policy policy;
static cfaop_trust listed;
static EVP_PKEY *trusted_keys[2];
static int by_trusted, by_foreign;

static void count(EVP_PKEY *key)
{
    if (key == trusted_keys[0] || key == trusted_keys[1]) {
        by_trusted++;
    }
    else {
        by_foreign++;
    }
}

/* OpenSSL 4.0 takes what it verifies as const. */
#if OPENSSL_VERSION_NUMBER >= 0x40000000L
#define VERIFIED const
#else
#define VERIFIED
#endif

int X509_verify(VERIFIED X509 *cert, EVP_PKEY *key)
{
    int (*real)(VERIFIED X509 *, EVP_PKEY *);

    *(void **)&real = dlsym(RTLD_NEXT, "X509_verify");
    count(key);
    return real(cert, key);
}

int X509_CRL_verify(X509_CRL *crl, EVP_PKEY *key)
{
    int (*real)(X509_CRL *, EVP_PKEY *);

    *(void **)&real = dlsym(RTLD_NEXT, "X509_CRL_verify");
    count(key);
    return real(crl, key);
}

static void set_up(void)
{
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    pki_begin(pool);
    memset(&listed, 0, sizeof(listed));
    listed.depth = 1;
    listed.anchors = apr_array_make(pool, 2, sizeof(cfaop_anchor));
    listed.crls = apr_array_make(pool, 2, sizeof(cfaop_crl));
    listed.pins = apr_array_make(pool, 2, sizeof(cfaop_pin));
    policy.level = LEVEL;
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

static void list_anchor(X509 *cert)
{
    cfaop_anchor *anchor = apr_array_push(listed.anchors);

    memset(anchor, 0, sizeof(*anchor));
    anchor->cert = cert;
    X509_digest(cert, EVP_sha256(), anchor->sha256, NULL);
}

static void list_crl(X509_CRL *crl)
{
    cfaop_crl *item = apr_array_push(listed.crls);

    item->crl = crl;
    item->origin = "unit";
    X509_CRL_digest(crl, EVP_sha256(), item->sha256, NULL);
}

static void trust_them(int depth)
{
    int i;

    listed.depth = depth;
    policy.trust = cfaop_store_intern(pool, apr_hash_make(pool), &listed);
    ck_assert_ptr_nonnull(policy.trust);
    for (i = 0; i < 2; ++i) {
        trusted_keys[i] =
            i < listed.anchors->nelts ? X509_get0_pubkey(APR_ARRAY_IDX(listed.anchors, i, cfaop_anchor).cert) : NULL;
    }
}

/* Verifies the first of the certificates, as a client that sends them all. */
static cfaop_chain_result verify(X509 *const *certs, int number)
{
    STACK_OF(X509) *sent = sk_X509_new_null();
    cfaop_chain_result result;
    int i;

    for (i = 0; i < number; ++i) {
        sk_X509_push(sent, certs[i]);
    }
    by_trusted = by_foreign = 0;
    result = cfaop_chain_verify(&policy, certs[0], sent, LEVEL, apr_time_now());
    sk_X509_free(sent);
    return result;
}

static void check_accepted(X509 *const *certs, int number, const pki_pair *ca)
{
    cfaop_chain_result result = verify(certs, number);
    unsigned char sha256[CFAOP_SHA256_LEN];

    ck_assert_msg(result.reason == CFAOP_REASON_NONE, "refused: %s", X509_verify_cert_error_string(result.x509_error));
    X509_digest(ca->cert, EVP_sha256(), sha256, NULL);
    ck_assert_mem_eq(result.anchor, sha256, CFAOP_SHA256_LEN);
}

static void check_refused(X509 *const *certs, int number)
{
    cfaop_chain_result result = verify(certs, number);

    ck_assert_int_ne(result.reason, CFAOP_REASON_NONE);
    ck_assert_msg(by_trusted <= TRUSTED_MAX(listed.depth) && by_foreign <= FOREIGN_MAX,
                  "%d signatures of trusted keys, %d of others", by_trusted, by_foreign);
}

/*
 * Does the count see the calls that OpenSSL makes itself? Not where libcrypto binds its own functions to each other, as
 * OpenSSL 4.0 does, and Debian sid by -Bsymbolic.
 */
static int sees_inside_openssl(void)
{
    pki_pair ca = pki_issue(NULL, (pki_wish){.name = "probe ca", .is_ca = 1});
    pki_pair leaf = pki_issue(&ca, (pki_wish){.name = "probe"});
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    by_foreign = 0;
    ck_assert(X509_STORE_add_cert(store, ca.cert) && X509_STORE_CTX_init(ctx, store, leaf.cert, NULL));
    ck_assert_int_eq(X509_verify_cert(ctx), 1);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return by_foreign > 0;
}

/* ---- the right one of two ---- */

/* With and without key identifiers: of the two CAs, and of what they issue. */
static const struct {
    int in_cas;
    int in_leaves;
} key_ids[] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}};
#define KEY_IDS ((int)(sizeof(key_ids) / sizeof(key_ids[0])))

START_TEST(each_leaf_finds_the_ca_that_signed_it)
{
    const pki_wish ca = {.name = "zone ca", .is_ca = 1, .key_ids = key_ids[_i].in_cas};
    pki_pair cas[2] = {pki_issue(NULL, ca), pki_issue(NULL, ca)}, stranger = pki_issue(NULL, ca);
    int i, sees_inside = sees_inside_openssl();

    list_anchor(cas[0].cert);
    list_anchor(cas[1].cert);
    trust_them(1);
    for (i = 0; i < 2; ++i) {
        pki_pair leaf = pki_issue(&cas[i], (pki_wish){.name = "edge", .key_ids = key_ids[_i].in_leaves});
        pki_pair between =
            pki_issue(&cas[i], (pki_wish){.name = "between", .is_ca = 1, .key_ids = key_ids[_i].in_leaves});
        pki_pair below = pki_issue(&between, (pki_wish){.name = "edge", .key_ids = key_ids[_i].in_leaves});
        X509 *direct[] = {leaf.cert}, *with_root[] = {leaf.cert, cas[i].cert}, *chained[] = {below.cert, between.cert};
        X509 *chained_with_root[] = {below.cert, between.cert, cas[i].cert};
        check_accepted(direct, 1, &cas[i]);
        check_accepted(with_root, 2, &cas[i]);
        check_accepted(chained, 2, &cas[i]);
        ck_assert_int_eq(by_foreign, sees_inside); /* the leaf's, by the intermediate's key */
        check_accepted(chained_with_root, 3, &cas[i]);
    }
    {
        pki_pair forged = pki_issue(&stranger, (pki_wish){.name = "edge", .key_ids = key_ids[_i].in_leaves});
        X509 *alone[] = {forged.cert}, *with_root[] = {forged.cert, stranger.cert};
        check_refused(alone, 1);
        check_refused(with_root, 2);
    }
}
END_TEST

/* An intermediate of the new CA may have its name. Without key identifiers OpenSSL would take it for self-signed. */
START_TEST(an_intermediate_may_bear_the_name_too)
{
    const pki_wish ca = {.name = "zone ca", .is_ca = 1, .key_ids = 1};
    pki_pair old = pki_issue(NULL, ca), new = pki_issue(NULL, ca), between = pki_issue(&new, ca);
    pki_pair leaf = pki_issue(&between, (pki_wish){.name = "edge"});
    X509 *certs[] = {leaf.cert, between.cert};

    list_anchor(old.cert);
    list_anchor(new.cert);
    trust_them(1);
    check_accepted(certs, 2, &new);
}
END_TEST

/* Two self-signed leaves of one name, the old one and the new one, beside a stranger's. */
START_TEST(listed_leaves_of_one_name_stand_for_themselves)
{
    pki_pair old = pki_issue(NULL, (pki_wish){.name = "edge"}), new = pki_issue(NULL, (pki_wish){.name = "edge"});
    pki_pair stranger = pki_issue(NULL, (pki_wish){.name = "edge"}),
             below = pki_issue(&new, (pki_wish){.name = "below"});
    X509 *first[] = {old.cert}, *second[] = {new.cert}, *third[] = {stranger.cert}, *fourth[] = {below.cert, new.cert};

    list_anchor(old.cert);
    list_anchor(new.cert);
    trust_them(1);
    check_accepted(first, 1, &old);
    check_accepted(second, 1, &new);
    check_refused(third, 1);
    check_refused(fourth, 2); /* a leaf issues nothing */
}
END_TEST

/* An ended CA beside its successor: the reason is that of the CA that signed. */
START_TEST(the_reason_is_that_of_the_ca_that_signed)
{
    pki_pair old = pki_issue(NULL, (pki_wish){.name = "zone ca", .is_ca = 1, .from = -3 * HOUR, .until = -2 * HOUR});
    pki_pair new = pki_issue(NULL, (pki_wish){.name = "zone ca", .is_ca = 1});
    pki_pair by_old = pki_issue(&old, (pki_wish){.name = "edge"});
    pki_pair ended = pki_issue(&new, (pki_wish){.name = "edge", .from = -3 * HOUR, .until = -2 * HOUR});
    X509 *first[] = {by_old.cert}, *second[] = {ended.cert};

    list_anchor(old.cert);
    list_anchor(new.cert);
    trust_them(1);
    ck_assert_int_eq(verify(first, 1).reason, CFAOP_REASON_EXPIRED);
    ck_assert_int_eq(verify(second, 1).reason, CFAOP_REASON_EXPIRED);
}
END_TEST

/* ---- an attacker's chain ---- */

/*
 * A leaf and SENT CAs of the trusted CAs' name. Without key identifiers the CA that has signed the leaf comes last: to
 * find it one has to look at all the others before. With them it comes first, then the one that signed it, and so on:
 * the chain is long.
 */
static void make_attack(X509 **certs, const char *leaf_name, int with_key_ids)
{
    const pki_wish ca = {.name = "zone ca", .is_ca = 1, .key_ids = with_key_ids};
    pki_pair issuer = pki_issue(NULL, ca);
    int i;

    for (i = 1; i <= SENT; ++i) {
        certs[with_key_ids ? SENT + 1 - i : i] = issuer.cert;
        issuer = pki_issue(&issuer, i < SENT ? ca : (pki_wish){.name = leaf_name, .key_ids = with_key_ids});
    }
    certs[0] = issuer.cert;
}

static const struct {
    const char *leaf;
    int anchors;
    int crls;
    int depth;
    int key_ids; /* with them a CA of its issuer's name is not taken for self-signed, so the chain goes on */
} attacks[] = {
    {"edge", 1, 0, 1, 0},  {"edge", 2, 0, 1, 0},     {"zone ca", 2, 0, 1, 0}, {"edge", 1, 1, 1, 0},
    {"edge", 2, 1, 1, 0},  {"edge", 2, 0, 10, 0},    {"edge", 1, 1, 1, 1},    {"edge", 2, 0, 1, 1},
    {"edge", 2, 0, 10, 1}, {"zone ca", 2, 1, 10, 1},
};

START_TEST(many_cas_of_the_name_buy_no_work)
{
    const pki_wish ca = {.name = "zone ca", .is_ca = 1};
    X509 *certs[1 + SENT];
    int i;

    for (i = 0; i < attacks[_i].anchors; ++i) {
        pki_pair trusted = pki_issue(NULL, ca);
        list_anchor(trusted.cert);
        if (attacks[_i].crls) {
            list_crl(pki_crl(&trusted, NULL, HOUR));
        }
    }
    trust_them(attacks[_i].depth);
    make_attack(certs, attacks[_i].leaf, attacks[_i].key_ids);
    check_refused(certs, 1 + SENT);
}
END_TEST

/* However many a client sends, those that a chain could need come first. */
START_TEST(only_the_first_certificates_are_looked_at)
{
    pki_pair root = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1}),
             other = pki_issue(NULL, (pki_wish){.name = "other", .is_ca = 1});
    pki_pair between = pki_issue(&root, (pki_wish){.name = "between", .is_ca = 1});
    pki_pair leaf = pki_issue(&between, (pki_wish){.name = "edge"});
    X509 *certs[CFAOP_SENT_MAX + 2];
    int i;

    list_anchor(root.cert);
    trust_them(1);
    for (i = 0; i < CFAOP_SENT_MAX + 2; ++i) {
        certs[i] = i ? other.cert : leaf.cert;
    }
    certs[CFAOP_SENT_MAX - 1] = between.cert;
    check_accepted(certs, CFAOP_SENT_MAX + 2, &root);
    certs[CFAOP_SENT_MAX - 1] = other.cert;
    certs[CFAOP_SENT_MAX] = between.cert;
    check_refused(certs, CFAOP_SENT_MAX + 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rotation");
    TCase *tcase = tcase_create("two CAs of one name");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, each_leaf_finds_the_ca_that_signed_it, 0, KEY_IDS);
    tcase_add_test(tcase, an_intermediate_may_bear_the_name_too);
    tcase_add_test(tcase, listed_leaves_of_one_name_stand_for_themselves);
    tcase_add_test(tcase, the_reason_is_that_of_the_ca_that_signed);
    tcase_add_loop_test(tcase, many_cas_of_the_name_buy_no_work, 0, (int)(sizeof(attacks) / sizeof(attacks[0])));
    tcase_add_test(tcase, only_the_first_certificates_are_looked_at);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
