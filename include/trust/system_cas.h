/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file system_cas.h
 * The CAs that programs on this machine trust by default: those of OpenSSL's default file and directory (or
 * SSL_CERT_FILE and SSL_CERT_DIR), and the bundles of Debian and Fedora.
 */
#ifndef CFAOP_TRUST_SYSTEM_CAS_H
#define CFAOP_TRUST_SYSTEM_CAS_H

#include "apr_pools.h"

#include <openssl/x509.h>

/** A set of these CAs. */
typedef struct cfaop_system_cas cfaop_system_cas;

/** Reads the CAs. The set ends with @a p. Returns NULL if OpenSSL fails. Configuration phase. */
cfaop_system_cas *cfaop_system_cas_load(apr_pool_t *p);

/** Says whether a CA of @a cert's name and key is among @a cas: @a cert itself, or another one. Configuration phase. */
int cfaop_system_cas_has(const cfaop_system_cas *cas, X509 *cert);

/** Says whether @a cert is a CA that one of @a cas has issued, and that has not ended. Configuration phase. */
int cfaop_system_cas_has_issued(const cfaop_system_cas *cas, X509 *cert);

#endif
