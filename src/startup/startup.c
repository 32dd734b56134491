/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file startup.c
 * From the configuration as written to what each virtual host demands, and the lines that tell the administrator of mistakes.
 */
#include "startup/startup.h"

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
#include "stats/limiter.h"
#include "stats/tally.h"
#include "trust/memo.h"
#include "trust/policy.h"
#include "trust/trust.h"
#include "tls/session_key.h"
#include "tls/slots.h"
#include "request/client_address.h"
#include "request/ssl_hooks.h"
#include "operator/bypass.h"
#include "operator/expiry.h"
#include "operator/trust_warnings.h"
#include "operator/twins.h"
#include "startup/attach_counters.h"
#include "startup/mod_ssl.h"
#include "startup/neighbours.h"

#include "apr_strings.h"
#include "http_core.h"

APLOG_USE_MODULE(cfaop);

#define HOOKS_TAG "CFAOP130: "

/* What check_config found, for post_config, which can write to the error log. Ends with the configuration pool. */
static apr_array_header_t *findings;

static int is_any_needed(const server_rec *base)
{
    const server_rec *s;

    for (s = base; s; s = s->next) {
        if (cfaop_config_is_needed(cfaop_config_of(s))) {
            return 1;
        }
    }
    return 0;
}

/*
 * An explicit On is one that stands in a virtual host; or in the main server if there is no other. Without TLS it is a mistake. One that
 * repeats the On of a TLS virtual host for plain HTTP is none: panels write the same lines into both.
 */
static int is_explicit_on(const server_rec *s, const server_rec *base)
{
    const cfaop_server_conf *conf = cfaop_config_of(s);

    return conf->mode == CFAOP_MODE_ON && conf->mode_is_own && !conf->is_doubled && (s->is_virtual || !base->next);
}

/*
 * The hooks are used even if every virtual host is Off: clients may hold sessions from the time before, and those of a refused
 * certificate must not be resumed. Returns 0 if they cannot be used.
 */
static int enable_handshake(int is_needed, apr_array_header_t *list)
{
    const char *mistake = cfaop_mod_ssl_mistake();

    if (!mistake && !cfaop_slots_enable()) {
        mistake = "CFAOP145: OpenSSL has no room for the module's data: check the memory";
    }
    if (mistake && is_needed) {
        cfaop_findings_add(list, APLOG_ERR, mistake);
    }
    return mistake == NULL;
}

/*
 * Without mod_ssl's hooks in hand, it would make users of certificates that nobody accepted. So then nobody is asked for one, and no policy
 * can be used.
 */
static void take_over_hooks(server_rec *base, apr_array_header_t *list)
{
    server_rec *s;

    if (cfaop_ssl_hooks_take_over()) {
        return;
    }
    for (s = base; s; s = s->next) {
        cfaop_config_of(s)->trust = NULL;
        cfaop_config_of(s)->broken = HOOKS_TAG "mod_ssl's hooks are not known";
    }
    cfaop_findings_add(list, APLOG_ERR, HOOKS_TAG "mod_ssl has not registered the hooks that this module knows, so it could not be kept from vouching "
                "for certificates that nobody accepted: look for a release of mod_cfaop that knows this mod_ssl, or for a module that "
                "changes its hooks");
}

/* ---- virtual hosts without TLS ---- */

static int is_shown_guarded(const void *tree, const server_rec *s)
{
    return cfaop_bypass_is_guarded(tree, s);
}

/* What is wrong with an On in s, which the configuration shows to have no TLS. alone: a name that no TLS virtual host guards. */
static const char *without_tls_mistake(apr_pool_t *p, const server_rec *s, const char *alone)
{
    return apr_psprintf(p, "CFAOP105: CFOriginPull On (%s): %s has no TLS, and without it no client can show a certificate: configure "
                           "SSLEngine on and SSLCertificateFile there, or remove CFOriginPull, or guard \"%s\" in a virtual host with TLS, "
                           "too", cfaop_config_of(s)->mode_where, cfaop_server_label(p, s), cfaop_text_escape(p, alone, strlen(alone)));
}

static void check_tls_shown(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base, const cfaop_tree *tree, apr_array_header_t *list)
{
    cfaop_twins *twins = NULL;
    server_rec *s;

    for (s = base; s; s = s->next) {
        const char *alone;
        if (!is_explicit_on(s, base) || cfaop_tree_shows_tls(tree, s)) {
            continue;
        }
        twins = twins ? twins : cfaop_twins_index(ptemp, base);
        alone = cfaop_twins_uncovered(twins, s, is_shown_guarded, tree);
        cfaop_config_of(s)->is_doubled = alone == NULL;
        if (alone) {
            cfaop_findings_add(list, APLOG_ERR, without_tls_mistake(p, s, alone));
        }
    }
}

