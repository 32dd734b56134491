/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file dump.c
 * Prints what each virtual host demands: "apachectl -t -D DUMP_CF_ORIGIN_PULL".
 */
#include "operator/dump.h"

#include "base/module.h"
#include "base/name_list.h"
#include "base/server.h"
#include "base/text.h"
#include "config/config.h"
#include "config/exemption.h"
#include "config/pin.h"
#include "config/refuse.h"
#include "config/session_tickets.h"
#include "config/tree.h"
#include "config/visitor_header.h"
#include "trust/files.h"
#include "trust/trust.h"
#include "operator/bypass.h"
#include "operator/twins.h"

#include "apr_strings.h"
#include "http_core.h"

#include <stdio.h>

const char *cfaop_dump_date(apr_pool_t *p, const ASN1_TIME *t)
{
    struct tm tm;

    return t && ASN1_TIME_to_tm(t, &tm)
             ? apr_psprintf(p, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday)
             : "never";
}

int cfaop_dump_days_left(const ASN1_TIME *t)
{
    int days = 0, seconds = 0;

    return t && ASN1_TIME_diff(&days, &seconds, NULL, t) ? days : 0;
}

static void print_trust(apr_pool_t *p, const cfaop_trust *trust)
{
    char hex[CFAOP_SHA256_HEX];
    int i;

    for (i = 0; i < trust->anchors->nelts; ++i) {
        const cfaop_anchor *a = &APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor);
        const ASN1_TIME *end = X509_get0_notAfter(a->cert);
        printf("    certificate: %s\n        sha256 %s\n        not after %s (%d days left), %s\n",
               cfaop_text_name(p, X509_get_subject_name(a->cert), 0), cfaop_text_hex(a->sha256, hex),
               cfaop_dump_date(p, end), cfaop_dump_days_left(end), a->origin);
    }
    for (i = 0; i < trust->crls->nelts; ++i) {
        const cfaop_crl *c = &APR_ARRAY_IDX(trust->crls, i, cfaop_crl);
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(c->crl);
        printf("    CRL: %s\n        sha256 %s\n        next update %s, %s\n",
               cfaop_text_name(p, X509_CRL_get_issuer(c->crl), 0), cfaop_text_hex(c->sha256, hex),
               cfaop_dump_date(p, next), c->origin);
    }
    for (i = 0; i < trust->pins->nelts; ++i) {
        printf("    pin: %s\n", APR_ARRAY_IDX(trust->pins, i, cfaop_pin).text);
    }
    printf("    depth: %d\n    policy digest: %s\n", trust->depth, cfaop_text_hex(trust->digest, hex));
}

static void print_sharers(apr_pool_t *p, const server_rec *base, const server_rec *self)
{
    const cfaop_trust *trust = cfaop_config_of(self)->trust;
    cfaop_name_list list = {NULL, NULL, 0};
    const server_rec *s;

    apr_pool_create(&list.pool, p); /* ten thousand virtual hosts would leave as many lists */
    for (s = base; s; s = s->next) {
        const cfaop_server_conf *conf = cfaop_config_of(s);
        if (s != self && cfaop_config_asks(conf) && conf->trust == trust) {
            cfaop_name_list_add_server(&list, " ", s);
        }
    }
    printf("    shared with: %s\n", list.count ? cfaop_name_list_text(&list) : "none");
    apr_pool_destroy(list.pool);
}

static void print_bypass(apr_pool_t *p, const cfaop_bypass *bypass)
{
    int i, count = bypass->servers->nelts;

    for (i = 0; i < count && i < CFAOP_BYPASS_SERVERS_MAX; ++i) {
        const server_rec *s = APR_ARRAY_IDX(bypass->servers, i, const server_rec *);
        printf("    bypass: %s is served without the guard by %s (%s)\n", bypass->name, cfaop_server_label(p, s),
               cfaop_server_place(p, s));
    }
    if (count > CFAOP_BYPASS_SERVERS_MAX) {
        printf("    bypass: %s is served without the guard by %d more virtual hosts\n", bypass->name,
               count - CFAOP_BYPASS_SERVERS_MAX);
    }
}

