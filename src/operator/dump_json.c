/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file dump_json.c
 * Prints what each virtual host demands as one JSON document: "apachectl -t -D DUMP_CF_ORIGIN_PULL_JSON".
 * docs/dump-json.md describes its fields.
 */
#include "operator/dump_json.h"

#include "base/json.h"
#include "base/module.h"
#include "base/server.h"
#include "base/text.h"
#include "config/config.h"
#include "config/exemption.h"
#include "config/peer_limit.h"
#include "config/pin.h"
#include "config/refuse.h"
#include "config/session_tickets.h"
#include "config/tree.h"
#include "config/visitor_header.h"
#include "trust/files.h"
#include "trust/trust.h"
#include "operator/bypass.h"
#include "operator/dump.h"
#include "operator/twins.h"

#include "ap_listen.h"
#include "http_core.h"

#include <stdio.h>

/* How many of the servers that share a policy are listed for each: all of ten thousand would be ten thousand lists. */
#define SHARERS_MAX 20

static const char *boolean(int value)
{
    return value ? "true" : "false";
}

/* The comma before each element of a list but the first. */
static const char *comma(int index)
{
    return index ? ", " : "";
}

static int print_names(apr_pool_t *p, const apr_array_header_t *names, int printed)
{
    int i;

    for (i = 0; names && i < names->nelts; ++i) {
        printf("%s%s", comma(printed++), cfaop_json_string(p, APR_ARRAY_IDX(names, i, const char *)));
    }
    return printed;
}

/* The names that a client may ask for, and the addresses that it reaches them at. */
static void print_places(apr_pool_t *p, const server_rec *s)
{
    const server_addr_rec *addr;
    int i = 0;

    printf("\"label\": %s, \"place\": %s,\n   \"name\": %s, \"aliases\": [",
           cfaop_json_string(p, cfaop_server_label(p, s)), cfaop_json_string(p, cfaop_server_place(p, s)),
           cfaop_json_string(p, s->server_hostname));
    (void)print_names(p, s->wild_names, print_names(p, s->names, 0));
    printf("],\n   \"addresses\": [");
    for (addr = s->is_virtual ? s->addrs : NULL; addr; addr = addr->next) {
        printf("%s{\"host\": %s, \"port\": %u}", comma(i++), cfaop_json_string(p, addr->virthost), addr->host_port);
    }
    printf("],\n");
}

static void print_certificates(apr_pool_t *p, const cfaop_trust *trust)
{
    char hex[CFAOP_SHA256_HEX];
    int i;

    printf("\"certificates\": [");
    for (i = 0; i < trust->anchors->nelts; ++i) {
        const cfaop_anchor *a = &APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor);
        const ASN1_TIME *end = X509_get0_notAfter(a->cert);
        printf("%s\n     {\"subject\": %s, \"sha256\": \"%s\", \"not_after\": %s, \"days_left\": %d, \"origin\": %s}",
               comma(i), cfaop_json_string(p, cfaop_text_name(p, X509_get_subject_name(a->cert), 0)),
               cfaop_text_hex(a->sha256, hex), cfaop_json_string(p, cfaop_dump_date(p, end)), cfaop_dump_days_left(end),
               cfaop_json_string(p, a->origin));
    }
    printf("],\n    \"crls\": [");
    for (i = 0; i < trust->crls->nelts; ++i) {
        const cfaop_crl *c = &APR_ARRAY_IDX(trust->crls, i, cfaop_crl);
        printf("%s\n     {\"issuer\": %s, \"sha256\": \"%s\", \"next_update\": %s, \"origin\": %s}", comma(i),
               cfaop_json_string(p, cfaop_text_name(p, X509_CRL_get_issuer(c->crl), 0)), cfaop_text_hex(c->sha256, hex),
               cfaop_json_string(p, cfaop_dump_date(p, X509_CRL_get0_nextUpdate(c->crl))),
               cfaop_json_string(p, c->origin));
    }
    printf("],\n    ");
}

static void print_sharers(apr_pool_t *p, const server_rec *base, const server_rec *self)
{
    const cfaop_trust *trust = cfaop_config_of(self)->trust;
    const server_rec *s;
    int count = 0;

    printf("\"shared_with\": [");
    for (s = base; s; s = s->next) {
        const cfaop_server_conf *conf = cfaop_config_of(s);
        if (s == self || !cfaop_config_asks(conf) || conf->trust != trust) {
            continue;
        }
        if (count < SHARERS_MAX) {
            printf("%s%s", comma(count), cfaop_json_string(p, cfaop_server_label(p, s)));
        }
        ++count;
    }
    printf("], \"shared_with_count\": %d", count);
}

static void print_trust(apr_pool_t *p, const server_rec *base, const server_rec *s)
{
    const cfaop_trust *trust = cfaop_config_of(s)->trust;
    char hex[CFAOP_SHA256_HEX];
    int i;

    printf("{\n    ");
    print_certificates(p, trust);
    printf("\"pins\": [");
    for (i = 0; i < trust->pins->nelts; ++i) {
        printf("%s%s", comma(i), cfaop_json_string(p, APR_ARRAY_IDX(trust->pins, i, cfaop_pin).text));
    }
    printf("], \"depth\": %d, \"policy_digest\": \"%s\",\n    ", trust->depth, cfaop_text_hex(trust->digest, hex));
    print_sharers(p, base, s);
    printf("}");
}

