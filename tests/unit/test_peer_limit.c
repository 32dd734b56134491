/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_peer_limit.c
 * Counting a certificate's names, in every encoding that OpenSSL reads; test_der.c has the parts of its extensions.
 */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "apr_general.h"
#include "config/config.h"
#include "config/peer_limit.h"
#include "pki.h"

#include <openssl/x509v3.h>

#define SEQUENCE 0x30
#define DNS_NAME 0x82

static apr_pool_t *pool;

/* How often an extension was made an object of: this stands before OpenSSL's own. */
static int decoded;

void *X509V3_EXT_d2i(X509_EXTENSION *extension)
{
    void *(*real)(X509_EXTENSION *) = (void *(*)(X509_EXTENSION *))dlsym(RTLD_NEXT, "X509V3_EXT_d2i");

    ++decoded;
    return real(extension);
}

static void set_up(void)
{
    decoded = 0;
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    pki_begin(pool);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

/* ---- names ---- */

#define BYTES 102400

/* With no limit on bytes that matters here. */
static int has_too_many_names(const X509 *cert, int max)
{
    int most;
    const char *what = cfaop_peer_limit_excess(cert, (cfaop_peer_limit){BYTES, max}, &most);

    ck_assert_int_eq(most, max);
    ck_assert(!what || !strcmp(what, "names"));
    return what != NULL;
}

static X509 *certificate(void)
{
    pki_wish wish = {"edge", 0, NULL, NULL, 0, 0, 0, 0, NULL};

    return pki_issue(NULL, wish).cert;
}

/* Adds a subjectAltName with these bytes for a value. */
static void add_bytes(X509 *cert, const unsigned char *bytes, int length)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;

    ck_assert_int_eq(ASN1_OCTET_STRING_set(value, bytes, length), 1);
    extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value);
    ck_assert_int_eq(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
}

/* Adds a subjectAltName of so many dNSNames "a". With indefinite, the list has no length but an end. */
static void add_names(X509 *cert, int count, int indefinite)
{
    unsigned char *bytes = apr_pcalloc(pool, (apr_size_t)count * 3 + 8);
    int at = 0, i;

    bytes[at++] = SEQUENCE;
    bytes[at++] = indefinite ? 0x80 : 0x82;
    if (!indefinite) {
        bytes[at++] = (unsigned char)(count * 3 >> 8);
        bytes[at++] = (unsigned char)(count * 3);
    }
    for (i = 0; i < count; ++i) {
        bytes[at++] = DNS_NAME;
        bytes[at++] = 1;
        bytes[at++] = 'a';
    }
    add_bytes(cert, bytes, at + (indefinite ? 2 : 0));
}

START_TEST(as_many_as_allowed_are_not_too_many)
{
    X509 *cert = certificate();

    add_names(cert, _i, 0);
    ck_assert_int_eq(has_too_many_names(cert, 100), _i > 100);
    if (_i) {
        ck_assert_int_eq(has_too_many_names(cert, _i), 0);
        ck_assert_int_eq(has_too_many_names(cert, _i - 1), 1);
    }
}
END_TEST

START_TEST(no_names_are_not_too_many)
{
    X509 *cert = certificate();

    ck_assert_int_eq(has_too_many_names(cert, 1), 0);
    add_bytes(cert, (const unsigned char *)"", 0);
    ck_assert_int_eq(has_too_many_names(cert, 1), 0);
}
END_TEST

/* OpenSSL reads BER, too. */
START_TEST(list_without_a_length_is_counted)
{
    X509 *cert = certificate();
    GENERAL_NAMES *names;

    add_names(cert, 101, 1);
    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    ck_assert_int_eq(sk_GENERAL_NAME_num(names), 101);
    GENERAL_NAMES_free(names);
    ck_assert_int_eq(has_too_many_names(cert, 100), 1);
}
END_TEST

/* An element without a length (here an otherName) hides none that come after it. */
START_TEST(element_without_a_length_hides_nothing)
{
    static const unsigned char head[] = {SEQUENCE, 0x80, 0xa0, 0x80, 0x06, 0x01, 0x2a, 0xa0,
                                         0x80,     0x05, 0x00, 0,    0,    0,    0};
    unsigned char bytes[sizeof(head) + 303 + 2] = {0};
    X509 *cert = certificate();
    GENERAL_NAMES *names;
    int i;

    memcpy(bytes, head, sizeof(head));
    for (i = 0; i < 101; ++i) {
        memcpy(bytes + sizeof(head) + 3 * i,
               "\x82\x01"
               "a",
               3);
    }
    add_bytes(cert, bytes, (int)sizeof(bytes));
    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    ck_assert_int_eq(sk_GENERAL_NAME_num(names), 102);
    GENERAL_NAMES_free(names);
    ck_assert_int_eq(has_too_many_names(cert, 100), 1);
}
END_TEST

