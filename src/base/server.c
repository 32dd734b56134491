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
