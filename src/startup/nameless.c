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

/* httpd makes up a name where there is none. Nothing is known of a virtual host that a module has made. */
static int has_name(const cfaop_tree *tree, const server_rec *s)
{
    return !cfaop_tree_directives(tree, s) || cfaop_tree_has_own(tree, s, "ServerName")
        || cfaop_tree_has_own(tree, s, "ServerAlias");
}

static int is_first_somewhere(const server_rec *s)
{
    const server_addr_rec *addr = s->addrs;

    while (addr && cfaop_server_default_at(s, addr) != s) {
        addr = addr->next;
    }
    return addr != NULL;
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
