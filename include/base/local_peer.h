/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file local_peer.h
 * Whether the other end of a connection is this machine itself, as a proxy on it is.
 */
#ifndef CFAOP_BASE_LOCAL_PEER_H
#define CFAOP_BASE_LOCAL_PEER_H

#include "httpd.h"

/**
 * Says whether the TCP peer of @a c is an address of this machine: a loopback address, the one that the connection came to, or one of
 * its interfaces. Any phase; any thread. May ask the kernel for the interfaces, so it is not for every request. (src/local_peer.c)
 */
int cfaop_local_peer_is_here(conn_rec *c);

#endif
