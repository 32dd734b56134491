/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file config.c
 * The directives. Setters only look at words, they open no files: a setter's error ends httpd, and it runs on every restart.
 */
#include "cfaop.h"

#include "apr_strings.h"
#include "http_core.h"

APLOG_USE_MODULE(cfaop);

#define DEPTH_UNSET (-1)
#define FLAG_UNSET  (-1)
#define DAYS_UNSET  (-1)

#define ALLOWED_MODES "On, Optional, LogOnly or Off"

static const struct {
    const char *word;
    cfaop_mode mode;
} modes[] = {
    {"On", CFAOP_MODE_ON},
    {"Optional", CFAOP_MODE_OPTIONAL},
    {"LogOnly", CFAOP_MODE_LOG_ONLY},
    {"Off", CFAOP_MODE_OFF},
};

const char *cfaop_mode_name(cfaop_mode mode)
{
    apr_size_t i;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); ++i) {
        if (modes[i].mode == mode) {
            return modes[i].word;
        }
    }
    return "Off"; /* not said */
}

int cfaop_config_is_reread(void)
{
    /* the generation is 0 while the first configuration is checked, 1 when it is loaded for good, then more */
    return ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_NORMAL && ap_state_query(AP_SQ_CONFIG_GEN) > 1;
}

void *cfaop_config_create(apr_pool_t *p, server_rec *s)
{
    cfaop_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->mode = CFAOP_MODE_UNSET;
    conf->depth = DEPTH_UNSET;
    conf->remote_ip = FLAG_UNSET;
    conf->refuse = CFAOP_REFUSE_UNSET;
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
    conf->ca_sources = add->ca_sources ? add->ca_sources : base->ca_sources;
    conf->crl_sources = add->crl_sources ? add->crl_sources : base->crl_sources;
    conf->depth = add->depth != DEPTH_UNSET ? add->depth : base->depth;
    conf->pins = add->pins ? add->pins : base->pins;
    conf->exemptions = add->exemptions ? add->exemptions : base->exemptions;
    conf->remote_ip = add->remote_ip != FLAG_UNSET ? add->remote_ip : base->remote_ip;
    conf->remote_ip_header = add->remote_ip != FLAG_UNSET ? add->remote_ip_header : base->remote_ip_header;
    conf->refuse = add->refuse != CFAOP_REFUSE_UNSET ? add->refuse : base->refuse;
    conf->refuse_where = add->refuse != CFAOP_REFUSE_UNSET ? add->refuse_where : base->refuse_where;
    conf->remote_ip_with_port = add->remote_ip != FLAG_UNSET ? add->remote_ip_with_port : base->remote_ip_with_port;
    conf->peer_limit = add->peer_limit.bytes ? add->peer_limit : base->peer_limit;
    conf->expiry_days = add->expiry_days != DAYS_UNSET ? add->expiry_days : base->expiry_days;
    conf->expiry_error = add->expiry_error ? add->expiry_error : base->expiry_error;
    conf->setter_error = add->setter_error ? add->setter_error : base->setter_error;
    return conf;
}

static const char *where(cmd_parms *cmd)
{
    return apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
}

/* AllowOverrideList can name any directive, so the context is checked here too. */
static const char *context_error(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_HTACCESS);
}

/*
 * A bad value: refused, unless the server is running already. Then refusing would end it, so the virtual host is kept, with
 * nothing that it could verify by.
 */
static const char *bad_value(cmd_parms *cmd, cfaop_server_conf *conf, const char *error)
{
    if (!cfaop_config_is_reread()) {
        return error;
    }
    conf->setter_error = apr_psprintf(cmd->pool, "%s: %s", where(cmd), error);
    return NULL;
}

static const char *set_mode(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *word = count == 1 ? words[0] : "";
    const char *error = context_error(cmd);
    apr_size_t i;

    (void)dummy;
    if (error) {
        return error;
    }
    conf->mode_is_own = 1;
    conf->mode_where = where(cmd);
    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); ++i) {
        if (!ap_cstr_casecmp(word, modes[i].word)) {
            conf->mode = modes[i].mode;
            return NULL;
        }
    }
    conf->mode = CFAOP_MODE_ON; /* seen only if the error below must not end the server */
    if (count != 1) {
        return bad_value(cmd, conf, "CFOriginPull takes one argument: " ALLOWED_MODES);
    }
    return bad_value(cmd, conf, apr_psprintf(cmd->pool, "CFOriginPull: '%s' is not a mode, write %s", word, ALLOWED_MODES));
}

