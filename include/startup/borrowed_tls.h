/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file borrowed_tls.h
 * A warning about a guarded virtual host without TLS of its own that every client is refused by.
 */
#ifndef CFAOP_STARTUP_BORROWED_TLS_H
#define CFAOP_STARTUP_BORROWED_TLS_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_tables.h"

/**
 * Adds to @a findings (of cfaop_finding) a warning if one of the virtual hosts from @a base on refuses clients, has no
 * TLS of its own, and the default virtual host of one of its addresses has TLS and does not ask clients under its
 * policy. One is named. Configuration phase, after cfaop_policy_resolve_all().
 */
void cfaop_borrowed_tls_look(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base);

#endif
