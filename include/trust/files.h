/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file files.h
 * The files that the lists name, each read once in a round however many virtual hosts name it, and the built-in CA.
 */
#ifndef CFAOP_TRUST_FILES_H
#define CFAOP_TRUST_FILES_H

#include "base/module.h"
#include "stats/counters.h"

#include "apr_pools.h"
#include "apr_tables.h"

#include <openssl/x509.h>

/** A trusted certificate: a CA, an intermediate or a leaf. */
typedef struct {
    X509 *cert;                          /**< owned by the configuration pool */
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< of its DER */
    const char *origin;                  /**< CFAOP_BUILTIN or the file's path */
    const char *label;                   /**< for logs: the beginning of its SHA-256, and its CN */
    int has_namesake;                    /**< another certificate of the same trust has its subject */
    cfaop_anchor_counters *counters;     /**< set when the server starts; NULL: it is not counted */
} cfaop_anchor;

/** A certificate revocation list. */
typedef struct {
    X509_CRL *crl;                       /**< owned by the configuration pool */
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< of its DER */
    const char *origin;                  /**< the file's path */
} cfaop_crl;

/** Files that have been read in this round, each once; from cfaop_files_create(). */
typedef struct cfaop_files cfaop_files;

/** Creates an empty set of files in @a p, the configuration pool. */
cfaop_files *cfaop_files_create(apr_pool_t *p);

/**
 * Returns the trusted certificates (of cfaop_anchor) of the file @a path, or of the built-in CA. On a mistake it returns
 * NULL and sets @a tag to the message's tag and @a error to one line that says what to do.
 */
const apr_array_header_t *cfaop_files_anchors(cfaop_files *files, const char *path, const char **tag, const char **error);

/** The same for the CRLs (of cfaop_crl) of a file. */
const apr_array_header_t *cfaop_files_crls(cfaop_files *files, const char *path, const char **tag, const char **error);

#endif
