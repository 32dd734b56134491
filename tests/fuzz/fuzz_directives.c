/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_directives.c
 * The words of the directives. The first byte of the input chooses the directive, and whether httpd starts or rereads
 * its configuration; the words follow, one on a line. At a start a word that is not allowed is an error; a running
 * server never gets one, but notes it. What is kept is in its bounds, and says the same when it is read again.
 */
#include <string.h>

#include "apr_cstr.h"
#include "apr_strings.h"
#include "config/config.h"
#include "config/directives.h"
#include "config/exemption.h"
#include "config/peer_limit.h"
#include "config/pin.h"
#include "config/refuse.h"
#include "config/session_tickets.h"
#include "config/visitor_header.h"
#include "http_core.h"
#include "http_log.h"
#include "fields.h"

const char *const fuzz_corpus = "directives";

#define WORDS_MAX 16

module AP_MODULE_DECLARE_DATA cfaop_module;

static int is_reread;

/* ---- what the directives need of httpd ---- */

AP_DECLARE(const char *) ap_check_cmd_context(cmd_parms *cmd, unsigned forbidden)
{
    (void)cmd;
    (void)forbidden;
    return NULL;
}

AP_DECLARE(int) ap_cstr_casecmp(const char *a, const char *b)
{
    return apr_cstr_casecmp(a, b);
}

AP_DECLARE(int) ap_state_query(int query)
{
    return query == AP_SQ_RUN_MODE ? AP_SQ_RM_NORMAL : is_reread ? 2 : 1;
}

AP_DECLARE(char *) ap_server_root_relative(apr_pool_t *p, const char *path)
{
    return strlen(path) < 200 ? apr_pstrcat(p, *path == '/' ? "" : "/root/", path, NULL) : NULL;
}

AP_DECLARE(char *) ap_getword_conf(apr_pool_t *p, const char **line)
{
    (void)p;
    (void)line;
    return NULL;
}

void ap_log_error_(const char *file, int line, int module_index, int level, apr_status_t status, const server_rec *s,
                   const char *format, ...)
{
    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)s;
    (void)format;
}

void ap_log_perror_(const char *file, int line, int module_index, int level, apr_status_t status, apr_pool_t *p,
                    const char *format, ...)
{
    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)p;
    (void)format;
}

/* ---- what must be so ---- */

static void check_pins(apr_pool_t *p, const cfaop_server_conf *conf)
{
    int i;

    for (i = 0; conf->verify.pins && i < conf->verify.pins->nelts; ++i) {
        const cfaop_pin *pin = &APR_ARRAY_IDX(conf->verify.pins, i, cfaop_pin);
        cfaop_pin again = {CFAOP_PIN_DNS, {0}, NULL};
        MUST(pin->text && !cfaop_pin_parse(p, pin->text, &again));
        MUST(again.kind == pin->kind && !strcmp(again.text, pin->text));
        MUST(pin->kind == CFAOP_PIN_DNS || !memcmp(again.sha256, pin->sha256, sizeof(pin->sha256)));
    }
}

static void check_exemptions(apr_pool_t *p, const cfaop_server_conf *conf)
{
    int i;

    for (i = 0; conf->exemptions && i < conf->exemptions->nelts; ++i) {
        const cfaop_exemption *exemption = &APR_ARRAY_IDX(conf->exemptions, i, cfaop_exemption);
        cfaop_exemption again = {NULL, NULL, NULL, NULL, 0};
        MUST(!exemption->path == (exemption->subnet != NULL));
        if (exemption->path) {
            MUST(!cfaop_exemption_parse_path(p, exemption->path, &again));
        }
        else {
            MUST(!cfaop_exemption_parse_ip(p, exemption->text + strlen("ip: "), &again));
        }
        MUST(!strcmp(again.text, exemption->text));
    }
}

