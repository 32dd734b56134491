/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file mod_ssl.h
 * mod_ssl and its OpenSSL: whether the handshake hooks can be used at all.
 */
#ifndef CFAOP_STARTUP_MOD_SSL_H
#define CFAOP_STARTUP_MOD_SSL_H

/** Returns what keeps mod_ssl's handshake hooks from being used, a literal, or NULL. Configuration phase. (src/mod_ssl.c) */
const char *cfaop_mod_ssl_mistake(void);

#endif
