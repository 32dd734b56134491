/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file text.h
 * Words for people: digests, names, dates and whatever clients send, in a form that no log and no terminal can be fooled with.
 */
#ifndef CFAOP_BASE_TEXT_H
#define CFAOP_BASE_TEXT_H

#include "base/module.h"

#include "apr.h"
#include "apr_pools.h"

#include <openssl/x509.h>

/** Writes @a sha256 as lower-case hexadecimal with its NUL into @a hex, and returns @a hex. */
const char *cfaop_text_hex(const unsigned char *sha256, char hex[CFAOP_SHA256_HEX]);

/**
 * Returns @a length bytes of @a text with everything that is not printable ASCII, and what could end a quoted string (", \ and
 * %), as %HH. From @a p; any phase.
 */
const char *cfaop_text_escape(apr_pool_t *p, const char *text, apr_size_t length);

/** Prints @a name as one line, escaped as above, of less than CFAOP_SUBJECT_SIZE bytes. From @a p; any phase. */
const char *cfaop_text_subject(apr_pool_t *p, const X509_NAME *name);

/** Says whether @a text holds only what escaped text does. */
int cfaop_text_is_escaped(const char *text);

/** Prints @a name as one line, escaped as above, of at most @a max bytes before that (0: all). From @a p; any phase. */
const char *cfaop_text_name(apr_pool_t *p, const X509_NAME *name, apr_size_t max);

/** Returns @a t as seconds since 1970, -1 for all that is before; 0, long past, for a time that cannot be read. */
apr_int64_t cfaop_text_seconds(const ASN1_TIME *t);

/** Reads @a word as a whole number from 0 to @a max; -1: it is none. */
int cfaop_text_number(const char *word, int max);

/** Prints the day of @a seconds since 1970 as YYYY-MM-DD, from @a p. */
const char *cfaop_text_date(apr_pool_t *p, apr_int64_t seconds);
#define CFAOP_SUBJECT_SIZE 256

#endif
