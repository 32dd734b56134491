/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file local_peer.c
 * Whether the other end of a connection is this machine itself, such as a proxy that runs beside httpd.
 */
#include "base/local_peer.h"

#include "base/peer.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

/* An IPv6 address; IPv4 is written as ::ffff:a.b.c.d, so that addresses can be compared byte for byte. */
typedef struct {
    unsigned char bytes[16];
} address;

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Returns 0 if socket_address is neither IPv4 nor IPv6. */
static int read_address(const struct sockaddr *socket_address, address *to)
{
    if (socket_address && socket_address->sa_family == AF_INET) {
        memcpy(to->bytes, mapped_prefix, sizeof(mapped_prefix));
        memcpy(to->bytes + sizeof(mapped_prefix), &((const struct sockaddr_in *)(const void *)socket_address)->sin_addr,
               4);
        return 1;
    }
    if (socket_address && socket_address->sa_family == AF_INET6) {
        memcpy(to->bytes, &((const struct sockaddr_in6 *)(const void *)socket_address)->sin6_addr, sizeof(to->bytes));
        return 1;
    }
    return 0;
}

static int is_equal(const struct sockaddr *socket_address, const address *peer)
{
    address other;

    return read_address(socket_address, &other) && !memcmp(other.bytes, peer->bytes, sizeof(other.bytes));
}

static int is_loopback(const address *peer)
{
    return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)peer->bytes)
        || (!memcmp(peer->bytes, mapped_prefix, sizeof(mapped_prefix)) && peer->bytes[12] == 127);
}

/* Compares peer with the addresses of all interfaces of this machine. */
static int is_of_an_interface(const address *peer)
{
    struct ifaddrs *interfaces, *i;
    int found = 0;

    if (getifaddrs(&interfaces) != 0) {
        return 0;
    }
    for (i = interfaces; i && !found; i = i->ifa_next) {
        found = is_equal(i->ifa_addr, peer);
    }
    freeifaddrs(interfaces);
    return found;
}

int cfaop_local_peer_is_here(conn_rec *c)
{
    const apr_sockaddr_t *local = c->local_addr;
    const apr_sockaddr_t *other = cfaop_peer_address(c);
    address peer;

    if (!other || !read_address((const struct sockaddr *)(const void *)&other->sa, &peer)) {
        return 0;
    }
    return is_loopback(&peer) || (local && is_equal((const struct sockaddr *)(const void *)&local->sa, &peer))
        || is_of_an_interface(&peer);
}