static void check_files(const apr_array_header_t *sources)
{
    int i;

    for (i = 0; sources && i < sources->nelts; ++i) {
        const cfaop_source *source = &APR_ARRAY_IDX(sources, i, cfaop_source);
        MUST(source->where && source->path && (*source->path == '/' || !strcmp(source->path, CFAOP_BUILTIN)));
    }
}

static void check_words(const cfaop_server_conf *conf)
{
    cfaop_peer_limit limit = cfaop_peer_limit_of(conf);
    cfaop_tickets tickets;
    cfaop_refuse how;
    cfaop_mode mode;

    if (conf->mode != CFAOP_MODE_UNSET) {
        MUST(cfaop_config_parse_mode(cfaop_config_mode_name(conf->mode), &mode) && mode == conf->mode);
    }
    if (conf->refuse != CFAOP_REFUSE_UNSET) {
        MUST(cfaop_refuse_parse(cfaop_refuse_name(conf->refuse), &how) && how == conf->refuse);
    }
    if (conf->tickets != CFAOP_TICKETS_UNSET) {
        MUST(cfaop_session_tickets_parse(cfaop_session_tickets_name(conf->tickets), &tickets)
             && tickets == conf->tickets);
    }
    MUST(conf->verify.depth >= -1 && conf->verify.depth <= CFAOP_DEPTH_MAX);
    MUST(conf->expiry_days >= -1 && conf->expiry_days <= CFAOP_EXPIRY_DAYS_MAX);
    MUST(limit.bytes >= 1024 && limit.bytes <= 102400 && limit.names >= 1 && limit.names <= 10000);
    MUST(conf->remote_ip >= -1 && conf->remote_ip <= 1);
}

/* Words of files are taken before the one that is no file's name; all others are refused as a whole. */
static void check_error(const cfaop_server_conf *conf, const char *error, int is_noted)
{
    MUST(!error || (*error && !is_reread));
    MUST(!is_noted || is_reread);
    if (!error && !is_noted && conf->remote_ip_header) {
        MUST(!cfaop_visitor_header_error(conf->remote_ip_header));
    }
}

typedef const char *(*setter)(cmd_parms *, void *, int, char *const[]);

static const setter setters[] = {
    cfaop_directives_mode,        cfaop_directives_ca_files,   cfaop_directives_crl_files, cfaop_directives_depth,
    cfaop_directives_pins,        cfaop_directives_exemptions, cfaop_directives_remote_ip, cfaop_directives_refuse,
    cfaop_directives_expiry_days, cfaop_directives_peer_limit, cfaop_directives_tickets,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_fields fields = fuzz_fields_begin(data + (size ? 1 : 0), size ? size - 1 : 0);
    apr_pool_t *p = fields.p;
    cfaop_server_conf *conf = cfaop_config_create(p, NULL);
    void *configs[1] = {conf};
    server_rec server = {.module_config = (ap_conf_vector_t *)configs};
    ap_directive_t directive = {.filename = "httpd.conf", .line_num = 7};
    command_rec command = {.name = "CFOriginPullWord"};
    cmd_parms cmd = {.pool = p, .temp_pool = p, .server = &server, .directive = &directive, .cmd = &command};
    unsigned choice = size ? data[0] : 0;
    char *words[WORDS_MAX];
    const char *error;
    int count = 0;

    is_reread = (int)(choice & 1);
    while (count < WORDS_MAX && fields.at < fields.end) {
        words[count++] = fuzz_fields_next(&fields);
    }
    error = setters[(choice >> 1) % (sizeof(setters) / sizeof(setters[0]))](&cmd, NULL, count, words);
    check_error(conf, error, conf->setter_error || conf->expiry_error);
    if (!error) {
        check_words(conf);
        check_pins(p, conf);
        check_exemptions(p, conf);
    }
    if (!error && !conf->setter_error) {
        check_files(conf->verify.ca_sources);
        check_files(conf->verify.crl_sources);
    }
    fuzz_fields_end(&fields);
    return 0;
}
