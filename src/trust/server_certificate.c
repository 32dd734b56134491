/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file server_certificate.c
 * The certificates that virtual hosts show themselves, read from the files of mod_ssl's SSLCertificateFile and
 * SSLCertificateChainFile to compare them with what is trusted. What cannot be read is left alone: mod_ssl tells of
 * it.
 */
#include "trust/server_certificate.h"

#include "apr_file_info.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* A server's certificate with its chain and key is far smaller. */
#define FILE_MAX (1024L * 1024)

/* The longest chain that is followed. */
#define CHAIN_MAX 10

static apr_status_t free_server_certificate(void *cert)
{
    X509_free(cert);
    return APR_SUCCESS;
}

/* For OpenSSL, which would else ask for a password on the terminal: a block that needs one is not read. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's pem_password_cb says what it takes. */
static int no_password(char *buffer, int size, int is_writing, void *data)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)data;
    return -1;
}

static void read_chain(apr_pool_t *p, BIO *bio, apr_array_header_t *chain)
{
    X509 *cert;

    while (chain->nelts < CHAIN_MAX && (cert = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL))) {
        apr_pool_cleanup_register(p, cert, free_server_certificate, apr_pool_cleanup_null);
        if (!chain->nelts || X509_check_issued(cert, APR_ARRAY_IDX(chain, chain->nelts - 1, X509 *)) == X509_V_OK) {
            APR_ARRAY_PUSH(chain, X509 *) = cert;
        }
    }
}

static void read_file(apr_pool_t *p, const char *path, apr_array_header_t *chain)
{
    apr_finfo_t info;
    BIO *bio;

    if (apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_SIZE, p) == APR_SUCCESS && info.filetype == APR_REG
        && info.size <= FILE_MAX && (bio = BIO_new_file(path, "rb"))) {
        read_chain(p, bio, chain);
        BIO_free(bio);
    }
    ERR_clear_error();
}

apr_array_header_t *cfaop_server_certificate_read(apr_pool_t *p, const char *path, const char *chain_path)
{
    apr_array_header_t *chain = apr_array_make(p, 3, sizeof(X509 *));

    read_file(p, path, chain);
    if (chain->nelts && chain_path) {
        read_file(p, chain_path, chain);
    }
    return chain;
}

/* Has issuer signed cert? The name alone does not tell: another CA may have the same. */
static int has_signed(X509 *issuer, X509 *cert)
{
    return X509_check_issued(issuer, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
}

cfaop_kinship cfaop_server_certificate_kinship(const apr_array_header_t *chain, X509 *cert)
{
    int i;

    if (chain->nelts && !X509_cmp(APR_ARRAY_IDX(chain, 0, X509 *), cert)) {
        return CFAOP_KINSHIP_SELF;
    }
    for (i = 0; i < chain->nelts; ++i) {
        X509 *below = APR_ARRAY_IDX(chain, i, X509 *);
        if (X509_cmp(below, cert) && has_signed(cert, below)) {
            ERR_clear_error();
            return CFAOP_KINSHIP_ISSUER;
        }
    }
    ERR_clear_error();
    return CFAOP_KINSHIP_NONE;
}
