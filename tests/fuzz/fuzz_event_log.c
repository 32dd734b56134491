/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_event_log.c
 * The log lines about refusals, with whatever clients send. The lines of the input: the SNI, the Host, the CF-Ray; then
 * the DN of a certificate as DER. A line of the log is printable ASCII, its quotation marks are the guard's own, and
 * what is between them is what the client sent, escaped and cut.
 */
#include <string.h>

#include "apr_lib.h"
#include "apr_strings.h"
#include "base/json.h"
#include "base/text.h"
#include "config/config.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "http_log.h"
#include "fields.h"

#define CUT_NAME 255
#define CUT_RAY  64

const char *const fuzz_corpus = "event_log";

module AP_MODULE_DECLARE_DATA cfaop_module;

static char line[64 * 1024];
static int lines;

/* ---- what the log needs of httpd, and of other files ---- */

static void keep(const char *format, va_list words)
{
    apr_vsnprintf(line, sizeof(line), format, words);
    ++lines;
}

void ap_log_rerror_(const char *file, int number, int module_index, int level, apr_status_t status,
                    const request_rec *r, const char *format, ...)
{
    va_list words;

    (void)file;
    (void)number;
    (void)module_index;
    (void)level;
    (void)status;
    (void)r;
    va_start(words, format);
    keep(format, words);
    va_end(words);
}

void ap_log_cserror_(const char *file, int number, int module_index, int level, apr_status_t status, const conn_rec *c,
                     const server_rec *s, const char *format, ...)
{
    va_list words;

    (void)file;
    (void)number;
    (void)module_index;
    (void)level;
    (void)status;
    (void)c;
    (void)s;
    va_start(words, format);
    keep(format, words);
    va_end(words);
}

const char *cfaop_peer_ip(conn_rec *c)
{
    (void)c;
    return "192.0.2.1";
}

int cfaop_local_peer_is_here(conn_rec *c)
{
    (void)c;
    return 0;
}

/* ---- what must be so ---- */

static int hex_value(char c)
{
    return apr_isdigit(c) ? c - '0' : c - 'A' + 10;
}

/* What text was before it was escaped; *length is of that. */
static char *unescaped(apr_pool_t *p, const char *text, size_t *length)
{
    char *result = apr_palloc(p, strlen(text) + 1), *to = result;

    for (; *text; ++text) {
        if (*text == '%') {
            MUST(strchr("0123456789ABCDEF", text[1]) && text[1] && strchr("0123456789ABCDEF", text[2]) && text[2]);
            *to++ = (char)(hex_value(text[1]) * 16 + hex_value(text[2]));
            text += 2;
        }
        else {
            *to++ = *text;
        }
    }
    *length = (size_t)(to - result);
    return result;
}

/*
 * Finds start in the line where it is not between quotation marks: a client can have its name or its CF-Ray end in what
 * looks like it.
 */
static const char *outside_of_quotes(const char *from, const char *start)
{
    const char *at;
    int is_quoted = 0;

    for (at = from; *at; ++at) {
        if (!is_quoted && !strncmp(at, start, strlen(start))) {
            return at;
        }
        is_quoted ^= *at == '"';
    }
    return NULL;
}

/* Finds what the line says of name, once, and compares it with what was sent. */
static void check_quoted(apr_pool_t *p, const char *name, const char *sent, size_t max)
{
    const char *start = apr_pstrcat(p, " ", name, "=\"", NULL), *at = outside_of_quotes(line, start), *end;
    size_t length, cut = strlen(sent) > max ? max : strlen(sent);
    char *said;

    MUST(at);
    at += strlen(start);
    end = strchr(at, '"');
    MUST(end && !outside_of_quotes(end + 1, start));
    said = unescaped(p, apr_pstrmemdup(p, at, (apr_size_t)(end - at)), &length);
    MUST(length == cut && !memcmp(said, sent, cut));
}

static void check_line(int quotation_marks)
{
    const char *c;

    for (c = line; *c; ++c) {
        MUST(*c >= 0x20 && *c < 0x7f && *c != '\\');
        quotation_marks -= *c == '"';
    }
    MUST(quotation_marks == 0);
}

