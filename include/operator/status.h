/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file status.h
 * The guard's section of mod_status's page, and the guard's keys of "?auto".
 */
#ifndef CFAOP_OPERATOR_STATUS_H
#define CFAOP_OPERATOR_STATUS_H

#include "httpd.h"

/** mod_status's hook: writes the section, or with AP_STATUS_SHORT in @a flags the keys. Request phase. */
int cfaop_status_hook(request_rec *r, int flags);

#endif
