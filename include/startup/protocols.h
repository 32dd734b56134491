/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file protocols.h
 * Which modules may speak a protocol of their own on guarded connections? They answer before there is a request,
 * where the guard has no hook.
 */
#ifndef CFAOP_STARTUP_PROTOCOLS_H
#define CFAOP_STARTUP_PROTOCOLS_H

#include "config/tree.h"

#include "httpd.h"
#include "apr_tables.h"

/**
 * Adds a finding for each module that comes before httpd's HTTP in process_connection, unless it is known to answer
 * nothing there or each guarded virtual host ends the handshakes of strangers (CFOriginPullRefuse alert).
 * Configuration phase (check_config), after cfaop_reach_note().
 */
void cfaop_protocols_warn(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base);

#endif
