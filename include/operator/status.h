/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file status.h
 * Our section of mod_status's page, and our keys of its "?auto".
 */
#ifndef CFAOP_OPERATOR_STATUS_H
#define CFAOP_OPERATOR_STATUS_H

#include "httpd.h"

/** mod_status's hook: our section of its page, or our keys of "?auto". Request phase. */
int cfaop_status_hook(request_rec *r, int flags);

#endif
