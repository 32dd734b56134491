/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pem_file.h
 * Reading PEM files strictly. OpenSSL's readers skip what they do not understand, which would silently leave out a CA
 * or a CRL. Here a file with anything that cannot be read is refused.
 */
#ifndef CFAOP_TRUST_PEM_FILE_H
#define CFAOP_TRUST_PEM_FILE_H

#include "apr_pools.h"
#include "apr_tables.h"

/** What a PEM file holds. The objects end with the pool that was given to cfaop_pem_file_read(). */
typedef struct {
    apr_array_header_t *certificates; /**< of X509 * */
    apr_array_header_t *crls;         /**< of X509_CRL * */
    int private_keys;                 /**< number of private keys */
    int with_trust_settings;          /**< number of OpenSSL's TRUSTED CERTIFICATE blocks */
    int pkcs7;                        /**< number of PKCS7 blocks */
    int others;                       /**< number of blocks of any other kind */
} cfaop_pem;

/**
 * Reads the PEM file at @a path into @a pem; @a p owns all that is created. Returns NULL, or what is wrong with the
 * file and what to do: a line without the file's name. A file with a block that is cut off or broken is refused.
 * Configuration phase.
 */
const char *cfaop_pem_file_read(apr_pool_t *p, const char *path, cfaop_pem *pem);

#endif
