/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ca_names.h
 * The names of CAs in the CertificateRequest. Clients choose their certificate by them.
 */
#ifndef CFAOP_TLS_CA_NAMES_H
#define CFAOP_TLS_CA_NAMES_H

#include "apr_pools.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/**
 * Sets the names of CAs that clients of @a ctx are sent: those that it has, of mod_ssl or of another module, and
 * @a names, which must live until @a p, the configuration pool, is cleared. Returns 1; or -1 if those that it had were
 * left out, because a CertificateRequest has no room for both; or 0 if OpenSSL fails. Configuration phase.
 */
int cfaop_ca_names_set(apr_pool_t *p, SSL_CTX *ctx, STACK_OF(X509_NAME) *names);

#endif
