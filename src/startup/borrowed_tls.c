/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file borrowed_tls.c
 * A warning about a guarded virtual host without TLS of its own that every client is refused by.
 */
#include "startup/borrowed_tls.h"

#include "base/findings.h"
#include "base/server.h"
#include "config/config.h"

#include "apr_strings.h"

/* Requests to s go on if they came over the TLS of a virtual host that asked under the same policy. */
static int asks_for(const server_rec *lender, const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(lender);

    return cfaop_config_asks(conf) && conf->trust == cfaop_config_of(s)->trust;
}

/*
 * mod_ssl takes the default virtual host of the address for a name without TLS of its own. Returns one that does not
 * ask for the certificate of s; NULL: there is none.
 */
static const server_rec *lender_of_none(const cfaop_tree *tree, const server_rec *base, const server_rec *s)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        const server_rec *lender = cfaop_server_default_at(base, addr);
        if (lender && cfaop_tree_shows_tls(tree, lender) && !cfaop_tree_doubts_tls(tree, lender)
            && !asks_for(lender, s)) {
            return lender;
        }
    }
    return NULL;
}

static int is_guarded_without_tls(const cfaop_tree *tree, const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return cfaop_config_asks(conf) && conf->mode != CFAOP_MODE_LOG_ONLY && conf->trust && conf->is_reached_by_tls
        && !cfaop_config_has_own_on(s) && !cfaop_tree_shows_tls(tree, s);
}

void cfaop_borrowed_tls_look(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base)
{
    apr_pool_t *p = findings->pool;
    const server_rec *s;

    for (s = base->next; s; s = s->next) {
        const server_rec *lender = is_guarded_without_tls(tree, s) ? lender_of_none(tree, base, s) : NULL;
        if (lender) {
            const char *text =
                apr_psprintf(p,
                             "CFAOP156: %s is guarded and has no TLS of its own, and %s, which has TLS "
                             "at its address, does not ask clients for the certificate that it wants: "
                             "its requests over TLS are refused, write SSLEngine on and "
                             "SSLCertificateFile into it (%s)",
                             cfaop_server_label(p, s), cfaop_server_label(p, lender), cfaop_server_place(p, s));
            cfaop_findings_add(findings, APLOG_WARNING, text);
            return;
        }
    }
}
