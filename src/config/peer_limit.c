/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer_limit.c
 * CFOriginPullPeerLimit: how large a client's certificate may be.
 *
 * The guard lets a certificate that it does not accept through the handshake, and under LogOnly or on an exempt path
 * a request goes on with it. mod_ssl makes variables of its names and its serial number then, for each request, in a
 * time that grows with the square of their number or length. A certificate with more bytes or names than any real one
 * has ends the handshake instead.
 */
#include "config/peer_limit.h"

#include "base/der.h"
#include "base/text.h"
#include "config/config.h"

#include "apr_strings.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define BYTES_MIN     1024
#define BYTES_MAX     102400 /* OpenSSL's own limit */
#define BYTES_DEFAULT 16384
#define NAMES_MAX     10000
#define NAMES_DEFAULT 100

/* RFC 5280 allows 20 bytes. mod_ssl turns them into a decimal number. */
#define SERIAL_MAX 64

/*
 * The bits of a key, with which the client proves that it has it: the time for that grows with the square of the
 * modulus, and with the exponent. OpenSSL limits the exponent to 64 bits only where the modulus has more than 3072.
 */
#define RSA_MAX      8192
#define DSA_MAX      4096
#define EXPONENT_MAX 64

/* subject, issuer and a subjectAltName may each have this part of BYTES. */
#define NAMES_SHARE 4

/*
 * All certificates that were sent may have this many parts for each of NAMES, together. What OpenSSL keeps of a part
 * takes some 130 bytes.
 */
#define PARTS_SHARE 10

/* The kind of a distribution point's name (RFC 5280, 4.2.1.13). The other one, 0, is a name of its own. */
#define RELATIVE_TO_ISSUER 1

/* What ASN1_get_object() says in its answer, besides V_ASN1_CONSTRUCTED. */
#define UNREADABLE 0x80

const char *cfaop_peer_limit_parse(apr_pool_t *p, int count, char *const words[], cfaop_peer_limit *limit)
{
    int bytes = count ? cfaop_text_number(words[0], BYTES_MAX) : -1;
    int names = count > 1 ? cfaop_text_number(words[1], NAMES_MAX) : NAMES_DEFAULT;

    if (count < 1 || count > 2) {
        return "CFOriginPullPeerLimit takes one or two arguments: BYTES [NAMES]";
    }
    if (bytes < BYTES_MIN) {
        return apr_psprintf(p,
                            "CFOriginPullPeerLimit: '%s' is not a number of bytes, write a whole number from %d to "
                            "%d",
                            words[0], BYTES_MIN, BYTES_MAX);
    }
    if (names < 1) {
        return apr_psprintf(p,
                            "CFOriginPullPeerLimit: '%s' is not a number of names, write a whole number from 1 to "
                            "%d",
                            words[1], NAMES_MAX);
    }
    limit->bytes = bytes;
    limit->names = names;
    return NULL;
}

cfaop_peer_limit cfaop_peer_limit_of(const cfaop_server_conf *conf)
{
    cfaop_peer_limit limit = {BYTES_DEFAULT, NAMES_DEFAULT};

    return conf->peer_limit.bytes ? conf->peer_limit : limit;
}

/* Each name, and each part of a directoryName. */
static int count_general_names(const GENERAL_NAMES *names)
{
    int i, count = 0;

    for (i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        count += 1 + (name->type == GEN_DIRNAME ? X509_NAME_entry_count(name->d.directoryName) : 0);
    }
    return count;
}

/* How many parts all certificates may have. One has more parts than names. */
static int parts_allowed(int names)
{
    /* a chain has more certificates than its leaf, so a limit that is tight for names does not count here */
    return PARTS_SHARE * (names > NAMES_DEFAULT ? names : NAMES_DEFAULT);
}

/*
 * In all subjectAltNames; max + 1 or more ends the count, as do more parts than are allowed, before OpenSSL has made
 * names of them. Those that OpenSSL cannot read have no names for mod_ssl, either.
 */
static int count_alternative_names(const X509 *cert, int max)
{
    int at = -1, count = 0, parts = 0, parts_max = parts_allowed(max);

    while (count <= max && (at = X509_get_ext_by_NID(cert, NID_subject_alt_name, at)) >= 0) {
        X509_EXTENSION *extension = X509_get_ext(cert, at);
        const ASN1_OCTET_STRING *der = X509_EXTENSION_get_data(extension);
        GENERAL_NAMES *names;

        parts += cfaop_der_count(ASN1_STRING_get0_data(der), ASN1_STRING_length(der), parts_max);
        if (parts > parts_max) {
            return parts;
        }
        names = X509V3_EXT_d2i(extension);
        count += count_general_names(names);
        GENERAL_NAMES_free(names);
    }
    return count;
}

static int has_too_many_names(const X509 *cert, int max)
{
    return X509_NAME_entry_count(X509_get_subject_name(cert)) > max
        || X509_NAME_entry_count(X509_get_issuer_name(cert)) > max || count_alternative_names(cert, max) > max;
}

static int has_long_alternative_name(const X509 *cert, int max)
{
    int at = -1;

    while ((at = X509_get_ext_by_NID(cert, NID_subject_alt_name, at)) >= 0) {
        if (ASN1_STRING_length(X509_EXTENSION_get_data(X509_get_ext(cert, at))) > max) {
            return 1;
        }
    }
    return 0;
}

