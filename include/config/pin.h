/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pin.h
 * CFOriginPullPin: of the certificates that the CAs have issued, the virtual host accepts only those that a pin names.
 */
#ifndef CFAOP_CONFIG_PIN_H
#define CFAOP_CONFIG_PIN_H

#include "base/module.h"

#include "apr_pools.h"
#include "apr_tables.h"

#include <openssl/x509.h>

/** What a pin names a certificate by. */
typedef enum {
    CFAOP_PIN_SHA256, /**< SHA-256 of the certificate's DER */
    CFAOP_PIN_SPKI,   /**< SHA-256 of its SubjectPublicKeyInfo's DER */
    CFAOP_PIN_DNS     /**< a dNSName of its subjectAltName */
} cfaop_pin_kind;

/** One pin of CFOriginPullPin. */
typedef struct {
    cfaop_pin_kind kind;
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< with SHA256 and SPKI */
    const char *text;                       /**< normalised: "sha256:hex", "spki-sha256:base64" or "dns:name" */
} cfaop_pin;

/** Reads @a word into @a pin. Returns NULL, or what is allowed instead. From @a p. Any phase. */
const char *cfaop_pin_parse(apr_pool_t *p, const char *word, cfaop_pin *pin);

/** Says whether at least one of @a pins (of cfaop_pin) names @a cert. Any phase; any thread. */
int cfaop_pin_matches(const apr_array_header_t *pins, X509 *cert);

#endif