START_TEST(lists_are_added_up)
{
    X509 *cert = certificate();

    add_names(cert, 60, 0);
    ck_assert_int_eq(has_too_many_names(cert, 100), 0);
    add_names(cert, 60, 0);
    ck_assert_int_eq(has_too_many_names(cert, 100), 1);
    ck_assert_int_eq(has_too_many_names(cert, 120), 0);
}
END_TEST

static const struct {
    const char *bytes;
    int length;
} broken[] = {
    {"\x30", 1},
    {"\x30\x84\xff\xff\xff\xff", 6},
    {"\x30\x05\x82\x7f"
     "aaa",
     7},
    {"\x82\x01"
     "a",
     3},
    {"\x30\x80", 2},
    {"\x1f\xff\xff\xff\xff\xff\xff\xff", 8},
    {"\x30\x03\x9f\xff\xff", 5},
};

START_TEST(broken_list_ends_the_count)
{
    X509 *cert = certificate();

    add_bytes(cert, (const unsigned char *)broken[_i].bytes, broken[_i].length);
    ck_assert_int_eq(has_too_many_names(cert, 10), 0);
}
END_TEST

static void add_parts(X509_NAME *name, int count)
{
    while (count--) {
        ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, (const unsigned char *)"x", 1, -1, 0), 1);
    }
}

START_TEST(subject_and_issuer_are_lists_too)
{
    X509 *cert = certificate();
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));

    add_parts(name, 99); /* beside the CN */
    ck_assert_int_eq(_i ? X509_set_subject_name(cert, name) : X509_set_issuer_name(cert, name), 1);
    ck_assert_int_eq(has_too_many_names(cert, 100), 0);
    add_parts(name, 1);
    ck_assert_int_eq(_i ? X509_set_subject_name(cert, name) : X509_set_issuer_name(cert, name), 1);
    ck_assert_int_eq(has_too_many_names(cert, 100), 1);
    X509_NAME_free(name);
}
END_TEST

/* ---- names within a name ---- */

/* Adds a subjectAltName with one directoryName of so many parts of three bytes, and a dNSName after it. */
static void add_directory_name(X509 *cert, int count, int is_one_set)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *dn = GENERAL_NAME_new(), *dns = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    X509_NAME *name = X509_NAME_new();
    int i;

    for (i = 0; i < count; ++i) {
        ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, (const unsigned char *)"abc", 3, -1,
                                                    is_one_set && i ? -1 : 0),
                         1);
    }
    GENERAL_NAME_set0_value(dn, GEN_DIRNAME, name);
    ASN1_STRING_set(text, "a", 1);
    GENERAL_NAME_set0_value(dns, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, dn);
    sk_GENERAL_NAME_push(names, dns);
    ck_assert_int_eq(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND), 1);
    GENERAL_NAMES_free(names);
}

START_TEST(parts_of_a_directory_name_are_names)
{
    X509 *cert = certificate();

    add_directory_name(cert, 50, _i);
    ck_assert_int_eq(has_too_many_names(cert, 52), 0);
    ck_assert_int_eq(has_too_many_names(cert, 51), 1);
}
END_TEST

/* Without lengths (BER), with a dNSName after it. OpenSSL reads it. */
START_TEST(directory_name_without_a_length_hides_nothing)
{
    static const unsigned char part[] = {0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x0b, 0x0c, 0x01, 'x'};
    static const unsigned char head[] = {SEQUENCE, 0x80, 0xa4, 0x80, 0x30, 0x80},
                               tail[] = {0, 0, 0, 0, 0x82, 1, 'a', 0, 0};
    unsigned char bytes[sizeof(head) + 101 * sizeof(part) + sizeof(tail)];
    X509 *cert = certificate();
    GENERAL_NAMES *names;
    size_t at = sizeof(head);
    int i;

    memcpy(bytes, head, sizeof(head));
    for (i = 0; i < 101; ++i, at += sizeof(part)) {
        memcpy(bytes + at, part, sizeof(part));
    }
    memcpy(bytes + at, tail, sizeof(tail));
    add_bytes(cert, bytes, (int)sizeof(bytes));
    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    ck_assert_int_eq(sk_GENERAL_NAME_num(names), 2);
    GENERAL_NAMES_free(names);
    ck_assert_int_eq(has_too_many_names(cert, 100), 1);
    ck_assert_int_eq(has_too_many_names(cert, 102), 1);
}
END_TEST

