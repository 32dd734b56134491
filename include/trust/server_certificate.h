/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file server_certificate.h
 * The certificates that virtual hosts show themselves, read from the files of mod_ssl's SSLCertificateFile and
 * SSLCertificateChainFile to compare them with what is trusted. What cannot be read is left alone: mod_ssl tells of
 * it.
 */
#ifndef CFAOP_TRUST_SERVER_CERTIFICATE_H
#define CFAOP_TRUST_SERVER_CERTIFICATE_H

#include "apr_pools.h"
#include "apr_tables.h"

#include <openssl/x509.h>

/** How a trusted certificate is related to the server's certificate. */
typedef enum {
    CFAOP_KINSHIP_NONE,
    CFAOP_KINSHIP_SELF,  /**< it is the server's certificate */
    CFAOP_KINSHIP_ISSUER /**< it has signed the server's certificate, or a CA above that */
} cfaop_kinship;

/**
 * Returns the first certificate of the PEM file at @a path and those that lead up from it (of X509 *), in that file
 * and in the one at @a chain_path, unless that is NULL; empty if there is none. They end with @a p. Configuration
 * phase.
 */
apr_array_header_t *cfaop_server_certificate_read(apr_pool_t *p, const char *path, const char *chain_path);

/**
 * Returns how @a cert is related to the first certificate of @a chain, from the function above. Configuration phase.
 */
cfaop_kinship cfaop_server_certificate_kinship(const apr_array_header_t *chain, X509 *cert);

#endif
