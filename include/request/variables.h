/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file variables.h
 * The variables CF_ORIGIN_PULL_... in expressions. They do not read the environment, which other modules can write:
 * VERIFY and CA read what was frozen, EXEMPT goes by the path that the request has at that moment.
 */
#ifndef CFAOP_REQUEST_VARIABLES_H
#define CFAOP_REQUEST_VARIABLES_H

#include "ap_expr.h"

/** The names of the variables. */
#define CFAOP_VARIABLE_VERIFY "CF_ORIGIN_PULL_VERIFY"
#define CFAOP_VARIABLE_EXEMPT "CF_ORIGIN_PULL_EXEMPT"
#define CFAOP_VARIABLE_CA     "CF_ORIGIN_PULL_CA"

/**
 * ap_expr's hook expr_lookup: makes the variables CF_ORIGIN_PULL_... known. Configuration phase, and request phase for
 * .htaccess.
 */
int cfaop_variables_expr_lookup(ap_expr_lookup_parms *parms);

#endif
