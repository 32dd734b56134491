/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file config.c
 * The configuration of a server: what the directives say, and what startup makes of it.
 */
#include "config/config.h"

#include "pure/verdict.h"
#include "base/module.h"

#include "apr_strings.h"
#include "http_core.h"

APLOG_USE_MODULE(cfaop);

#define DEPTH_UNSET (-1)
#define FLAG_UNSET  (-1)
#define DAYS_UNSET  (-1)

static const struct {
    const char *word;
    cfaop_mode mode;
} modes[] = {
    {"On", CFAOP_MODE_ON},
    {"Optional", CFAOP_MODE_OPTIONAL},
    {"LogOnly", CFAOP_MODE_LOG_ONLY},
    {"Off", CFAOP_MODE_OFF},
};

int cfaop_config_parse_mode(const char *word, cfaop_mode *mode)
{
    apr_size_t i;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); ++i) {
        if (!ap_cstr_casecmp(word, modes[i].word)) {
            *mode = modes[i].mode;
            return 1;
        }
    }
    return 0;
}

const char *cfaop_config_mode_name(cfaop_mode mode)
{
    apr_size_t i;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); ++i) {
        if (modes[i].mode == mode) {
            return modes[i].word;
        }
    }
    return "Off"; /* UNSET */
}

int cfaop_config_asks(const cfaop_server_conf *conf)
{
    return conf->mode != CFAOP_MODE_UNSET && conf->mode != CFAOP_MODE_OFF;
}

int cfaop_config_server_asks(const server_rec *s)
{
    return cfaop_config_asks(cfaop_config_of(s));
}

int cfaop_config_has_own_on(const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return conf->mode == CFAOP_MODE_ON && conf->mode_is_own && !conf->is_doubled;
}

int cfaop_config_expiry_days_of(const cfaop_server_conf *conf)
{
    return conf->expiry_days == DAYS_UNSET ? CFAOP_EXPIRY_DAYS_DEFAULT : conf->expiry_days;
}

int cfaop_config_is_guarded(const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return conf->demand.mode != CFAOP_MODE_OFF && (!conf->demand.borrows_tls || conf->is_reached_by_tls);
}

int cfaop_config_is_reread(void)
{
    /* 0: the first configuration is checked; 1: it is loaded to be used; more: a restart */
    return ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_NORMAL && ap_state_query(AP_SQ_CONFIG_GEN) > 1;
}

int cfaop_config_is_first_pass(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
}

void *cfaop_config_create(apr_pool_t *p, server_rec *s)
{
    cfaop_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->mode = CFAOP_MODE_UNSET;
    conf->verify.depth = DEPTH_UNSET;
    conf->remote_ip = FLAG_UNSET;
    conf->refuse = CFAOP_REFUSE_UNSET;
    conf->tickets = CFAOP_TICKETS_UNSET;
    conf->expiry_days = DAYS_UNSET;
    return conf;
}

void *cfaop_config_merge(apr_pool_t *p, void *base_, void *add_)
{
    const cfaop_server_conf *base = base_, *add = add_;
    cfaop_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->mode = add->mode != CFAOP_MODE_UNSET ? add->mode : base->mode;
    conf->mode_is_own = add->mode_is_own;
    conf->mode_where = add->mode_where ? add->mode_where : base->mode_where;
    conf->verify.ca_sources = add->verify.ca_sources ? add->verify.ca_sources : base->verify.ca_sources;
    conf->ca_where = add->verify.ca_sources ? add->ca_where : base->ca_where;
    conf->verify.crl_sources = add->verify.crl_sources ? add->verify.crl_sources : base->verify.crl_sources;
    conf->verify.depth = add->verify.depth != DEPTH_UNSET ? add->verify.depth : base->verify.depth;
    conf->verify.pins = add->verify.pins ? add->verify.pins : base->verify.pins;
    conf->exemptions = add->exemptions ? add->exemptions : base->exemptions;
    conf->remote_ip = add->remote_ip != FLAG_UNSET ? add->remote_ip : base->remote_ip;
    conf->remote_ip_header = add->remote_ip != FLAG_UNSET ? add->remote_ip_header : base->remote_ip_header;
    conf->remote_ip_with_port = add->remote_ip != FLAG_UNSET ? add->remote_ip_with_port : base->remote_ip_with_port;
    conf->refuse = add->refuse != CFAOP_REFUSE_UNSET ? add->refuse : base->refuse;
    conf->refuse_where = add->refuse != CFAOP_REFUSE_UNSET ? add->refuse_where : base->refuse_where;
    conf->peer_limit = add->peer_limit.bytes ? add->peer_limit : base->peer_limit;
    conf->tickets = add->tickets != CFAOP_TICKETS_UNSET ? add->tickets : base->tickets;
    conf->expiry_days = add->expiry_days != DAYS_UNSET ? add->expiry_days : base->expiry_days;
    conf->expiry_error = add->expiry_error ? add->expiry_error : base->expiry_error;
    conf->setting_is_own = add->setting_is_own;
    conf->setter_error = add->setter_error ? add->setter_error : base->setter_error;
    return conf;
}
