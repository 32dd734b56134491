/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_peer_limit_key.c
 * How large the numbers of a client's key may be, in every encoding that OpenSSL reads.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config/peer_limit.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define ROOM 8192

/* ---- certificates by hand, whose keys are as they come ---- */

typedef struct {
    unsigned char bytes[ROOM];
    int length;
} der;

static void append(der *to, const void *bytes, int length)
{
    ck_assert_int_le(to->length + length, ROOM);
    memcpy(to->bytes + to->length, bytes, (size_t)length);
    to->length += length;
}

/* With a length of two bytes, which OpenSSL takes for short ones, too. */
static void append_tag(der *to, int tag, int length)
{
    unsigned char head[] = {(unsigned char)tag, 0x82, (unsigned char)(length >> 8), (unsigned char)length};

    append(to, head, (int)sizeof(head));
}

static void append_in(der *to, int tag, const der *content)
{
    append_tag(to, tag, content->length);
    append(to, content->bytes, content->length);
}

/* A number of so many bits, all of them ones, after so many bytes of zeros. */
static void append_number(der *to, int bits, int zeros)
{
    int bytes = (bits + 7) / 8, i;

    append_tag(to, V_ASN1_INTEGER, zeros + bytes);
    for (i = 0; i < zeros; ++i) {
        append(to, "\0", 1);
    }
    for (i = 0; i < bytes; ++i) {
        append(to, i || bits % 8 == 0 ? "\xff" : (const char[]){(char)((1 << bits % 8) - 1)}, 1);
    }
}

#define RSA_ENCRYPTION "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define RSASSA_PSS     "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define UNKNOWN        "\x30\x05\x06\x03\x2a\x03\x04"

#define VALIDITY "\x30\x1e\x17\x0d" "200101000000Z" "\x17\x0d" "400101000000Z"
#define ECDSA    "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"

/* A certificate with that key, an algorithm and what is in a BIT STRING, without a signature. */
static X509 *certificate(const char *algorithm, int algorithm_length, const der *key)
{
    der info = {{0}, 0}, bits = {"\0", 1}, tbs = {{0}, 0}, all = {{0}, 0}, whole = {{0}, 0};
    const unsigned char *at = whole.bytes;
    X509 *cert;

    append(&bits, key->bytes, key->length);
    append(&info, algorithm, algorithm_length);
    append_in(&info, V_ASN1_BIT_STRING, &bits);
    append(&tbs, "\xa0\x03\x02\x01\x02\x02\x01\x05" ECDSA "\x30\x00" VALIDITY "\x30\x00", 56);
    append_in(&tbs, 0x30, &info);
    append_in(&all, 0x30, &tbs);
    append(&all, ECDSA "\x03\x01\x00", 15);
    append_in(&whole, 0x30, &all);
    cert = d2i_X509(NULL, &at, whole.length);
    ck_assert_ptr_nonnull(cert);
    return cert;
}

/* What is too much in the key, which is freed. */
static const char *excess(X509 *cert, int *most)
{
    const char *what = cfaop_peer_limit_excess_of_key(cert, most);

    X509_free(cert);
    return what;
}

/* ---- RSA ---- */

static const struct {
    int modulus, exponent, zeros, most; /* 0: as much as is allowed, or less */
} rsa_keys[] = {
    {2048, 17, 0, 0},
    {2048, 64, 1, 0},
    {2048, 65, 0, 64},
    {2048, 72, 1, 64},
    {2048, 2047, 0, 64},
    {2048, 64, 40, 0},
    {2048, 65, 40, 64},
    {512, 500, 0, 64},
    {4096, 17, 0, 0},
    {8192, 64, 1, 0},
    {8192, 65, 0, 64},
    {8193, 17, 0, 8192},
    {16384, 17, 0, 8192},
};

/* indefinite: the sequence of the two numbers has no length but an end. */
static X509 *rsa_certificate(int at, int is_pss, int indefinite)
{
    der numbers = {{0}, 0}, key = {{0}, 0};

    append_number(&numbers, rsa_keys[at].modulus, 1);
    append_number(&numbers, rsa_keys[at].exponent, rsa_keys[at].zeros);
    if (indefinite) {
        append(&key, "\x30\x80", 2);
        append(&key, numbers.bytes, numbers.length);
        append(&key, "\0\0", 2);
    }
    else {
        append_in(&key, 0x30, &numbers);
    }
    return is_pss ? certificate(RSASSA_PSS, 13, &key) : certificate(RSA_ENCRYPTION, 15, &key);
}

START_TEST(rsa_key_has_an_end)
{
    const int expected = rsa_keys[_i / 4].most;
    X509 *cert = rsa_certificate(_i / 4, _i & 1, _i & 2);
    const char *what;
    int most;

    ck_assert_int_eq(EVP_PKEY_bits(X509_get0_pubkey(cert)), rsa_keys[_i / 4].modulus);
    what = excess(cert, &most);
    if (!expected) {
        ck_assert_ptr_null(what);
        return;
    }
    ck_assert_str_eq(what, expected == 64 ? "bits of an RSA key's exponent" : "bits of an RSA key");
    ck_assert_int_eq(most, expected);
}
END_TEST

/* ---- DSA ---- */

/* p, q and g come with the algorithm. */
static X509 *dsa_certificate(int bits)
{
    der numbers = {{0}, 0}, words = {{0}, 0}, algorithm = {{0}, 0}, key = {{0}, 0};

    append_number(&numbers, bits, bits % 8 == 0);
    append_number(&numbers, 256, 1);
    append_number(&numbers, 1024, 1);
    append(&words, "\x06\x07\x2a\x86\x48\xce\x38\x04\x01", 9);
    append_in(&words, 0x30, &numbers);
    append_in(&algorithm, 0x30, &words);
    append_number(&key, 1024, 1);
    return certificate((const char *)algorithm.bytes, algorithm.length, &key);
}

START_TEST(dsa_key_has_an_end)
{
    const char *what;
    int most;

    ck_assert_ptr_null(excess(dsa_certificate(1024), &most));
    ck_assert_ptr_null(excess(dsa_certificate(4096), &most));
    what = excess(dsa_certificate(4097), &most);
    ck_assert_str_eq(what, "bits of a DSA key");
    ck_assert_int_eq(most, 4096);
}
END_TEST

/* ---- what has no such numbers ---- */

START_TEST(key_that_openssl_cannot_read_is_no_excess)
{
    der key = {{0}, 0};
    int most;

    append_number(&key, 20000, 0);
    ck_assert_ptr_null(excess(certificate(UNKNOWN, 7, &key), &most));
    ck_assert_ptr_null(excess(certificate(RSA_ENCRYPTION, 15, &key), &most));
    key.length = 0;
    ck_assert_ptr_null(excess(certificate(RSA_ENCRYPTION, 15, &key), &most));
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

int main(void)
{
    Suite *suite = suite_create("peer_limit_key");
    TCase *tests = tcase_create("peer_limit_key");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, rsa_key_has_an_end, 0, 4 * COUNT(rsa_keys));
    tcase_add_test(tests, dsa_key_has_an_end);
    tcase_add_test(tests, key_that_openssl_cannot_read_is_no_excess);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
