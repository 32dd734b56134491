/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file unused_revocation.h
 * A warning about mod_ssl's directives for revoked certificates where mod_ssl verifies none.
 */
#ifndef CFAOP_STARTUP_UNUSED_REVOCATION_H
#define CFAOP_STARTUP_UNUSED_REVOCATION_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_tables.h"

/**
 * Adds to @a findings (of cfaop_finding) a warning if one of the servers from @a base on asks clients for certificates,
 * has mod_ssl look for revoked ones, and no SSLVerifyClient, so that nothing is looked up. One is named. Configuration
 * phase, after it was noted which directories ask.
 */
void cfaop_unused_revocation_look(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base);

#endif
