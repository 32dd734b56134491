/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
#include "pki.h"

#include <check.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "apr_strings.h"

static apr_pool_t *pool;

void pki_begin(apr_pool_t *p)
{
    pool = p;
}

static apr_status_t free_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

static apr_status_t free_cert(void *cert)
{
    X509_free(cert);
    return APR_SUCCESS;
}

static apr_status_t free_crl(void *crl)
{
    X509_CRL_free(crl);
    return APR_SUCCESS;
}

static EVP_PKEY *make_key(int rsa_bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(rsa_bits ? EVP_PKEY_RSA : EVP_PKEY_EC, NULL);
    EVP_PKEY *key = NULL;

    ck_assert(ctx && EVP_PKEY_keygen_init(ctx) == 1);
    ck_assert((rsa_bits ? EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, rsa_bits)
                        : EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1)) == 1);
    ck_assert_int_eq(EVP_PKEY_keygen(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    apr_pool_cleanup_register(pool, key, free_key, apr_pool_cleanup_null);
    return key;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    ck_assert(extension && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void add_key_id(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    ck_assert(extension && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void add_key_ids(X509 *cert, X509 *issuer)
{
    add_key_id(cert, cert, NID_subject_key_identifier, "hash");
    if (issuer && X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) >= 0) {
        add_key_id(cert, issuer, NID_authority_key_identifier, "keyid:always");
    }
}

pki_pair pki_issue(const pki_pair *issuer, pki_wish wish)
{
    static long serial;
    pki_pair made = {X509_new(), make_key(wish.rsa_bits)};
    X509_NAME *subject = X509_NAME_new();

    apr_pool_cleanup_register(pool, made.cert, free_cert, apr_pool_cleanup_null);
    X509_set_version(made.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.cert), wish.from ? wish.from : -HOUR);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), wish.until ? wish.until : HOUR);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)wish.name, -1, -1, 0);
    X509_set_subject_name(made.cert, subject);
    X509_set_issuer_name(made.cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
    X509_NAME_free(subject);
    X509_set_pubkey(made.cert, made.key);
    add_extension(made.cert, NID_basic_constraints, wish.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish.ku) {
        add_extension(made.cert, NID_key_usage, wish.ku);
    }
    if (wish.eku) {
        add_extension(made.cert, NID_ext_key_usage, wish.eku);
    }
    if (wish.key_ids) {
        add_key_ids(made.cert, issuer ? issuer->cert : NULL);
    }
    ck_assert_int_gt(X509_sign(made.cert, issuer ? issuer->key : made.key, wish.digest ? wish.digest : EVP_sha256()),
                     0);
    return made;
}

static void list_as_revoked(X509_CRL *crl, X509 *cert, const ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();

    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert));
    X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)when);
    ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
}

X509_CRL *pki_crl(const pki_pair *issuer, X509 *revoked, long until)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -HOUR), *next = X509_gmtime_adj(NULL, until);

    apr_pool_cleanup_register(pool, crl, free_crl, apr_pool_cleanup_null);
    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, next);
    if (revoked) {
        list_as_revoked(crl, revoked, from);
    }
    ck_assert_int_gt(X509_CRL_sign(crl, issuer->key, EVP_sha256()), 0);
    ASN1_TIME_free(from);
    ASN1_TIME_free(next);
    return crl;
}

static const char *text_of(BIO *bio)
{
    char *data;
    long length = BIO_get_mem_data(bio, &data);
    const char *text = apr_pstrmemdup(pool, data, (apr_size_t)length);

    BIO_free(bio);
    return text;
}

const char *pki_pem_of_cert(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ck_assert_int_eq(PEM_write_bio_X509(bio, cert), 1);
    return text_of(bio);
}

const char *pki_pem_of_crl(X509_CRL *crl)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ck_assert_int_eq(PEM_write_bio_X509_CRL(bio, crl), 1);
    return text_of(bio);
}

const char *pki_pem_of_key(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return text_of(bio);
}
