/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_files.c
 * What is done with the files of the lists once, in the parent, so that no child has to do it again.
 */
#include <check.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "apr_file_io.h"
#include "apr_general.h"
#include "apr_strings.h"
#include "trust/files.h"
#include "pki.h"

static apr_pool_t *pool;
static const char *path;

static void set_up(void)
{
    const char *folder;

    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    pki_begin(pool);
    ck_assert_int_eq(apr_temp_dir_get(&folder, pool), APR_SUCCESS);
    path = apr_psprintf(pool, "%s/cfaop-unit-files-%" APR_PID_T_FMT ".pem", folder, getpid());
}

static void tear_down(void)
{
    apr_file_remove(path, pool);
    apr_pool_destroy(pool);
    apr_terminate();
}

static void write_text(const char *text)
{
    apr_file_t *file;

    ck_assert_int_eq(apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                                   APR_FPROT_OS_DEFAULT, pool),
                     APR_SUCCESS);
    ck_assert_int_eq(apr_file_write_full(file, text, strlen(text), NULL), APR_SUCCESS);
    apr_file_close(file);
}

static void add_entry(X509_CRL *crl, long serial)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL));
    ASN1_INTEGER *number = ASN1_INTEGER_new();

    ck_assert(entry && number && now);
    ck_assert_int_eq(ASN1_INTEGER_set(number, serial), 1);
    ck_assert_int_eq(X509_REVOKED_set_serialNumber(entry, number), 1);
    ck_assert_int_eq(X509_REVOKED_set_revocationDate(entry, now), 1);
    ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(now);
}

START_TEST(crl_is_sorted_when_it_is_loaded)
{
    pki_pair root = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    X509_CRL *crl = pki_crl(&root, NULL, HOUR);
    const apr_array_header_t *crls;
    const char *tag = NULL, *error = NULL;
    long serial;

    for (serial = 3; serial; --serial) {
        add_entry(crl, serial);
    }
    ck_assert_int_gt(X509_CRL_sign(crl, root.key, EVP_sha256()), 0);
    write_text(pki_pem_of_crl(crl));
    crls = cfaop_files_crls(cfaop_files_create(pool), path, &tag, &error);
    ck_assert_msg(crls != NULL, "%s", error);
    crl = APR_ARRAY_IDX(crls, 0, cfaop_crl).crl;
    ck_assert_int_eq(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 3);
    ck_assert_int_ne(sk_X509_REVOKED_is_sorted(X509_CRL_get_REVOKED(crl)), 0);
    ck_assert_int_eq(X509_CRL_verify(crl, root.key), 1);
}
END_TEST

START_TEST(crl_without_entries_is_loaded)
{
    pki_pair root = pki_issue(NULL, (pki_wish){.name = "root", .is_ca = 1});
    const char *tag = NULL, *error = NULL;

    write_text(pki_pem_of_crl(pki_crl(&root, NULL, HOUR)));
    ck_assert_ptr_nonnull(cfaop_files_crls(cfaop_files_create(pool), path, &tag, &error));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files");
    TCase *tests = tcase_create("files");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, crl_is_sorted_when_it_is_loaded);
    tcase_add_test(tests, crl_without_entries_is_loaded);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
