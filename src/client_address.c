/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file client_address.c
 * The visitor's true address, from the header of an edge that has proven itself by its certificate. From anybody else the
 * header is a claim, and is removed before another module believes it.
 */
#include "cfaop.h"

#include "apr_lib.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"

#include <arpa/inet.h>

APLOG_USE_MODULE(cfaop);

#define DEFAULT_HEADER "CF-Connecting-IP"

/* A header is quoted in the log, but not a long one whole. */
#define SHOWN_MAX_BYTES 64

const char *cfaop_client_address_header_error(const char *word)
{
    const char *c;

    for (c = word; apr_isalnum(*c) || *c == '-'; ++c) {
    }
    return *c || c == word ? "write the name of a request header, of the characters A-Z a-z 0-9 and -" : NULL;
}

const char *cfaop_client_address_header(const cfaop_server_conf *conf)
{
    return conf->remote_ip_header ? conf->remote_ip_header : DEFAULT_HEADER;
}

/* Are the names the same to a program that reads them from its environment, where "-" and "_" are one? */
static int is_same_name(const char *a, const char *b)
{
    for (; *a && *b; ++a, ++b) {
        char x = *a == '_' ? '-' : (char)apr_tolower(*a), y = *b == '_' ? '-' : (char)apr_tolower(*b);
        if (x != y) {
            return 0;
        }
    }
    return *a == *b;
}

/* Removes the header in each spelling but, if keep, the true one. */
static void remove_header(request_rec *r, const char *header, int keep)
{
    const apr_array_header_t *entries = apr_table_elts(r->headers_in);
    apr_array_header_t *names = apr_array_make(r->pool, 1, sizeof(const char *));
    int i;

    for (i = 0; i < entries->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(entries, i, apr_table_entry_t).key;
        if (name && is_same_name(name, header) && !(keep && !ap_cstr_casecmp(name, header))) {
            APR_ARRAY_PUSH(names, const char *) = name;
        }
    }
    for (i = 0; i < names->nelts; ++i) {
        apr_table_unset(r->headers_in, APR_ARRAY_IDX(names, i, const char *));
    }
}

static const char *without_blanks(apr_pool_t *p, const char *text)
{
    apr_size_t length;

    text += strspn(text, " \t");
    for (length = strlen(text); length && strchr(" \t", text[length - 1]); --length) {
    }
    return apr_pstrmemdup(p, text, length);
}

/* Exactly one address in text, or NULL. inet_pton() takes nothing but addresses, so that no name is looked up. */
static apr_sockaddr_t *parse_address(request_rec *r, const char *text)
{
    unsigned char binary[sizeof(struct in6_addr)];
    const char *address = without_blanks(r->pool, text);
    apr_sockaddr_t *visitor = NULL;

    if (inet_pton(AF_INET, address, binary) != 1 && inet_pton(AF_INET6, address, binary) != 1) {
        return NULL;
    }
    if (apr_sockaddr_info_get(&visitor, address, APR_UNSPEC, r->useragent_addr->port, 0, r->pool) != APR_SUCCESS) {
        return NULL;
    }
    return visitor;
}

/* Hands out a copy: mod_rpaf writes into the address that it finds. */
static int set_visitor(request_rec *r, const apr_sockaddr_t *visitor)
{
    apr_sockaddr_t *copy;
    char *text;

    if (apr_sockaddr_info_copy(&copy, visitor, r->pool) != APR_SUCCESS
        || apr_sockaddr_ip_get(&text, copy) != APR_SUCCESS) {
        return 0;
    }
    r->useragent_addr = copy;
    r->useragent_ip = text;
    return 1;
}

static void log_ignored(request_rec *r, const char *header, const char *text)
{
    apr_size_t length = strlen(text);

    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "CFAOP304: %s is not one address, the peer's stands: \"%s\"", header,
                  cfaop_escape(r->pool, text, length > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : length));
}

void cfaop_client_address_settle(request_rec *r, int verified)
{
    const cfaop_server_conf *conf = cfaop_config_of(r->server);
    const char *header = cfaop_client_address_header(conf), *text;
    apr_sockaddr_t *visitor;

    cfaop_request_state(r)->address_settled = 1;
    remove_header(r, header, verified);
    if (conf->setter_error) {
        remove_header(r, DEFAULT_HEADER, 0); /* the name may be what was mistaken */
    }
    text = verified ? apr_table_get(r->headers_in, header) : NULL;
    if (!text) {
        return;
    }
    visitor = parse_address(r, text);
    if (visitor && set_visitor(r, visitor)) {
        cfaop_request_state(r)->visitor = visitor;
    }
    else if (!r->prev) {
        log_ignored(r, header, text);
    }
}

static void settle_broken(request_rec *r)
{
    if (cfaop_config_of(r->server)->remote_ip == 1 && !cfaop_request_state(r)->address_settled) {
        cfaop_client_address_settle(r, 0);
    }
}

void cfaop_client_address_on_error(request_rec *r)
{
    settle_broken(r);
}

int cfaop_client_address_on_log(request_rec *r)
{
    settle_broken(r);
    return DECLINED;
}

int cfaop_client_address_forbid_trailers(const server_rec *s)
{
    core_server_config *core = ap_get_core_module_config(s->module_config);

    if (cfaop_config_of(s)->remote_ip != 1 || core->merge_trailers != AP_MERGE_TRAILERS_ENABLE) {
        return 0;
    }
    core->merge_trailers = AP_MERGE_TRAILERS_DISABLE;
    return 1;
}

int cfaop_client_address_again(request_rec *r)
{
    const cfaop_request *state = ap_get_module_config(r->request_config, &cfaop_module);

    if (state && state->visitor) {
        set_visitor(r, state->visitor);
    }
    return DECLINED;
}