static int has_long_names(const X509 *cert, int max)
{
    size_t subject = 0, issuer = 0;
    int is_known = X509_NAME_get0_der(X509_get_subject_name(cert), NULL, &subject)
                && X509_NAME_get0_der(X509_get_issuer_name(cert), NULL, &issuer);

    return !is_known || subject > (size_t)max || issuer > (size_t)max || has_long_alternative_name(cert, max);
}

/*
 * Counts the bits of an RSA key's public exponent, the second of two numbers in der, to full bytes. To ask OpenSSL for
 * it, in each handshake, would make a number of it each time. OpenSSL has read the same bytes, or there is no key.
 */
static int exponent_bits(const unsigned char *der, long left)
{
    const unsigned char *at = der, *end = der + left;
    long length = 0;
    int tag, class, form = ASN1_get_object(&at, &length, &tag, &class, left); /* of both */

    if (!(form & UNREADABLE)) {
        form = ASN1_get_object(&at, &length, &tag, &class, (long)(end - at)); /* the modulus */
    }
    if (!(form & UNREADABLE)) {
        at += length;
        form = ASN1_get_object(&at, &length, &tag, &class, (long)(end - at));
    }
    while (!(form & UNREADABLE) && length > 0 && *at == 0) {
        ++at;
        --length;
    }
    return form & UNREADABLE ? 0 : (int)length * 8;
}

const char *cfaop_peer_limit_excess_of_key(const X509 *cert, int *most)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    int kind = key ? EVP_PKEY_base_id(key) : EVP_PKEY_NONE;
    int is_rsa = kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS;
    const ASN1_BIT_STRING *der;

    *most = is_rsa ? RSA_MAX : DSA_MAX;
    if ((is_rsa || kind == EVP_PKEY_DSA) && EVP_PKEY_bits(key) > *most) {
        return is_rsa ? "bits of an RSA key" : "bits of a DSA key";
    }
    *most = EXPONENT_MAX;
    der = is_rsa ? X509_get0_pubkey_bitstr(cert) : NULL;
    if (der && exponent_bits(ASN1_STRING_get0_data(der), ASN1_STRING_length(der)) > EXPONENT_MAX) {
        return "bits of an RSA key's exponent";
    }
    return NULL;
}

const char *cfaop_peer_limit_excess(const X509 *cert, cfaop_peer_limit limit, int *most)
{
    *most = SERIAL_MAX;
    if (ASN1_STRING_length(X509_get0_serialNumber(cert)) > SERIAL_MAX) {
        return "bytes of a serial number";
    }
    *most = limit.bytes / NAMES_SHARE;
    if (has_long_names(cert, *most)) {
        return "bytes of names";
    }
    *most = limit.names;
    return has_too_many_names(cert, limit.names) ? "names" : NULL;
}

/* The certificate at a place: those of the chain, then the leaf, if it is not the first of them. Else NULL. */
static const X509 *sent_at(const X509 *leaf, const STACK_OF(X509) *chain, int at)
{
    int count = chain ? sk_X509_num(chain) : 0;

    if (at < count) {
        return sk_X509_value(chain, at);
    }
    return at == count && !(count && sk_X509_value(chain, 0) == leaf) ? leaf : NULL;
}

/* How many distribution points are named relative to the issuer. */
static int count_relative_points(const X509 *cert)
{
    CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    int i, count = 0;

    for (i = 0; points && i < sk_DIST_POINT_num(points); ++i) {
        const DIST_POINT_NAME *name = sk_DIST_POINT_value(points, i)->distpoint;

        count += name && name->type == RELATIVE_TO_ISSUER;
    }
    CRL_DIST_POINTS_free(points);
    return count;
}

static size_t bytes_of_issuer(const X509 *cert)
{
    size_t bytes = 0;

    return X509_NAME_get0_der(X509_get_issuer_name(cert), NULL, &bytes) ? bytes : 0;
}

/* The parts of the extensions, and the extensions. */
static int count_parts_of_extensions(const X509 *cert, int max)
{
    int i, count = X509_get_ext_count(cert);

    for (i = 0; i < X509_get_ext_count(cert) && count <= max; ++i) {
        const ASN1_OCTET_STRING *der = X509_EXTENSION_get_data(X509_get_ext(cert, i));

        count += cfaop_der_count(ASN1_STRING_get0_data(der), ASN1_STRING_length(der), max);
    }
    return count;
}

/* The parts of subject and issuer, and of the copies of the issuer; each counts twice, as OpenSSL keeps more of it. */
static int count_parts_of_names(const X509 *cert, int copies)
{
    return 2 * X509_NAME_entry_count(X509_get_subject_name(cert))
         + 2 * (1 + copies) * X509_NAME_entry_count(X509_get_issuer_name(cert));
}

const char *cfaop_peer_limit_excess_of_all(const X509 *leaf, const STACK_OF(X509) *chain, cfaop_peer_limit limit,
                                           int *most)
{
    int i, parts = 0, copies, parts_max = parts_allowed(limit.names);
    const X509 *cert;
    size_t bytes = 0;

    for (i = 0; (cert = sent_at(leaf, chain, i)) && parts <= parts_max && bytes <= (size_t)limit.bytes; ++i) {
        parts += count_parts_of_extensions(cert, parts_max);
        copies = parts <= parts_max ? count_relative_points(cert) : 0;
        parts += count_parts_of_names(cert, copies);
        bytes += (size_t)copies * bytes_of_issuer(cert);
    }
    *most = parts > parts_max ? parts_max : limit.bytes;
    if (parts > parts_max) {
        return "parts";
    }
    return bytes > (size_t)limit.bytes ? "bytes of names in distribution points" : NULL;
}
