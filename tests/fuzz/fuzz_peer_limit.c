/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_peer_limit.c
 * A client's certificate, and CFOriginPullPeerLimit. The first two bytes of the input are the limits, the rest is the
 * certificate as DER. A certificate that is within the limits has no more names than they allow, as OpenSSL and mod_ssl
 * count them, and a key whose numbers are no larger than OpenSSL says.
 */
#include <string.h>

#include "config/config.h"
#include "config/peer_limit.h"
#include "fuzz.h"

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#include <openssl/core_names.h>
#else
#include <openssl/rsa.h>
#endif
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define SERIAL_MAX 64
#define NAMES_MIN  100
#define RELATIVE   1

#define RSA_MAX      8192
#define DSA_MAX      4096
#define EXPONENT_MAX 64

const char *const fuzz_corpus = "peer_limit";

/* Each name, and each part of a name that is a DN. */
static int count_general_names(const GENERAL_NAMES *names)
{
    int i, count = 0;

    for (i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        count += 1 + (name->type == GEN_DIRNAME ? X509_NAME_entry_count(name->d.directoryName) : 0);
    }
    return count;
}

static int count_alternative_names(X509 *cert)
{
    int at = -1, count = 0;

    while ((at = X509_get_ext_by_NID(cert, NID_subject_alt_name, at)) >= 0) {
        GENERAL_NAMES *names = X509V3_EXT_d2i(X509_get_ext(cert, at));
        count += count_general_names(names);
        GENERAL_NAMES_free(names);
    }
    return count;
}

static int count_of_point(const DIST_POINT *point)
{
    const DIST_POINT_NAME *name = point->distpoint;

    return 1 + count_general_names(point->CRLissuer)
         + (name && name->type != RELATIVE ? count_general_names(name->name.fullname) : 0);
}

static int is_relative(const DIST_POINT *point)
{
    return point->distpoint && point->distpoint->type == RELATIVE;
}

/* Distribution points with their names; *relative are those that are named relative to the issuer. */
static int count_points(X509 *cert, int *relative)
{
    CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    int i, count = 0;

    *relative = 0;
    for (i = 0; points && i < sk_DIST_POINT_num(points); ++i) {
        count += count_of_point(sk_DIST_POINT_value(points, i));
        *relative += is_relative(sk_DIST_POINT_value(points, i));
    }
    CRL_DIST_POINTS_free(points);
    return count;
}

static int count_issuers_of_key_id(X509 *cert)
{
    AUTHORITY_KEYID *id = X509_get_ext_d2i(cert, NID_authority_key_identifier, NULL, NULL);
    int count = id ? count_general_names(id->issuer) : 0;

    AUTHORITY_KEYID_free(id);
    return count;
}

static void check_extensions_within(X509 *cert, cfaop_peer_limit limit)
{
    int names = limit.names > NAMES_MIN ? limit.names : NAMES_MIN, relative;
    int points = count_points(cert, &relative);
    size_t bytes = 0;

    MUST(points + count_alternative_names(cert) + count_issuers_of_key_id(cert) + X509_get_ext_count(cert)
             + 2 * X509_NAME_entry_count(X509_get_subject_name(cert))
             + 2 * (1 + relative) * X509_NAME_entry_count(X509_get_issuer_name(cert))
         <= 10 * names);
    MUST(!relative || X509_NAME_get0_der(X509_get_issuer_name(cert), NULL, &bytes));
    MUST((size_t)relative * bytes <= (size_t)limit.bytes);
}

static void check_within(X509 *cert, cfaop_peer_limit limit)
{
    MUST(ASN1_STRING_length(X509_get0_serialNumber(cert)) <= SERIAL_MAX);
    MUST(X509_NAME_entry_count(X509_get_subject_name(cert)) <= limit.names);
    MUST(X509_NAME_entry_count(X509_get_issuer_name(cert)) <= limit.names);
    MUST(count_alternative_names(cert) <= limit.names);
}

/* As OpenSSL has read it; 0: there is none. */
static int exponent_bits(const EVP_PKEY *key)
{
    int bits = 0;
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    BIGNUM *exponent = NULL;

    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent)) {
        bits = BN_num_bits(exponent);
    }
    BN_free(exponent);
#else
    const RSA *rsa = EVP_PKEY_get0_RSA((EVP_PKEY *)key);

    bits = rsa ? BN_num_bits(RSA_get0_e(rsa)) : 0;
#endif
    return bits;
}

static void check_key(const X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    int kind = key ? EVP_PKEY_base_id(key) : EVP_PKEY_NONE, most = 0;
    int is_rsa = kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS;
    int is_over = (is_rsa && (EVP_PKEY_bits(key) > RSA_MAX || exponent_bits(key) > EXPONENT_MAX))
               || (kind == EVP_PKEY_DSA && EVP_PKEY_bits(key) > DSA_MAX);

    MUST((cfaop_peer_limit_excess_of_key(cert, &most) != NULL) == is_over);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *der = data + 2;
    cfaop_peer_limit limit;
    int most = 0;
    X509 *cert;

    if (size < 2) {
        return 0;
    }
    limit.bytes = 1024 + 256 * data[0];
    limit.names = 1 + data[1];
    cert = d2i_X509(NULL, &der, (long)(size - 2));
    if (!cert) {
        return 0;
    }
    if (!cfaop_peer_limit_excess(cert, limit, &most)) {
        check_within(cert, limit);
    }
    if (!cfaop_peer_limit_excess_of_all(cert, NULL, limit, &most)) {
        check_extensions_within(cert, limit);
    }
    check_key(cert);
    X509_free(cert);
    return 0;
}
