/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file ssl_hooks.h
 * Hooks of the guard's that call mod_ssl's hooks of a request, in their place.
 */
#ifndef CFAOP_REQUEST_SSL_HOOKS_H
#define CFAOP_REQUEST_SSL_HOOKS_H

/**
 * Puts the guard's hooks in the place of mod_ssl's access, authentication and fixups hooks. Configuration phase
 * (check_config), hooks sorted. Returns 0, and changes nothing, if there is not exactly one of each. The lists
 * (apr_hooks.h) end with the configuration, as this module does; what mod_ssl registers is in ssl_register_hooks() of
 * modules/ssl/mod_ssl.c.
 */
int cfaop_ssl_hooks_take_over(void);

#endif
