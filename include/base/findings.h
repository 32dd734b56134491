/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file findings.h
 * Findings: mistakes and warnings about a configuration, a line each, kept until the log can be written to.
 */
#ifndef CFAOP_BASE_FINDINGS_H
#define CFAOP_BASE_FINDINGS_H

#include "apr_tables.h"

/** A mistake or a warning. */
typedef struct {
    int level;        /**< APLOG_ERR: a mistake, which ends a first start; APLOG_WARNING: a warning */
    const char *text; /**< the line, with its tag */
} cfaop_finding;

/** Adds a finding to @a findings (of cfaop_finding). @a text must live as long as @a findings. Configuration phase. */
void cfaop_findings_add(apr_array_header_t *findings, int level, const char *text);

#endif
