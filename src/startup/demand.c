/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file demand.c
 * What requests to each server are judged by, settled at startup; and CFOriginPull where there is no TLS.
 */
#include "startup/demand.h"

#include "pure/verdict.h"
#include "base/findings.h"
#include "base/module.h"
#include "base/name_list.h"
#include "base/server.h"
#include "base/text.h"
#include "config/config.h"
#include "config/exemption.h"
#include "config/refuse.h"
#include "config/tree.h"
#include "trust/policy.h"
#include "trust/trust.h"
#include "request/client_address.h"
#include "operator/bypass.h"
#include "operator/twins.h"

#include "apr_strings.h"

APLOG_USE_MODULE(cfaop);

/*
 * Is there an explicit On: in this virtual host, or in the main server if there are no virtual hosts? Without TLS it is
 * a mistake.
 */
static int is_explicit_on(const server_rec *s, const server_rec *base)
{
    return cfaop_config_has_own_on(s) && (s->is_virtual || !base->next);
}

/* ---- what the configuration shows ---- */

static int is_shown_guarded(const void *tree, const server_rec *s)
{
    return cfaop_bypass_is_guarded(tree, s);
}

/* Returns the mistake of an On in s, which has no TLS. alone: a name of s that no TLS virtual host guards. */
static const char *without_tls_mistake(apr_pool_t *p, const server_rec *s, const char *alone)
{
    return apr_psprintf(p,
                        "CFAOP105: CFOriginPull On (%s): %s has no TLS, and without it no client can show a "
                        "certificate: configure SSLEngine on and SSLCertificateFile there, or remove CFOriginPull, "
                        "or guard \"%s\" in a virtual host with TLS, too",
                        cfaop_config_of(s)->mode_where, cfaop_server_label(p, s),
                        cfaop_text_escape(p, alone, strlen(alone)));
}

void cfaop_demand_check_tls(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base, const cfaop_tree *tree,
                            apr_array_header_t *findings)
{
    cfaop_twins *twins = NULL;
    server_rec *s;

    for (s = base; s; s = s->next) {
        const char *alone;
        if (!is_explicit_on(s, base) || cfaop_tree_shows_tls(tree, s)) {
            continue;
        }
        twins = twins ? twins : cfaop_twins_index(ptemp, base, is_shown_guarded, tree);
        alone = cfaop_twins_uncovered(twins, s);
        cfaop_config_of(s)->is_doubled = alone == NULL;
        if (alone) {
            cfaop_findings_add(findings, APLOG_ERR, without_tls_mistake(p, s, alone));
        }
    }
}

/* ---- after mod_ssl has made its TLS servers ---- */

/* What post_config finds out about all servers, for the lines of log_report(). */
typedef struct {
    const server_rec *base;
    const cfaop_tree *tree;
    cfaop_twins *twins;              /* NULL: not made yet */
    cfaop_name_list without_tls;     /* servers without TLS of their own, where plain HTTP goes on */
    cfaop_name_list verified_twice;  /* servers with SSLVerifyClient */
    cfaop_name_list asked_again;     /* servers with a directory's SSLVerifyClient, which TLS 1.3 does not allow */
    cfaop_name_list error_documents; /* local ErrorDocuments, which are not run for refused requests */
    cfaop_name_list trailers;        /* servers with MergeTrailers beside CFOriginPullRemoteIP */
    cfaop_name_list builtin_only;    /* servers that trust only the CA that all of Cloudflare's customers share */
} report;

static int is_on_with_tls(const void *data, const server_rec *s)
{
    (void)data;
    return cfaop_config_of(s)->has_tls && cfaop_config_of(s)->mode == CFAOP_MODE_ON;
}

/* Looks again at what check_config took from the configuration, now that mod_ssl has made its TLS servers. */
static int is_doubled(const server_rec *s, report *rep)
{
    if (!cfaop_config_of(s)->is_doubled) {
        return 0;
    }
    rep->twins = rep->twins ? rep->twins : cfaop_twins_index(rep->without_tls.pool, rep->base, is_on_with_tls, NULL);
    return cfaop_twins_uncovered(rep->twins, s) == NULL;
}

/*
 * Settles s, which mod_ssl has not made a TLS server. With an explicit On, or an SSLEngine that is not off (newer
 * versions of mod_ssl ignore "optional"), that is a mistake, and requests are refused. Without them s is a virtual host
 * for plain HTTP. Requests that reach it by the TLS of another virtual host of its address are judged.
 */
static void settle_without_tls(server_rec *s, cfaop_server_conf *conf, report *rep)
{
    apr_pool_t *p = rep->without_tls.pool;

    conf->is_doubled = is_doubled(s, rep);
    if (!is_explicit_on(s, rep->base) && !cfaop_tree_wants_tls(rep->tree, s)) {
        conf->demand.borrows_tls = 1;
        conf->demand.policy = conf->trust;
        conf->demand.usable = conf->trust != NULL;
        if (s->is_virtual || conf->is_reached_by_plain_http) {
            cfaop_name_list_add(&rep->without_tls, cfaop_server_label(p, s));
        }
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                 "CFAOP120: CFOriginPull %s (%s), but mod_ssl gives %s no TLS: %s; "
                 "configure SSLEngine on and SSLCertificateFile, or remove CFOriginPull",
                 cfaop_config_mode_name(conf->mode), conf->mode_where, cfaop_server_label(p, s),
                 cfaop_refuse_effect(conf));
}

