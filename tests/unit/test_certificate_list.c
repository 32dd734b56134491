/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_certificate_list.c
 * Finding a curve that is spelled out and a point that is costly, and counting the certificates of a message, however
 * it lies about its lengths.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pure/certificate_list.h"

#include <openssl/ec.h>
#include <openssl/objects.h>

#define MAX 24

/* A copy of just this size, so that AddressSanitizer sees what is read beyond it. */
static unsigned char *copy_of(const void *bytes, size_t length)
{
    unsigned char *copy = malloc(length ? length : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, length);
    return copy;
}

/* ---- the curve ---- */

static int spells_out(const void *bytes, size_t length)
{
    unsigned char *copy = copy_of(bytes, length);
    int found = cfaop_certificate_list_spells_out_curve(copy, length);

    free(copy);
    return found;
}

static const struct {
    const char *bytes;
    size_t length;
    int found;
} texts[] = {
    {"", 0, 0},
    {"*", 1, 0},
    {"\x2a\x86\x48\xce\x3d\x01", 6, 0},
    {"\x2a\x86\x48\xce\x3d\x01\x01", 7, 1},
    {"\x2a\x86\x48\xce\x3d\x01\x02", 7, 1},
    {"\x2a\x86\x48\xce\x3d\x01\x00", 7, 0},
    {"\x2a\x86\x48\xce\x3d\x01\x03", 7, 0},
    {"\x2a\x86\x48\xce\x3d\x02\x01", 7, 0},
    {"\x2a\x2a\x86\x48\xce\x3d\x01\x01", 8, 1},
    {"\x2a\x86\x48\xce\x3d\x01\x2a\x86\x48\xce\x3d\x01\x02", 13, 1},
    {"\x2a\x86\x48\xce\x3d\x02\x01\x2a\x86\x48\xce\x3d\x03\x01\x07", 15, 0},
    {"aaaa\x2a\x86\x48\xce\x3d\x01\x02zz", 13, 1},
    {"aaaa\x2a\x86\x48\xce\x3d\x01", 10, 0},
};

START_TEST(bytes_of_the_field_type_are_found)
{
    ck_assert_int_eq(spells_out(texts[_i].bytes, texts[_i].length), texts[_i].found);
}
END_TEST

static const int curves[] = {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1,
                             NID_secp224r1,        NID_sect283r1, NID_X9_62_c2tnb191v1};

/* As OpenSSL itself writes them. */
START_TEST(named_curve_is_told_from_one_that_is_spelled_out)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[_i / 2]);
    unsigned char *der = NULL;
    int length;

    ck_assert_ptr_nonnull(group);
    EC_GROUP_set_asn1_flag(group, _i % 2 ? OPENSSL_EC_EXPLICIT_CURVE : OPENSSL_EC_NAMED_CURVE);
    length = i2d_ECPKParameters(group, &der);
    ck_assert_int_gt(length, 0);
    ck_assert_int_eq(spells_out(der, (size_t)length), _i % 2);
    OPENSSL_free(der);
    EC_GROUP_free(group);
}
END_TEST

/* ---- the point ---- */

static int is_costly(const void *bytes, size_t length)
{
    unsigned char *copy = copy_of(bytes, length);
    int found = cfaop_certificate_list_has_costly_point(copy, length);

    free(copy);
    return found;
}

#define P224 "\x06\x05\x2b\x81\x04\x00\x21"

static const struct {
    const char *bytes;
    size_t length;
    int found;
} points[] = {
    {"", 0, 0},
    {P224 "\x03\x39\x00\x04", 11, 0},
    {P224 "\x03\x39\x00\x02", 11, 1},
    {P224 "\x03\x39\x00\x03", 11, 1},
    {P224 "\x03\x39\x00\x06", 11, 1},             /* both coordinates, of which OpenSSL checks one by the other */
    {P224 "\x03\x39\x04\x00", 11, 1},
    {P224 "\x03\x81\x39\x00\x04", 12, 0},
    {P224 "\x03\x81\x39\x00\x02", 12, 1},
    {P224 "\x03\x81\x39\x04\x02", 12, 1},
    {P224 "\x03\x82\x00\x39\x00\x04", 13, 1},    /* no DER: no real key */
    {P224 "\x03\x82\x00\x04\x00\x02", 13, 1},
    {P224 "\x23\x80\x03\x1e\x00\x04", 13, 1},
    {P224 "\x00\x00\x03\x39\x00\x04", 13, 1},    /* the end of a sequence without a length */
    {P224 "\x04\x39\x00\x04", 11, 1},
    {P224 "\x03\x39\x00", 10, 1},
    {P224 "\x03\x81\x39\x00", 11, 1},
    {P224 "\x03", 8, 1},
    {P224, 7, 1},
    {P224, 6, 0},
    {"\x2b\x81\x04\x00\x21\x03\x39\x00\x02", 9, 0},
    {"\x05\x05\x2b\x81\x04\x00\x21\x03\x39\x00\x02", 11, 1},
    {"\x06\x05\x2b\x81\x04\x00\x22\x03\x39\x00\x02" P224, 18, 1},
    {P224 "\x03\x39\x00\x04" P224 "\x03\x1d\x00\x02", 22, 1},
};

START_TEST(point_of_one_coordinate_is_found)
{
    ck_assert_int_eq(is_costly(points[_i].bytes, points[_i].length), points[_i].found);
}
END_TEST

static int is_usual(int nid, const char *name)
{
    return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1 || nid == NID_secp256k1
        || nid == NID_sm2 || !strncmp(name, "brainpool", 9);
}

