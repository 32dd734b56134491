/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file startup.h
 * From the configuration as written to what each virtual host demands, and the lines that tell the administrator of mistakes.
 */
#ifndef CFAOP_STARTUP_STARTUP_H
#define CFAOP_STARTUP_STARTUP_H

#include "httpd.h"
#include "apr_pools.h"

/**
 * check_config: loads and validates everything, so that "-t" finds each mistake. A mistake ends a first start; when a running
 * server rereads its configuration it does not, the virtual hosts that need the broken part answer 400 instead.
 */
int cfaop_startup_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

/** post_config, after mod_ssl's: settles what each server demands, now that it is known which have TLS. Never fails. */
int cfaop_startup_post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

#endif
