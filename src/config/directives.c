/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file directives.c
 * The setters of the directives. They open no files: a setter's error would end a running server at a restart.
 */
#include "config/directives.h"

#include "pure/verdict.h"
#include "base/text.h"
#include "config/config.h"
#include "config/exemption.h"
#include "config/peer_limit.h"
#include "config/pin.h"
#include "config/refuse.h"
#include "config/session_tickets.h"
#include "config/visitor_header.h"

#include "apr_strings.h"
#include "http_core.h"

#define DEPTH_MAX_TEXT APR_STRINGIFY(CFAOP_DEPTH_MAX)

static const char *where(cmd_parms *cmd)
{
    return apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
}

/* httpd has checked the context, but AllowOverrideList lets any directive through. */
static const char *context_error(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_HTACCESS);
}

/*
 * Handles a bad value. At a first start it is an error. In a running server an error would end httpd, so the value is
 * noted instead, and src/trust/policy.c lets the virtual host accept no certificate.
 */
static const char *bad_value(cmd_parms *cmd, cfaop_server_conf *conf, const char *error)
{
    if (!cfaop_config_is_reread()) {
        return error;
    }
    conf->setter_error = apr_psprintf(cmd->pool, "%s: %s", where(cmd), error);
    return NULL;
}

const char *cfaop_directives_mode(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *word = count == 1 ? words[0] : "";
    const char *error = context_error(cmd);

    (void)dummy;
    if (error) {
        return error;
    }
    conf->mode_is_own = 1;
    conf->mode_where = where(cmd);
    if (count == 1 && cfaop_config_parse_mode(word, &conf->mode)) {
        return NULL;
    }
    conf->mode = CFAOP_MODE_ON; /* in force only in a running server, which goes on: the strictest */
    if (count != 1) {
        return bad_value(cmd, conf, "CFOriginPull takes one argument: " CFAOP_ALLOWED_MODES);
    }
    return bad_value(cmd, conf,
                     apr_psprintf(cmd->pool, "CFOriginPull: '%s' is not a mode, write %s", word, CFAOP_ALLOWED_MODES));
}

/* Adds word to the list; "none" empties the list. */
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

/* Turns the last word of the list into an absolute path. */
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

/* Adds the words to *list: as absolute paths, but a word that equals keyword (NULL: no keyword) as it is. */
static const char *add_files(cmd_parms *cmd, apr_array_header_t **list, const char *keyword, int count,
                             char *const words[])
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

const char *cfaop_directives_ca_files(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    (void)dummy;
    cfaop_config_of(cmd->server)->ca_where = where(cmd);
    return add_files(cmd, &cfaop_config_of(cmd->server)->verify.ca_sources, CFAOP_BUILTIN, count, words);
}

const char *cfaop_directives_crl_files(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    (void)dummy;
    return add_files(cmd, &cfaop_config_of(cmd->server)->verify.crl_sources, NULL, count, words);
}

const char *cfaop_directives_depth(cmd_parms *cmd, void *dummy, int count, char *const words[])
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
        return bad_value(cmd, conf,
                         "CFOriginPullVerifyDepth takes one argument: a whole number from 0 to " DEPTH_MAX_TEXT);
    }
    depth = cfaop_text_number(word, CFAOP_DEPTH_MAX);
    if (depth < 0) {
        return bad_value(cmd, conf,
                         apr_psprintf(cmd->pool,
                                      "CFOriginPullVerifyDepth: '%s' is not a depth, write a whole number "
                                      "from 0 to %d",
                                      word, CFAOP_DEPTH_MAX));
    }
    conf->verify.depth = depth;
    return NULL;
}

static const char *not_allowed(cmd_parms *cmd, const char *word, const char *allowed)
{
    return bad_value(cmd, cfaop_config_of(cmd->server),
                     apr_psprintf(cmd->pool, "%s: '%s' is not allowed, %s", cmd->cmd->name, word, allowed));
}

const char *cfaop_directives_pins(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd), *allowed;
    int i;

    (void)dummy;
    if (!error && !count) {
        error = bad_value(cmd, conf, "CFOriginPullPin takes pins, or none");
    }
    if (!error && !conf->verify.pins) {
        conf->verify.pins = apr_array_make(cmd->pool, 2, sizeof(cfaop_pin));
    }
    for (i = 0; !error && i < count; ++i) {
        cfaop_pin pin = {CFAOP_PIN_SHA256, {0}, NULL};
        if (!ap_cstr_casecmp(words[i], "none")) {
            apr_array_clear(conf->verify.pins);
        }
        else if ((allowed = cfaop_pin_parse(cmd->pool, words[i], &pin))) {
            error = not_allowed(cmd, words[i], allowed);
        }
        else {
            APR_ARRAY_PUSH(conf->verify.pins, cfaop_pin) = pin;
        }
    }
    return error;
}

/* Returns the function that reads the words after "path" or "ip"; NULL for another kind. */
static const char *(*exemption_reader(const char *kind))(apr_pool_t *, const char *, cfaop_exemption *)
{
    if (!ap_cstr_casecmp(kind, "path")) {
        return cfaop_exemption_parse_path;
    }
    return !ap_cstr_casecmp(kind, "ip") ? cfaop_exemption_parse_ip : NULL;
}

