/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file hook_order.h
 * Which modules run before the guard? A module that answers a request before it is judged is a way round it, and no
 * test can know every module. So the lists of hooks, as httpd has sorted them, are looked at with each configuration.
 */
#ifndef CFAOP_STARTUP_HOOK_ORDER_H
#define CFAOP_STARTUP_HOOK_ORDER_H

#include "apr_tables.h"

/** Adds a finding for each module and hook that runs before the guard's. Configuration phase (check_config). */
void cfaop_hook_order_look(apr_array_header_t *findings);

#endif