/* Adds word to the list, or empties it for "none". */
static void add_source(cmd_parms *cmd, apr_array_header_t **list, const char *word)
{
    cfaop_source *source;

    if (!*list) {
        *list = apr_array_make(cmd->pool, 2, sizeof(cfaop_source));
    }
    if (!ap_cstr_casecmp(word, "none")) {
        apr_array_clear(*list);
        return;
    }
    source = apr_array_push(*list);
    source->where = where(cmd);
    source->path = word;
}

/* Turns the word that was just added into an absolute path. */
static const char *resolve_path(cmd_parms *cmd, apr_array_header_t *list)
{
    cfaop_source *source = &APR_ARRAY_IDX(list, list->nelts - 1, cfaop_source);
    const char *path = ap_server_root_relative(cmd->pool, source->path);

    if (!path) {
        return bad_value(cmd, cfaop_config_of(cmd->server),
                         apr_psprintf(cmd->pool, "%s: '%s' is not a valid path, write the path of a PEM file",
                                      cmd->cmd->name, source->path));
    }
    source->path = path;
    return NULL;
}

/* Adds the words to *list, turning them into absolute paths, but for one that is keyword (NULL: there is none such). */
static const char *add_files(cmd_parms *cmd, apr_array_header_t **list, const char *keyword, int count, char *const words[])
{
    const char *error = context_error(cmd);
    int i;

    if (!error && !count) {
        error = bad_value(cmd, cfaop_config_of(cmd->server),
                          apr_psprintf(cmd->pool, "%s takes the paths of PEM files, or none", cmd->cmd->name));
    }
    for (i = 0; !error && i < count; ++i) {
        if (!*words[i]) {
            return bad_value(cmd, cfaop_config_of(cmd->server),
                             apr_psprintf(cmd->pool, "%s: '' is not a file name, write the path of a PEM file, or none",
                                          cmd->cmd->name));
        }
        add_source(cmd, list, words[i]);
        if ((*list)->nelts && !(keyword && !ap_cstr_casecmp(words[i], keyword))) {
            error = resolve_path(cmd, *list);
        }
        else if ((*list)->nelts) {
            APR_ARRAY_IDX(*list, (*list)->nelts - 1, cfaop_source).path = keyword;
        }
    }
    return error;
}

static const char *add_ca_files(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    (void)dummy;
    return add_files(cmd, &cfaop_config_of(cmd->server)->ca_sources, CFAOP_BUILTIN, count, words);
}

static const char *add_crl_files(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    (void)dummy;
    return add_files(cmd, &cfaop_config_of(cmd->server)->crl_sources, NULL, count, words);
}

static const char *set_depth(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *word = count == 1 ? words[0] : "";
    const char *error = context_error(cmd);
    int depth;

    (void)dummy;
    if (error) {
        return error;
    }
    if (count != 1) {
        return bad_value(cmd, conf, "CFOriginPullVerifyDepth takes one argument: a whole number from 0 to "
                                    APR_STRINGIFY(CFAOP_DEPTH_MAX));
    }
    depth = cfaop_number(word, CFAOP_DEPTH_MAX);
    if (depth < 0) {
        return bad_value(cmd, conf, apr_psprintf(cmd->pool, "CFOriginPullVerifyDepth: '%s' is not a depth, write a whole "
                                                 "number from 0 to %d", word, CFAOP_DEPTH_MAX));
    }
    conf->depth = depth;
    return NULL;
}

/* A bad value here must not make a running server refuse anybody: it goes on with the default, and says so. */
static const char *set_expiry_days(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *word = count == 1 ? words[0] : "";
    const char *error = context_error(cmd);

    (void)dummy;
    if (error) {
        return error;
    }
    conf->expiry_days = cfaop_number(word, CFAOP_EXPIRY_DAYS_MAX);
    if (conf->expiry_days >= 0) {
        return NULL;
    }
    error = apr_psprintf(cmd->pool, "CFOriginPullExpiryWarning: '%s' is not a number of days, write a whole number from 0 to %d",
                         word, CFAOP_EXPIRY_DAYS_MAX);
    if (!cfaop_config_is_reread()) {
        return error;
    }
    conf->expiry_days = CFAOP_EXPIRY_DAYS_DEFAULT;
    conf->expiry_error = apr_psprintf(cmd->pool, "CFAOP113: %s (%s); until then it is %d", error, where(cmd),
                                      CFAOP_EXPIRY_DAYS_DEFAULT);
    return NULL;
}

