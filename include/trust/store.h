/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file store.h
 * Making OpenSSL's X509_STORE from certificates and CRLs, once for each content.
 */
#ifndef CFAOP_TRUST_STORE_H
#define CFAOP_TRUST_STORE_H

#include "base/module.h"
#include "config/config.h"

#include "apr_hash.h"
#include "apr_pools.h"
#include "apr_tables.h"

#include <openssl/x509.h>

/**
 * Returns the trust of @a known that has the parts of @a candidate (see parts.h). If there is none, it completes
 * @a candidate, of which only the parts are set, adds it to @a known and returns it. What it makes lives in @a p. NULL
 * if OpenSSL fails. Configuration phase.
 */
const cfaop_trust *cfaop_store_intern(apr_pool_t *p, apr_hash_t *known, cfaop_trust *candidate);

#endif
