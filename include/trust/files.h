/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file files.h
 * The files with CAs and CRLs, and the built-in CA. At a start or reload each file is read once for all virtual hosts.
 * pem_file.c opens and decodes them.
 */
#ifndef CFAOP_TRUST_FILES_H
#define CFAOP_TRUST_FILES_H

#include "base/module.h"
#include "stats/counters.h"

#include "apr_pools.h"
#include "apr_tables.h"

#include <openssl/x509.h>

/** A trusted certificate (an anchor): a CA, an intermediate or a leaf. */
typedef struct {
    X509 *cert;                             /**< owned by the configuration pool */
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< of its DER */
    const char *origin;                     /**< CFAOP_BUILTIN or the file's path */
    const char *label;                      /**< for logs: the beginning of its SHA-256, and its CN */
    int has_namesake;                       /**< another anchor of the same trust has the same subject */
    cfaop_anchor_counters *counters;        /**< set when the server starts; NULL: not counted */
} cfaop_anchor;

/** A certificate revocation list. */
typedef struct {
    X509_CRL *crl;                          /**< owned by the configuration pool */
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< of its DER */
    const char *origin;                     /**< the file's path */
    X509 *by_root;                          /**< the listed self-signed CA that signed it, see own_crl.h; NULL: none */
} cfaop_crl;

/** The files that were read at this start or reload. */
typedef struct cfaop_files cfaop_files;

/* All functions: configuration phase. */

/** Creates an empty set of files. The set and what is read live in @a p, the configuration pool. */
cfaop_files *cfaop_files_create(apr_pool_t *p);

/**
 * Returns the certificates (of cfaop_anchor) of the file @a path, or the built-in CA for CFAOP_BUILTIN. On a mistake it
 * returns NULL, sets @a tag to the message's tag and @a error to a line that says what to do.
 */
const apr_array_header_t *cfaop_files_anchors(cfaop_files *files, const char *path, const char **tag,
                                              const char **error);

/** Returns the CRLs (of cfaop_crl) of the file @a path. Mistakes as above. */
const apr_array_header_t *cfaop_files_crls(cfaop_files *files, const char *path, const char **tag, const char **error);

#endif
