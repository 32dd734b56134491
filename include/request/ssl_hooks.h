/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ssl_hooks.h
 * mod_ssl's hooks of a request, called by ours in their place.
 */
#ifndef CFAOP_REQUEST_SSL_HOOKS_H
#define CFAOP_REQUEST_SSL_HOOKS_H

/**
 * Has our hooks stand for mod_ssl's access, authentication and fixups hooks. Configuration phase (check_config), hooks sorted. Returns 0,
 * and changes nothing, if there is not exactly one of each. The lists (apr_hooks.h) end with the configuration, as this module does; what
 * mod_ssl registers is in ssl_register_hooks() of modules/ssl/mod_ssl.c.
 */
int cfaop_ssl_hooks_take_over(void);

#endif
