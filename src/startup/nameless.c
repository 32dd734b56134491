/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file nameless.c
 * A warning about a guarded virtual host without a name that is never reached: it was written beside that of the site,
 * in the belief that httpd makes one of both.
 */
#include "startup/nameless.h"

#include "base/findings.h"
#include "base/server.h"
#include "config/config.h"

#include "apr_strings.h"

/* httpd makes up a name where there is none. */
static int has_name(const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *node = cfaop_tree_directives(tree, s);

    if (!node) {
        return 1; /* a module has made it, or it is empty */
    }
    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "ServerName") || !ap_cstr_casecmp(node->directive, "ServerAlias")) {
            return 1;
        }
    }
    return 0;
}

/* httpd chains virtual hosts from the last one of the configuration to the first: those behind s stand before it. */
static int is_first_at(const server_rec *s, const server_addr_rec *addr)
{
    const server_rec *before;

    for (before = s->next; before; before = before->next) {
        if (cfaop_server_has_address(before, addr)) {
            return 0;
        }
    }
    return 1;
}

static int is_first_somewhere(const server_rec *s)
{
    const server_addr_rec *addr;

    for (addr = s->addrs; addr; addr = addr->next) {
        if (is_first_at(s, addr)) {
            return 1;
        }
    }
    return 0;
}

void cfaop_nameless_look(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base)
{
    apr_pool_t *p = findings->pool;
    const server_rec *s;

    for (s = base->next; s; s = s->next) {
        const cfaop_server_conf *conf = cfaop_config_of(s);
        if (conf->mode_is_own && cfaop_config_asks(conf) && !has_name(tree, s) && !is_first_somewhere(s)) {
            const char *text = apr_psprintf(p,
                                            "CFAOP159: the virtual host at %s has CFOriginPull and no ServerName: "
                                            "requests for other names than %s, which httpd gives it, go to virtual "
                                            "hosts before it, to which httpd does not add its lines; write them into "
                                            "the virtual host of the site, or a ServerName into this one",
                                            cfaop_server_place(p, s), s->server_hostname ? s->server_hostname : "-");
            cfaop_findings_add(findings, APLOG_WARNING, text);
            return;
        }
    }
}
