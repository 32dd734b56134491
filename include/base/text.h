/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file text.h
 * Text for logs and pages: digests, names, dates; bytes from clients, escaped so that they cannot forge a line.
 */
#ifndef CFAOP_BASE_TEXT_H
#define CFAOP_BASE_TEXT_H

#include "base/module.h"

#include "apr.h"
#include "apr_pools.h"

#include <openssl/x509.h>

/** Room for cfaop_text_subject() with its NUL. */
#define CFAOP_SUBJECT_SIZE 256

/* All functions: any phase, any thread. */

/** Writes @a sha256 as lower-case hexadecimal with its NUL into @a hex, and returns @a hex. */
const char *cfaop_text_hex(const unsigned char *sha256, char hex[CFAOP_SHA256_HEX]);

/**
 * Returns @a length bytes of @a text, escaped: bytes that are not printable ASCII, and what could end a quoted string
 * (", \ and %), are %HH. From @a p.
 */
const char *cfaop_text_escape(apr_pool_t *p, const char *text, apr_size_t length);

/** Says whether @a text has only characters of escaped text. */
int cfaop_text_is_escaped(const char *text);

/** Returns the first @a max bytes (0: all) of @a name as one line, escaped; "" if OpenSSL fails. From @a p. */
const char *cfaop_text_name(apr_pool_t *p, const X509_NAME *name, apr_size_t max);

/** Returns @a name as one line, escaped, in less than CFAOP_SUBJECT_SIZE bytes; "..." ends a cut one. From @a p. */
const char *cfaop_text_subject(apr_pool_t *p, const X509_NAME *name);

/** Returns @a t in seconds since 1970; -1 for a time up to the start of 1970; 0 for a time that cannot be read. */
apr_int64_t cfaop_text_seconds(const ASN1_TIME *t);

/** Returns the day of @a seconds since 1970 as YYYY-MM-DD; "-" if there is no such day. From @a p. */
const char *cfaop_text_date(apr_pool_t *p, apr_int64_t seconds);

/** Returns @a word as a whole number from 0 to @a max; -1 if it is not such a number. */
int cfaop_text_number(const char *word, int max);

#endif