const char *cfaop_directives_exemptions(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *(*reader)(apr_pool_t *, const char *, cfaop_exemption *) = count ? exemption_reader(words[0]) : NULL;
    const char *error = context_error(cmd), *allowed;
    int i, before;

    (void)dummy;
    if (error) {
        return error;
    }
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
        cfaop_exemption exemption = {NULL, NULL, NULL, NULL, 0};
        allowed = reader(cmd->pool, words[i], &exemption);
        if (allowed) {
            conf->exemptions->nelts = before; /* a line with a mistake exempts nothing */
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

const char *cfaop_directives_remote_ip(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd), *allowed;

    (void)dummy;
    if (error) {
        return error;
    }
    /* in force only in a running server, which goes on after an error: the header that was meant is removed */
    conf->remote_ip = 1;
    conf->remote_ip_header = count ? words[count > 1] : NULL;
    conf->remote_ip_with_port = 0;
    if (count < 1 || count > 3 || (ap_cstr_casecmp(words[0], "On") && ap_cstr_casecmp(words[0], "Off"))) {
        return not_allowed(cmd, count ? words[0] : "",
                           "write On or Off, and after it the header's name if it is not "
                           "CF-Connecting-IP");
    }
    if (count > 1 && is_with_port(words[1])) {
        return not_allowed(cmd, words[1], "write the header's name before it: CF-Connecting-IP never has a port");
    }
    if (count == 3 && !is_with_port(words[2])) {
        return not_allowed(cmd, words[2],
                           "write On or Off, the header's name, and " CFAOP_WITH_PORT " or nothing after it");
    }
    allowed = count > 1 ? cfaop_visitor_header_error(words[1]) : NULL;
    if (allowed) {
        return not_allowed(cmd, words[1], allowed);
    }
    conf->remote_ip = !ap_cstr_casecmp(words[0], "On");
    conf->remote_ip_header = count > 1 ? words[1] : NULL;
    conf->remote_ip_with_port = count == 3;
    return NULL;
}

/* Returns the words with a space between them. */
static const char *joined(apr_pool_t *p, int count, char *const words[])
{
    const char *text = count ? words[0] : "";
    int i;

    for (i = 1; i < count; ++i) {
        text = apr_pstrcat(p, text, " ", words[i], NULL);
    }
    return text;
}

const char *cfaop_directives_refuse(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd);

    (void)dummy;
    if (error) {
        return error;
    }
    conf->refuse_where = where(cmd);
    if (count != 1 || !cfaop_refuse_parse(words[0], &conf->refuse)) {
        conf->refuse = CFAOP_REFUSE_CLOSE; /* in force only in a running server, which goes on */
        return not_allowed(cmd, joined(cmd->pool, count, words), "write one of 400, close and alert");
    }
    return NULL;
}

/* A bad value must not make a running server refuse requests: it goes on with the default, and the log says so. */
const char *cfaop_directives_expiry_days(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *word = count == 1 ? words[0] : "";
    const char *error = context_error(cmd);

    (void)dummy;
    if (error) {
        return error;
    }
    conf->expiry_days = cfaop_text_number(word, CFAOP_EXPIRY_DAYS_MAX);
    if (conf->expiry_days >= 0) {
        return NULL;
    }
    error = apr_psprintf(cmd->pool,
                         "CFOriginPullExpiryWarning: '%s' is not a number of days, write a whole number "
                         "from 0 to %d",
                         word, CFAOP_EXPIRY_DAYS_MAX);
    if (!cfaop_config_is_reread()) {
        return error;
    }
    conf->expiry_days = CFAOP_EXPIRY_DAYS_DEFAULT;
    conf->expiry_error =
        apr_psprintf(cmd->pool, "CFAOP113: %s (%s); until then it is %d", error, where(cmd), CFAOP_EXPIRY_DAYS_DEFAULT);
    return NULL;
}

const char *cfaop_directives_peer_limit(cmd_parms *cmd, void *dummy, int count, char *const words[])
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

const char *cfaop_directives_tickets(cmd_parms *cmd, void *dummy, int count, char *const words[])
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);
    const char *error = context_error(cmd);

    (void)dummy;
    if (error) {
        return error;
    }
    if (count != 1 || !cfaop_session_tickets_parse(words[0], &conf->tickets)) {
        return not_allowed(cmd, joined(cmd->pool, count, words), "write one of Auto, On and Off");
    }
    return NULL;
}

/* Has the directive's hooks registered, and notes where it stands. */
static void note(cmd_parms *cmd, const cfaop_directive *directive)
{
    cfaop_server_conf *conf = cfaop_config_of(cmd->server);

    if (directive->needs) {
        directive->needs(cmd->pool);
    }
    if (directive->is_for_guard && !conf->setting_is_own) {
        conf->setting_is_own = where(cmd);
    }
}

const char *cfaop_directives_split(cmd_parms *cmd, void *dummy, const char *args)
{
    const cfaop_directive *directive = cmd->info;
    apr_array_header_t *words = apr_array_make(cmd->temp_pool, 8, sizeof(char *));

    while (*args) {
        APR_ARRAY_PUSH(words, char *) = ap_getword_conf(cmd->pool, &args);
    }
    if (words->nelts == 1 && !*APR_ARRAY_IDX(words, 0, char *)) {
        words->nelts = 0; /* the argument "" is no argument */
    }
    if (!context_error(cmd)) {
        note(cmd, directive);
    }
    return directive->set(cmd, dummy, words->nelts, (char *const *)words->elts);
}
