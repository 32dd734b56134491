/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer_limit.h
 * CFOriginPullPeerLimit: how large a client's certificate may be.
 */
#ifndef CFAOP_CONFIG_PEER_LIMIT_H
#define CFAOP_CONFIG_PEER_LIMIT_H

#include "config/config.h"

#include "apr_pools.h"

#include <openssl/x509.h>

/**
 * Reads the @a words of CFOriginPullPeerLimit into @a limit. Returns NULL or the mistake, from @a p. Configuration
 * phase.
 */
const char *cfaop_peer_limit_parse(apr_pool_t *p, int count, char *const words[], cfaop_peer_limit *limit);

/** Returns the limit that is in force for a server. Any phase. */
cfaop_peer_limit cfaop_peer_limit_of(const cfaop_server_conf *conf);

/**
 * Returns of what @a cert has more than @a limit allows, with @a most being the number allowed: "names" (in
 * subjectAltName, subject or issuer; it stops counting there), "bytes of names" (in one of these) or "bytes of a
 * serial number". NULL: of nothing. May leave errors in OpenSSL's queue. Any thread.
 */
const char *cfaop_peer_limit_excess(const X509 *cert, cfaop_peer_limit limit, int *most);

/**
 * Returns of what @a cert's key has more than is allowed, with @a most being the number allowed: "bits of an RSA key",
 * "bits of an RSA key's exponent" or "bits of a DSA key". NULL: of nothing. May leave errors in OpenSSL's queue. Any
 * thread.
 */
const char *cfaop_peer_limit_excess_of_key(const X509 *cert, int *most);

/**
 * Returns of what @a leaf and the @a chain that came with it (NULL: none; @a leaf may be its first) have too much in
 * all, with @a most being the number allowed: "parts" (extensions, the elements in their DER and, twice, the parts of
 * subject and issuer), ten times as many as names, and at least 1000; or "bytes of names in distribution points". A
 * CRL distribution point that is named relative to the issuer counts with the whole name of the issuer in both:
 * OpenSSL up to 3.0.20 makes a copy of it. NULL: of nothing. May leave errors in OpenSSL's queue. Any thread.
 */
const char *cfaop_peer_limit_excess_of_all(const X509 *leaf, const STACK_OF(X509) *chain, cfaop_peer_limit limit,
                                           int *most);

#endif