static void print_bypasses(apr_pool_t *p, cfaop_twins *twins, const server_rec *guarded)
{
    const apr_array_header_t *bypasses;
    apr_pool_t *each;
    int i;

    apr_pool_create(&each, p);
    bypasses = cfaop_bypass_of(each, twins, guarded);
    for (i = 0; i < bypasses->nelts; ++i) {
        print_bypass(each, &APR_ARRAY_IDX(bypasses, i, cfaop_bypass));
    }
    apr_pool_destroy(each);
}

/* Says what the mode of a virtual host means for which the configuration shows no TLS. */
static const char *no_tls(const cfaop_server_conf *conf)
{
    return conf->is_reached_by_tls ? " (no TLS of its own: guards requests over another virtual host's TLS, "
                                     "lets plain HTTP go on)"
                                   : " (no TLS: lets plain HTTP go on)";
}

/* How clients are refused, for what besides their chain, and which get tickets, where the directives say so. */
static void print_handshakes(const cfaop_server_conf *conf)
{
    if (cfaop_refuse_of(conf) != CFAOP_REFUSE_400) {
        printf("    refuse: %s\n", cfaop_refuse_name(conf->refuse));
    }
    if (conf->peer_limit.bytes) {
        printf("    peer limit: %d bytes, %d names\n", conf->peer_limit.bytes, conf->peer_limit.names);
    }
    if (conf->tickets != CFAOP_TICKETS_UNSET) {
        printf("    session tickets: %s\n", cfaop_session_tickets_name(conf->tickets));
    }
}

static void print_server(apr_pool_t *p, const cfaop_tree *tree, cfaop_twins *twins, const server_rec *base,
                         const server_rec *s)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);
    int i, tls = cfaop_tree_shows_tls(tree, s) && !cfaop_tree_doubts_listener(tree, s);

    printf("%s (%s)\n    mode: %s%s\n", cfaop_server_label(p, s), cfaop_server_place(p, s),
           cfaop_config_mode_name(conf->mode), cfaop_config_asks(conf) && !tls ? no_tls(conf) : "");
    for (i = 0; conf->exemptions && i < conf->exemptions->nelts; ++i) {
        printf("    exempt %s\n", APR_ARRAY_IDX(conf->exemptions, i, cfaop_exemption).text);
    }
    print_handshakes(conf);
    if (conf->remote_ip == 1) {
        printf("    remote ip: %s%s\n", cfaop_visitor_header_name(conf),
               conf->remote_ip_with_port ? " " CFAOP_WITH_PORT : "");
    }
    if (!cfaop_config_asks(conf) || !conf->trust) {
        return;
    }
    print_trust(p, conf->trust);
    if (conf->expiry_days == 0) {
        printf("    expiry warning: never\n");
    }
    else if (conf->expiry_days > 0) {
        printf("    expiry warning: %d days before\n", conf->expiry_days);
    }
    print_sharers(p, base, s);
    if (cfaop_bypass_is_guarded(tree, s)) {
        print_bypasses(p, twins, s);
    }
}

apr_array_header_t *cfaop_dump_servers(apr_pool_t *p, server_rec *base)
{
    apr_array_header_t *servers = apr_array_make(p, 8, sizeof(server_rec *));
    server_rec *s;
    int i, count;

    for (s = base; s; s = s->next) {
        APR_ARRAY_PUSH(servers, server_rec *) = s;
    }
    for (i = 1, count = servers->nelts; i < count - i; ++i) {
        s = APR_ARRAY_IDX(servers, i, server_rec *);
        APR_ARRAY_IDX(servers, i, server_rec *) = APR_ARRAY_IDX(servers, count - i, server_rec *);
        APR_ARRAY_IDX(servers, count - i, server_rec *) = s;
    }
    return servers;
}

void cfaop_dump(apr_pool_t *p, server_rec *base)
{
    const apr_array_header_t *servers;
    cfaop_tree *tree;
    cfaop_twins *twins;
    int i;

    if (!ap_exists_config_define("DUMP_CF_ORIGIN_PULL")) {
        return;
    }
    tree = cfaop_tree_index(p, base);
    twins = cfaop_bypass_index(p, tree, base);
    printf("mod_cfaop configuration:\n");
    servers = cfaop_dump_servers(p, base);
    for (i = 0; i < servers->nelts; ++i) {
        print_server(p, tree, twins, base, APR_ARRAY_IDX(servers, i, server_rec *));
    }
}
