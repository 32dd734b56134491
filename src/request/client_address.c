/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file client_address.c
 * The visitor's true address, from the header of an edge that has proven itself by its certificate. From any other
 * client the header is a claim, and is removed before another module believes it.
 */
#include "request/client_address.h"

#include "pure/address.h"
#include "base/module.h"
#include "base/server.h"
#include "base/text.h"
#include "config/config.h"
#include "config/visitor_header.h"
#include "request/state.h"

#include "apr_atomic.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"

APLOG_USE_MODULE(cfaop);

/* A header is quoted in the log, but not a long one whole. */
#define SHOWN_MAX_BYTES 64

/* After so many values of which none fits, the header is taken to hold something else than addresses. */
#define HINT_AFTER 20

/*
 * Of this process: how many values of a virtual host's header did not fit, in verified requests, and whether one did.
 */
typedef struct {
    apr_uint32_t misfits;
    apr_uint32_t fitted; /* 0 or 1 */
} tally;

static tally *tallies; /* [servers]; NULL: nothing is noted */

/*
 * An address of each family, to be copied: APR has no other way to an address than the C library's search for names,
 * which asks the kernel for the machine's own addresses. NULL: APR does not know the family.
 */
static apr_sockaddr_t *models[2]; /* IPv4, IPv6 */

static apr_status_t forget(void *data)
{
    (void)data;
    tallies = NULL;
    models[0] = models[1] = NULL;
    return APR_SUCCESS;
}

void cfaop_client_address_init(apr_pool_t *p, int servers)
{
    tallies = apr_pcalloc(p, (apr_size_t)servers * sizeof(tally));
    if (apr_sockaddr_info_get(&models[0], "0.0.0.0", APR_INET, 0, 0, p) != APR_SUCCESS) {
        models[0] = NULL;
    }
#if APR_HAVE_IPV6
    if (apr_sockaddr_info_get(&models[1], "::", APR_INET6, 0, 0, p) != APR_SUCCESS) {
        models[1] = NULL;
    }
#endif
    apr_pool_cleanup_register(p, NULL, forget, apr_pool_cleanup_null);
}

/* Are the names the same to a program that reads them from its environment, where "-" becomes "_"? */
static int is_same_name(const char *a, const char *b)
{
    for (; *a && *b; ++a, ++b) {
        int x = *a == '_' ? '-' : apr_tolower(*a), y = *b == '_' ? '-' : apr_tolower(*b);
        if (x != y) {
            return 0;
        }
    }
    return *a == *b;
}

/* Removes the header in each spelling; if keep, in all but the true one. */
static void remove_header(request_rec *r, const char *header, int keep)
{
    const apr_array_header_t *entries = apr_table_elts(r->headers_in);
    int i = 0;

    while (i < entries->nelts) {
        const char *name = APR_ARRAY_IDX(entries, i, apr_table_entry_t).key;
        if (name && !(keep && !ap_cstr_casecmp(name, header)) && is_same_name(name, header)) {
            apr_table_unset(r->headers_in, name);
            i = 0; /* the entries have moved */
        }
        else {
            ++i;
        }
    }
}

/* Returns the address of value with the port, from p; NULL: APR does not know the family. */
static apr_sockaddr_t *make_address(apr_pool_t *p, const cfaop_address *value, apr_port_t port)
{
    const apr_sockaddr_t *model = models[value->is_ipv6 ? 1 : 0];
    apr_sockaddr_t *made;

    if (!model || apr_sockaddr_info_copy(&made, model, p) != APR_SUCCESS) {
        return NULL;
    }
    memcpy(made->ipaddr_ptr, value->bytes, (apr_size_t)made->ipaddr_len);
    made->hostname = NULL; /* the model's */
    made->port = port;
    made->sa.sin.sin_port = htons(port); /* at the same place in both families */
    return made;
}

/* The address that text holds in the form that conf reads, or NULL. */
static apr_sockaddr_t *parse_visitor(request_rec *r, const cfaop_server_conf *conf, const char *text)
{
    int with_port = conf->remote_ip_with_port;
    cfaop_address value;

    if (!(with_port ? cfaop_address_parse_with_port(text, &value) : cfaop_address_parse(text, &value))) {
        return NULL;
    }
    return make_address(r->pool, &value, with_port ? (apr_port_t)value.port : r->useragent_addr->port);
}

