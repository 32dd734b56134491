/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file parts.c
 * The parts of a trust: what decides which certificates are accepted, as one list.
 *
 * Each part has three functions. key_of_PART() adds its words to the key by which virtual hosts share a trust,
 * load_PART() makes it from the configuration, and digest_PART() adds its bytes to the digest. Without them the list
 * does not compile.
 */
#include "trust/parts.h"

#include "base/module.h"
#include "config/config.h"
#include "config/pin.h"
#include "trust/files.h"
#include "trust/trust.h"

#include "apr_strings.h"

#include <openssl/evp.h>
#include <stdlib.h>

/*
 * The members of cfaop_trust, and the fields of cfaop_verify_conf that they are made from, in the order of the digest.
 */
#define PARTS(X) \
    X(depth, depth) \
    X(anchors, ca_sources) \
    X(crls, crl_sources) \
    X(pins, pins)

/*
 * The start of each digest. A release that judges differently changes it, so that it resumes no session of an older
 * one.
 */
#define DIGEST_DOMAIN "mod_cfaop policy 1: purpose sslclient, partial chain"

/* What the load functions are given beside the configuration. */
typedef struct {
    apr_pool_t *pool;
    cfaop_files *files;
    apr_array_header_t *mistakes; /* of const char * */
} loading;

static void add_word(apr_array_header_t *words, const char *word)
{
    APR_ARRAY_PUSH(words, const char *) = word;
}

/* Sorts items and drops doubles. */
static void make_set(apr_array_header_t *items, int (*compare)(const void *, const void *))
{
    apr_size_t size = (apr_size_t)items->elt_size;
    int from, to = 0;

    qsort(items->elts, (size_t)items->nelts, size, compare);
    for (from = 0; from < items->nelts; ++from) {
        if (to == 0 || compare(items->elts + (apr_size_t)(to - 1) * size, items->elts + (apr_size_t)from * size) != 0) {
            memmove(items->elts + (apr_size_t)to * size, items->elts + (apr_size_t)from * size, size);
            ++to;
        }
    }
    items->nelts = to;
}

/* ---- the depth ---- */

static void key_of_depth(apr_array_header_t *words, int depth)
{
    add_word(words, apr_itoa(words->pool, depth));
}

static const char *load_depth(const loading *from, int depth, cfaop_trust *trust)
{
    (void)from;
    trust->depth = depth >= 0 ? depth : CFAOP_DEPTH_DEFAULT;
    return NULL;
}

static int digest_depth(EVP_MD_CTX *md, cfaop_trust *trust)
{
    unsigned char depth = (unsigned char)trust->depth;

    return EVP_DigestUpdate(md, &depth, 1);
}

/* ---- lists of files ---- */

static void key_of_sources(apr_array_header_t *words, const apr_array_header_t *sources)
{
    int i;

    add_word(words, sources ? "+" : "-");
    for (i = 0; sources && i < sources->nelts; ++i) {
        add_word(words, APR_ARRAY_IDX(sources, i, cfaop_source).path);
    }
}

/* Reads one file: cfaop_files_anchors() or cfaop_files_crls(). */
typedef const apr_array_header_t *load_file(cfaop_files *, const char *, const char **, const char **);

/* Appends what the files of the list hold to items. Returns the last mistake; NULL: none. */
static const char *load_sources(const loading *from, const apr_array_header_t *sources, const char *directive,
                                apr_array_header_t *items, load_file *load)
{
    const char *mistake = NULL;
    int i;

    for (i = 0; sources && i < sources->nelts; ++i) {
        const cfaop_source *source = &APR_ARRAY_IDX(sources, i, cfaop_source);
        const char *tag, *error;
        const apr_array_header_t *loaded = load(from->files, source->path, &tag, &error);
        if (loaded) {
            apr_array_cat(items, loaded);
            continue;
        }
        mistake =
            apr_psprintf(from->pool, "%s: %s: file %s %s (%s)", tag, directive, source->path, error, source->where);
        APR_ARRAY_PUSH(from->mistakes, const char *) = mistake;
    }
    return mistake;
}

/* ---- trusted certificates ---- */

static void key_of_anchors(apr_array_header_t *words, const apr_array_header_t *sources)
{
    key_of_sources(words, sources);
}

static const char *load_anchors(const loading *from, const apr_array_header_t *sources, cfaop_trust *trust)
{
    static const cfaop_source builtin = {CFAOP_BUILTIN, CFAOP_BUILTIN};
    apr_array_header_t *not_said = apr_array_make(from->pool, 1, sizeof(builtin));

    APR_ARRAY_PUSH(not_said, cfaop_source) = builtin;
    trust->anchors = apr_array_make(from->pool, 2, sizeof(cfaop_anchor));
    return load_sources(from, sources ? sources : not_said, "CFOriginPullCACertificateFile", trust->anchors,
                        cfaop_files_anchors);
}

