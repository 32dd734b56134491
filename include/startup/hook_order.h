/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file hook_order.h
 * Finding modules whose hooks run before the guard's. A module that answers a request before the guard judges it is a
 * way round the guard, and no test can know every module. So each start and reload looks at httpd's sorted lists of
 * hooks.
 */
#ifndef CFAOP_STARTUP_HOOK_ORDER_H
#define CFAOP_STARTUP_HOOK_ORDER_H

#include "apr_tables.h"

/**
 * Adds a warning (cfaop_finding) for each hook of another module before the guard's. Configuration phase
 * (check_config).
 */
void cfaop_hook_order_look(apr_array_header_t *findings);

/**
 * httpd gives a hook the name of the module that it loaded last, also where another module registers the hook later: it
 * would be taken for mod_ssl's or the guard's. From here until the next module is loaded, or @a p ends, such hooks have
 * a name of their own. Last of all in mod_cfaop's register_hooks: a directive may register hooks.
 */
void cfaop_hook_order_name_late(apr_pool_t *p);

/** httpd's pre_config hook, which has to be the first one: does the same. Always returns OK. */
int cfaop_hook_order_pre_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp);

#endif
