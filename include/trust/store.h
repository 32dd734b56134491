/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file store.h
 * From certificates and CRLs to what OpenSSL verifies against, once for each content.
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
 * Completes @a candidate, of which anchors, crls, pins and depth are set, and enters it into @a known; or returns the one of the
 * same content that is there. What is built lives in @a p. Returns NULL if OpenSSL fails. Configuration phase.
 */
const cfaop_trust *cfaop_store_intern(apr_pool_t *p, apr_hash_t *known, cfaop_trust *candidate);

#endif
