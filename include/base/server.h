/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file server.h
 * How lines for the administrator name a server, and which addresses it has.
 */
#ifndef CFAOP_BASE_SERVER_H
#define CFAOP_BASE_SERVER_H

#include "httpd.h"
#include "apr_pools.h"

/** Returns the name and port of @a s, "www.example.org:443". From @a p. Any phase. */
const char *cfaop_server_label(apr_pool_t *p, const server_rec *s);

/** Returns where @a s stands in the configuration: "file:line", or "main server". From @a p. Any phase. */
const char *cfaop_server_place(apr_pool_t *p, const server_rec *s);

/** Says whether @a s has this very address and port. All wildcards ("*", 0.0.0.0, [::]) are one address. Any phase. */
int cfaop_server_has_address(const server_rec *s, const server_addr_rec *wanted);

/**
 * Returns the default virtual host of that address and port: the first one of the configuration, of those from @a s on
 * in httpd's chain, which begins with the last one. NULL if none of these has the address. If it is @a s, no virtual
 * host stands before @a s there. Configuration phase.
 */
const server_rec *cfaop_server_default_at(const server_rec *s, const server_addr_rec *addr);

#endif
