/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file system_cas.c
 * The CAs that programs on this machine trust by default: those of OpenSSL's default file and directory (or
 * SSL_CERT_FILE and SSL_CERT_DIR), and the bundles of Debian and Fedora.
 */
#include "trust/system_cas.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* OpenSSL 1.1.1 has it by another name. */
#if OPENSSL_VERSION_NUMBER < 0x30000000L
#define EVP_PKEY_eq EVP_PKEY_cmp
#endif

static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"};

struct cfaop_system_cas {
    X509_STORE *store;
    X509_STORE_CTX *ctx;
};

static apr_status_t free_cas(void *data)
{
    const cfaop_system_cas *cas = data;

    X509_STORE_CTX_free(cas->ctx);
    X509_STORE_free(cas->store);
    return APR_SUCCESS;
}

cfaop_system_cas *cfaop_system_cas_load(apr_pool_t *p)
{
    cfaop_system_cas *cas = apr_pcalloc(p, sizeof(*cas));
    X509_LOOKUP *files;
    apr_size_t i;

    cas->store = X509_STORE_new();
    cas->ctx = X509_STORE_CTX_new();
    apr_pool_cleanup_register(p, cas, free_cas, apr_pool_cleanup_null);
    if (!cas->store || !cas->ctx) {
        return NULL;
    }
    X509_STORE_set_default_paths(cas->store); /* files and directories may be missing */
    files = X509_STORE_add_lookup(cas->store, X509_LOOKUP_file());
    for (i = 0; files && i < sizeof(bundles) / sizeof(bundles[0]); ++i) {
        X509_LOOKUP_load_file(files, bundles[i], X509_FILETYPE_PEM);
    }
    ERR_clear_error();
    return X509_STORE_CTX_init(cas->ctx, cas->store, NULL, NULL) ? cas : NULL;
}

/* A cross-signed CA is another certificate, for the same name and key. */
static int is_same_ca(const X509 *one, const X509 *other)
{
    const EVP_PKEY *key = X509_get0_pubkey(one), *other_key = X509_get0_pubkey(other);

    return key && other_key && EVP_PKEY_eq(key, other_key) == 1
        && !X509_NAME_cmp(X509_get_subject_name(one), X509_get_subject_name(other));
}

int cfaop_system_cas_has(const cfaop_system_cas *cas, X509 *cert)
{
    STACK_OF(X509) *same = X509_STORE_CTX_get1_certs(cas->ctx, X509_get_subject_name(cert));
    int i, found = 0;

    for (i = 0; i < sk_X509_num(same) && !found; ++i) {
        found = is_same_ca(sk_X509_value(same, i), cert);
    }
    sk_X509_pop_free(same, X509_free);
    ERR_clear_error();
    return found;
}

int cfaop_system_cas_has_issued(const cfaop_system_cas *cas, X509 *cert)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int is_ca = X509_check_ca(cert) > 0, good = 0;

    if (ctx && is_ca && X509_STORE_CTX_init(ctx, cas->store, cert, NULL)) {
        good = X509_verify_cert(ctx);
    }
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return good == 1;
}
