/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file certificate_list.h
 * The body of TLS's Certificate message, as bytes: what it would cost to parse.
 */
#ifndef CFAOP_PURE_CERTIFICATE_LIST_H
#define CFAOP_PURE_CERTIFICATE_LIST_H

#include <stddef.h>

/**
 * Says whether a key in these @a length bytes of a certificate, or of many, spells its elliptic curve out. Any
 * thread.
 */
int cfaop_certificate_list_spells_out_curve(const unsigned char *data, size_t length);

/**
 * Says whether a key in these @a length bytes is on an unusual curve, with a point that has one coordinate only, or
 * that is not in DER. Any thread.
 */
int cfaop_certificate_list_has_costly_point(const unsigned char *data, size_t length);

/**
 * Counts the certificates in the body of a Certificate message, to @a max + 1, as OpenSSL would read it: a list that
 * is cut off or whose lengths lie ends the count. Any thread.
 */
int cfaop_certificate_list_count(const unsigned char *body, size_t length, int is_tls13, int max);

#endif
