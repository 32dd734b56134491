/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file security_level.h
 * OpenSSL's security level of a server's TLS, also at "apachectl -t", where mod_ssl has not set it up; and whether a
 * key is strong enough for a level.
 */
#ifndef CFAOP_TRUST_SECURITY_LEVEL_H
#define CFAOP_TRUST_SECURITY_LEVEL_H

#include "config/tree.h"

#include "httpd.h"

#include <openssl/x509.h>

/** Returns OpenSSL's default security level, or that of OpenSSL's configuration file. Configuration phase. */
int cfaop_security_level_default(void);

/**
 * Returns the security level of the TLS of @a s. Before mod_ssl's hook has set the policy of @a s this is @@SECLEVEL of
 * SSLCipherSuite, else @a fallback. Configuration phase.
 */
int cfaop_security_level_of(const cfaop_tree *tree, const server_rec *s, int fallback);

/** Says whether the key of @a cert is strong enough for @a level. Any phase. */
int cfaop_security_level_allows(int level, const X509 *cert);

#endif
