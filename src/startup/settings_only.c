/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file settings_only.c
 * A warning about directives of this module where CFOriginPull itself was forgotten: nothing is guarded there.
 */
#include "startup/settings_only.h"

#include "base/findings.h"
#include "base/server.h"
#include "config/config.h"

#include "apr_strings.h"

static int has_name(const server_rec *s, const char *name)
{
    return s->server_hostname && !ap_cstr_casecmp(s->server_hostname, name);
}

/* Is s for plain HTTP, beside a virtual host of its name that asks? Panels write the same sections into both. */
static int is_plain_twin(const server_rec *s, const server_rec *base)
{
    const server_rec *other = base->next;

    if (!s->is_virtual || !s->server_hostname || cfaop_config_of(s)->is_reached_by_tls
        || !cfaop_config_of(s)->is_reached_by_plain_http) {
        return 0;
    }
    while (other && !(cfaop_config_server_asks(other) && has_name(other, s->server_hostname))) {
        other = other->next;
    }
    return other != NULL;
}

/*
 * The directives of the main server are for all virtual hosts: it is enough if one of these asks its clients. An Off of
 * the main server does not tell that a virtual host with directives of its own is meant to be open.
 */
static int is_forgotten(const server_rec *s, const server_rec *base)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);
    const server_rec *other = s->is_virtual ? NULL : s->next;

    if (!conf->setting_is_own || conf->mode_is_own || cfaop_config_asks(conf) || is_plain_twin(s, base)) {
        return 0;
    }
    while (other && !cfaop_config_asks(cfaop_config_of(other))) {
        other = other->next;
    }
    return other == NULL;
}

void cfaop_settings_only_look(apr_array_header_t *findings, const server_rec *base)
{
    apr_pool_t *p = findings->pool;
    const server_rec *s;

    for (s = base; s; s = s->next) {
        if (is_forgotten(s, base)) {
            const char *text = apr_psprintf(p,
                                            "CFAOP149: %s has directives of mod_cfaop (%s), but no CFOriginPull On "
                                            "is in force there, and no client is asked for a certificate: add "
                                            "CFOriginPull "
                                            "On, or write CFOriginPull Off there if that is meant",
                                            cfaop_server_label(p, s), cfaop_config_of(s)->setting_is_own);
            cfaop_findings_add(findings, APLOG_WARNING, text);
            return;
        }
    }
}