/* Prints how a name is served without the guard, after printed others. Returns how many are printed then. */
static int print_bypass(apr_pool_t *p, const cfaop_bypass *bypass, int printed)
{
    int i;

    for (i = 0; i < bypass->servers->nelts && i < CFAOP_BYPASS_SERVERS_MAX; ++i) {
        const server_rec *s = APR_ARRAY_IDX(bypass->servers, i, const server_rec *);
        printf("%s{\"name\": %s, \"server\": %s, \"place\": %s}", comma(printed++), cfaop_json_string(p, bypass->name),
               cfaop_json_string(p, cfaop_server_label(p, s)), cfaop_json_string(p, cfaop_server_place(p, s)));
    }
    return printed;
}

static void print_bypasses(apr_pool_t *p, cfaop_twins *twins, const server_rec *guarded)
{
    const apr_array_header_t *bypasses = guarded ? cfaop_bypass_of(p, twins, guarded) : NULL;
    int i, printed = 0, count = 0;

    printf("   \"bypasses\": [");
    for (i = 0; bypasses && i < bypasses->nelts; ++i) {
        const cfaop_bypass *bypass = &APR_ARRAY_IDX(bypasses, i, cfaop_bypass);
        printed = print_bypass(p, bypass, printed);
        count += bypass->servers->nelts;
    }
    printf("], \"bypasses_count\": %d", count);
}

/* What the directives of the virtual host say, besides trust. */
static void print_rules(apr_pool_t *p, const cfaop_server_conf *conf)
{
    cfaop_peer_limit limit = cfaop_peer_limit_of(conf);
    int i;

    printf("   \"exemptions\": [");
    for (i = 0; conf->exemptions && i < conf->exemptions->nelts; ++i) {
        printf("%s%s", comma(i), cfaop_json_string(p, APR_ARRAY_IDX(conf->exemptions, i, cfaop_exemption).text));
    }
    printf("], \"refuse\": \"%s\", \"session_tickets\": \"%s\",\n", cfaop_refuse_name(cfaop_refuse_of(conf)),
           cfaop_session_tickets_name(cfaop_session_tickets_of(conf)));
    printf("   \"peer_limit\": {\"bytes\": %d, \"names\": %d}, \"expiry_warning_days\": %d,\n", limit.bytes,
           limit.names, cfaop_config_expiry_days_of(conf));
    if (conf->remote_ip == 1) {
        printf("   \"remote_ip\": {\"header\": %s, \"with_port\": %s},\n",
               cfaop_json_string(p, cfaop_visitor_header_name(conf)), boolean(conf->remote_ip_with_port));
    }
    else {
        printf("   \"remote_ip\": null,\n");
    }
}

static void print_server(apr_pool_t *p, const cfaop_tree *tree, cfaop_twins *twins, const server_rec *base,
                         const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);
    int has_trust = cfaop_config_asks(conf) && conf->trust;
    int tls = cfaop_tree_shows_tls(tree, s) && !cfaop_tree_doubts_listener(tree, s);

    printf("\n  {");
    print_places(p, s);
    printf("   \"mode\": \"%s\", \"tls\": %s, \"reached_by_tls\": %s, \"guarded\": %s,\n",
           cfaop_config_mode_name(conf->mode), boolean(tls), boolean(conf->is_reached_by_tls),
           boolean(tls && cfaop_bypass_is_guarded(tree, s)));
    print_rules(p, conf);
    printf("   \"trust\": ");
    if (has_trust) {
        print_trust(p, base, s);
    }
    else {
        printf("null");
    }
    printf(",\n");
    print_bypasses(p, twins, has_trust && cfaop_bypass_is_guarded(tree, s) ? s : NULL);
    printf("}");
}

/* Where httpd listens: at these ports the main server and virtual hosts for each port are reached. */
static void print_listeners(apr_pool_t *p)
{
    const ap_listen_rec *l;
    int i = 0;

    printf("\"listen\": [");
    for (l = ap_listeners; l; l = l->next) {
        printf("%s{\"host\": %s, \"port\": %u}", comma(i++), cfaop_json_string(p, l->bind_addr->hostname),
               l->bind_addr->port);
    }
    printf("]");
}

void cfaop_dump_json(apr_pool_t *p, server_rec *base)
{
    const apr_array_header_t *servers;
    cfaop_tree *tree;
    cfaop_twins *twins;
    apr_pool_t *each;
    int i;

    if (!ap_exists_config_define("DUMP_CF_ORIGIN_PULL_JSON")) {
        return;
    }
    tree = cfaop_tree_index(p, base);
    twins = cfaop_bypass_index(p, tree, base);
    servers = cfaop_dump_servers(p, base);
    apr_pool_create(&each, p);
    printf("{\"format\": 1, ");
    print_listeners(each);
    printf(", \"servers\": [");
    for (i = 0; i < servers->nelts; ++i) {
        printf("%s", i ? "," : "");
        print_server(each, tree, twins, base, APR_ARRAY_IDX(servers, i, server_rec *));
        apr_pool_clear(each);
    }
    printf("\n]}\n");
    apr_pool_destroy(each);
}
