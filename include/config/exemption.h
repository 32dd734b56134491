/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file exemption.h
 * Requests that need no certificate. Nothing in httpd gives the path that all later modules will use (each unescapes and
 * normalises a little differently), so a path is exempt only if it is written in a way that leaves nothing to interpret.
 */
#ifndef CFAOP_CONFIG_EXEMPTION_H
#define CFAOP_CONFIG_EXEMPTION_H

#include "httpd.h"
#include "apr_network_io.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** What needs no certificate: requests below a path, or from an address. */
typedef struct {
    const char *path;       /**< prefix without a closing slash; NULL: see subnet */
    apr_ipsubnet_t *subnet; /**< TCP peers */
    const char *text;       /**< as the dump shows it: "path: /x" or "ip: 192.0.2.0/24" */
} cfaop_exemption;

/** Reads a path prefix or an address into @a exemption, from @a p. Returns NULL, or what is allowed instead. */
const char *cfaop_exemption_parse_path(apr_pool_t *p, const char *word, cfaop_exemption *exemption);
const char *cfaop_exemption_parse_ip(apr_pool_t *p, const char *word, cfaop_exemption *exemption);

/** Says whether the local @a path, as an ErrorDocument names it, lies below an exempt prefix of @a exemptions. */
int cfaop_exemption_has_path(const apr_array_header_t *exemptions, const char *path);

/** Says whether the TCP peer of @a c has an exempt address; @a exemptions may be NULL. Any phase; any thread. */
int cfaop_exemption_has_peer(const apr_array_header_t *exemptions, conn_rec *c);

/** Says by what @a r is exempt: "path" or "ip" (literals), or NULL. Request phase. */
const char *cfaop_exemption_of(request_rec *r);

#endif
