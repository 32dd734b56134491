/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file findings.h
 * What was found in a configuration: mistakes and warnings, one line each, until there is a log for them.
 */
#ifndef CFAOP_BASE_FINDINGS_H
#define CFAOP_BASE_FINDINGS_H

#include "apr_tables.h"

/** A config mistake or warning. */
typedef struct {
    int level;        /**< APLOG_ERR: a mistake that must not start; APLOG_WARNING: worth a line */
    const char *text; /**< the line, with its tag */
} cfaop_finding;

/** Adds a finding to @a findings (of cfaop_finding); @a text must live as long. Configuration phase. */
void cfaop_findings_add(apr_array_header_t *findings, int level, const char *text);

#endif
