/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_der.c
 * Counting the elements of a value in all encodings that OpenSSL reads. Each value of names is read by OpenSSL as well.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/der.h"

#include <openssl/x509v3.h>

#define MANY 1000

typedef struct {
    unsigned char bytes[8192];
    int length;
} value;

static void put(value *v, const char *bytes, int length)
{
    memcpy(v->bytes + v->length, bytes, (size_t)length);
    v->length += length;
}

#define PUT(v, text) put(v, text, (int)sizeof(text) - 1)

/* So many dNSNames "a" */
static void put_names(value *v, int count)
{
    while (count--) {
        PUT(v, "\x82\x01"
               "a");
    }
}

/* Closes an element with two bytes of length at that place. */
static void close_at(value *v, int at)
{
    int length = v->length - at - 4;

    v->bytes[at + 2] = (unsigned char)(length >> 8);
    v->bytes[at + 3] = (unsigned char)length;
}

static int read_by_openssl(const value *v)
{
    const unsigned char *at = v->bytes;
    GENERAL_NAMES *names = d2i_GENERAL_NAMES(NULL, &at, v->length);
    int count = sk_GENERAL_NAME_num(names);

    GENERAL_NAMES_free(names);
    return count;
}

static int count(const value *v)
{
    return cfaop_der_count(v->bytes, v->length, MANY);
}

/* 0x30: as in DER; 0x10: as a primitive. */
START_TEST(names_are_counted)
{
    static const int kinds[] = {0x30, 0x10};
    value v = {{(unsigned char)kinds[_i], 0x82}, 4};

    put_names(&v, 200);
    close_at(&v, 0);
    ck_assert_int_eq(read_by_openssl(&v), 200);
    ck_assert_int_eq(count(&v), 1 + 200);
}
END_TEST

START_TEST(count_stops_above_the_limit)
{
    value v = {{0x30, 0x82}, 4};

    put_names(&v, MANY);
    close_at(&v, 0);
    ck_assert_int_gt(count(&v), MANY);
    ck_assert_int_gt(cfaop_der_count(v.bytes, v.length, 5), 5);
    ck_assert_int_lt(cfaop_der_count(v.bytes, v.length, 5), 10);
}
END_TEST

/* What comes after the value is no part of it, and does not hide it. */
START_TEST(bytes_after_the_value_hide_nothing)
{
    value v = {{0x30, 0x82}, 4};

    put_names(&v, 200);
    close_at(&v, 0);
    PUT(&v, "\x04\x7f");
    ck_assert_int_eq(read_by_openssl(&v), 200);
    ck_assert_int_eq(count(&v), 1 + 200);
}
END_TEST

/* An otherName whose value OpenSSL takes as it is: a SEQUENCE of bytes that are no elements. */
START_TEST(element_that_cannot_be_read_hides_nothing)
{
    value v = {{0x30, 0x82}, 4};

    PUT(&v, "\xa0\x0d\x06\x01\x2a\xa0\x08\x30\x06\x04\x84\x7f\xff\xff\xff");
    put_names(&v, 200);
    close_at(&v, 0);
    ck_assert_int_eq(read_by_openssl(&v), 201);
    ck_assert_int_ge(count(&v), 1 + 201);
}
END_TEST

/* The same within elements whose length is not given. */
START_TEST(end_marks_hide_nothing)
{
    value v = {{0x30, 0x80}, 2};

    PUT(&v, "\xa0\x80\x06\x01\x2a\xa0\x80\x30\x80\x30\x06\x04\x84\x7f\xff\xff\xff\0\0\0\0\0\0");
    put_names(&v, 200);
    PUT(&v, "\0\0");
    ck_assert_int_eq(read_by_openssl(&v), 201);
    ck_assert_int_ge(count(&v), 1 + 201);
}
END_TEST

