/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file exemption.h
 * Requests that need no certificate: CFOriginPullExempt. Modules unescape and normalise paths in different ways, so a
 * path is exempt only if all of them read it alike.
 */
#ifndef CFAOP_CONFIG_EXEMPTION_H
#define CFAOP_CONFIG_EXEMPTION_H

#include "httpd.h"
#include "apr_network_io.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** An exemption: requests below a path, or from an address, need no certificate. */
typedef struct {
    const char *path;       /**< prefix without a closing slash; NULL: see subnet */
    apr_ipsubnet_t *subnet; /**< addresses of TCP peers */
    const char *text;       /**< as the dump shows it: "path: /x" or "ip: 192.0.2.0/24" */
    const char *address;    /**< the first address of the subnet */
    int bits;               /**< how many of its bits count */
} cfaop_exemption;

/**
 * Reads a path prefix, or an address, into @a exemption. Returns NULL, or what is allowed instead. From @a p. Any
 * phase.
 */
const char *cfaop_exemption_parse_path(apr_pool_t *p, const char *word, cfaop_exemption *exemption);
const char *cfaop_exemption_parse_ip(apr_pool_t *p, const char *word, cfaop_exemption *exemption);

/**
 * Says whether @a path, as an ErrorDocument or a client writes it, is below a path of @a exemptions. Any phase; any
 * thread.
 */
int cfaop_exemption_has_path(const apr_array_header_t *exemptions, const char *path);

/** Says whether the TCP peer of @a c has an address of @a exemptions, which may be NULL. Any phase; any thread. */
int cfaop_exemption_has_peer(const apr_array_header_t *exemptions, conn_rec *c);

/** Returns what exempts @a r, "path" or "ip" (literals), or NULL. Request phase. */
const char *cfaop_exemption_of(request_rec *r);

/** Says whether @a exempt, of cfaop_exemption_of(), is "ip". Any phase. */
int cfaop_exemption_is_of_address(const char *exempt);

#endif
