/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer_limit.c
 * CFOriginPullPeerLimit: how large a client's certificate may be.
 *
 * A handshake goes on with a certificate that the guard does not accept, and under LogOnly or on an exempt path so does
 * the request. For such a request mod_ssl makes variables of all names in the certificate, in a time that grows with
 * the square of their number. So a certificate with more bytes or names than real certificates have ends the handshake.
 */
#include "config/peer_limit.h"

#include "base/text.h"
#include "config/config.h"

#include "apr_strings.h"

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#define BYTES_MIN     1024
#define BYTES_MAX     102400 /* OpenSSL's own limit */
#define BYTES_DEFAULT 16384
#define NAMES_MAX     10000
#define NAMES_DEFAULT 100

/* Bits in what ASN1_get_object() returns, beside V_ASN1_CONSTRUCTED. */
#define UNREADABLE 0x80
#define INDEFINITE 0x01

const char *cfaop_peer_limit_parse(apr_pool_t *p, int count, char *const words[], cfaop_peer_limit *limit)
{
    int bytes = count ? cfaop_text_number(words[0], BYTES_MAX) : -1;
    int names = count > 1 ? cfaop_text_number(words[1], NAMES_MAX) : NAMES_DEFAULT;

    if (count < 1 || count > 2) {
        return "CFOriginPullPeerLimit takes one or two arguments: BYTES [NAMES]";
    }
    if (bytes < BYTES_MIN) {
        return apr_psprintf(p, "CFOriginPullPeerLimit: '%s' is not a number of bytes, write a whole number from %d to "
                               "%d", words[0], BYTES_MIN, BYTES_MAX);
    }
    if (names < 1) {
        return apr_psprintf(p, "CFOriginPullPeerLimit: '%s' is not a number of names, write a whole number from 1 to "
                               "%d", words[1], NAMES_MAX);
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

/*
 * Counts the names in the DER of a subjectAltName, to max + 1. OpenSSL's own reader would allocate three objects for
 * each name. An element without a length (BER), which OpenSSL reads and real certificates do not have, is counted with
 * all elements in it.
 */
static int count_names(const ASN1_OCTET_STRING *der, int max)
{
    const unsigned char *at = ASN1_STRING_get0_data(der), *end = at + ASN1_STRING_length(der);
    long length = 0;
    int tag, class, count = 0;
    int form = ASN1_get_object(&at, &length, &tag, &class, (long)(end - at));

    if (!(form & (UNREADABLE | INDEFINITE))) {
        end = at + length;
    }
    while (!(form & UNREADABLE) && at < end && count <= max) {
        form = ASN1_get_object(&at, &length, &tag, &class, (long)(end - at));
        at += form & (UNREADABLE | INDEFINITE) ? 0 : length;
        ++count;
    }
    return count;
}

static int alternative_names(const X509 *cert, int max)
{
    int at, count = 0;

    for (at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1); at >= 0 && count <= max;
         at = X509_get_ext_by_NID(cert, NID_subject_alt_name, at)) {
        count += count_names(X509_EXTENSION_get_data(X509_get_ext(cert, at)), max);
    }
    return count;
}

int cfaop_peer_limit_has_too_many_names(const X509 *cert, int max)
{
    return X509_NAME_entry_count(X509_get_subject_name(cert)) > max
        || X509_NAME_entry_count(X509_get_issuer_name(cert)) > max
        || alternative_names(cert, max) > max;
}
