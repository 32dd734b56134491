/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pem_file.c
 * Reading PEM files strictly. OpenSSL's readers skip what they do not understand, which would silently leave out a CA
 * or a CRL. Here a file with anything that cannot be read is refused.
 */
#include "trust/pem_file.h"

#include "trust/pem_form.h"

#include "apr_file_io.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <openssl/err.h>
#include <openssl/pem.h>

/* CA bundles and CRLs are far smaller. Keeps a wrong path (a disk image, a log) from filling the memory. */
#define FILE_MAX (64L * 1024 * 1024)

/* UTF-8's byte order mark */
static const char bom[] = {'\xEF', '\xBB', '\xBF'};

static apr_status_t free_certificate(void *cert)
{
    X509_free(cert);
    return APR_SUCCESS;
}

static apr_status_t free_crl(void *crl)
{
    X509_CRL_free(crl);
    return APR_SUCCESS;
}

static apr_status_t free_bio(void *bio)
{
    BIO_free(bio);
    return APR_SUCCESS;
}

/* Why is this no file to read? rv is what stat(2) said. NULL: it is one, or the system will say why not. */
static const char *not_a_file(apr_status_t rv, const apr_finfo_t *info)
{
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv)) {
        return "does not exist: create it or correct the path";
    }
    if (rv != APR_SUCCESS) {
        return NULL;
    }
    if (info->filetype == APR_DIR) {
        return "is a directory: name the PEM file itself";
    }
    if (info->filetype != APR_REG) {
        return "is not a regular file: name a PEM file";
    }
    if (info->size == 0) {
        return "is empty: copy the file again";
    }
    return info->size > FILE_MAX ? "is larger than 64 MiB: name a PEM file" : NULL;
}

/* Opens the file. What is looked at afterwards is this file, whatever replaces it under its name. */
static apr_status_t open_file(apr_pool_t *p, const char *path, apr_file_t **file, apr_finfo_t *info, const char **error)
{
    /* by its name first: to open a named pipe would wait for its other end */
    apr_status_t rv = apr_stat(info, path, APR_FINFO_TYPE | APR_FINFO_SIZE, p);

    *error = not_a_file(rv, info);
    if (*error || rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_open(file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, p);
    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(info, APR_FINFO_TYPE | APR_FINFO_SIZE, *file);
        *error = not_a_file(rv, info);
    }
    return rv;
}

/* Returns the whole file, and a NUL behind it; NULL: what is wrong is in error. */
static char *read_whole(apr_pool_t *p, const char *path, apr_size_t *length, const char **error)
{
    char *text = NULL;
    apr_finfo_t info;
    apr_file_t *file = NULL;
    apr_status_t rv = open_file(p, path, &file, &info, error);
    char reason[120];

    if (rv == APR_SUCCESS && !*error) {
        text = apr_pcalloc(p, (apr_size_t)info.size + 2);
        /* one byte more than there should be */
        rv = apr_file_read_full(file, text, (apr_size_t)info.size + 1, length);
        if (rv == APR_SUCCESS || (APR_STATUS_IS_EOF(rv) && *length != (apr_size_t)info.size)) {
            *error = "changed while it was read: run apachectl graceful when it is written";
        }
        rv = APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
    }
    if (file) {
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS && !*error) {
        *error = apr_psprintf(p, "cannot be read (%s): check the permissions of the file and of its directories",
                              apr_strerror(rv, reason, sizeof(reason)));
    }
    return *error ? NULL : text;
}

/*
 * Takes UTF-8's byte order marks from the beginnings of the lines: where files are put together there are several.
 * OpenSSL skips some of them from 3.0 on, and none before. Returns the new length.
 */
static apr_size_t without_byte_order_marks(char *text, apr_size_t length)
{
    apr_size_t from = 0, to = 0;

    while (from < length) {
        if ((!to || text[to - 1] == '\n') && length - from >= sizeof(bom) && !memcmp(text + from, bom, sizeof(bom))) {
            from += sizeof(bom);
        }
        else {
            text[to++] = text[from++];
        }
    }
    text[to] = '\0';
    return to;
}

/* How many BEGIN or END lines a file has. */
typedef struct {
    int bare;   /* with no word before the marker: OpenSSL reads such a line unless it is damaged */
    int worded; /* with words before the marker and nothing after it: a prefix, or the end of an explanation */
} markers;

/* Does the line have nothing after a marker but the kind of the block and dashes? */
static int ends_line(const char *c)
{
    while (apr_isalnum(*c) || *c == ' ') {
        ++c;
    }
    while (*c == '-' || *c == ' ' || *c == '\t' || *c == '\r') {
        ++c;
    }
    return *c == '\n' || *c == '\0';
}

/*
 * Counts the lines with marker, "-BEGIN " or "-END ". After a # the line is a comment, which is not counted. Each byte
 * is looked at once: all of a large file can be one line, with many markers.
 */