/* Where some clients are exempt, a directory may be meant for these. */
static int is_for_the_edge_only(const cfaop_server_conf *conf)
{
    return conf->mode != CFAOP_MODE_LOG_ONLY && (!conf->exemptions || !conf->exemptions->nelts);
}

/* Settles what requests to s are judged by. Nothing changes it later. */
static void settle_server(server_rec *s, report *rep)
{
    cfaop_server_conf *conf = cfaop_config_of(s);

    conf->demand.mode = cfaop_config_asks(conf) ? conf->mode : CFAOP_MODE_OFF;
    conf->demand.policy = conf->policy;
    conf->demand.usable = conf->has_tls && conf->policy != NULL;
    if (conf->demand.mode == CFAOP_MODE_OFF) {
        return;
    }
    if (!conf->has_tls) {
        settle_without_tls(s, conf, rep);
        return;
    }
    if (!conf->demand.usable) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "CFAOP125: the policy of %s cannot be used, %s: %s",
                     cfaop_server_label(rep->without_tls.pool, s), cfaop_refuse_effect(conf),
                     conf->broken ? conf->broken : "see the lines above");
    }
    if (conf->trust && !conf->trust->pins->nelts && cfaop_policy_is_builtin_only(conf->trust)) {
        cfaop_name_list_add(&rep->builtin_only, cfaop_server_label(rep->without_tls.pool, s));
    }
    if (conf->mod_ssl_verifies) {
        cfaop_name_list_add(&rep->verified_twice, cfaop_server_label(rep->without_tls.pool, s));
    }
    if (conf->own_directories_ask && conf->speaks_tls_13 && is_for_the_edge_only(conf)) {
        cfaop_name_list_add(&rep->asked_again, cfaop_server_label(rep->without_tls.pool, s));
    }
}

/* Notes local ErrorDocuments that are not exempt: the guard does not run them for refused requests. */
static void note_error_documents(const server_rec *s, report *rep)
{
    static const char *const codes[] = {"400", "421"};
    apr_pool_t *p = rep->error_documents.pool;
    int i;

    if (!cfaop_config_is_guarded(s) || cfaop_config_of(s)->demand.mode == CFAOP_MODE_LOG_ONLY
        || cfaop_refuse_of(cfaop_config_of(s)) != CFAOP_REFUSE_400) {
        return;
    }
    for (i = 0; i < 2; ++i) {
        const char *path = cfaop_tree_local_error_document(rep->tree, s, codes[i]);
        if (path && !cfaop_exemption_has_path(cfaop_config_of(s)->exemptions, path)) {
            cfaop_name_list_add(&rep->error_documents,
                                apr_psprintf(p, "%s (%s, %s)", path, codes[i], cfaop_server_label(p, s)));
        }
    }
}

/* Logs a line about the servers of a list, if there are some: their names stand between two texts. */
static void log_list(const report *rep, int level, const cfaop_name_list *list, const char *before, const char *after)
{
    if (list->count) {
        ap_log_error(APLOG_MARK, level, 0, rep->base, "%s%s%s", before, cfaop_name_list_text(list), after);
    }
}

static void log_report(const report *rep)
{
    log_list(rep, APLOG_NOTICE, &rep->without_tls,
             "CFAOP121: CFOriginPull lets plain HTTP go on where a virtual host has no TLS of its own: ", "");
    log_list(rep, APLOG_WARNING, &rep->verified_twice, "CFAOP122: SSLVerifyClient is set beside CFOriginPull on ",
             ": mod_ssl verifies first and by its own CAs, so refusals may be TLS alerts instead of 400; remove "
             "SSLVerifyClient unless you need both");
    log_list(rep, APLOG_WARNING, &rep->asked_again, "CFAOP160: a directory has SSLVerifyClient beside CFOriginPull on ",
             ": over TLS 1.3 mod_ssl cannot ask the edge again and answers 403 there; remove SSLVerifyClient, the edge "
             "has shown its certificate, or take TLSv1.3 out of SSLProtocol");
    log_list(rep, APLOG_WARNING, &rep->trailers,
             "CFAOP127: MergeTrailers is taken for Off beside CFOriginPullRemoteIP, a trailer could bring back the "
             "header that is removed: ",
             "; remove MergeTrailers");
    log_list(rep, APLOG_INFO, &rep->builtin_only,
             "CFAOP126: these trust only the CA of Cloudflare's global certificate, which proves Cloudflare but not "
             "your zone, since all its customers share it: ",
             "; to bind them to your zone, upload a certificate of your own at Cloudflare, list its CA with "
             "CFOriginPullCACertificateFile, and pin it with CFOriginPullPin if that CA issues more than this");
    log_list(rep, APLOG_WARNING, &rep->error_documents,
             "CFAOP124: no local ErrorDocument is run for refused requests, they get the built-in page; write a text "
             "or "
             "a URL instead of ",
             "");
}

void cfaop_demand_settle_all(apr_pool_t *ptemp, server_rec *base)
{
    report rep = {base,
                  cfaop_tree_index(ptemp, base),
                  NULL,
                  {ptemp, NULL, 0},
                  {ptemp, NULL, 0},
                  {ptemp, NULL, 0},
                  {ptemp, NULL, 0},
                  {ptemp, NULL, 0},
                  {ptemp, NULL, 0}};
    server_rec *s;

    for (s = base; s; s = s->next) {
        settle_server(s, &rep);
        note_error_documents(s, &rep);
        if (cfaop_client_address_forbid_trailers(s)) {
            cfaop_name_list_add(&rep.trailers, cfaop_server_label(ptemp, s));
        }
    }
    log_report(&rep);
}
