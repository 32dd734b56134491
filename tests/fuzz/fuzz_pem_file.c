/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_pem_file.c
 * Reading a PEM file of any content: it is refused with one line that tells why, or every block of it is there.
 */
#include <string.h>
#include <unistd.h>

#include "apr_file_io.h"
#include "apr_general.h"
#include "apr_strings.h"
#include "trust/pem_file.h"
#include "fuzz.h"

#include <openssl/x509v3.h>

const char *const fuzz_corpus = "pem_file";

static apr_pool_t *root;
static const char *path;

static void remove_file(void)
{
    unlink(path);
    apr_terminate();
}

static void set_up(void)
{
    const char *folder;

    MUST(apr_initialize() == APR_SUCCESS && apr_pool_create(&root, NULL) == APR_SUCCESS);
    MUST(apr_temp_dir_get(&folder, root) == APR_SUCCESS);
    path = apr_psprintf(root, "%s/cfaop-fuzz-%" APR_PID_T_FMT ".pem", folder, getpid());
    atexit(remove_file);
}

static void write_file(apr_pool_t *p, const uint8_t *data, size_t size)
{
    apr_file_t *file;

    MUST(apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE, APR_FPROT_OS_DEFAULT, p)
         == APR_SUCCESS);
    MUST(apr_file_write_full(file, data, size, NULL) == APR_SUCCESS);
    apr_file_close(file);
}

/* How many lines of the input begin with word, after blanks and byte order marks. */
static int lines_with(const uint8_t *data, size_t size, const char *word)
{
    size_t length = strlen(word), i;
    int count = 0, at_start = 1;

    for (i = 0; i + length <= size; ++i) {
        count += at_start && !memcmp(data + i, word, length);
        at_start = data[i] == '\n' || (at_start && data[i] && strchr(" \t\xEF\xBB\xBF", data[i]));
    }
    return count;
}

static void check_objects(const cfaop_pem *pem)
{
    int i;

    for (i = 0; i < pem->certificates->nelts; ++i) {
        X509 *cert = APR_ARRAY_IDX(pem->certificates, i, X509 *);
        MUST(cert && i2d_X509(cert, NULL) > 0);
    }
    for (i = 0; i < pem->crls->nelts; ++i) {
        X509_CRL *crl = APR_ARRAY_IDX(pem->crls, i, X509_CRL *);
        MUST(crl && i2d_X509_CRL(crl, NULL) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cfaop_pem pem = {0};
    const char *error;
    apr_pool_t *p;

    if (!root) {
        set_up();
    }
    MUST(apr_pool_create(&p, root) == APR_SUCCESS);
    write_file(p, data, size);
    error = cfaop_pem_file_read(p, path, &pem);
    if (error) {
        MUST(*error && !strpbrk(error, "\r\n"));
    }
    else {
        int blocks = pem.certificates->nelts + pem.crls->nelts + pem.private_keys + pem.others;
        MUST(blocks > 0);
        MUST(blocks == lines_with(data, size, "-----BEGIN ") && blocks == lines_with(data, size, "-----END "));
        check_objects(&pem);
    }
    apr_pool_destroy(p);
    return 0;
}
