/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file files.c
 * The files with CAs and CRLs, and the built-in CA. At a start or reload each file is read once for all virtual hosts.
 */
#include "trust/files.h"

#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "trust/pem_file.h"
#include "trust/builtin_ca.h"

#include "apr_hash.h"
#include "apr_strings.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define TAG_CA_FILE   "CFAOP103"
#define TAG_CRL_FILE  "CFAOP104"
#define TAG_ORIGIN_CA "CFAOP109"

#define LABEL_NAME_MAX 64

/* A file, read as a list of anchors or of CRLs. */
typedef struct {
    apr_array_header_t *items; /* of cfaop_anchor or cfaop_crl; NULL: see tag and error */
    const char *tag;
    const char *error;
} loaded;

struct cfaop_files {
    apr_pool_t *pool;
    apr_hash_t *anchors; /* path -> loaded */
    apr_hash_t *crls;    /* path -> loaded */
};

cfaop_files *cfaop_files_create(apr_pool_t *p)
{
    cfaop_files *files = apr_palloc(p, sizeof(*files));

    files->pool = p;
    files->anchors = apr_hash_make(p);
    files->crls = apr_hash_make(p);
    return files;
}

static void fail(loaded *l, const char *tag, const char *error)
{
    l->items = NULL;
    l->tag = tag;
    l->error = error;
}

/*
 * Is cert the root of Cloudflare's Origin CA, which signs server certificates for origins? The edge shows a certificate
 * of another CA, so a virtual host that trusts the Origin CA would refuse Cloudflare, and let in each holder of an
 * Origin CA certificate.
 */
static int is_origin_ca(apr_pool_t *p, X509 *cert)
{
    const char *subject = cfaop_text_name(p, X509_get_subject_name(cert), 0);

    return strstr(subject, "CloudFlare Origin SSL") && strstr(subject, "Certificate Authority");
}

/* Returns the beginning of the anchor's SHA-256, and its CN or, without a CN, its subject. */
static const char *anchor_label(apr_pool_t *p, const cfaop_anchor *anchor)
{
    const X509_NAME *subject = X509_get_subject_name(anchor->cert);
    int at = X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName, -1);
    char hex[CFAOP_SHA256_HEX];
    const char *name;
    unsigned char *utf8 = NULL;
    int length = at < 0 ? -1 : ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

    length = length < LABEL_NAME_MAX ? length : LABEL_NAME_MAX;
    name = length < 0 ? cfaop_text_name(p, subject, LABEL_NAME_MAX)
                      : cfaop_text_escape(p, (const char *)utf8, (apr_size_t)length);
    OPENSSL_free(utf8);
    return apr_psprintf(p, "%.16s %s", cfaop_text_hex(anchor->sha256, hex), name);
}

static int push_anchor(apr_pool_t *p, apr_array_header_t *items, X509 *cert, const char *origin)
{
    cfaop_anchor *anchor = apr_array_push(items);

    memset(anchor, 0, sizeof(*anchor));
    anchor->cert = cert;
    anchor->origin = origin;
    /* X509_check_purpose() makes OpenSSL parse the extensions now, in the parent, not later in each child */
    if (!X509_digest(cert, EVP_sha256(), anchor->sha256, NULL) || X509_check_purpose(cert, -1, 0) != 1) {
        return 0;
    }
    anchor->label = anchor_label(p, anchor);
    return 1;
}

/* Returns what is wrong with a file in which there is no wanted, "certificate" or "CRL". */
static const char *what_else(const cfaop_pem *pem, const char *wanted)
{
    if (pem->private_keys) {
        return !strcmp(wanted, "certificate") ? "holds a private key and no certificate: name the file with the "
                                                "certificate"
                                              : "holds a private key and no CRL: name the file with the CRL";
    }
    return !strcmp(wanted, "certificate") ? "holds no certificate: name a file with -----BEGIN CERTIFICATE-----"
                                          : "holds no CRL: name a file with -----BEGIN X509 CRL-----";
}

