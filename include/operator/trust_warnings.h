/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file trust_warnings.h
 * Warnings of trust that cannot be meant: certificates that let in more clients than the edge, and certificates that
 * let in no client. One line a certificate, with the virtual hosts that trust it. The built-in CA is never one of them.
 */
#ifndef CFAOP_OPERATOR_TRUST_WARNINGS_H
#define CFAOP_OPERATOR_TRUST_WARNINGS_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Returns warnings (of cfaop_finding) of what the servers from @a base on, as far as @a is_wanted says so, trust and
 * cannot be meant to: a CA of their own server certificate, a CA that the whole system trusts, a certificate that can
 * verify no client. Configuration phase; the result is allocated from @a p, what only the call needs from @a ptemp.
 */
apr_array_header_t *cfaop_trust_warnings(apr_pool_t *p, apr_pool_t *ptemp, const server_rec *base,
                                         int (*is_wanted)(const server_rec *));

/** Logs these warnings for the guarded servers. Configuration phase. */
void cfaop_trust_warnings_log(apr_pool_t *ptemp, server_rec *base);

#endif
