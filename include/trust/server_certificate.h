/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file server_certificate.h
 * The certificates that virtual hosts show to clients, read from the files of SSLCertificateFile to compare them with
 * the trusted certificates. About a file that cannot be read mod_ssl writes an error, so nothing is said here.
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
 * Returns the first certificate of the PEM file at @a path and, as far as the file has them, its issuers in order (of
 * X509 *); empty if there is no certificate. They end with @a p. Configuration phase.
 */
apr_array_header_t *cfaop_server_certificate_read(apr_pool_t *p, const char *path);

/**
 * Returns how @a cert is related to the first certificate of @a chain, from the function above. Configuration phase.
 */
cfaop_kinship cfaop_server_certificate_kinship(const apr_array_header_t *chain, X509 *cert);

#endif
