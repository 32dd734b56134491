/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file findings.c
 * Findings: mistakes and warnings about a configuration, a line each, kept until the log can be written to.
 */
#include "base/findings.h"

void cfaop_findings_add(apr_array_header_t *findings, int level, const char *text)
{
    cfaop_finding *finding = apr_array_push(findings);

    finding->level = level;
    finding->text = text;
}
