/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file neighbours.c
 * Warnings about the modules that are loaded beside the guard.
 */
#include "startup/neighbours.h"

#include "base/findings.h"
#include "base/module.h"
#include "base/server.h"
#include "config/config.h"
#include "startup/hook_order.h"

#include "apr_strings.h"

static const server_rec *first_with_visitors(const server_rec *base)
{
    const server_rec *s;

    for (s = base; s; s = s->next) {
        if (cfaop_config_asks(cfaop_config_of(s)) && cfaop_config_of(s)->remote_ip == 1) {
            return s;
        }
    }
    return NULL;
}

/*
 * mod_security2 reads the address of the request if mod_remoteip is loaded, else that of the connection (see its
 * mod_security2.c).
 */
static void look_for_waf(apr_array_header_t *findings, const server_rec *base)
{
    const server_rec *s = first_with_visitors(base);
    const char *text;

    if (!s || !ap_find_linked_module("mod_security2.c") || ap_find_linked_module("mod_remoteip.c")) {
        return;
    }
    text = apr_psprintf(findings->pool,
                        "CFAOP133: CFOriginPullRemoteIP is On (%s), but mod_security2 takes the edge's "
                        "address for the visitor's unless mod_remoteip is loaded: load it (LoadModule remoteip_module "
                        "..., on Debian: a2enmod remoteip), and write none of its directives",
                        cfaop_server_label(findings->pool, s));
    cfaop_findings_add(findings, APLOG_WARNING, text);
}

apr_array_header_t *cfaop_neighbours_findings(apr_pool_t *p, const server_rec *base)
{
    apr_array_header_t *findings = apr_array_make(p, 2, sizeof(cfaop_finding));

    cfaop_hook_order_look(findings);
    look_for_waf(findings, base);
    return findings;
}
