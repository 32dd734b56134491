/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refuse.c
 * The words of CFOriginPullRefuse, and the directives that contradict them.
 */
#include "config/refuse.h"

#include "pure/verdict.h"
#include "base/findings.h"
#include "base/module.h"
#include "base/server.h"
#include "config/config.h"
#include "config/exemption.h"

#include "apr_strings.h"

static const struct {
    const char *word;
    cfaop_refuse how;
} ways[] = {
    {"400", CFAOP_REFUSE_400},
    {"close", CFAOP_REFUSE_CLOSE},
    {"alert", CFAOP_REFUSE_ALERT},
};

int cfaop_refuse_parse(const char *word, cfaop_refuse *how)
{
    apr_size_t i;

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); ++i) {
        if (!ap_cstr_casecmp(word, ways[i].word)) {
            *how = ways[i].how;
            return 1;
        }
    }
    return 0;
}

const char *cfaop_refuse_name(cfaop_refuse how)
{
    apr_size_t i;

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); ++i) {
        if (ways[i].how == how) {
            return ways[i].word;
        }
    }
    return ways[0].word;
}

const char *cfaop_refuse_effect(const cfaop_server_conf *conf)
{
    if (conf->mode == CFAOP_MODE_LOG_ONLY) {
        return "nothing is verified";
    }
    return cfaop_refuse_of(conf) == CFAOP_REFUSE_400 ? "every request to it is answered with 400"
                                                     : "every request to it ends its connection";
}

static const char *exempt_path(const cfaop_server_conf *conf)
{
    int i;

    for (i = 0; conf->exemptions && i < conf->exemptions->nelts; ++i) {
        const cfaop_exemption *exemption = &APR_ARRAY_IDX(conf->exemptions, i, cfaop_exemption);
        if (exemption->path) {
            return exemption->path;
        }
    }
    return NULL;
}

/*
 * Returns what contradicts "alert" in conf: it promises an answer to requests, and the handshake fails before. NULL:
 * nothing does.
 */
static const char *contradiction(apr_pool_t *p, const cfaop_server_conf *conf)
{
    const char *path;

    if (conf->mode != CFAOP_MODE_ON) {
        return apr_psprintf(p, "CFOriginPull %s, which lets clients without a certificate in",
                            cfaop_config_mode_name(conf->mode));
    }
    path = exempt_path(conf);
    if (!path) {
        return NULL;
    }
    return apr_psprintf(p, "CFOriginPullExempt path %s, which no client without a certificate could ask for", path);
}

void cfaop_refuse_check(apr_pool_t *p, server_rec *base, apr_array_header_t *findings)
{
    server_rec *s;

    for (s = base; s; s = s->next) {
        cfaop_server_conf *conf = cfaop_config_of(s);
        const char *beside = NULL;
        if (cfaop_refuse_of(conf) == CFAOP_REFUSE_ALERT && cfaop_config_asks(conf)) {
            beside = contradiction(p, conf);
        }
        if (beside) {
            conf->trust = NULL;
            conf->broken = apr_psprintf(p,
                                        "CFAOP115: CFOriginPullRefuse alert (%s) is in force for %s beside %s: "
                                        "write CFOriginPullRefuse close or 400 there, or change the other",
                                        conf->refuse_where, cfaop_server_label(p, s), beside);
            cfaop_findings_add(findings, APLOG_ERR, conf->broken);
        }
    }
}
