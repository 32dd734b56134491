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
 * Says whether subjectAltName, subject or issuer of @a cert has more than @a max names. Its time does not grow with
 * names beyond these. May leave errors in OpenSSL's queue. Any phase; any thread.
 */
int cfaop_peer_limit_has_too_many_names(const X509 *cert, int max);

#endif
