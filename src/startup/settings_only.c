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

static int says_mode(const server_rec *s)
{
    return cfaop_config_of(s)->mode != CFAOP_MODE_UNSET;
}

/* The directives of the main server are for all virtual hosts: it is enough if one of these asks its clients. */
static int is_forgotten(const server_rec *s)
{
    const server_rec *other = s->is_virtual ? NULL : s->next;

    if (!cfaop_config_of(s)->setting_is_own || says_mode(s)) {
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
        if (is_forgotten(s)) {
            const char *text = apr_psprintf(p,
                                            "CFAOP149: %s has directives of mod_cfaop (%s), but no CFOriginPull is in "
                                            "force there, and no client is asked for a certificate: add CFOriginPull "
                                            "On, or write CFOriginPull Off if that is meant",
                                            cfaop_server_label(p, s), cfaop_config_of(s)->setting_is_own);
            cfaop_findings_add(findings, APLOG_WARNING, text);
            return;
        }
    }
}
