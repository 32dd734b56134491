/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file local_peer.h
 * Whether the other end of a connection is this machine itself, such as a proxy that runs beside httpd.
 */
#ifndef CFAOP_BASE_LOCAL_PEER_H
#define CFAOP_BASE_LOCAL_PEER_H

#include "httpd.h"

/**
 * Says whether the TCP peer of @a c has an address of this machine: a loopback address, the address that the connection
 * was made to, or that of an interface. May ask the kernel for the interfaces, which is too slow for each request. Any
 * phase; any thread.
 */
int cfaop_local_peer_is_here(conn_rec *c);

#endif
