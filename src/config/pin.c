/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pin.c
 * CFOriginPullPin: of the certificates that the CAs have issued, the virtual host accepts only those that a pin names.
 */
#include "config/pin.h"

#include "base/module.h"
#include "base/text.h"

#include "apr_cstr.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define SHA256_PREFIX "sha256:"
#define SPKI_PREFIX   "spki-sha256:"
#define CURL_PREFIX   "sha256//"
#define DNS_PREFIX    "dns:"

#define ALLOWED "write sha256:HEX, spki-sha256:BASE64, sha256//BASE64 or dns:NAME"

static int hex_value(char c)
{
    return apr_isdigit(c) ? c - '0' : apr_isxdigit(c) ? apr_tolower(c) - 'a' + 10 : -1;
}

/* 32 bytes in hexadecimal, plain or with a colon between all of them */
static int parse_hex(const char *text, unsigned char *bytes)
{
    int colons = strchr(text, ':') != NULL, i;

    for (i = 0; i < CFAOP_SHA256_LEN; ++i) {
        int high, low;
        if (colons && i > 0 && *text++ != ':') {
            return 0;
        }
        high = hex_value(text[0]);
        low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0) {
            return 0;
        }
        bytes[i] = (unsigned char)(high * 16 + low);
        text += 2;
    }
    return *text == '\0';
}

/* 32 bytes: 43 characters and one "=" */
static int parse_base64(const char *text, unsigned char *bytes)
{
    unsigned char decoded[CFAOP_SHA256_LEN + 4], again[48];

    if (strlen(text) != 44 || EVP_DecodeBlock(decoded, (const unsigned char *)text, 44) != CFAOP_SHA256_LEN + 1) {
        return 0;
    }
    /* the decoder forgives what does not belong there */
    EVP_EncodeBlock(again, decoded, CFAOP_SHA256_LEN);
    memcpy(bytes, decoded, CFAOP_SHA256_LEN);
    return !strcmp((const char *)again, text);
}

static int is_dns_name(const char *name)
{
    const char *c;

    for (c = name; *c; ++c) {
        if (!apr_isalnum(*c) && *c != '-' && *c != '_' && *c != '.') {
            return 0;
        }
        if (*c == '.' && (c == name || c[1] == '.' || c[1] == '\0')) {
            return 0;
        }
    }
    return c != name && c - name <= 253;
}

static const char *parse_dns(apr_pool_t *p, const char *name, cfaop_pin *pin)
{
    char *lower = apr_pstrdup(p, name), *c;

    if (!is_dns_name(name)) {
        return "write a host name after dns:, without wildcards";
    }
    for (c = lower; *c; ++c) {
        *c = (char)apr_tolower(*c);
    }
    pin->kind = CFAOP_PIN_DNS;
    pin->text = apr_pstrcat(p, DNS_PREFIX, lower, NULL);
    return NULL;
}

static const char *parse_spki(apr_pool_t *p, const char *base64, cfaop_pin *pin)
{
    if (!parse_base64(base64, pin->sha256)) {
        return "write the SHA-256 of the public key in base64, 44 characters";
    }
    pin->kind = CFAOP_PIN_SPKI;
    pin->text = apr_pstrcat(p, SPKI_PREFIX, base64, NULL);
    return NULL;
}

static const char *parse_sha256(apr_pool_t *p, const char *hex, cfaop_pin *pin)
{
    char text[CFAOP_SHA256_HEX];

    if (!parse_hex(hex, pin->sha256)) {
        return "write the SHA-256 of the certificate as 64 hexadecimal digits, with or without colons";
    }
    pin->kind = CFAOP_PIN_SHA256;
    pin->text = apr_pstrcat(p, SHA256_PREFIX, cfaop_text_hex(pin->sha256, text), NULL);
    return NULL;
}

const char *cfaop_pin_parse(apr_pool_t *p, const char *word, cfaop_pin *pin)
{
    if (!strncasecmp(word, CURL_PREFIX, sizeof(CURL_PREFIX) - 1)) {
        return parse_spki(p, word + sizeof(CURL_PREFIX) - 1, pin);
    }
    if (!strncasecmp(word, SHA256_PREFIX, sizeof(SHA256_PREFIX) - 1)) {
        return parse_sha256(p, word + sizeof(SHA256_PREFIX) - 1, pin);
    }
    if (!strncasecmp(word, SPKI_PREFIX, sizeof(SPKI_PREFIX) - 1)) {
        return parse_spki(p, word + sizeof(SPKI_PREFIX) - 1, pin);
    }
    if (!strncasecmp(word, DNS_PREFIX, sizeof(DNS_PREFIX) - 1)) {
        return parse_dns(p, word + sizeof(DNS_PREFIX) - 1, pin);
    }
    return ALLOWED;
}

/* ---- matching ---- */

static int matches_digest(const cfaop_pin *pin, X509 *cert)
{
    unsigned char sha256[EVP_MAX_MD_SIZE];

    return X509_digest(cert, EVP_sha256(), sha256, NULL) && !memcmp(sha256, pin->sha256, CFAOP_SHA256_LEN);
}

/* X509_pubkey_digest() would hash the key's bits alone; RFC 7469 and curl mean the whole SubjectPublicKeyInfo. */
static int matches_spki(const cfaop_pin *pin, X509 *cert)
{
    unsigned char sha256[EVP_MAX_MD_SIZE], *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der), same = 0;

    if (length > 0 && EVP_Digest(der, (size_t)length, sha256, NULL, EVP_sha256(), NULL)) {
        same = !memcmp(sha256, pin->sha256, CFAOP_SHA256_LEN);
    }
    OPENSSL_free(der);
    return same;
}

/* Compares length and bytes: a NUL in the certificate's name is a byte like another, and matches nothing. */
static int is_name(const ASN1_STRING *value, const char *name)
{
    size_t length = strlen(name);

    return (size_t)ASN1_STRING_length(value) == length
        && !apr_cstr_casecmpn((const char *)ASN1_STRING_get0_data(value), name, length);
}

static int matches_dns(const cfaop_pin *pin, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int i, found = 0;

    for (i = 0; !found && i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        found = name->type == GEN_DNS && is_name(name->d.dNSName, pin->text + sizeof(DNS_PREFIX) - 1);
    }
    GENERAL_NAMES_free(names);
    return found;
}

int cfaop_pin_matches(const apr_array_header_t *pins, X509 *cert)
{
    int i, found = 0;

    for (i = 0; !found && i < pins->nelts; ++i) {
        const cfaop_pin *pin = &APR_ARRAY_IDX(pins, i, cfaop_pin);
        switch (pin->kind) {
        case CFAOP_PIN_SHA256:
            found = matches_digest(pin, cert);
            break;
        case CFAOP_PIN_SPKI:
            found = matches_spki(pin, cert);
            break;
        case CFAOP_PIN_DNS:
            found = matches_dns(pin, cert);
            break;
        }
    }
    ERR_clear_error();
    return found;
}
