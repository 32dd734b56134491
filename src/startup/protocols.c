/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file protocols.c
 * Which modules may speak a protocol of their own on guarded connections? They answer before there is a request,
 * where the guard has no hook.
 */
#include "startup/protocols.h"

#include "base/findings.h"
#include "base/module.h"
#include "base/server.h"
#include "config/config.h"
#include "config/refuse.h"

#include "apr_strings.h"
#include "http_connection.h"

/* A module whose hook is harmless, at least without its directive. */
typedef struct {
    const char *name;
    const char *directive; /* in lower case; NULL: it never answers anything but HTTP */
} neighbour;

static const neighbour known[] = {{"mod_cfaop.c", NULL},
                                  {"mod_ssl.c", NULL},
                                  {"mod_http2.c", NULL},
                                  {"mpm_itk.c", NULL},
                                  {"mod_reqtimeout.c", NULL},
                                  {"mod_qos.c", NULL},
                                  {"mod_security2.c", NULL},
                                  {"mod_echo.c", "protocolecho"},
                                  {"mod_perl.c", "perlprocessconnectionhandler"},
                                  {"mod_python.c", "pythonconnectionhandler"}};

static int is_guarded(const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return conf->mode == CFAOP_MODE_ON && conf->is_reached_by_tls;
}

/* With "alert" the guard ends the handshake of each client without a good certificate: none is answered. */
static int strangers_get_to(const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return conf->is_reached_by_tls && !(is_guarded(s) && cfaop_refuse_of(conf) == CFAOP_REFUSE_ALERT);
}

static int is_on(const cfaop_tree *tree, const server_rec *s, const char *directive)
{
    const char *args = cfaop_tree_last(tree, s, directive);

    return args && ap_cstr_casecmp(args, "off") != 0;
}

static int strangers_get_to_a_guarded_one(const server_rec *base)
{
    const server_rec *s;

    for (s = base; s && !(is_guarded(s) && strangers_get_to(s)); s = s->next) {
    }
    return s != NULL;
}

/*
 * Can a module that the default virtual host of an address has switched on answer strangers in the name of a guarded
 * one? Clients get to it by the handshake of each virtual host of the address.
 */
static int answers_at(const server_rec *base, const server_rec *its_default, const server_addr_rec *addr)
{
    const server_rec *s;
    int is_open = 0, is_open_by_guarded = 0;

    for (s = base->next; s; s = s->next) {
        if (cfaop_server_has_address(s, addr) && strangers_get_to(s)) {
            is_open = 1;
            is_open_by_guarded = is_open_by_guarded || is_guarded(s);
        }
    }
    return is_open_by_guarded || (is_open && is_guarded(its_default));
}

/* A module with a directive asks for that of the default virtual host, whichever one the client names. */
static int is_switched_on(const cfaop_tree *tree, const server_rec *base, const char *directive)
{
    const server_rec *s;
    const server_addr_rec *addr;

    for (s = base->next; s; s = s->next) {
        for (addr = is_on(tree, s, directive) ? s->addrs : NULL; addr; addr = addr->next) {
            if (cfaop_server_default_at(s, addr) == s && answers_at(base, s, addr)) {
                return 1;
            }
        }
    }
    return is_guarded(base) && strangers_get_to(base) && is_on(tree, base, directive);
}

/* Can the module answer strangers, in the name of a guarded virtual host? */
static int answers(const cfaop_tree *tree, const server_rec *base, const char *name)
{
    const char *directive = NULL;
    apr_size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); ++i) {
        if (name && !strcmp(name, known[i].name)) {
            directive = known[i].directive;
            if (!directive) {
                return 0;
            }
        }
    }
    return directive ? is_switched_on(tree, base, directive) : strangers_get_to_a_guarded_one(base);
}

static const char *warning(apr_pool_t *p, const char *name)
{
    return apr_psprintf(p,
                        "CFAOP139: %s can answer connections before there is a request that the guard could judge "
                        "(hook process_connection), to every client, also to one without a certificate: remove "
                        "that module, or write CFOriginPullRefuse alert into the virtual hosts that are On",
                        name ? name : "a module without a name");
}

void cfaop_protocols_warn(apr_array_header_t *findings, const cfaop_tree *tree, const server_rec *base)
{
    const apr_array_header_t *list = ap_hook_get_process_connection();
    int i;

    for (i = 0; list && i < list->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(list, i, ap_LINK_process_connection_t).szName;
        if (name && !strcmp(name, "http_core.c")) {
            return;
        }
        if (answers(tree, base, name)) {
            cfaop_findings_add(findings, APLOG_WARNING, warning(findings->pool, name));
        }
    }
}