static const char *not_allowed(cmd_parms *cmd, const char *word, const char *allowed)
{
    return bad_value(cmd, cfaop_config_of(cmd->server),
                     apr_psprintf(cmd->pool, "%s: '%s' is not allowed, %s", cmd->cmd->name, word, allowed));
}

static const char *add_pins(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd), *allowed;
    int i;

    (void)dummy;
    if (!error && !count) {
        error = bad_value(cmd, conf, "CFOriginPullPin takes pins, or none");
    }
    if (!error && !conf->pins) {
        conf->pins = apr_array_make(cmd->pool, 2, sizeof(cfaop_pin));
    }
    for (i = 0; !error && i < count; ++i) {
        cfaop_pin pin = {CFAOP_PIN_SHA256, {0}, NULL};
        if (!ap_cstr_casecmp(words[i], "none")) {
            apr_array_clear(conf->pins);
        }
        else if ((allowed = cfaop_pin_parse(cmd->pool, words[i], &pin))) {
            error = not_allowed(cmd, words[i], allowed);
        }
        else {
            APR_ARRAY_PUSH(conf->pins, cfaop_pin) = pin;
        }
    }
    return error;
}

/* The reader of what follows "path" or "ip"; NULL for another word. */
static const char *(*exemption_reader(const char *kind))(apr_pool_t *, const char *, cfaop_exemption *)
{
    if (!ap_cstr_casecmp(kind, "path")) {
        return cfaop_exemption_parse_path;
    }
    return !ap_cstr_casecmp(kind, "ip") ? cfaop_exemption_parse_ip : NULL;
}

static const char *add_exemptions(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *(*reader)(apr_pool_t *, const char *, cfaop_exemption *) = count ? exemption_reader(words[0]) : NULL;
    const char *error = context_error(cmd), *allowed;
    int i, before;

    (void)dummy;
    if (error) {
        return error;
    }
    cfaop_hooks_for_exemptions(cmd->pool);
    if (!conf->exemptions) {
        conf->exemptions = apr_array_make(cmd->pool, 2, sizeof(cfaop_exemption));
    }
    if (count == 1 && !ap_cstr_casecmp(words[0], "none")) {
        apr_array_clear(conf->exemptions);
        return NULL;
    }
    if (!reader || count < 2) {
        return not_allowed(cmd, count ? words[0] : "", "write path PREFIX..., ip ADDRESS[/BITS]... or none");
    }
    before = conf->exemptions->nelts;
    for (i = 1; i < count; ++i) {
        cfaop_exemption exemption = {NULL, NULL, NULL};
        allowed = reader(cmd->pool, words[i], &exemption);
        if (allowed) {
            conf->exemptions->nelts = before; /* half a line exempts nothing */
            return not_allowed(cmd, words[i], allowed);
        }
        APR_ARRAY_PUSH(conf->exemptions, cfaop_exemption) = exemption;
    }
    return NULL;
}

static int is_with_port(const char *word)
{
    return !ap_cstr_casecmp(word, CFAOP_WITH_PORT);
}

static const char *set_remote_ip(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd), *allowed;

    (void)dummy;
    if (error) {
        return error;
    }
    cfaop_hooks_for_visitors(cmd->pool);
    /* in case that an error must not end the server: claims are removed, under whatever name was meant */
    conf->remote_ip = 1;
    conf->remote_ip_header = count ? words[count > 1] : NULL;
    conf->remote_ip_with_port = 0;
    if (count < 1 || count > 3 || (ap_cstr_casecmp(words[0], "On") && ap_cstr_casecmp(words[0], "Off"))) {
        return not_allowed(cmd, count ? words[0] : "", "write On or Off, and after it the header's name if it is not "
                                                       "CF-Connecting-IP");
    }
    if (count > 1 && is_with_port(words[1])) {
        return not_allowed(cmd, words[1], "write the header's name before it: CF-Connecting-IP never has a port");
    }
    if (count == 3 && !is_with_port(words[2])) {
        return not_allowed(cmd, words[2],
                           "write On or Off, the header's name, and " CFAOP_WITH_PORT " or nothing after it");
    }
    allowed = count > 1 ? cfaop_client_address_header_error(words[1]) : NULL;
    if (allowed) {
        return not_allowed(cmd, words[1], allowed);
    }
    conf->remote_ip = !ap_cstr_casecmp(words[0], "On");
    conf->remote_ip_header = count > 1 ? words[1] : NULL;
    conf->remote_ip_with_port = count == 3;
    return NULL;
}