/* ---- bytes ---- */

static const char *excess(const X509 *cert, int bytes, int *most)
{
    return cfaop_peer_limit_excess(cert, (cfaop_peer_limit){bytes, 100}, most);
}

START_TEST(serial_number_has_an_end)
{
    X509 *cert = certificate();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    unsigned char bytes[65];
    const char *what;
    int most;

    memset(bytes, 0x7f, sizeof(bytes));
    ck_assert_int_eq(ASN1_STRING_set(serial, bytes, 64), 1);
    X509_set_serialNumber(cert, serial);
    ck_assert_ptr_null(excess(cert, BYTES, &most));
    ck_assert_int_eq(ASN1_STRING_set(serial, bytes, 65), 1);
    X509_set_serialNumber(cert, serial);
    what = excess(cert, BYTES, &most);
    ck_assert_str_eq(what, "bytes of a serial number");
    ck_assert_int_eq(most, 64);
    ASN1_INTEGER_free(serial);
}
END_TEST

static void add_long_part(X509_NAME *name, int length)
{
    unsigned char *text = apr_pcalloc(pool, (apr_size_t)length);

    memset(text, 'x', (size_t)length);
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "dnQualifier", V_ASN1_PRINTABLESTRING, text, length, -1, 0), 1);
}

START_TEST(long_subject_or_issuer_is_too_much)
{
    X509 *cert = certificate();
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));
    size_t length = 0;
    const char *what;
    int most;

    add_long_part(name, 1000);
    ck_assert_int_eq(_i ? X509_set_subject_name(cert, name) : X509_set_issuer_name(cert, name), 1);
    ck_assert_int_eq(X509_NAME_get0_der(name, NULL, &length), 1);
    ck_assert_ptr_null(excess(cert, 4 * (int)length, &most));
    what = excess(cert, 4 * (int)length - 4, &most);
    ck_assert_str_eq(what, "bytes of names");
    ck_assert_int_eq(most, (int)length - 1);
    X509_NAME_free(name);
}
END_TEST

START_TEST(long_alternative_name_is_too_much)
{
    static unsigned char first[] = {SEQUENCE, 0x03, 0x82, 0x01, 'a'}, second[4 + 296] = {SEQUENCE, 0x82, 0x01, 0x28};
    X509 *cert = certificate();
    const char *what;
    int most;

    memset(second + 4, 0, sizeof(second) - 4);
    add_bytes(cert, first, sizeof(first));
    add_bytes(cert, second, sizeof(second));
    what = excess(cert, 4 * 300 - 4, &most);
    ck_assert_str_eq(what, "bytes of names");
    ck_assert_int_eq(most, 299);
    what = excess(cert, 4 * 300, &most);
    ck_assert(!what || strcmp(what, "bytes of names"));
}
END_TEST

/* A stranger's certificate can have thousands of empty names within the limit of bytes. OpenSSL makes none of them. */
START_TEST(many_names_are_counted_without_making_them)
{
    X509 *cert = certificate();

    add_names(cert, _i, 0);
    add_names(cert, _i, 0);
    ck_assert_int_eq(has_too_many_names(cert, 100), 1);
    ck_assert_int_eq(decoded, _i < 1000);
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

int main(void)
{
    Suite *suite = suite_create("peer_limit");
    TCase *tests = tcase_create("peer_limit");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, as_many_as_allowed_are_not_too_many, 0, 120);
    tcase_add_test(tests, no_names_are_not_too_many);
    tcase_add_test(tests, list_without_a_length_is_counted);
    tcase_add_test(tests, element_without_a_length_hides_nothing);
    tcase_add_test(tests, lists_are_added_up);
    tcase_add_loop_test(tests, many_names_are_counted_without_making_them, 995, 1005);
    tcase_add_loop_test(tests, broken_list_ends_the_count, 0, COUNT(broken));
    tcase_add_loop_test(tests, subject_and_issuer_are_lists_too, 0, 2);
    tcase_add_loop_test(tests, parts_of_a_directory_name_are_names, 0, 2);
    tcase_add_test(tests, directory_name_without_a_length_hides_nothing);
    tcase_add_test(tests, serial_number_has_an_end);
    tcase_add_loop_test(tests, long_subject_or_issuer_is_too_much, 0, 2);
    tcase_add_test(tests, long_alternative_name_is_too_much);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