/* The curve's OID and a point, as they come in a key. Returns the length; 0 for curves without an OID. */
static size_t write_key(unsigned char *key, size_t room, EC_GROUP *group, point_conversion_form_t form)
{
    int length = i2d_ECPKParameters(group, &key);
    unsigned char point[300], *at = key;
    size_t size = EC_POINT_point2oct(group, EC_GROUP_get0_generator(group), form, point, sizeof(point), NULL);

    ck_assert_int_gt(length, 0);
    ck_assert_uint_gt(size, 0);
    ck_assert_uint_lt((size_t)length + size + 4, room);
    *at++ = 0x03;
    if (size > 126) {
        *at++ = 0x81;
    }
    *at++ = (unsigned char)(size + 1);
    *at++ = 0;
    memcpy(at, point, size);
    return (size_t)length + (size_t)(at - key) + size;
}

/* All that this OpenSSL has. */
START_TEST(usual_curves_are_told_from_others)
{
    EC_builtin_curve *all = NULL;
    size_t count = EC_get_builtin_curves(NULL, 0), i;
    unsigned char key[600];

    all = calloc(count, sizeof(*all));
    ck_assert_ptr_nonnull(all);
    EC_get_builtin_curves(all, count);
    for (i = 0; i < count; ++i) {
        const char *name = OBJ_nid2sn(all[i].nid);
        EC_GROUP *group = EC_GROUP_new_by_curve_name(all[i].nid);
        size_t length;
        ck_assert_ptr_nonnull(group);
        if (OBJ_length(OBJ_nid2obj(all[i].nid))) {
            length = write_key(key, sizeof(key), group, POINT_CONVERSION_UNCOMPRESSED);
            ck_assert_msg(!is_costly(key, length), "%s", name);
            length = write_key(key, sizeof(key), group, POINT_CONVERSION_COMPRESSED);
            ck_assert_msg(is_costly(key, length) == !is_usual(all[i].nid, name), "%s, compressed", name);
        }
        EC_GROUP_free(group);
    }
    free(all);
}
END_TEST

/* ---- the count ---- */

static int count(const void *bytes, size_t length, int is_tls13)
{
    unsigned char *copy = copy_of(bytes, length);
    int found = cfaop_certificate_list_count(copy, length, is_tls13, MAX);

    free(copy);
    return found;
}

/* Writes a message of so many certificates of one byte, and returns its length. */
static size_t write_message(unsigned char *message, int certificates, int is_tls13)
{
    size_t each = is_tls13 ? 6 : 4, at = 0, list = (size_t)certificates * each;

    if (is_tls13) {
        message[at++] = 0;
    }
    message[at++] = 0;
    message[at++] = (unsigned char)(list >> 8);
    message[at++] = (unsigned char)list;
    while (certificates--) {
        memcpy(message + at, "\0\0\1c\0\0", each);
        at += each;
    }
    return at;
}

START_TEST(certificates_are_counted)
{
    unsigned char message[1000];
    int certificates = _i / 2, is_tls13 = _i % 2;
    size_t length = write_message(message, certificates, is_tls13);

    ck_assert_int_eq(count(message, length, is_tls13), certificates <= MAX ? certificates : MAX + 1);
}
END_TEST

START_TEST(message_that_is_cut_off_ends_the_count)
{
    unsigned char message[1000];
    int is_tls13 = _i;
    size_t whole = write_message(message, 10, is_tls13), length, head = is_tls13 ? 4 : 3, each = is_tls13 ? 6 : 4;

    for (length = 0; length < whole; ++length) {
        int complete = length < head ? 0 : (int)((length - head) / each);
        int found = count(message, length, is_tls13);
        /* one more where its extensions are missing, which OpenSSL would have parsed */
        ck_assert_int_ge(found, complete);
        ck_assert_int_le(found, complete + is_tls13);
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    int is_tls13, count;
} liars[] = {
    {"\0\0\0", 3, 0, 0},
    {"\0\0\0\0", 4, 1, 0},
    {"\xff\0\0\0", 4, 1, 0},
    {"\xff\xff\xff\xff\xff\xff", 6, 0, 0},
    {"\0\0\4\xff\xff\xff" "c", 7, 0, 0},
    {"\0\0\5\0\0\2" "c", 7, 0, 0},
    {"\0\0\0\0\0\1" "c", 7, 0, 1},                   /* a list of no bytes: OpenSSL refuses what is left */
    {"\xff\xff\xff\0\0\1" "c", 7, 0, 1},
    {"\0\0\6\0\0\0\0\0\0", 9, 0, 2},                 /* empty certificates */
    {"\0\0\0\6\0\0\1" "c\xff\xff", 10, 1, 1},
    {"\0\0\0\x0a\0\0\1" "c\0\2ee\0\0", 14, 1, 1},
    {"\3ctx\0\0\6\0\0\1" "c\0\0", 13, 1, 1},
};

START_TEST(lengths_that_lie_end_the_count)
{
    ck_assert_int_eq(count(liars[_i].bytes, liars[_i].length, liars[_i].is_tls13), liars[_i].count);
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

int main(void)
{
    Suite *suite = suite_create("certificate_list");
    TCase *tests = tcase_create("certificate_list");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, bytes_of_the_field_type_are_found, 0, COUNT(texts));
    tcase_add_loop_test(tests, named_curve_is_told_from_one_that_is_spelled_out, 0, 2 * COUNT(curves));
    tcase_add_loop_test(tests, point_of_one_coordinate_is_found, 0, COUNT(points));
    tcase_add_test(tests, usual_curves_are_told_from_others);
    tcase_add_loop_test(tests, certificates_are_counted, 0, 80);
    tcase_add_loop_test(tests, message_that_is_cut_off_ends_the_count, 0, 2);
    tcase_add_loop_test(tests, lengths_that_lie_end_the_count, 0, COUNT(liars));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
