/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file server.c
 * How lines for the administrator name a server.
 */
#include "base/server.h"

#include "apr_strings.h"

const char *cfaop_server_label(apr_pool_t *p, const server_rec *s)
{
    const char *name = s->server_hostname ? s->server_hostname : "main server";
    unsigned port = s->addrs && s->is_virtual ? s->addrs->host_port : s->port;

    return port ? apr_psprintf(p, "%s:%u", name, port) : name;
}

const char *cfaop_server_place(apr_pool_t *p, const server_rec *s)
{
    return s->is_virtual && s->defn_name ? apr_psprintf(p, "%s:%u", s->defn_name, s->defn_line_number) : "main server";
}

/* To httpd, "*", 0.0.0.0 and [::] are one address. */
static int is_same_address(apr_sockaddr_t *a, apr_sockaddr_t *b)
{
    return apr_sockaddr_equal(a, b) || (apr_sockaddr_is_wildcard(a) && apr_sockaddr_is_wildcard(b));
}

int cfaop_server_has_address(const server_rec *s, const server_addr_rec *wanted)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        if (addr->host_port == wanted->host_port && is_same_address(addr->host_addr, wanted->host_addr)) {
            return 1;
        }
    }
    return 0;
}

const server_rec *cfaop_server_default_at(const server_rec *s, const server_addr_rec *addr)
{
    const server_rec *first = NULL;

    for (; s; s = s->next) {
        first = s->is_virtual && cfaop_server_has_address(s, addr) ? s : first;
    }
    return first;
}
