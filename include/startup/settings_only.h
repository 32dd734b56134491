/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file settings_only.h
 * A warning about directives of this module where CFOriginPull itself was forgotten.
 */
#ifndef CFAOP_STARTUP_SETTINGS_ONLY_H
#define CFAOP_STARTUP_SETTINGS_ONLY_H

#include "httpd.h"
#include "apr_tables.h"

/**
 * Adds to @a findings (of cfaop_finding) a warning if one of the servers from @a base on has directives of this module,
 * but no CFOriginPull, of its own or inherited. One server is named. Configuration phase.
 */
void cfaop_settings_only_look(apr_array_header_t *findings, const server_rec *base);

#endif