static void check_subject(apr_pool_t *p, const X509_NAME *name)
{
    const char *whole = cfaop_text_name(p, name, 0), *subject = cfaop_text_subject(p, name);
    size_t length;

    MUST(cfaop_text_is_escaped(whole) && cfaop_text_is_escaped(subject) && strlen(subject) < CFAOP_SUBJECT_SIZE);
    unescaped(p, whole, &length);
    unescaped(p, subject, &length);
    MUST(!strcmp(subject, whole) || strlen(whole) >= CFAOP_SUBJECT_SIZE);
}

/* A JSON string ends where it should, and has no byte that JSON forbids. */
static void check_json(apr_pool_t *p, const char *text)
{
    const char *json = cfaop_json_string(p, text), *at = json;

    MUST(*at++ == '"');
    for (; *at != '"'; ++at) {
        MUST((unsigned char)*at >= 0x20);
        if (*at == '\\') {
            ++at;
            MUST(*at == '"' || *at == '\\' || *at == 'u');
        }
    }
    MUST(at[1] == '\0');
}

/* ---- the events ---- */

static X509 *certificate_named(const uint8_t *der, size_t size)
{
    X509_NAME *name = d2i_X509_NAME(NULL, &der, (long)size);
    X509 *cert = name ? X509_new() : NULL;

    if (cert) {
        MUST(X509_set_subject_name(cert, name) && X509_set_issuer_name(cert, name));
    }
    X509_NAME_free(name);
    return cert;
}

static void log_all(request_rec *r, const cfaop_shown *shown, const char *host, const char *ray)
{
    cfaop_verdict verdict = {.status = 400, .reason = CFAOP_REASON_EXPIRED, .would_status = 400};
    int of_peer = shown->peer ? 4 : 0;

    apr_table_setn(r->headers_in, "Host", host);
    apr_table_setn(r->headers_in, "CF-Ray", ray);
    cfaop_event_log_refusal(r, shown, &verdict);
    check_line(6 + of_peer);
    check_quoted(r->pool, "sni", shown->sni, CUT_NAME);
    check_quoted(r->pool, "host", host, CUT_NAME);
    check_quoted(r->pool, "cf-ray", ray, CUT_RAY);
    cfaop_event_log_handshake(r->connection, shown, r->server, CFAOP_REASON_EXPIRED);
    check_line(2 + of_peer);
    check_quoted(r->pool, "sni", shown->sni, CUT_NAME);
    cfaop_event_log_over_limit(r->server, r->connection, shown->sni, 7, "names");
    check_line(2);
    check_quoted(r->pool, "sni", shown->sni, CUT_NAME);
    cfaop_event_log_too_costly(r->server, r->connection, shown->sni, "costs too much");
    check_line(2);
    check_quoted(r->pool, "sni", shown->sni, CUT_NAME);
    MUST(lines == 6); /* of a refusal, and of a refused handshake, one at info and one at warn */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_fields fields = fuzz_fields_begin(data, size);
    apr_pool_t *p = fields.p;
    cfaop_server_conf conf = {0};
    void *configs[1] = {&conf};
    server_rec server = {.module_config = (ap_conf_vector_t *)configs, .log = {.level = APLOG_INFO}};
    conn_rec c = {.pool = p, .base_server = &server};
    request_rec r = {.pool = p, .server = &server, .connection = &c, .headers_in = apr_table_make(p, 2)};
    cfaop_shown shown = {0};
    const char *host, *ray;

    shown.sni = fuzz_fields_next(&fields);
    host = fuzz_fields_next(&fields);
    ray = fuzz_fields_next(&fields);
    shown.peer = certificate_named(fields.at, (size_t)(fields.end - fields.at));
    lines = 0;
    log_all(&r, &shown, host, ray);
    if (shown.peer) {
        check_subject(p, X509_get_subject_name(shown.peer));
    }
    check_json(p, host);
    X509_free(shown.peer);
    fuzz_fields_end(&fields);
    return 0;
}
