/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file reach.c
 * Which servers TLS and plain HTTP reach, by the addresses of virtual hosts and of Listen lines.
 */
#include "operator/reach.h"

#include "config/config.h"

#include "ap_listen.h"
#include "apr_hash.h"
#include "apr_strings.h"

#define PORTS 65536

/* What some servers have for addresses. Port 0 stands for every port. */
typedef struct {
    apr_hash_t *exact; /* "192.0.2.1 443" -> itself */
    char wild[PORTS];  /* the ports of which they have every address */
    char named[PORTS]; /* the ports of which they have some address */
} address_set;

static address_set *make_set(apr_pool_t *p)
{
    address_set *set = apr_pcalloc(p, sizeof(*set));

    set->exact = apr_hash_make(p);
    return set;
}

static const char *key_of(apr_pool_t *p, apr_sockaddr_t *address, apr_port_t port)
{
    char text[64];

    if (apr_sockaddr_ip_getbuf(text, sizeof(text), address) != APR_SUCCESS) {
        text[0] = '\0';
    }
    return apr_psprintf(p, "%s %u", text, port);
}

static void add_address(address_set *set, apr_sockaddr_t *address, apr_port_t port)
{
    set->named[port] = 1;
    if (apr_sockaddr_is_wildcard(address)) {
        set->wild[port] = 1;
    }
    else {
        const char *key = key_of(apr_hash_pool_get(set->exact), address, port);
        apr_hash_set(set->exact, key, APR_HASH_KEY_STRING, key);
    }
}

static void add_server(address_set *set, const server_rec *s)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        add_address(set, addr->host_addr, addr->host_port);
    }
}

/* Has the set this very address and port? httpd prefers it to every address of the port. */
static int has_address(const address_set *set, apr_sockaddr_t *address, apr_port_t port)
{
    if (apr_sockaddr_is_wildcard(address)) {
        return set->wild[port];
    }
    return apr_hash_get(set->exact, key_of(apr_hash_pool_get(set->exact), address, port), APR_HASH_KEY_STRING) != NULL;
}

/* Do servers of the set get all connections that come in by the Listen line? */
static int takes_all_of(const address_set *set, const ap_listen_rec *l)
{
    apr_port_t port = l->bind_addr->port;

    return set->wild[port] || set->wild[0] || has_address(set, l->bind_addr, port) || has_address(set, l->bind_addr, 0);
}

/* Does httpd listen at addr? A virtual host whose Listen line was taken away is reached by no client. */
static int is_listened_at(const server_addr_rec *addr)
{
    const ap_listen_rec *l;

    for (l = ap_listeners; l; l = l->next) {
        if ((!addr->host_port || addr->host_port == l->bind_addr->port)
            && (apr_sockaddr_is_wildcard(addr->host_addr) || apr_sockaddr_is_wildcard(l->bind_addr)
                || apr_sockaddr_equal(addr->host_addr, l->bind_addr))) {
            return 1;
        }
    }
    return 0;
}

/*
 * Notes how s, which shows no TLS of its own, is reached. Where a server with TLS has the same address and port, its
 * connections are TLS. Where it has the port only, they may be either.
 */
static void note_server(const address_set *tls, const server_rec *s)
{
    cfaop_server_conf *conf = cfaop_config_of(s);
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        if (tls->named[addr->host_port] || tls->named[0] || !addr->host_port) {
            conf->is_reached_by_tls = 1;
        }
        if (!has_address(tls, addr->host_addr, addr->host_port) && is_listened_at(addr)) {
            conf->is_reached_by_plain_http = 1;
        }
    }
}

/* A server of which it is in doubt may have TLS, but takes no address from plain HTTP. */
static void add_in_doubt(address_set *tls, const server_rec *s)
{
    const server_addr_rec *addr;

    cfaop_config_of(s)->is_reached_by_tls = 1;
    for (addr = s->addrs; addr; addr = addr->next) {
        tls->named[addr->host_port] = 1;
    }
}

/* The main server answers where Listen lines have addresses that no virtual host has. */
static void note_main_server(apr_pool_t *ptemp, address_set *tls, const cfaop_tree *tree, const server_rec *base)
{
    cfaop_server_conf *conf = cfaop_config_of(base);
    int has_tls = cfaop_tree_shows_tls(tree, base);
    address_set *taken = make_set(ptemp);
    const ap_listen_rec *l;
    const server_rec *s;

    for (s = base->next; s; s = s->next) {
        add_server(taken, s);
    }
    for (l = ap_listeners; l; l = l->next) {
        if (takes_all_of(taken, l)) {
            continue;
        }
        if (has_tls) {
            conf->is_reached_by_tls = 1;
            add_address(tls, l->bind_addr, l->bind_addr->port);
        }
        else {
            conf->is_reached_by_plain_http = 1;
        }
    }
}

void cfaop_reach_note(apr_pool_t *ptemp, const cfaop_tree *tree, const server_rec *base)
{
    address_set *tls = make_set(ptemp);
    const server_rec *s;

    note_main_server(ptemp, tls, tree, base);
    for (s = base->next; s; s = s->next) {
        if (cfaop_tree_doubts_tls(tree, s)) {
            add_in_doubt(tls, s);
        }
        else if (cfaop_tree_shows_tls(tree, s)) {
            cfaop_config_of(s)->is_reached_by_tls = 1;
            add_server(tls, s);
        }
    }
    for (s = base->next; s; s = s->next) {
        if (cfaop_tree_doubts_tls(tree, s) || !cfaop_tree_shows_tls(tree, s)) {
            note_server(tls, s);
        }
    }
}
