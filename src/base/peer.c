/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer.c
 * The address of the TCP peer, copied when the connection is made.
 *
 * c->client_addr and c->client_ip cannot be relied on later: mod_rpaf and similar modules write an address from a
 * header into the structure that c->client_addr points to.
 */
#include "base/peer.h"

#include "base/module.h"

#include "apr_strings.h"

int cfaop_peer_pre_connection(conn_rec *c, void *socket)
{
    cfaop_link *link;

    (void)socket;
    if (c->master) {
        return DECLINED; /* a stream of HTTP/2 has the peer of its master */
    }
    link = apr_pcalloc(c->pool, sizeof(*link));
    /* a deep copy: other modules write into the structure that c->client_addr points to */
    if (c->client_addr && c->client_ip && apr_sockaddr_info_copy(&link->peer, c->client_addr, c->pool) == APR_SUCCESS) {
        link->peer_ip = apr_pstrdup(c->pool, c->client_ip);
    }
    ap_set_module_config(c->conn_config, &cfaop_module, link);
    return DECLINED;
}

void cfaop_peer_set_tls(conn_rec *c, cfaop_conn *tls)
{
    cfaop_link *link = cfaop_peer_link_of(c);

    if (!link) {
        link = apr_pcalloc(c->pool, sizeof(*link));
        ap_set_module_config(c->conn_config, &cfaop_module, link);
    }
    link->tls = tls;
}

apr_sockaddr_t *cfaop_peer_address(conn_rec *c)
{
    const cfaop_link *link = cfaop_peer_link_of(c);

    return link ? link->peer : NULL;
}

const char *cfaop_peer_ip(conn_rec *c)
{
    const cfaop_link *link = cfaop_peer_link_of(c);

    return link && link->peer_ip ? link->peer_ip : "-";
}