/* Hands out a copy: mod_rpaf writes into the address that it finds. */
static int set_visitor(request_rec *r, const apr_sockaddr_t *visitor)
{
    cfaop_request *state = cfaop_state_make(r);
    apr_sockaddr_t *copy;
    char *text;

    if (apr_sockaddr_info_copy(&copy, visitor, r->pool) != APR_SUCCESS
        || apr_sockaddr_ip_get(&text, copy) != APR_SUCCESS) {
        return 0;
    }
    r->useragent_addr = state->handed_out = copy;
    state->handed_text = text;
    r->useragent_ip = text;
    return 1;
}

/* Has no other module changed the address since set_visitor()? */
static int stands(const request_rec *r, const cfaop_request *state)
{
    return r->useragent_addr == state->handed_out && r->useragent_ip == state->handed_text
        && r->useragent_addr->port == state->visitor->port && apr_sockaddr_equal(r->useragent_addr, state->visitor);
}

/* ---- a header that never fits ---- */

/* What the administrator can do about a header that holds values like text and is read in the form that conf says. */
static const char *cure_for(apr_pool_t *p, const cfaop_server_conf *conf, const char *header, const char *text)
{
    cfaop_address value;

    if (!conf->remote_ip_with_port && cfaop_address_parse_with_port(text, &value)) {
        return apr_psprintf(p,
                            "it looks like an address with a port, for which to write \"CFOriginPullRemoteIP On "
                            "%s " CFAOP_WITH_PORT "\"",
                            header);
    }
    if (conf->remote_ip_with_port && cfaop_address_parse(text, &value)) {
        return "it looks like an address without a port: remove the word " CFAOP_WITH_PORT " from CFOriginPullRemoteIP";
    }
    return "name a header in CFOriginPullRemoteIP that holds one address";
}

CFAOP_OUT_OF_LINE static void note_misfit(request_rec *r, const cfaop_server_conf *conf, const char *header,
                                          const char *text)
{
    tally *t = tallies ? &tallies[conf->index] : NULL;
    apr_size_t length = strlen(text);
    const char *shown = cfaop_text_escape(r->pool, text, length > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : length);

    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "CFAOP304: %s is not one address%s, the peer's stands: \"%s\"", header,
                  conf->remote_ip_with_port ? " with a port" : "", shown);
    if (t && !apr_atomic_read32(&t->fitted) && apr_atomic_inc32(&t->misfits) + 1 == HINT_AFTER) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "CFAOP306: %s held no visitor's address in any of %d verified requests for %s, which keep the "
                      "address of the connection; the last value is \"%s\": %s",
                      header, HINT_AFTER, cfaop_server_label(r->pool, r->server), shown,
                      cure_for(r->pool, conf, header, text));
    }
}

/*
 * Notes that the header holds what it should. IPv6 without brackets can be read both ways: "2001:db8::1:4653" may be an
 * address, or an address with a port. So without the word with-port such a value shows nothing.
 */
CFAOP_OUT_OF_LINE static void note_first_fit(tally *t, const cfaop_server_conf *conf, const char *text)
{
    cfaop_address value;

    if (conf->remote_ip_with_port || !cfaop_address_parse_with_port(text, &value)) {
        apr_atomic_set32(&t->fitted, 1);
    }
}

static void note_fit(const cfaop_server_conf *conf, const char *text)
{
    tally *t = tallies ? &tallies[conf->index] : NULL;

    if (t && !apr_atomic_read32(&t->fitted)) {
        note_first_fit(t, conf, text);
    }
}

/* ---- hooks ---- */

void cfaop_client_address_settle(request_rec *r, const cfaop_server_conf *conf, int verified)
{
    const char *header = cfaop_visitor_header_name(conf), *text;
    apr_sockaddr_t *visitor;

    cfaop_state_make(r)->address_settled = 1;
    remove_header(r, header, verified);
    if (conf->setter_error) {
        remove_header(r, CFAOP_VISITOR_HEADER_DEFAULT, 0); /* the mistake may be in the header's name */
    }
    text = verified ? apr_table_get(r->headers_in, header) : NULL;
    if (!text) {
        return;
    }
    visitor = parse_visitor(r, conf, text);
    if (visitor && set_visitor(r, visitor)) {
        cfaop_state_make(r)->visitor = visitor;
        note_fit(conf, text);
    }
    else if (!r->prev) {
        note_misfit(r, conf, header, text);
    }
}

static void settle_broken(request_rec *r)
{
    const cfaop_server_conf *conf = cfaop_config_of(r->server);

    if (conf->remote_ip == 1 && !cfaop_state_make(r)->address_settled) {
        cfaop_client_address_settle(r, conf, 0);
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
    const cfaop_request *state = cfaop_state_of(r);

    if (state && state->visitor && !stands(r, state)) {
        set_visitor(r, state->visitor);
    }
    return DECLINED;
}