static void load_ca_file(apr_pool_t *p, const char *path, loaded *l)
{
    cfaop_pem pem = {0};
    int i;
    const char *error = cfaop_pem_file_read(p, path, &pem);

    if (!error && pem.crls->nelts) {
        error = "holds a CRL where certificates are expected: name it in CFOriginPullCARevocationFile instead";
    }
    if (!error && !pem.certificates->nelts) {
        error = what_else(&pem, "certificate");
    }
    if (error) {
        fail(l, TAG_CA_FILE, error);
        return;
    }
    l->items = apr_array_make(p, pem.certificates->nelts, sizeof(cfaop_anchor));
    for (i = 0; i < pem.certificates->nelts; ++i) {
        X509 *cert = APR_ARRAY_IDX(pem.certificates, i, X509 *);
        if (is_origin_ca(p, cert)) {
            fail(l, TAG_ORIGIN_CA,
                 "holds Cloudflare's Origin CA root, which signs server certificates: origin pulls "
                 "come with a certificate of another CA, write CFOriginPullCACertificateFile " CFAOP_BUILTIN);
            return;
        }
        if (!push_anchor(p, l->items, cert, path)) {
            fail(l, TAG_CA_FILE,
                 apr_psprintf(p,
                              "has a certificate (number %d) with extensions that cannot be read: "
                              "replace it",
                              i + 1));
            return;
        }
    }
}

/*
 * OpenSSL sorts a CRL at its first look-up: 440 ms for a million entries. A look-up now sorts it in the parent, so
 * that the children share the sorted list instead of each making its own. What it finds does not matter.
 */
static void sort_crl(X509_CRL *crl)
{
    ASN1_INTEGER *any = ASN1_INTEGER_new();
    X509_REVOKED *found = NULL;

    if (any) {
        X509_CRL_get0_by_serial(crl, &found, any);
    }
    ASN1_INTEGER_free(any);
}

static void load_crl_file(apr_pool_t *p, const char *path, loaded *l)
{
    cfaop_pem pem = {0};
    int i;
    const char *error = cfaop_pem_file_read(p, path, &pem);

    if (!error && pem.certificates->nelts) {
        error = "holds a certificate where CRLs are expected: name it in CFOriginPullCACertificateFile instead";
    }
    if (!error && !pem.crls->nelts) {
        error = what_else(&pem, "CRL");
    }
    if (error) {
        fail(l, TAG_CRL_FILE, error);
        return;
    }
    l->items = apr_array_make(p, pem.crls->nelts, sizeof(cfaop_crl));
    for (i = 0; i < pem.crls->nelts; ++i) {
        cfaop_crl *crl = apr_array_push(l->items);
        crl->crl = APR_ARRAY_IDX(pem.crls, i, X509_CRL *);
        crl->origin = path;
        if (!X509_CRL_digest(crl->crl, EVP_sha256(), crl->sha256, NULL)) {
            fail(l, TAG_CRL_FILE, "cannot be read: OpenSSL failed to hash it");
            return;
        }
        sort_crl(crl->crl);
    }
}

static apr_status_t free_builtin(void *cert)
{
    X509_free(cert);
    return APR_SUCCESS;
}

static void load_builtin(apr_pool_t *p, loaded *l)
{
    const unsigned char *der = cfaop_builtin_ca_der;
    X509 *cert = d2i_X509(NULL, &der, (long)sizeof(cfaop_builtin_ca_der));

    if (cert) {
        apr_pool_cleanup_register(p, cert, free_builtin, apr_pool_cleanup_null);
        l->items = apr_array_make(p, 1, sizeof(cfaop_anchor));
    }
    if (!cert || !push_anchor(p, l->items, cert, CFAOP_BUILTIN)) {
        fail(l, TAG_CA_FILE, "cannot be decoded by this OpenSSL: name a PEM file instead");
    }
}

/* Returns what the file at path holds, from cache if it was read before. */
static const loaded *load_once(apr_pool_t *p, apr_hash_t *cache, const char *path,
                               void (*load)(apr_pool_t *, const char *, loaded *))
{
    loaded *l = apr_hash_get(cache, path, APR_HASH_KEY_STRING);

    if (!l) {
        l = apr_pcalloc(p, sizeof(*l));
        load(p, path, l);
        apr_hash_set(cache, path, APR_HASH_KEY_STRING, l);
    }
    return l;
}

static void load_ca_source(apr_pool_t *p, const char *path, loaded *l)
{
    if (!strcmp(path, CFAOP_BUILTIN)) {
        load_builtin(p, l);
    }
    else {
        load_ca_file(p, path, l);
    }
}

const apr_array_header_t *cfaop_files_anchors(cfaop_files *files, const char *path, const char **tag,
                                              const char **error)
{
    const loaded *l = load_once(files->pool, files->anchors, path, load_ca_source);

    *tag = l->tag;
    *error = l->error;
    return l->items;
}

const apr_array_header_t *cfaop_files_crls(cfaop_files *files, const char *path, const char **tag, const char **error)
{
    const loaded *l = load_once(files->pool, files->crls, path, load_crl_file);

    *tag = l->tag;
    *error = l->error;
    return l->items;
}
