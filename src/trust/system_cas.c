/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file system_cas.c
 * The CAs that programs on this machine trust by default: those of OpenSSL's default file and directory (or
 * SSL_CERT_FILE and SSL_CERT_DIR), and the bundles of Debian and Fedora.
 */
#include "trust/system_cas.h"

#include <openssl/err.h>

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

int cfaop_system_cas_has(const cfaop_system_cas *cas, X509 *cert)
{
    STACK_OF(X509) *same = X509_STORE_CTX_get1_certs(cas->ctx, X509_get_subject_name(cert));
    int i, found = 0;

    for (i = 0; i < sk_X509_num(same) && !found; ++i) {
        found = !X509_cmp(sk_X509_value(same, i), cert);
    }
    sk_X509_pop_free(same, X509_free);
    ERR_clear_error();
    return found;
}
