/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer.h
 * The address of the TCP peer, taken when the connection is made.
 */
#ifndef CFAOP_BASE_PEER_H
#define CFAOP_BASE_PEER_H

#include "base/module.h"

#include "httpd.h"
#include "apr_network_io.h"
#include "http_config.h"

/** What is known of the TLS of a connection; see struct cfaop_conn. */
typedef struct cfaop_conn cfaop_conn;

/**
 * What the module keeps for a connection, in the module's slot of conn_config. It is written before the first request
 * only. No other module has a pointer to the address, and none must be given one: some write into addresses.
 */
typedef struct {
    apr_sockaddr_t *peer; /**< the TCP peer; NULL: not known */
    const char *peer_ip;  /**< the same as text; NULL: not known */
    cfaop_conn *tls;      /**< NULL: not a TLS connection */
} cfaop_link;

/** Returns what the module keeps for @a c (or for its master); NULL: it was made past the hook below. Any phase. */
static inline cfaop_link *cfaop_peer_link_of(conn_rec *c)
{
    return ap_get_module_config((c->master ? c->master : c)->conn_config, &cfaop_module);
}

/** pre_connection, before every other module: keeps a copy of the peer's address. Never fails; connection phase. */
int cfaop_peer_pre_connection(conn_rec *c, void *socket);

/** Keeps @a tls with @a c, which has no master. Connection phase, before the first request. */
void cfaop_peer_set_tls(conn_rec *c, cfaop_conn *tls);

/**
 * Returns the address that the TCP connection of @a c comes from, whatever headers, the PROXY protocol and other
 * modules say; NULL if it is not known. It is the module's own: to be read only, and not to be handed to httpd. Any
 * phase; any thread.
 */
apr_sockaddr_t *cfaop_peer_address(conn_rec *c);

/** Returns the same as text, "-" if it is not known. Any phase; any thread. */
const char *cfaop_peer_ip(conn_rec *c);

#endif
