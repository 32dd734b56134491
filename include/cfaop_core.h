/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_core.h
 * What every file of the module knows: names of numbers, and how to print what came from outside.
 */
#ifndef CFAOP_CORE_H
#define CFAOP_CORE_H

#include "ap_config.h"
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"

#include <openssl/x509.h>

extern module AP_MODULE_DECLARE_DATA cfaop_module;

/**
 * Where the hooks stand that judge requests, remove headers and settle addresses: before those of every other module.
 * APR_HOOK_REALLY_FIRST would not do: mod_security2 registers so too, and mod_perl lower. Among equals the order of
 * the LoadModule lines decides.
 */
#define CFAOP_HOOK_FIRST (APR_HOOK_REALLY_FIRST - 1000)

#define CFAOP_SHA256_LEN 32
/** Room for a SHA-256 in hexadecimal with its closing NUL. */
#define CFAOP_SHA256_HEX (2 * CFAOP_SHA256_LEN + 1)

/**
 * Keeps a function out of the hooks that call it. Each request passes by each hook, nearly always for nothing; then it shall not have to save
 * the registers that the work would need.
 */
#if defined(__GNUC__)
#define CFAOP_OUT_OF_LINE __attribute__((noinline))
#else
#define CFAOP_OUT_OF_LINE
#endif

/* ---- text (src/text.c) --------------------------------------------------------------------------------------- */

/** Writes @a sha256 as lower-case hexadecimal with its NUL into @a hex, and returns @a hex. */
const char *cfaop_hex(const unsigned char *sha256, char hex[CFAOP_SHA256_HEX]);

/**
 * Returns @a length bytes of @a text with everything that is not printable ASCII, and what could end a quoted string (", \ and
 * %), as %HH. From @a p; any phase.
 */
const char *cfaop_escape(apr_pool_t *p, const char *text, apr_size_t length);

/** Prints @a name as one line, escaped as above, of less than CFAOP_SUBJECT_SIZE bytes. From @a p; any phase. */
const char *cfaop_subject_text(apr_pool_t *p, const X509_NAME *name);

/** Says whether @a text holds only what escaped text does. */
int cfaop_is_escaped(const char *text);

/** Prints @a name as one line, escaped as above, of at most @a max bytes before that (0: all). From @a p; any phase. */
const char *cfaop_name_text(apr_pool_t *p, const X509_NAME *name, apr_size_t max);

/** Returns @a t as seconds since 1970, -1 for all that is before; 0, long past, for a time that cannot be read. */
apr_int64_t cfaop_seconds(const ASN1_TIME *t);

/** A config mistake or warning. */
typedef struct {
    int level;        /**< APLOG_ERR: a mistake that must not start; APLOG_WARNING: worth a line */
    const char *text; /**< the line, with its tag */
} cfaop_finding;

/** Adds a finding to @a findings (of cfaop_finding); @a text must live as long. Configuration phase. */
void cfaop_findings_add(apr_array_header_t *findings, int level, const char *text);

/** Names for a line of the log. Begin with {pool, NULL, 0}. Any phase. */
typedef struct {
    apr_pool_t *pool; /**< of the text */
    const char *text; /**< read it with cfaop_name_list_text() */
    int count;        /**< number of names */
} cfaop_name_list;

/** Adds @a name, which must live as long as the list. */
void cfaop_name_list_add(cfaop_name_list *list, const char *name);

/** Returns the names, "a, b and 3 more"; NULL if there is none. */
const char *cfaop_name_list_text(const cfaop_name_list *list);

/** Reads @a word as a whole number from 0 to @a max; -1: it is none. */
int cfaop_number(const char *word, int max);

/** Prints the day of @a seconds since 1970 as YYYY-MM-DD, from @a p. */
const char *cfaop_date(apr_pool_t *p, apr_int64_t seconds);

#endif
