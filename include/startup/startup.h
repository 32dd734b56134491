/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file startup.h
 * The hooks check_config and post_config: from the configuration to what requests are judged by, with lines for the
 * administrator about mistakes.
 */
#ifndef CFAOP_STARTUP_STARTUP_H
#define CFAOP_STARTUP_STARTUP_H

#include "httpd.h"
#include "apr_pools.h"

/**
 * The check_config hook: loads and validates everything, so that "apachectl -t" finds each mistake. A mistake ends a
 * first start. It does not end a running server that rereads its configuration: there the virtual hosts that need the
 * broken part answer 400.
 */
int cfaop_startup_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

/**
 * The post_config hook, after mod_ssl's, which makes the TLS servers: settles what requests are judged by. Never fails.
 */
int cfaop_startup_post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

#endif
