/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_pem_file.c
 * A PEM file is understood as a whole, or refused as a whole with a sentence that says what is wrong.
 */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "apr_file_io.h"
#include "apr_general.h"
#include "apr_strings.h"
#include "trust/pem_file.h"
#include "pki.h"

static apr_pool_t *pool;
static const char *path, *cert_pem, *crl_pem, *key_pem;
static X509 *cert;
static cfaop_pem pem;

static void set_up(void)
{
    pki_pair pair;
    const char *folder;

    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    pki_begin(pool);
    pair = pki_issue(NULL, (pki_wish){.name = "unit", .is_ca = 1});
    ck_assert_int_eq(apr_temp_dir_get(&folder, pool), APR_SUCCESS);
    path = apr_psprintf(pool, "%s/cfaop-unit-%" APR_PID_T_FMT ".pem", folder, getpid());
    cert = pair.cert;
    cert_pem = pki_pem_of_cert(pair.cert);
    crl_pem = pki_pem_of_crl(pki_crl(&pair, NULL, HOUR));
    key_pem = pki_pem_of_key(pair.key);
}

static void tear_down(void)
{
    apr_file_remove(path, pool);
    apr_pool_destroy(pool);
    apr_terminate();
}

static const char *read_bytes(const char *bytes, apr_size_t length)
{
    apr_file_t *file;

    ck_assert_int_eq(apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                                   APR_FPROT_OS_DEFAULT, pool),
                     APR_SUCCESS);
    ck_assert_int_eq(apr_file_write_full(file, bytes, length, NULL), APR_SUCCESS);
    apr_file_close(file);
    return cfaop_pem_file_read(pool, path, &pem);
}

static const char *read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void check_refused(const char *error, const char *expected)
{
    ck_assert_msg(error && strstr(error, expected), "'%s' does not say '%s'", error ? error : "(accepted)", expected);
}

static void check_counts(int certificates, int crls, int private_keys)
{
    ck_assert_int_eq(pem.certificates->nelts, certificates);
    ck_assert_int_eq(pem.crls->nelts, crls);
    ck_assert_int_eq(pem.private_keys, private_keys);
}

START_TEST(reads_a_certificate)
{
    ck_assert_ptr_null(read_text(cert_pem));
    check_counts(1, 0, 0);
    ck_assert_int_eq(X509_cmp(APR_ARRAY_IDX(pem.certificates, 0, X509 *), cert), 0);
}
END_TEST

START_TEST(reads_all_blocks_and_passes_over_text_between_them)
{
    ck_assert_ptr_null(
        read_text(apr_pstrcat(pool, "# old\n", cert_pem, "\n# new\n", cert_pem, crl_pem, key_pem, "end\n", NULL)));
    check_counts(2, 1, 1);
}
END_TEST