/* OpenSSL looks for the end of a value of any type through any depth. */
START_TEST(depth_hides_nothing)
{
    value v = {{0x30, 0x80}, 2};
    int i;

    PUT(&v, "\xa0\x80\x06\x01\x2a\xa0\x80");
    for (i = 0; i < 100; ++i) {
        PUT(&v, "\x30\x80");
    }
    for (i = 0; i < 102; ++i) {
        PUT(&v, "\0\0");
    }
    put_names(&v, 200);
    PUT(&v, "\0\0");
    ck_assert_int_eq(read_by_openssl(&v), 201);
    ck_assert_int_ge(count(&v), 1 + 201);
}
END_TEST

/* Names in names: sets, marked and not, in a directoryName. */
START_TEST(parts_of_a_directory_name_are_counted)
{
    static const char sets[] = {0x31, 0x11};
    value v = {{0x30, 0x82, 0, 0, 0xa4, 0x82, 0, 0, (unsigned char)(sets[_i] - 1), 0x82}, 12};
    int i;

    for (i = 0; i < 100; ++i) {
        put(&v, &sets[_i], 1);
        PUT(&v, "\x0a\x30\x08\x06\x03\x55\x04\x0b\x0c\x01x");
    }
    close_at(&v, 8);
    close_at(&v, 4);
    close_at(&v, 0);
    ck_assert_int_eq(read_by_openssl(&v), 1);
    ck_assert_int_eq(count(&v), 3 + 100 * 4);
}
END_TEST

/* A directoryName of sets without anything in them has no names that OpenSSL tells of. */
START_TEST(empty_parts_are_counted)
{
    value v = {{0x30, 0x7c, 0xa4, 0x7a, 0x30, 0x78}, 6};
    int i;

    for (i = 0; i < 60; ++i) {
        PUT(&v, "\x31\0");
    }
    ck_assert_int_eq(read_by_openssl(&v), 1);
    ck_assert_int_eq(count(&v), 3 + 60);
}
END_TEST

/* [0] stands for a list of names in a distribution point, and is not marked as constructed. */
START_TEST(list_of_a_context_is_counted)
{
    value v = {{0x80, 0x82}, 4};

    put_names(&v, 200);
    close_at(&v, 0);
    ck_assert_int_eq(count(&v), 1 + 200);
}
END_TEST

static const struct {
    const char *bytes;
    int length, count;
} small[] = {
    {"", 0, 0},
    {"\x30", 1, 0},
    {"\x30\x00", 2, 1},
    {"\x30\x84\xff\xff\xff\xff", 6, 0},
    {"\x30\x80", 2, 0},
    {"\x30\x80\x00\x00", 4, 1},
    {"\x10\x80\x00\x00", 4, 0},
    {"\x04\x03\x82\x01\x61", 5, 1},             /* an OCTET STRING */
    {"\x30\x05\x82\x03www", 7, 2},              /* text */
    {"\x30\x06\x82\x04\x7f\x00\x00\x01", 8, 2}, /* an address */
    {"\x30\x04\x00\x00\x00\x00", 6, 3},         /* end marks where none are due */
};

START_TEST(small_values)
{
    ck_assert_int_eq(cfaop_der_count((const unsigned char *)small[_i].bytes, small[_i].length, MANY), small[_i].count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("der");
    TCase *tests = tcase_create("der");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, names_are_counted, 0, 2);
    tcase_add_test(tests, count_stops_above_the_limit);
    tcase_add_test(tests, bytes_after_the_value_hide_nothing);
    tcase_add_test(tests, element_that_cannot_be_read_hides_nothing);
    tcase_add_test(tests, end_marks_hide_nothing);
    tcase_add_test(tests, depth_hides_nothing);
    tcase_add_loop_test(tests, parts_of_a_directory_name_are_counted, 0, 2);
    tcase_add_test(tests, empty_parts_are_counted);
    tcase_add_test(tests, list_of_a_context_is_counted);
    tcase_add_loop_test(tests, small_values, 0, (int)(sizeof(small) / sizeof(small[0])));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