static markers count_markers(const char *text, const char *marker)
{
    markers count = {0, 0};
    const apr_size_t length = strlen(marker);
    int words = 0, is_comment = 0; /* from the beginning of the line to c */
    const char *c;

    for (c = text; *c; ++c) {
        if (*c == '-' && !is_comment && !strncmp(c, marker, length)) {
            count.bare += !words;
            count.worded += words && ends_line(c + length);
        }
        words = *c != '\n' && (words || apr_isalnum(*c));
        is_comment = *c != '\n' && (is_comment || *c == '#');
    }
    return count;
}

/* Has OpenSSL read each block? It skips a block whose BEGIN or END line is damaged or has a prefix. */
static int is_whole(const char *text, int blocks)
{
    markers begin = count_markers(text, "-BEGIN "), end = count_markers(text, "-END ");

    return blocks == begin.bare && blocks == end.bare && !(begin.worded && end.worded);
}

/* Adds a decoded block to pem. Returns 0 if its DER is broken. */
static int keep_block(apr_pool_t *p, const char *name, const unsigned char *der, long length, cfaop_pem *pem)
{
    if (!strcmp(name, PEM_STRING_X509_TRUSTED)) {
        pem->with_trust_settings++;
    }
    else if (!strcmp(name, PEM_STRING_X509) || !strcmp(name, PEM_STRING_X509_OLD)) {
        X509 *cert = d2i_X509(NULL, &der, length);
        if (!cert) {
            return 0;
        }
        apr_pool_cleanup_register(p, cert, free_certificate, apr_pool_cleanup_null);
        APR_ARRAY_PUSH(pem->certificates, X509 *) = cert;
    }
    else if (!strcmp(name, PEM_STRING_X509_CRL)) {
        X509_CRL *crl = d2i_X509_CRL(NULL, &der, length);
        if (!crl) {
            return 0;
        }
        apr_pool_cleanup_register(p, crl, free_crl, apr_pool_cleanup_null);
        APR_ARRAY_PUSH(pem->crls, X509_CRL *) = crl;
    }
    else if (!strcmp(name, PEM_STRING_PKCS7)) {
        pem->pkcs7++;
    }
    else if (strstr(name, "PRIVATE KEY")) {
        pem->private_keys++;
    }
    else {
        pem->others++;
    }
    return 1;
}

/* Decodes all blocks. Returns how many there are, or minus the number of the first broken block. */
static int decode_blocks(apr_pool_t *p, BIO *bio, cfaop_pem *pem)
{
    char *name, *header;
    unsigned char *der;
    long length;
    int blocks = 0;

    for (;;) {
        int good;
        ERR_clear_error();
        if (!PEM_read_bio(bio, &name, &header, &der, &length)) {
            int at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            ERR_clear_error();
            return at_end ? blocks : -(blocks + 1);
        }
        ++blocks;
        good = keep_block(p, name, der, length, pem);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)length);
        ERR_clear_error();
        if (!good) {
            return -blocks;
        }
    }
}

/* Returns what is wrong with a file of which decode_blocks() said blocks, or NULL. */
static const char *mistake_in(apr_pool_t *p, const char *text, int blocks, const cfaop_pem *pem)
{
    int good = is_whole(text, blocks);
    const char *form = good && blocks ? NULL : cfaop_pem_form_of_damage(text);

    if (form) {
        return form;
    }
    if (blocks < 0) {
        return apr_psprintf(p, "is cut off or broken in PEM block %d: copy the file again", -blocks);
    }
    /* the trust settings may forbid what the file is listed for, and neither the digest nor the dump shows them */
    if (pem->with_trust_settings) {
        return "has a TRUSTED CERTIFICATE, with trust settings of OpenSSL's: convert it by openssl x509 -in FILE "
               "-clrtrust -out NEW";
    }
    if (!good) {
        return "has a PEM block with a damaged BEGIN or END line: copy the file again";
    }
    if (pem->pkcs7) {
        return "has a block of PKCS#7 (.p7b): take its certificates out by sed -n '/BEGIN PKCS7/,/END PKCS7/p' FILE | "
               "openssl pkcs7 -print_certs -out NEW, and list that beside the rest";
    }
    return blocks ? NULL : "holds no PEM block (-----BEGIN ...): name a PEM file";
}

const char *cfaop_pem_file_read(apr_pool_t *p, const char *path, cfaop_pem *pem)
{
    BIO *bio;
    int blocks;
    const char *error;
    apr_size_t length = 0;
    char *text = read_whole(p, path, &length, &error);

    if (!text) {
        return error;
    }
    pem->certificates = apr_array_make(p, 4, sizeof(X509 *));
    pem->crls = apr_array_make(p, 1, sizeof(X509_CRL *));
    pem->private_keys = pem->others = pem->with_trust_settings = pem->pkcs7 = 0;
    length = without_byte_order_marks(text, length);
    if (memchr(text, '\0', length) || !strstr(text, "-----BEGIN ")) {
        return cfaop_pem_form_of_binary(text, length);
    }
    bio = BIO_new_mem_buf(text, (int)length);
    if (!bio) {
        return "cannot be read: out of memory";
    }
    apr_pool_cleanup_register(p, bio, free_bio, apr_pool_cleanup_null);
    blocks = decode_blocks(p, bio, pem);
    apr_pool_cleanup_run(p, bio, free_bio);
    return mistake_in(p, text, blocks, pem);
}
