/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_pin.c
 * Reading pins in every spelling, and matching them with certificates.
 */
#include <check.h>
#include <stdlib.h>

#include "apr_general.h"
#include "apr_strings.h"
#include "base/module.h"
#include "config/pin.h"
#include "pki.h"

#include <openssl/x509v3.h>

#define HEX    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define UPPER  "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
#define HALF   "00:11:22:33:44:55:66:77:88:99:AA:bb:CC:dd:EE:ff"
#define COLONS HALF ":" HALF
/* the same 32 bytes */
#define BASE64 "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8="

static apr_pool_t *pool;

static void set_up(void)
{
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    pki_begin(pool);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

static cfaop_pin parse(const char *word)
{
    cfaop_pin pin = {CFAOP_PIN_SHA256, {0}, NULL};
    const char *error = cfaop_pin_parse(pool, word, &pin);

    ck_assert_msg(!error, "%s: %s", word, error ? error : "");
    return pin;
}

static int matches(const char *word, X509 *cert)
{
    apr_array_header_t *pins = apr_array_make(pool, 1, sizeof(cfaop_pin));

    APR_ARRAY_PUSH(pins, cfaop_pin) = parse(word);
    return cfaop_pin_matches(pins, cert);
}

/* ---- reading ---- */

static const struct {
    const char *word;
    cfaop_pin_kind kind;
    const char *text;
} good[] = {
    {"sha256:" HEX, CFAOP_PIN_SHA256, "sha256:" HEX},
    {"SHA256:" UPPER, CFAOP_PIN_SHA256, "sha256:" HEX},
    {"sha256:" COLONS, CFAOP_PIN_SHA256, "sha256:" HEX},
    {"spki-sha256:" BASE64, CFAOP_PIN_SPKI, "spki-sha256:" BASE64},
    {"SPKI-SHA256:" BASE64, CFAOP_PIN_SPKI, "spki-sha256:" BASE64},
    {"sha256//" BASE64, CFAOP_PIN_SPKI, "spki-sha256:" BASE64},
    {"dns:www.example.org", CFAOP_PIN_DNS, "dns:www.example.org"},
    {"DNS:WWW.Example.ORG", CFAOP_PIN_DNS, "dns:www.example.org"},
    {"dns:localhost", CFAOP_PIN_DNS, "dns:localhost"},
    {"dns:_x-1.example", CFAOP_PIN_DNS, "dns:_x-1.example"},
};

START_TEST(all_spellings_become_one)
{
    cfaop_pin pin = parse(good[_i].word);

    ck_assert_int_eq((int)pin.kind, (int)good[_i].kind);
    ck_assert_str_eq(pin.text, good[_i].text);
    if (pin.kind != CFAOP_PIN_DNS) {
        ck_assert_uint_eq(pin.sha256[0], 0x00);
        ck_assert_uint_eq(pin.sha256[10], 0xaa);
        ck_assert_uint_eq(pin.sha256[31], 0xff);
    }
}
END_TEST

static const char *const bad[] = {
    "", "sha256", "sha256:", "sha256/" BASE64, "sha256//", "spki-sha256:", "dns:", "dns", "none", HEX, COLONS,
    "sha1:" HEX, "sha256:" HEX "0", "sha256:" HEX "00", "sha256: " HEX, "sha256:" HEX " ",
    "sha256:0011223344556677", "sha256:" COLONS ":", "sha256::" COLONS, "sha256:" COLONS ":00", "sha256:" HALF,
    "sha256:" HALF "::" HALF, "sha256:" HALF "-" HALF,
    "sha256:0g112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "sha256:00112233445566778899aabbccddeeff:00112233445566778899aabbccddeeff",
    "sha256:" BASE64, "sha256//" HEX, "spki-sha256:" HEX, "spki-sha256:" BASE64 "=", "spki-sha256:" BASE64 BASE64,
    "spki-sha256:ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8",  /* no padding */
    "spki-sha256:ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v9=", /* bits left over */
    "spki-sha256:ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8=", /* base64url */
    "spki-sha256:ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7==8",
    "spki-sha256:ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7/8A", /* 33 bytes */
    "spki-sha256:ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7w==", /* 31 bytes */
    "spki-sha256: BEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=",
    "dns:*", "dns:*.example.org", "dns:w*.example.org", "dns:.", "dns:.example.org", "dns:example.org.", "dns:a..b",
    "dns:a b", " dns:a", "dns:a/b", "dns:a:443", "dns:a,b", "dns:\xc3\xb6.example", "dns:a\tb", "dns:dns:a", "dns:a@b",
};

START_TEST(what_is_no_pin_is_refused)
{
    cfaop_pin pin = {CFAOP_PIN_SHA256, {0}, NULL};

    ck_assert_msg(cfaop_pin_parse(pool, bad[_i], &pin) != NULL, "accepted: %s", bad[_i]);
}
END_TEST

START_TEST(names_end_at_253_characters)
{
    char name[4 + 254 + 1];
    cfaop_pin pin = {CFAOP_PIN_SHA256, {0}, NULL};

    memset(name, 'a', sizeof(name));
    memcpy(name, "dns:", 4);
    name[4 + 254] = '\0';
    ck_assert_ptr_nonnull(cfaop_pin_parse(pool, name, &pin));
    name[4 + 253] = '\0';
    ck_assert_ptr_null(cfaop_pin_parse(pool, name, &pin));
}
END_TEST

/* ---- matching ---- */

static const char *base64_of(const unsigned char *sha256)
{
    char *text = apr_palloc(pool, 45);

    ck_assert_int_eq(EVP_EncodeBlock((unsigned char *)text, sha256, CFAOP_SHA256_LEN), 44);
    return text;
}

START_TEST(a_digest_is_that_of_the_whole_certificate)
{
    pki_pair own = pki_issue(NULL, (pki_wish){.name = "own"}), other = pki_issue(NULL, (pki_wish){.name = "own"});
    unsigned char sha256[EVP_MAX_MD_SIZE];
    char *pin = apr_pstrdup(pool, "sha256:");
    int i;

    ck_assert_int_eq(X509_digest(own.cert, EVP_sha256(), sha256, NULL), 1);
    for (i = 0; i < 32; ++i) {
        pin = apr_psprintf(pool, "%s%s%02X", pin, i ? ":" : "", sha256[i]);
    }
    ck_assert(matches(pin, own.cert));
    ck_assert(!matches(pin, other.cert));
    ck_assert(!matches(apr_pstrcat(pool, "sha256//", base64_of(sha256), NULL), own.cert));
}
END_TEST

START_TEST(a_key_is_the_whole_public_key_info)
{
    pki_pair own = pki_issue(NULL, (pki_wish){.name = "own"}), other = pki_issue(NULL, (pki_wish){.name = "own"});
    unsigned char sha256[EVP_MAX_MD_SIZE], bits_only[EVP_MAX_MD_SIZE], *der = NULL;
    int length = i2d_PUBKEY(own.key, &der);
    const char *pin;

    ck_assert_int_gt(length, 0);
    EVP_Digest(der, (size_t)length, sha256, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    X509_pubkey_digest(own.cert, EVP_sha256(), bits_only, NULL);
    pin = apr_pstrcat(pool, "sha256//", base64_of(sha256), NULL);
    ck_assert(matches(pin, own.cert));
    ck_assert(!matches(pin, other.cert));
    ck_assert(!matches(apr_pstrcat(pool, "sha256//", base64_of(bits_only), NULL), own.cert));
}
END_TEST

/* One name of a subjectAltName. */
typedef struct {
    int type;
    const char *bytes;
    int length;
    int matches;
} san;

#define NAME(type, text, matches) {type, text, (int)sizeof(text) - 1, matches}
static const san sans[] = {
    NAME(GEN_DNS, "own.example", 1),
    NAME(GEN_DNS, "OWN.Example", 1),
    NAME(GEN_DNS, "own.example.", 0),
    NAME(GEN_DNS, ".own.example", 0),
    NAME(GEN_DNS, "www.own.example", 0),
    NAME(GEN_DNS, "own.exampl", 0),
    NAME(GEN_DNS, "own.examples", 0),
    NAME(GEN_DNS, "*.example", 0),
    NAME(GEN_DNS, "*", 0),
    NAME(GEN_DNS, "", 0),
    NAME(GEN_DNS, "own.example\0", 0),
    NAME(GEN_DNS, "own.example\0.evil.example", 0),
    NAME(GEN_DNS, "\0own.example", 0),
    NAME(GEN_DNS, "own\0example", 0),
    NAME(GEN_DNS, "own.exampl\xe5", 0), /* "e" with the high bit set */
    NAME(GEN_DNS, "own\x0e" "example", 0), /* "." but for a bit that case differs in */
    NAME(GEN_EMAIL, "own.example", 0),
    NAME(GEN_URI, "own.example", 0),
    NAME(GEN_IPADD, "own.example", 0),
};

static void add_name(GENERAL_NAMES *names, const san *wanted)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = ASN1_STRING_type_new(wanted->type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

    ck_assert(name && value && ASN1_STRING_set(value, wanted->bytes, wanted->length));
    GENERAL_NAME_set0_value(name, wanted->type, value);
    ck_assert_int_gt(sk_GENERAL_NAME_push(names, name), 0);
}

/* Adds a subjectAltName with one name, or two; how: X509V3_ADD_... */
static void add_san(X509 *cert, const san *first, const san *second, unsigned long how)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

    add_name(names, first);
    if (second) {
        add_name(names, second);
    }
    ck_assert_int_eq(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, how), 1);
    GENERAL_NAMES_free(names);
}

