/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file unused_revocation.c
 * A warning about mod_ssl's directives for revoked certificates where mod_ssl verifies none: they are from before the
 * guard, which has its own.
 */
#include "startup/unused_revocation.h"

#include "base/findings.h"
#include "base/server.h"
#include "config/config.h"

#include "apr_strings.h"

/* The directive of s by which mod_ssl looks for revoked certificates of clients; NULL: none. */
static const char *looks_up_by(const cfaop_tree *tree, const server_rec *s)
{
    const char *check = cfaop_tree_last(tree, s, "sslcarevocationcheck");
    const char *ocsp = cfaop_tree_last(tree, s, "sslocspenable");

    if (check && ap_cstr_casecmp(check, "none") != 0) {
        return "SSLCARevocationCheck";
    }
    return ocsp && ap_cstr_casecmp(ocsp, "off") != 0 ? "SSLOCSPEnable" : NULL;
}

static int mod_ssl_asks(const cfaop_tree *tree, const server_rec *s)
{
    const char *verify = cfaop_tree_last(tree, s, "sslverifyclient");

    return cfaop_config_of(s)->directories_ask || (verify && ap_cstr_casecmp(verify, "none") != 0);
}

static int mod_ssl_asks_somewhere(const cfaop_tree *tree, const server_rec *base)
{
    const server_rec *s;

    for (s = base; s && !mod_ssl_asks(tree, s); s = s->next) {
    }
    return s != NULL;
}

void cfaop_unused_revocation_look(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base)
{
    apr_pool_t *p = findings->pool;
    int is_used = mod_ssl_asks_somewhere(tree, base); /* what is inherited may be for that server */
    const server_rec *s;

    for (s = base; s; s = s->next) {
        const cfaop_server_conf *conf = cfaop_config_of(s);
        const char *name = cfaop_config_asks(conf) && cfaop_tree_shows_tls(tree, s) ? looks_up_by(tree, s) : NULL;
        if (name && !mod_ssl_asks(tree, s) && (!is_used || (s->is_virtual && cfaop_tree_has_own(tree, s, name)))) {
            const char *text = apr_psprintf(p,
                                            "CFAOP158: %s is not for the certificates that CFOriginPull asks for, and "
                                            "no SSLVerifyClient is in force for %s (%s): no revoked certificate is "
                                            "found by it, list CRLs with CFOriginPullCARevocationFile, or remove it",
                                            name, cfaop_server_label(p, s), cfaop_server_place(p, s));
            cfaop_findings_add(findings, APLOG_WARNING, text);
            return;
        }
    }
}