static const char *set_refuse(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd);

    (void)dummy;
    if (error) {
        return error;
    }
    cfaop_hooks_for_silence(cmd->pool);
    conf->refuse_where = where(cmd);
    if (count != 1 || !cfaop_refuse_parse(words[0], &conf->refuse)) {
        conf->refuse = CFAOP_REFUSE_CLOSE; /* in case that an error must not end the server: what says least */
        return not_allowed(cmd, count ? words[0] : "", "write one of 400, close and alert");
    }
    return NULL;
}

static const char *set_peer_limit(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd);

    (void)dummy;
    if (error) {
        return error;
    }
    error = cfaop_peer_limit_parse(cmd->pool, count, words, &conf->peer_limit);
    return error ? bad_value(cmd, conf, error) : NULL;
}

/* A setter that is given the words of its line. */
typedef struct {
    const char *(*set)(cmd_parms *cmd, void *dummy, int count, char *const words[]);
} setter;

/*
 * Splits the line itself: httpd would leave out the words after the 64th in silence, and its own complaint about a wrong number
 * of them would end a running server.
 */
static const char *split_words(cmd_parms *cmd, void *dummy, const char *args)
{
    const setter *setter_of = cmd->info;
    apr_array_header_t *words = apr_array_make(cmd->temp_pool, 8, sizeof(char *));

    while (*args) {
        APR_ARRAY_PUSH(words, char *) = ap_getword_conf(cmd->pool, &args);
    }
    if (words->nelts == 1 && !*APR_ARRAY_IDX(words, 0, char *)) {
        words->nelts = 0; /* "" is nothing */
    }
    return setter_of->set(cmd, dummy, words->nelts, (char *const *)words->elts);
}

static const setter set_mode_setter = {set_mode};
static const setter add_ca_files_setter = {add_ca_files};
static const setter add_crl_files_setter = {add_crl_files};
static const setter set_depth_setter = {set_depth};
static const setter add_pins_setter = {add_pins};
static const setter add_exemptions_setter = {add_exemptions};
static const setter set_remote_ip_setter = {set_remote_ip};
static const setter set_refuse_setter = {set_refuse};
static const setter set_expiry_days_setter = {set_expiry_days};
static const setter set_peer_limit_setter = {set_peer_limit};

const command_rec cfaop_config_directives[] = {
    AP_INIT_RAW_ARGS("CFOriginPull", split_words, (void *)&set_mode_setter, RSRC_CONF,
                      "ask clients for Cloudflare's certificate: " ALLOWED_MODES),
    AP_INIT_RAW_ARGS("CFOriginPullCACertificateFile", split_words, (void *)&add_ca_files_setter, RSRC_CONF,
                      "trusted certificates: builtin and/or PEM files, or none to empty the list"),
    AP_INIT_RAW_ARGS("CFOriginPullCARevocationFile", split_words, (void *)&add_crl_files_setter, RSRC_CONF,
                      "PEM files with certificate revocation lists, or none to empty the list"),
    AP_INIT_RAW_ARGS("CFOriginPullVerifyDepth", split_words, (void *)&set_depth_setter, RSRC_CONF,
                      "how many intermediate certificates a chain may have, 0 to 10"),
    AP_INIT_RAW_ARGS("CFOriginPullPin", split_words, (void *)&add_pins_setter, RSRC_CONF,
                      "certificates that are accepted, besides the chain: sha256:HEX, spki-sha256:BASE64, dns:NAME, or none"),
    AP_INIT_RAW_ARGS("CFOriginPullExempt", split_words, (void *)&add_exemptions_setter, RSRC_CONF,
                      "requests that need no certificate: path PREFIX..., ip ADDRESS[/BITS]..., or none"),
    AP_INIT_RAW_ARGS("CFOriginPullRemoteIP", split_words, (void *)&set_remote_ip_setter, RSRC_CONF,
                      "On or Off: the visitor's address from a header of a verified connection, CF-Connecting-IP or the one "
                      "that is named, " CFAOP_WITH_PORT " if a port follows it"),
    AP_INIT_RAW_ARGS("CFOriginPullRefuse", split_words, (void *)&set_refuse_setter, RSRC_CONF,
                      "how clients are refused: 400, close or alert"),
    AP_INIT_RAW_ARGS("CFOriginPullExpiryWarning", split_words, (void *)&set_expiry_days_setter, RSRC_CONF,
                      "how many days before its end to warn of a CA, a CRL or the edge's certificate, 0 for never"),
    AP_INIT_RAW_ARGS("CFOriginPullPeerLimit", split_words, (void *)&set_peer_limit_setter, RSRC_CONF,
                      "BYTES [NAMES]: a client's certificate with more of either ends the handshake"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};
