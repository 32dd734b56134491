/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file balancer.c
 * A warning about exempt addresses behind a balancer that speaks the PROXY protocol: the guard goes by the TCP
 * connection, so "CFOriginPullExempt ip" means the balancer there, and with it all of its clients.
 */
#include "startup/balancer.h"

#include "base/findings.h"
#include "base/server.h"
#include "config/config.h"
#include "config/exemption.h"

#include "apr_network_io.h"
#include "apr_strings.h"

static int exempts_addresses(const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);
    int i;

    if (!cfaop_config_asks(conf) || !conf->exemptions) {
        return 0;
    }
    for (i = 0; i < conf->exemptions->nelts; ++i) {
        if (APR_ARRAY_IDX(conf->exemptions, i, cfaop_exemption).subnet) {
            return 1;
        }
    }
    return 0;
}

/* Says whether wide stands for addr, as mod_remoteip has it: a wildcard is each address, port 0 each port. */
static int covers_address(const server_addr_rec *wide, const server_addr_rec *addr)
{
    return (!wide->host_port || wide->host_port == addr->host_port)
        && (apr_sockaddr_is_wildcard(wide->host_addr) || apr_sockaddr_equal(wide->host_addr, addr->host_addr));
}

/* Says whether what is said for the addresses of wide holds for an address of s. */
static int covers(const server_rec *wide, const server_rec *s)
{
    const server_addr_rec *from, *to;

    for (from = wide->addrs; from; from = from->next) {
        for (to = s->addrs; to; to = to->next) {
            if (covers_address(from, to)) {
                return 1;
            }
        }
    }
    return 0;
}

/* Says whether the RemoteIPProxyProtocol of s, or that of the main server, has this value ("on", "off"). */
static int says(const cfaop_tree *tree, const server_rec *s, const char *value)
{
    const char *said = cfaop_tree_last(tree, s, "remoteipproxyprotocol");

    return said && !ap_cstr_casecmp(said, value);
}

/* The virtual hosts with a RemoteIPProxyProtocol On in force (of const server_rec *). */
static apr_array_header_t *speakers(apr_pool_t *p, const cfaop_tree *tree, const server_rec *base)
{
    apr_array_header_t *found = apr_array_make(p, 4, sizeof(const server_rec *));
    const server_rec *s;

    for (s = base->next; s; s = s->next) {
        if (says(tree, s, "on")) {
            APR_ARRAY_PUSH(found, const server_rec *) = s;
        }
    }
    return found;
}

/*
 * Says whether connections to s begin with the PROXY protocol. mod_remoteip enables it for the addresses of the virtual
 * host that has the directive, and so for the other virtual hosts of these addresses. Clients that it makes an
 * exception of call directly, and may be those that are exempt.
 */
static int is_behind_balancer(const cfaop_tree *tree, const apr_array_header_t *speak, const server_rec *s)
{
    int i;

    if (cfaop_tree_last(tree, s, "remoteipproxyprotocolexceptions") || says(tree, s, "off")) {
        return 0;
    }
    if (says(tree, s, "on")) {
        return 1;
    }
    for (i = 0; i < speak->nelts; ++i) {
        if (covers(APR_ARRAY_IDX(speak, i, const server_rec *), s)) {
            return 1;
        }
    }
    return 0;
}

void cfaop_balancer_look(apr_array_header_t *findings, apr_pool_t *ptemp, const cfaop_tree *tree,
                         const server_rec *base)
{
    apr_pool_t *p = findings->pool;
    const apr_array_header_t *speak = speakers(ptemp, tree, base);
    const server_rec *s;

    for (s = base; s; s = s->next) {
        if (exempts_addresses(s) && is_behind_balancer(tree, speak, s)) {
            const char *text = apr_psprintf(p,
                                            "CFAOP148: %s (%s) has CFOriginPullExempt ip, and RemoteIPProxyProtocol is "
                                            "on: the address that counts is the balancer's, and to exempt it exempts "
                                            "all of its clients; exempt paths instead",
                                            cfaop_server_label(p, s), cfaop_server_place(p, s));
            cfaop_findings_add(findings, APLOG_WARNING, text);
            return;
        }
    }
}
