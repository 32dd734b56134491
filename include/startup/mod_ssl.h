/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file mod_ssl.h
 * Whether mod_ssl's handshake hooks can be used: mod_ssl is loaded, and runs with the same OpenSSL library.
 */
#ifndef CFAOP_STARTUP_MOD_SSL_H
#define CFAOP_STARTUP_MOD_SSL_H

/** Returns why mod_ssl's handshake hooks cannot be used, a literal; NULL if they can. Configuration phase. */
const char *cfaop_mod_ssl_mistake(void);

#endif