START_TEST(a_name_is_a_dns_name_of_these_bytes)
{
    const san *name = &sans[_i], other = NAME(GEN_DNS, "other.example", 0);
    X509 *alone = X509_new(), *second = X509_new();

    add_san(alone, name, NULL, X509V3_ADD_DEFAULT);
    add_san(second, &other, name, X509V3_ADD_DEFAULT);
    ck_assert_int_eq(matches("dns:own.example", alone), name->matches);
    ck_assert_int_eq(matches("dns:Own.EXAMPLE", second), name->matches);
    ck_assert_int_eq(matches("dns:other.example", alone), 0);
    ck_assert_int_eq(matches("dns:other.example", second), 1);
    X509_free(alone);
    X509_free(second);
}
END_TEST

START_TEST(a_common_name_is_none)
{
    ck_assert(!matches("dns:own.example", pki_issue(NULL, (pki_wish){.name = "own.example"}).cert));
}
END_TEST

START_TEST(two_lists_of_names_are_none)
{
    X509 *cert = X509_new();

    add_san(cert, &sans[0], NULL, X509V3_ADD_DEFAULT);
    ck_assert(matches("dns:own.example", cert));
    add_san(cert, &sans[0], NULL, X509V3_ADD_APPEND);
    ck_assert(!matches("dns:own.example", cert));
    X509_free(cert);
}
END_TEST