/* ---- check_config ---- */

static apr_status_t forget_findings(void *data)
{
    (void)data;
    findings = NULL;
    return APR_SUCCESS;
}

/* Prints the findings where they end the start or where "-t" shows them. Returns the number of mistakes. */
static int print_findings(int with_warnings)
{
    int i, mistakes = 0;

    for (i = 0; i < findings->nelts; ++i) {
        const cfaop_finding *finding = &APR_ARRAY_IDX(findings, i, cfaop_finding);
        if (finding->level <= APLOG_ERR) {
            ++mistakes;
        }
        if (finding->level <= APLOG_ERR || with_warnings) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | finding->level, 0, NULL, "%s", finding->text);
        }
    }
    return mistakes;
}

/* What is found of the servers together, beside the policy of each. can_ask: the handshake hooks can be used. */
static void look_at_servers(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base, int can_ask)
{
    cfaop_tree *tree = cfaop_tree_index(ptemp, base);

    cfaop_bypass_note_reach(ptemp, tree, base);
    if (can_ask) {
        take_over_hooks(base, findings);
        check_tls_shown(p, ptemp, base, tree, findings);
        apr_array_cat(findings, cfaop_session_keys_resolve(p, ptemp, base));
    }
    cfaop_bypass_warn(findings, ptemp, tree, base);
    apr_array_cat(findings, cfaop_neighbours_findings(p, base));
}

int cfaop_startup_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base)
{
    int is_test = ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
    int can_ask, is_needed = is_any_needed(base);

    (void)plog;
    findings = cfaop_policy_resolve_all(p, ptemp, base);
    cfaop_refuse_check(p, base, findings);
    apr_pool_cleanup_register(p, NULL, forget_findings, apr_pool_cleanup_null);
    can_ask = enable_handshake(is_needed, findings);
    if (is_needed) {
        look_at_servers(p, ptemp, base, can_ask);
    }
    if (is_test) {
        apr_array_cat(findings, cfaop_expiry_findings(p, base, cfaop_config_is_configured)); /* post_config does not run */
        apr_array_cat(findings, cfaop_trust_warnings(p, ptemp, base, cfaop_config_is_configured));
    }
    if (cfaop_config_is_reread()) {
        return OK; /* post_config logs the findings */
    }
    return print_findings(is_test) ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* ---- post_config ---- */

/* What post_config knows of all servers, and has to tell apart from the findings. */
typedef struct {
    const server_rec *base;
    const cfaop_tree *tree;
    cfaop_twins *twins;              /* NULL: not asked for yet */
    cfaop_name_list without_tls;     /* of their own: plain HTTP goes on there */
    cfaop_name_list verified_twice;  /* SSLVerifyClient is set too */
    cfaop_name_list error_documents; /* local paths that will not be served */
    cfaop_name_list trailers;        /* had MergeTrailers, which would bring back what CFOriginPullRemoteIP removes */
    cfaop_name_list builtin_only;    /* trust the CA that all of Cloudflare's customers share, and nothing else */
} report;

static int is_guarded(const void *data, const server_rec *s)
{
    (void)data;
    return cfaop_config_of(s)->has_tls && cfaop_config_of(s)->mode == CFAOP_MODE_ON;
}

/* check_config has gone by what the configuration shows; now it is known to which virtual hosts mod_ssl gives TLS. */
static int is_doubled(const server_rec *s, report *rep)
{
    if (!cfaop_config_of(s)->is_doubled) {
        return 0;
    }
    rep->twins = rep->twins ? rep->twins : cfaop_twins_index(rep->without_tls.pool, rep->base);
    return cfaop_twins_uncovered(rep->twins, s, is_guarded, NULL) == NULL;
}

/*
 * mod_ssl has not made s a TLS server. Where the administrator wrote On for it alone, or an SSLEngine (newer versions of mod_ssl ignore
 * "optional"), something is wrong, and requests are refused. Else it is a virtual host for plain HTTP, which is no mistake. But requests can
 * reach it by the TLS of another virtual host of its address, and are judged then.
 */
static void settle_without_tls(server_rec *s, cfaop_server_conf *conf, report *rep)
{
    apr_pool_t *p = rep->without_tls.pool;

    conf->is_doubled = is_doubled(s, rep);
    if (!is_explicit_on(s, rep->base) && !cfaop_tree_wants_tls(rep->tree, s)) {
        conf->demand.borrows_tls = 1;
        conf->demand.policy = conf->trust;
        conf->demand.usable = conf->trust != NULL;
        cfaop_name_list_add(&rep->without_tls, cfaop_server_label(p, s));
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "CFAOP120: CFOriginPull %s (%s), but mod_ssl gives %s no TLS: %s; configure "
                 "SSLEngine on and SSLCertificateFile, or remove CFOriginPull", cfaop_config_mode_name(conf->mode), conf->mode_where,
                 cfaop_server_label(p, s), cfaop_refuse_effect(conf));
}

/* Fixes what requests to s are judged by. Nothing after this changes it. */
static void settle(server_rec *s, report *rep)
{
    cfaop_server_conf *conf = cfaop_config_of(s);

    conf->demand.mode = cfaop_config_is_needed(conf) ? conf->mode : CFAOP_MODE_OFF;
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
}

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
            cfaop_name_list_add(&rep->error_documents, apr_psprintf(p, "%s (%s, %s)", path, codes[i], cfaop_server_label(p, s)));
        }
    }
}

