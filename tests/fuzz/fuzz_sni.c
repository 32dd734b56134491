/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_sni.c
 * The name that a client sends in its handshake, of any content: it is kept as it is, and is known if and only if a
 * virtual host of the address has that name.
 */
#include <string.h>

#include "apr_strings.h"
#include "apr_tables.h"
#include "config/config.h"
#include "stats/counters.h"
#include "tls/after_handshake.h"
#include "tls/connection.h"
#include "tls/freeze.h"
#include "tls/peer_message.h"
#include "tls/session.h"
#include "tls/slots.h"
#include "http_log.h"
#include "http_vhost.h"
#include "fields.h"

const char *const fuzz_corpus = "sni";

#define NAME  "www.known.test"
#define ALIAS "alias.test"
#define WILD  ".wild.test"

module AP_MODULE_DECLARE_DATA cfaop_module;

static SSL_CTX *ctx;
static SSL *ssl;
static const char *sent;

/* ---- what freeze.c needs of OpenSSL, httpd and other files; nothing was asked for, so most are not called ---- */

const char *SSL_get_servername(const SSL *of, const int type)
{
    MUST(of == ssl && type == TLSEXT_NAMETYPE_host_name);
    return sent;
}

AP_DECLARE(int) ap_vhost_iterate_given_conn(conn_rec *c, ap_vhost_iterate_conn_cb function, void *data)
{
    return function(data, c, c->base_server) || function(data, c, c->base_server->next);
}

/* 0: they match, as with httpd's, which knows "?" too. */
AP_DECLARE(int) ap_strcasecmp_match(const char *text, const char *pattern)
{
    size_t length = strlen(text), end = strlen(pattern + 1);

    MUST(*pattern == '*' && !strchr(pattern + 1, '*'));
    return length < end || strcasecmp(text + length - end, pattern + 1) != 0;
}

void ap_log_cerror_(const char *file, int line, int module_index, int level, apr_status_t status, const conn_rec *c,
                    const char *format, ...)
{
    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)c;
    (void)format;
}

cfaop_tls_context *cfaop_slots_context(const SSL_CTX *of)
{
    MUST(of == ctx);
    return NULL;
}

void cfaop_after_handshake_free(const cfaop_conn *conn)
{
    (void)conn;
}

void cfaop_connection_accept(cfaop_conn *conn, const server_rec *s)
{
    (void)conn;
    (void)s;
}

const char *cfaop_event_log_description(apr_pool_t *p, const cfaop_shown *shown)
{
    (void)p;
    (void)shown;
    return NULL;
}

void cfaop_peer_message_ignore(SSL *of)
{
    MUST(of == ssl);
}

int cfaop_session_judgement(SSL *of, const cfaop_policy *policy, cfaop_chain_result *result)
{
    (void)of;
    (void)policy;
    (void)result;
    return 0;
}

int cfaop_session_leaf(const cfaop_conn *conn, const SSL *of, unsigned char *sha256)
{
    (void)conn;
    (void)of;
    (void)sha256;
    return 0;
}

void cfaop_counters_handshake(cfaop_vhost_counters *vhost, cfaop_handshake_result result)
{
    (void)vhost;
    (void)result;
}

void cfaop_counters_shown(cfaop_vhost_counters *vhost, apr_pool_t *p, const unsigned char *sha256, X509 *leaf,
                          apr_int64_t now)
{
    (void)vhost;
    (void)p;
    (void)sha256;
    (void)leaf;
    (void)now;
}

void cfaop_counters_anchor(cfaop_anchor_counters *anchor, apr_int64_t now)
{
    (void)anchor;
    (void)now;
}

/* ---- the target ---- */

static void tear_down(void)
{
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void set_up(void)
{
    ctx = SSL_CTX_new(TLS_server_method());
    ssl = ctx ? SSL_new(ctx) : NULL;
    MUST(ssl);
    atexit(tear_down);
}

static apr_array_header_t *names(apr_pool_t *p, const char *name)
{
    apr_array_header_t *list = apr_array_make(p, 2, sizeof(const char *));

    APR_ARRAY_PUSH(list, const char *) = NULL; /* httpd has such holes */
    APR_ARRAY_PUSH(list, const char *) = name;
    return list;
}

static char *in_lower_case(apr_pool_t *p, const char *text)
{
    char *lower = apr_pstrdup(p, text), *c;

    for (c = lower; *c; ++c) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return lower;
}

static int is_name_of_a_host(apr_pool_t *p, const char *name)
{
    const char *lower = in_lower_case(p, name);
    size_t length = strlen(lower);

    return !strcmp(lower, NAME) || !strcmp(lower, ALIAS)
        || (length >= strlen(WILD) && !strcmp(lower + length - strlen(WILD), WILD));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_fields fields = fuzz_fields_begin(data, size);
    apr_pool_t *p = fields.p;
    server_rec second = {.names = names(p, ALIAS), .wild_names = names(p, "*" WILD)};
    server_rec first = {.server_hostname = (char *)"Www.Known.test", .next = &second};
    conn_rec c = {.pool = p, .base_server = &first};
    cfaop_conn conn = {.c = &c};

    if (!ssl) {
        set_up();
    }
    sent = size ? fuzz_fields_rest(&fields) : NULL;
    cfaop_freeze(&conn, ssl, 0);
    MUST(conn.shown == &conn.so_far && !conn.shown->asked && !conn.shown->peer);
    if (sent) {
        MUST(conn.shown->sni != sent && !strcmp(conn.shown->sni, sent));
        MUST(!conn.shown->known_sni == !is_name_of_a_host(p, sent));
    }
    else {
        MUST(!conn.shown->sni && !conn.shown->known_sni);
    }
    fuzz_fields_end(&fields);
    return 0;
}
