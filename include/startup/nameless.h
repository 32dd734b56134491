/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file nameless.h
 * A warning about a guarded virtual host without a name that is never reached.
 */
#ifndef CFAOP_STARTUP_NAMELESS_H
#define CFAOP_STARTUP_NAMELESS_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_tables.h"

/**
 * Adds to @a findings (of cfaop_finding) a warning if one of the virtual hosts from @a base on has a CFOriginPull of
 * its own that asks clients, has no ServerName and no ServerAlias, and stands behind another one at each of its
 * addresses. One is named. Configuration phase.
 */
void cfaop_nameless_look(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base);

#endif
