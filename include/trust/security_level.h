/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file security_level.h
 * OpenSSL's security level of a server's TLS before mod_ssl has set it up, as "-t" must guess it, and what the level
 * asks of a key.
 */
#ifndef CFAOP_TRUST_SECURITY_LEVEL_H
#define CFAOP_TRUST_SECURITY_LEVEL_H

#include "config/tree.h"

#include "httpd.h"

#include <openssl/x509.h>

/** Returns the security level that OpenSSL begins with, or its configuration file's. Configuration phase. */
int cfaop_security_level_default(void);

/**
 * Returns the security level of the TLS of @a s: the policy's, or before mod_ssl has told it, what the configuration
 * shows: @@SECLEVEL in SSLCipherSuite, else @a fallback. Configuration phase.
 */
int cfaop_security_level_of(const cfaop_tree *tree, const server_rec *s, int fallback);

/** Says whether the key of @a cert is strong enough for @a level. */
int cfaop_security_level_allows(int level, const X509 *cert);

#endif
