/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file trust_warnings.h
 * Warns of trusted certificates that let in more clients than the edge, and of those that let in no client. One line a
 * certificate, with the virtual hosts that trust it. There is no warning about the built-in CA.
 */
#ifndef CFAOP_OPERATOR_TRUST_WARNINGS_H
#define CFAOP_OPERATOR_TRUST_WARNINGS_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * Returns warnings (of cfaop_finding) about certificates that are trusted by the servers from @a base on that pass
 * @a is_wanted: a CA of the server's own certificate, a CA that the whole system trusts, a certificate that can verify
 * no client. Configuration phase. The result is allocated from @a p, scratch memory from @a ptemp.
 */
apr_array_header_t *cfaop_trust_warnings(apr_pool_t *p, apr_pool_t *ptemp, const server_rec *base,
                                         int (*is_wanted)(const server_rec *));

/** Logs these warnings for the guarded servers. Configuration phase. */
void cfaop_trust_warnings_log(apr_pool_t *ptemp, server_rec *base);

#endif