static int compare_anchors(const void *a, const void *b)
{
    return memcmp(((const cfaop_anchor *)a)->sha256, ((const cfaop_anchor *)b)->sha256, CFAOP_SHA256_LEN);
}

static int digest_anchors(EVP_MD_CTX *md, cfaop_trust *trust)
{
    int i, ok = 1;

    make_set(trust->anchors, compare_anchors);
    for (i = 0; ok && i < trust->anchors->nelts; ++i) {
        ok = EVP_DigestUpdate(md, "A", 1)
          && EVP_DigestUpdate(md, APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).sha256, CFAOP_SHA256_LEN);
    }
    return ok;
}

/* ---- CRLs ---- */

static void key_of_crls(apr_array_header_t *words, const apr_array_header_t *sources)
{
    key_of_sources(words, sources);
}

static const char *load_crls(const loading *from, const apr_array_header_t *sources, cfaop_trust *trust)
{
    trust->crls = apr_array_make(from->pool, 1, sizeof(cfaop_crl));
    return load_sources(from, sources, "CFOriginPullCARevocationFile", trust->crls, cfaop_files_crls);
}

static int compare_crls(const void *a, const void *b)
{
    return memcmp(((const cfaop_crl *)a)->sha256, ((const cfaop_crl *)b)->sha256, CFAOP_SHA256_LEN);
}

static int digest_crls(EVP_MD_CTX *md, cfaop_trust *trust)
{
    int i, ok = 1;

    make_set(trust->crls, compare_crls);
    for (i = 0; ok && i < trust->crls->nelts; ++i) {
        ok = EVP_DigestUpdate(md, "R", 1)
          && EVP_DigestUpdate(md, APR_ARRAY_IDX(trust->crls, i, cfaop_crl).sha256, CFAOP_SHA256_LEN);
    }
    return ok;
}

/* ---- pins ---- */

static void key_of_pins(apr_array_header_t *words, const apr_array_header_t *pins)
{
    int i;

    for (i = 0; pins && i < pins->nelts; ++i) {
        add_word(words, APR_ARRAY_IDX(pins, i, cfaop_pin).text);
    }
}

static const char *load_pins(const loading *from, const apr_array_header_t *pins, cfaop_trust *trust)
{
    trust->pins = pins ? apr_array_copy(from->pool, pins) : apr_array_make(from->pool, 1, sizeof(cfaop_pin));
    return NULL;
}

static int compare_pins(const void *a, const void *b)
{
    return strcmp(((const cfaop_pin *)a)->text, ((const cfaop_pin *)b)->text);
}

static int digest_pins(EVP_MD_CTX *md, cfaop_trust *trust)
{
    int i, ok = 1;

    make_set(trust->pins, compare_pins);
    for (i = 0; ok && i < trust->pins->nelts; ++i) {
        const char *text = APR_ARRAY_IDX(trust->pins, i, cfaop_pin).text;
        ok = EVP_DigestUpdate(md, "P", 1) && EVP_DigestUpdate(md, text, strlen(text) + 1);
    }
    return ok;
}

/* ---- all parts ---- */

#define KEY_OF(part, field) \
    add_word(words, #part); \
    key_of_##part(words, conf->field);

const char *cfaop_parts_key(apr_pool_t *p, const cfaop_verify_conf *conf)
{
    apr_array_header_t *words = apr_array_make(p, 12, sizeof(const char *));

    PARTS(KEY_OF)
    return apr_array_pstrcat(p, words, '\n');
}

#define LOAD(part, field) \
    found = load_##part(&from, conf->field, trust); \
    mistake = mistake ? mistake : found;

const char *cfaop_parts_load(apr_pool_t *p, cfaop_files *files, const cfaop_verify_conf *conf, cfaop_trust *trust,
                             apr_array_header_t *mistakes)
{
    loading from = {p, files, mistakes};
    const char *mistake = NULL, *found;

    PARTS(LOAD)
    return mistake;
}

#define DIGEST(part, field) ok = ok && digest_##part(md, trust);

int cfaop_parts_digest(cfaop_trust *trust)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok =
        md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) && EVP_DigestUpdate(md, DIGEST_DOMAIN, sizeof(DIGEST_DOMAIN));

    PARTS(DIGEST)
    ok = ok && EVP_DigestFinal_ex(md, trust->digest, NULL);
    EVP_MD_CTX_free(md);
    return ok;
}