START_TEST(reads_windows_line_ends)
{
    char *text = apr_pstrdup(pool, ""), *rest, *line;

    for (line = apr_strtok(apr_pstrdup(pool, cert_pem), "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
        text = apr_pstrcat(pool, text, line, "\r\n", NULL);
    }
    ck_assert_ptr_null(read_text(text));
    check_counts(1, 0, 0);
}
END_TEST

START_TEST(refuses_what_is_not_there_or_not_a_file)
{
    check_refused(cfaop_pem_file_read(pool, path, &pem), "does not exist");
    check_refused(cfaop_pem_file_read(pool, apr_pstrcat(pool, path, "/below", NULL), &pem), "does not exist");
    check_refused(cfaop_pem_file_read(pool, "/", &pem), "is a directory");
    check_refused(cfaop_pem_file_read(pool, "/dev/null", &pem), "not a regular file");
}
END_TEST

START_TEST(refuses_empty_and_junk)
{
    check_refused(read_text(""), "is empty");
    check_refused(read_text("hello\n"), "no PEM block");
    check_refused(read_bytes("\0\1\2", 3), "no PEM block");
}
END_TEST

START_TEST(refuses_der_and_says_how_to_convert_it)
{
    unsigned char *der = NULL;
    int length = i2d_X509(cert, &der);

    check_refused(read_bytes((char *)der, (apr_size_t)length), "is DER");
    OPENSSL_free(der);
}
END_TEST

/* Wherever the file is cut off inside a block, the certificates before it must not be taken alone. */
START_TEST(refuses_a_file_that_is_cut_off)
{
    apr_size_t first = strlen(cert_pem), cut;
    char *text = apr_pstrcat(pool, cert_pem, cert_pem, NULL);

    for (cut = first + strlen("-----BEGIN "); cut < 2 * first - 1; cut += 7) {
        const char *error = read_bytes(text, cut);
        ck_assert_msg(error != NULL, "accepted when cut off after %d bytes of the second block", (int)(cut - first));
    }
}
END_TEST

START_TEST(refuses_a_bundle_with_one_broken_block)
{
    char *broken = apr_pstrdup(pool, cert_pem);

    broken[strlen("-----BEGIN CERTIFICATE-----\n") + 20] = '!';
    check_refused(read_text(apr_pstrcat(pool, cert_pem, broken, cert_pem, NULL)), "PEM block 2");
}
END_TEST

START_TEST(refuses_base64_that_is_no_certificate)
{
    check_refused(read_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "PEM block 1");
    check_refused(read_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"), "PEM block 1");
}
END_TEST

START_TEST(refuses_a_block_whose_first_line_is_damaged)
{
    check_refused(read_text(apr_pstrcat(pool, cert_pem, "-", cert_pem + 5, NULL)), "damaged BEGIN or END");
}
END_TEST

/* OpenSSL passes over what is no BEGIN line from its first to its last character. */
START_TEST(reads_explanations_that_name_the_markers)
{
    const char *commented = "# -----BEGIN CERTIFICATE-----\n# AAAA\n# -----END CERTIFICATE-----\n";
    const char *const before[] = {
        "# paste the -----BEGIN CERTIFICATE----- block below\n",
        "# -----BEGIN CERTIFICATE-----\n",
        "From -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----\n",
        "what follows is -----BEGIN CERTIFICATE-----\n",
        commented,
        "\xEF\xBB\xBF",
        "\xEF\xBB\xBF\xEF\xBB\xBF",
        "# with a comment\n\xEF\xBB\xBF",
        "\xEF\xBB\xBF# with a comment\r\n",
        "\n\n  Certificate:\n      Data:\n          aa:bb:cc\n",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(before) / sizeof(before[0]); ++i) {
        const char *error = read_text(apr_pstrcat(pool, before[i], cert_pem, NULL));
        ck_assert_msg(error == NULL, "%d: %s", (int)i, error);
        check_counts(1, 0, 0);
    }
    ck_assert_ptr_null(read_text(apr_pstrcat(pool, cert_pem, commented, "\n\n", cert_pem, NULL)));
    check_counts(2, 0, 0);
    ck_assert_ptr_null(read_text(apr_pstrcat(pool, "\xEF\xBB\xBF", cert_pem, "\xEF\xBB\xBF", cert_pem, NULL)));
    check_counts(2, 0, 0);
    check_refused(read_text(commented), "no PEM block");
}
END_TEST

/* Puts prefix before each line. */
static const char *prefixed(const char *prefix, const char *block)
{
    char *text = apr_pstrdup(pool, ""), *rest, *line;

    for (line = apr_strtok(apr_pstrdup(pool, block), "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
        text = apr_pstrcat(pool, text, prefix, line, "\n", NULL);
    }
    return text;
}

/* In a bundle each of these would be left out without a word. */
START_TEST(refuses_a_block_that_openssl_passes_over)
{
    check_refused(read_text(apr_pstrcat(pool, cert_pem, prefixed("  ", cert_pem), NULL)), "indented BEGIN");
    check_refused(read_text(apr_pstrcat(pool, cert_pem, prefixed("> ", cert_pem), NULL)), "other characters before");
    check_refused(read_text(apr_pstrcat(pool, cert_pem, prefixed("log: ", cert_pem), NULL)), "damaged BEGIN or END");
    check_refused(read_text(apr_pstrcat(pool, cert_pem, "text", cert_pem, NULL)), "damaged BEGIN or END");
    check_refused(read_text(apr_pstrcat(pool, "-----BEGIN CERTIFICATE----- is here\n", cert_pem, NULL)),
                  "does not end with it");
}
END_TEST

/* Where each marker has the line read again, this takes minutes. */
START_TEST(one_long_line_is_read_once)
{
    static const char begin[] = "-----BEGIN CERTIFICATE----- MIIB ";
    const apr_size_t count = 100000, length = sizeof(begin) - 1;
    char *text = apr_palloc(pool, count * length + 1);
    apr_size_t i;

    for (i = 0; i < count; ++i) {
        memcpy(text + i * length, begin, length);
    }
    text[count * length] = '\0';
    check_refused(read_text(text), "has a BEGIN line that does not end with it");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pem_file");
    TCase *tcase = tcase_create("files");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, reads_a_certificate);
    tcase_add_test(tcase, reads_all_blocks_and_passes_over_text_between_them);
    tcase_add_test(tcase, reads_windows_line_ends);
    tcase_add_test(tcase, refuses_what_is_not_there_or_not_a_file);
    tcase_add_test(tcase, refuses_empty_and_junk);
    tcase_add_test(tcase, refuses_der_and_says_how_to_convert_it);
    tcase_add_test(tcase, refuses_a_file_that_is_cut_off);
    tcase_add_test(tcase, refuses_a_bundle_with_one_broken_block);
    tcase_add_test(tcase, refuses_base64_that_is_no_certificate);
    tcase_add_test(tcase, refuses_a_block_whose_first_line_is_damaged);
    tcase_add_test(tcase, reads_explanations_that_name_the_markers);
    tcase_add_test(tcase, refuses_a_block_that_openssl_passes_over);
    tcase_add_test(tcase, one_long_line_is_read_once);
    suite_add_tcase(suite, tcase);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