START_TEST(a_broken_list_of_names_is_none)
{
    static const unsigned char der[] = {0x30, 0x0d, 0x82, 0x0c, 'o', 'w', 'n', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'};
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;
    X509 *cert = X509_new();

    ck_assert(ASN1_OCTET_STRING_set(value, der, (int)sizeof(der)));
    extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value);
    ck_assert_int_eq(X509_add_ext(cert, extension, -1), 1);
    ck_assert(!matches("dns:own.example", cert));
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    X509_free(cert);
}
END_TEST

START_TEST(any_of_several_is_enough_and_none_is_not)
{
    apr_array_header_t *pins = apr_array_make(pool, 3, sizeof(cfaop_pin));
    X509 *cert = X509_new();

    add_san(cert, &sans[0], NULL, X509V3_ADD_DEFAULT);
    ck_assert(!cfaop_pin_matches(pins, cert));
    APR_ARRAY_PUSH(pins, cfaop_pin) = parse("dns:other.example");
    ck_assert(!cfaop_pin_matches(pins, cert));
    APR_ARRAY_PUSH(pins, cfaop_pin) = parse("dns:own.example");
    APR_ARRAY_PUSH(pins, cfaop_pin) = parse("dns:third.example");
    ck_assert(cfaop_pin_matches(pins, cert));
    X509_free(cert);
}
END_TEST

static TCase *make_cases(void)
{
    TCase *tcase = tcase_create("pins");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, all_spellings_become_one, 0, (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_loop_test(tcase, what_is_no_pin_is_refused, 0, (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, names_end_at_253_characters);
    tcase_add_test(tcase, a_digest_is_that_of_the_whole_certificate);
    tcase_add_test(tcase, a_key_is_the_whole_public_key_info);
    tcase_add_loop_test(tcase, a_name_is_a_dns_name_of_these_bytes, 0, (int)(sizeof(sans) / sizeof(sans[0])));
    tcase_add_test(tcase, a_common_name_is_none);
    tcase_add_test(tcase, two_lists_of_names_are_none);
    tcase_add_test(tcase, a_broken_list_of_names_is_none);
    tcase_add_test(tcase, any_of_several_is_enough_and_none_is_not);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("pin");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, make_cases());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
