/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file startup.c
 * The hooks check_config and post_config: from the configuration to what requests are judged by, with lines for the
 * administrator about mistakes.
 */
#include "startup/startup.h"

#include "base/findings.h"
#include "base/module.h"
#include "config/config.h"
#include "config/refuse.h"
#include "config/tree.h"
#include "stats/limiter.h"
#include "stats/tally.h"
#include "trust/memo.h"
#include "trust/policy.h"
#include "tls/event_log.h"
#include "tls/session_key.h"
#include "tls/slots.h"
#include "request/client_address.h"
#include "request/judge.h"
#include "request/ssl_hooks.h"
#include "operator/bypass.h"
#include "operator/expiry.h"
#include "operator/reach.h"
#include "operator/trust_warnings.h"
#include "startup/attach_counters.h"
#include "startup/balancer.h"
#include "startup/borrowed_tls.h"
#include "startup/demand.h"
#include "startup/exempt_ranges.h"
#include "startup/mod_ssl.h"
#include "startup/nameless.h"
#include "startup/neighbours.h"
#include "startup/protocols.h"
#include "startup/settings_only.h"
#include "startup/unused_revocation.h"

#include "http_core.h"

APLOG_USE_MODULE(cfaop);

#define HOOKS_TAG "CFAOP130: "

/* What check_config found, for post_config, which can write to the error log. Ends with the configuration pool. */
static apr_array_header_t *findings;

static int is_any_needed(const server_rec *base)
{
    const server_rec *s;

    for (s = base; s; s = s->next) {
        if (cfaop_config_asks(cfaop_config_of(s))) {
            return 1;
        }
    }
    return 0;
}

static int is_mode_said(const server_rec *base)
{
    const server_rec *s = base;

    while (s && cfaop_config_of(s)->mode == CFAOP_MODE_UNSET) {
        s = s->next;
    }
    return s != NULL;
}

/* Can clients have sessions of an httpd that was stopped, or of another machine? A cache in shared memory has none. */
static int may_sessions_be_older(apr_pool_t *ptemp, const server_rec *base)
{
    const cfaop_tree *tree = cfaop_tree_index(ptemp, (server_rec *)base);
    const char *cache = cfaop_tree_last(tree, base, "sslsessioncache");
    const server_rec *s = base;

    while (s && !cfaop_tree_ticket_key_file(tree, s)) {
        s = s->next;
    }
    return s || (cache && ap_cstr_casecmpn(cache, "shm", 3) != 0 && ap_cstr_casecmpn(cache, "none", 4) != 0);
}

/*
 * Makes the module's place in OpenSSL's objects. Returns 0 if mod_ssl's handshake hooks cannot be used, or need not be:
 * where the module is merely loaded, handshakes stay as they are. They are used even if all virtual hosts are Off, and
 * if an earlier configuration may have used them: clients may hold older sessions, and those of a refused certificate
 * must not be resumed.
 */
static int enable_handshake(apr_pool_t *ptemp, const server_rec *base, int is_needed, apr_array_header_t *list)
{
    const char *mistake = cfaop_mod_ssl_mistake();

    if (!is_mode_said(base) && !cfaop_slots_were_used() && !may_sessions_be_older(ptemp, base)) {
        return 0;
    }
    if (!mistake && !cfaop_slots_enable()) {
        mistake = "CFAOP145: OpenSSL has no room for the module's data: check the memory";
    }
    if (mistake && is_needed) {
        cfaop_findings_add(list, APLOG_ERR, mistake);
    }
    return mistake == NULL;
}

/*
 * Takes mod_ssl's request hooks over, even if all virtual hosts are Off: the handshake hooks refuse certificates that
 * come while mod_ssl's access hook does not run, and only the guard's access hook tells them that it runs. If that
 * fails, mod_ssl would make users of certificates that were not accepted. Then the guard asks no client for a
 * certificate, and no policy can be used; where none is needed, the guard leaves handshakes alone, too.
 */
static void take_over_hooks(server_rec *base, int is_needed, apr_array_header_t *list)
{
    server_rec *s;

    if (cfaop_ssl_hooks_take_over()) {
        return;
    }
    if (!is_needed) {
        cfaop_slots_disable();
        return;
    }
    for (s = base; s; s = s->next) {
        cfaop_config_of(s)->trust = NULL;
        cfaop_config_of(s)->broken = HOOKS_TAG "mod_ssl's hooks are not known";
    }
    cfaop_findings_add(list, APLOG_ERR,
                       HOOKS_TAG "mod_ssl has not registered the hooks that this module knows, so it could not be kept "
                                 "from vouching for certificates that the guard has not accepted: look for a release "
                                 "of mod_cfaop "
                                 "that knows this mod_ssl, or for a module that changes its hooks");
}