static void log_report(server_rec *base, const report *rep)
{
    if (rep->without_tls.count) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, base, "CFAOP121: CFOriginPull lets plain HTTP go on where a virtual host has no TLS of "
                     "its own: %s",
                     cfaop_name_list_text(&rep->without_tls));
    }
    if (rep->verified_twice.count) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base, "CFAOP122: SSLVerifyClient is set beside CFOriginPull on %s: mod_ssl "
                     "verifies first and by its own CAs, so refusals may be TLS alerts instead of 400; remove SSLVerifyClient "
                     "unless you need both", cfaop_name_list_text(&rep->verified_twice));
    }
    if (rep->trailers.count) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base, "CFAOP127: MergeTrailers is taken for Off beside CFOriginPullRemoteIP, "
                     "a trailer could bring back the header that is removed: %s; remove MergeTrailers",
                     cfaop_name_list_text(&rep->trailers));
    }
    if (rep->builtin_only.count) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, base, "CFAOP126: these trust only the CA of Cloudflare's global certificate, "
                     "which proves Cloudflare but not your zone, since all its customers share it: %s; to bind them to your "
                     "zone, upload a certificate of your own at Cloudflare, list its CA with CFOriginPullCACertificateFile, and "
                     "pin it with CFOriginPullPin if that CA issues more than this", cfaop_name_list_text(&rep->builtin_only));
    }
    if (rep->error_documents.count) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base, "CFAOP124: no local ErrorDocument is run for refused requests, they "
                     "get the built-in page; write a text or a URL instead of %s", cfaop_name_list_text(&rep->error_documents));
    }
}

/* A first start was refused for mistakes, so mistakes here are those of a running server: critical. */
static void log_findings(server_rec *base)
{
    int i;

    for (i = 0; findings && i < findings->nelts; ++i) {
        const cfaop_finding *finding = &APR_ARRAY_IDX(findings, i, cfaop_finding);
        ap_log_error(APLOG_MARK, finding->level <= APLOG_ERR ? APLOG_CRIT : finding->level, 0, base, "%s", finding->text);
    }
}

int cfaop_startup_post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base)
{
    report rep = {base, NULL, NULL, {ptemp, NULL, 0}, {ptemp, NULL, 0}, {ptemp, NULL, 0}, {ptemp, NULL, 0}, {ptemp, NULL, 0}};
    server_rec *s;
    int servers = 0;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* the real one follows */
    }
    log_findings(base);
    rep.tree = cfaop_tree_index(ptemp, base);
    for (s = base; s; s = s->next, ++servers) {
        settle(s, &rep);
        note_error_documents(s, &rep);
        if (cfaop_client_address_forbid_trailers(s)) {
            cfaop_name_list_add(&rep.trailers, cfaop_server_label(ptemp, s));
        }
    }
    log_report(base, &rep);
    cfaop_attach_counters(base, ptemp, is_any_needed(base));
    if (is_any_needed(base)) {
        cfaop_memo_init(p);
        cfaop_limiter_init(p, servers);
        cfaop_tally_init(p, servers);
        cfaop_client_address_init(p, servers);
        cfaop_expiry_log(ptemp, base);
        cfaop_trust_warnings_log(ptemp, base);
    }
    return OK;
}
