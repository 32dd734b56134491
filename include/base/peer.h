/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer.h
 * The address of the TCP peer, copied when the connection is made.
 */
#ifndef CFAOP_BASE_PEER_H
#define CFAOP_BASE_PEER_H

#include "base/module.h"

#include "httpd.h"
#include "apr_network_io.h"
#include "http_config.h"

/** What the guard knows of the TLS of a connection; see struct cfaop_conn. */
typedef struct cfaop_conn cfaop_conn;

/**
 * What the module keeps for a connection, in its slot of conn_config. It is written before the first request only. No
 * other module has a pointer to the address, and none may get one: some modules write into addresses.
 */
typedef struct {
    apr_sockaddr_t *peer; /**< the address of the TCP peer; NULL: not known */
    const char *peer_ip;  /**< the same address as text; NULL: not known */
    cfaop_conn *tls;      /**< NULL: not a TLS connection */
} cfaop_link;

/**
 * Returns what the module keeps for @a c, or for the master of @a c; NULL if the hook below was not run for it. Any
 * phase; any thread.
 */
static inline cfaop_link *cfaop_peer_link_of(conn_rec *c)
{
    return ap_get_module_config((c->master ? c->master : c)->conn_config, &cfaop_module);
}

/** The pre_connection hook, before those of other modules: copies the peer's address. Never fails. */
int cfaop_peer_pre_connection(conn_rec *c, void *socket);

/** Keeps @a tls for @a c, which has no master. Connection phase, before the first request. */
void cfaop_peer_set_tls(conn_rec *c, cfaop_conn *tls);

/**
 * Returns the address that the TCP connection of @a c comes from; NULL if it is not known. Headers, the PROXY protocol
 * and other modules do not change it. The caller must neither write to it nor pass it to httpd. Any phase; any thread.
 */
apr_sockaddr_t *cfaop_peer_address(conn_rec *c);

/** Returns the same address as text, "-" if it is not known. Any phase; any thread. */
const char *cfaop_peer_ip(conn_rec *c);

#endif