/* ---- check_config ---- */

static apr_status_t forget_findings(void *data)
{
    (void)data;
    findings = NULL;
    return APR_SUCCESS;
}

/* Prints the mistakes, and with_warnings ("apachectl -t") all findings. Returns the number of mistakes. */
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

static void note_directories(const cfaop_tree *tree, server_rec *base)
{
    int inherited = cfaop_tree_directories_ask(tree, base), some = inherited;
    server_rec *s;

    for (s = base; s; s = s->next) {
        int own = cfaop_tree_directories_ask(tree, s), ask = inherited || own;
        cfaop_config_of(s)->own_directories_ask = own;
        cfaop_config_of(s)->directories_ask = ask;
        some = some || ask;
    }
    for (s = base; s; s = s->next) {
        cfaop_config_of(s)->some_directory_asks = some;
    }
}

/* Adds findings about the servers as a whole. can_ask: the handshake hooks can be used. */
static void look_at_servers(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base, int can_ask)
{
    cfaop_tree *tree = cfaop_tree_index(ptemp, base);

    note_directories(tree, base);
    cfaop_reach_note(ptemp, tree, base);
    if (can_ask) {
        cfaop_demand_check_tls(p, ptemp, base, tree, findings);
        apr_array_cat(findings, cfaop_session_keys_resolve(p, ptemp, base));
    }
    cfaop_bypass_warn(findings, ptemp, tree, base);
    cfaop_borrowed_tls_look(findings, tree, base);
    cfaop_unused_revocation_look(findings, tree, base);
    cfaop_nameless_look(findings, tree, base);
    cfaop_protocols_warn(findings, tree, base);
    cfaop_balancer_look(findings, ptemp, tree, base);
    cfaop_exempt_ranges_look(findings, ptemp, base);
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
    can_ask = enable_handshake(ptemp, base, is_needed, findings);
    if (can_ask) {
        take_over_hooks(base, is_needed, findings);
    }
    if (is_needed) {
        look_at_servers(p, ptemp, base, can_ask);
    }
    cfaop_settings_only_look(findings, base);
    if (is_test) {
        /* post_config does not run */
        apr_array_cat(findings, cfaop_expiry_findings(p, base, cfaop_config_server_asks));
        apr_array_cat(findings, cfaop_trust_warnings(p, ptemp, base, cfaop_config_server_asks));
    }
    if (cfaop_config_is_reread()) {
        return OK; /* post_config logs the findings */
    }
    return print_findings(is_test) ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* ---- post_config ---- */

/* A first start ends at a mistake, so a mistake here is one of a running server: critical. */
static void log_findings(server_rec *base)
{
    int i;

    for (i = 0; findings && i < findings->nelts; ++i) {
        const cfaop_finding *finding = &APR_ARRAY_IDX(findings, i, cfaop_finding);
        int level = finding->level <= APLOG_ERR ? APLOG_CRIT : finding->level;
        ap_log_error(APLOG_MARK, level, 0, base, "%s", finding->text);
    }
}

static int count_servers(const server_rec *base)
{
    const server_rec *s;
    int count = 0;

    for (s = base; s; s = s->next) {
        ++count;
    }
    return count;
}

int cfaop_startup_post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base)
{
    int servers = count_servers(base);

    (void)plog;
    if (cfaop_config_is_first_pass()) {
        return OK; /* the second one counts */
    }
    log_findings(base);
    cfaop_demand_settle_all(ptemp, base);
    cfaop_judge_prepare(p, base);
    cfaop_attach_counters(base, ptemp, is_any_needed(base));
    if (is_any_needed(base) || cfaop_slots_are_there()) {
        cfaop_limiter_init(p, servers); /* CFAOP205 is for handshakes with servers that are Off, too */
    }
    if (is_any_needed(base)) {
        cfaop_event_log_init(base);
        cfaop_memo_init(p);
        cfaop_tally_init(p, servers);
        cfaop_client_address_init(p, servers);
        cfaop_expiry_log(ptemp, base);
        cfaop_trust_warnings_log(ptemp, base);
    }
    return OK;
}
