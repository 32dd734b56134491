/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file mod_cfaop.c
 * Authenticated Origin Pulls for Apache httpd: the table of directives, the hooks, and the module record. The work is
 * done in src/.
 */
#include "base/module.h"
#include "base/peer.h"
#include "config/config.h"
#include "config/directives.h"
#include "config/visitor_header.h"
#include "tls/handshake.h"
#include "request/authz.h"
#include "request/caches.h"
#include "request/client_address.h"
#include "request/count.h"
#include "request/fake_basic_auth.h"
#include "request/judge.h"
#include "request/side_effects.h"
#include "request/silence.h"
#include "request/ssl_variables.h"
#include "request/variables.h"
#include "operator/dump.h"
#include "operator/dump_json.h"
#include "operator/expiry.h"
#include "operator/metrics.h"
#include "operator/status.h"
#include "startup/hook_order.h"
#include "startup/startup.h"

#include "apr_optional_hooks.h"
#include "http_connection.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_ssl_openssl.h"
#include "mod_status.h"
#include "mpm_common.h"

/* Is this the first call with this text since httpd began to read the configuration, whose pool p is? */
static int is_first_time(apr_pool_t *p, const char *what)
{
    void *seen = NULL;

    apr_pool_userdata_get(&seen, what, p);
    apr_pool_userdata_set("yes", what, NULL, p);
    return seen == NULL;
}

/*
 * Each request passes all hooks, so a hook that only some configurations need is registered when their directive is
 * read. httpd sorts the hooks once more after that. apr_hook_debug_current gives the hooks the module's name, by which
 * other modules ask to run before or after it.
 */
static void hooks_for_exemptions(apr_pool_t *p)
{
    static const char *const rewriting_modules[] = {"mod_rewrite.c", NULL};
    const char *current = apr_hook_debug_current;

    if (!is_first_time(p, "mod_cfaop exemptions")) {
        return;
    }
    apr_hook_debug_current = cfaop_module.name;
    /*
     * A rewrite may have led the request elsewhere, where mod_alias would redirect it, and the hooks before fixups
     * would ask for a password. mod_rewrite itself runs at APR_HOOK_FIRST.
     */
    ap_hook_translate_name(cfaop_judge_rewritten, rewriting_modules, NULL, APR_HOOK_FIRST + 1);
    ap_hook_quick_handler(cfaop_caches_show_quick, NULL, NULL, APR_HOOK_REALLY_LAST);
    /* mod_cache's handler is at APR_HOOK_REALLY_FIRST, and no other one of httpd's before APR_HOOK_FIRST */
    ap_hook_handler(cfaop_judge_handler, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_handler(cfaop_caches_show, NULL, NULL, APR_HOOK_REALLY_FIRST + 1);
    ap_hook_map_to_storage(cfaop_judge_rewritten, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_insert_filter(cfaop_count_on_answer, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_insert_error_filter(cfaop_count_on_error, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_log_transaction(cfaop_count_on_log, NULL, NULL, CFAOP_HOOK_FIRST);
    apr_hook_debug_current = current;
}

static void hooks_for_silence(apr_pool_t *p)
{
    const char *current = apr_hook_debug_current;

    if (!is_first_time(p, "mod_cfaop silence")) {
        return;
    }
    apr_hook_debug_current = cfaop_module.name;
    ap_hook_insert_error_filter(cfaop_silence_on_error, NULL, NULL, CFAOP_HOOK_FIRST);
    apr_hook_debug_current = current;
}

static void hooks_for_visitors(apr_pool_t *p)
{
    /* modules that change the address of a request, and one that has them run early and reads it after them */
    static const char *const address_modules[] = {"mod_remoteip.c", "mod_rpaf.c", "mod_rpaf-2.0.c", "mod_cloudflare.c",
                                                  NULL};
    static const char *const readers[] = {"mod_security2.c", NULL};
    const char *current = apr_hook_debug_current;

    if (!is_first_time(p, "mod_cfaop visitors")) {
        return;
    }
    apr_hook_debug_current = cfaop_module.name;
    /*
     * Not earlier than these modules are by themselves. APR would move them up for all virtual hosts, before the early
     * lines of mod_headers, which may prepare the header that they read.
     */
    ap_hook_post_read_request(cfaop_client_address_again, address_modules, readers, APR_HOOK_FIRST + 1);
    ap_hook_insert_error_filter(cfaop_client_address_on_error, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_log_transaction(cfaop_client_address_on_log, NULL, NULL, CFAOP_HOOK_FIRST);
    apr_hook_debug_current = current;
}

/* ---- the directives ---- */

static const cfaop_directive mode = {cfaop_directives_mode, NULL, 0};
static const cfaop_directive ca_files = {cfaop_directives_ca_files, NULL, 1};
static const cfaop_directive crl_files = {cfaop_directives_crl_files, NULL, 1};
static const cfaop_directive depth = {cfaop_directives_depth, NULL, 0};
static const cfaop_directive pins = {cfaop_directives_pins, NULL, 1};
static const cfaop_directive exemptions = {cfaop_directives_exemptions, hooks_for_exemptions, 1};
static const cfaop_directive remote_ip = {cfaop_directives_remote_ip, hooks_for_visitors, 0};
static const cfaop_directive refuse = {cfaop_directives_refuse, hooks_for_silence, 1};
static const cfaop_directive expiry_days = {cfaop_directives_expiry_days, NULL, 0};
static const cfaop_directive peer_limit = {cfaop_directives_peer_limit, NULL, 0};
static const cfaop_directive tickets = {cfaop_directives_tickets, NULL, 0};

static const command_rec directives[] = {
    AP_INIT_RAW_ARGS("CFOriginPull", cfaop_directives_split, (void *)&mode, RSRC_CONF,
                     "ask clients for Cloudflare's certificate: " CFAOP_ALLOWED_MODES),
    AP_INIT_RAW_ARGS("CFOriginPullCACertificateFile", cfaop_directives_split, (void *)&ca_files, RSRC_CONF,
                     "trusted certificates: builtin and/or PEM files, or none to empty the list"),
    AP_INIT_RAW_ARGS("CFOriginPullCARevocationFile", cfaop_directives_split, (void *)&crl_files, RSRC_CONF,
                     "PEM files with certificate revocation lists, or none to empty the list"),
    AP_INIT_RAW_ARGS("CFOriginPullVerifyDepth", cfaop_directives_split, (void *)&depth, RSRC_CONF,
                     "how many intermediate certificates a chain may have, 0 to 10"),
    AP_INIT_RAW_ARGS("CFOriginPullPin", cfaop_directives_split, (void *)&pins, RSRC_CONF,
                     "certificates that are accepted, besides the chain: sha256:HEX, spki-sha256:BASE64, dns:NAME, or "
                     "none"),
    AP_INIT_RAW_ARGS("CFOriginPullExempt", cfaop_directives_split, (void *)&exemptions, RSRC_CONF,
                     "requests that need no certificate: path PREFIX..., ip ADDRESS[/BITS]..., or none"),
    AP_INIT_RAW_ARGS("CFOriginPullRemoteIP", cfaop_directives_split, (void *)&remote_ip, RSRC_CONF,
                     "On or Off: the visitor's address from a header of a verified connection, CF-Connecting-IP or "
                     "the one that is named, " CFAOP_WITH_PORT " if a port follows it"),
    AP_INIT_RAW_ARGS("CFOriginPullRefuse", cfaop_directives_split, (void *)&refuse, RSRC_CONF,
                     "how clients are refused: 400, close or alert"),
    AP_INIT_RAW_ARGS("CFOriginPullExpiryWarning", cfaop_directives_split, (void *)&expiry_days, RSRC_CONF,
                     "how many days before its end to warn of a CA, a CRL or the edge's certificate, 0 for never"),
    AP_INIT_RAW_ARGS("CFOriginPullPeerLimit", cfaop_directives_split, (void *)&peer_limit, RSRC_CONF,
                     "BYTES [NAMES]: a client's certificate with more of either ends the handshake"),
    AP_INIT_RAW_ARGS("CFOriginPullSessionTickets", cfaop_directives_split, (void *)&tickets, RSRC_CONF,
                     "session tickets of TLS 1.3: Auto (where they cost less than they save), On or Off"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};

/* It has another name, since it is not by this hook that the guard comes before the other modules (hook_order.c). */
static void hook_for_side_effects(void)
{
    const char *current = apr_hook_debug_current;

    apr_hook_debug_current = "mod_cfaop.c, the last";
    ap_hook_insert_error_filter(cfaop_side_effects_on_error, NULL, NULL, APR_HOOK_REALLY_LAST);
    apr_hook_debug_current = current;
}

/* Sub-requests do not pass post_read_request. */
static void hooks_for_subrequests(void)
{
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
    ap_hook_pre_translate_name(cfaop_judge_subrequest, NULL, NULL, CFAOP_HOOK_FIRST);
#else
    ap_hook_translate_name(cfaop_judge_subrequest, NULL, NULL, CFAOP_HOOK_FIRST);
#endif
    ap_hook_map_to_storage(cfaop_judge_subrequest, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_type_checker(cfaop_judge_subrequest, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_handler(cfaop_judge_subrequest_handler, NULL, NULL, CFAOP_HOOK_FIRST);
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const protocols[] = {"mod_http2.c", "http_core.c", NULL};
    static const char *const mod_ssl[] = {"mod_ssl.c", NULL};

    ap_hook_pre_config(cfaop_hook_order_pre_config, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_check_config(cfaop_startup_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(cfaop_startup_post_config, mod_ssl, NULL, APR_HOOK_LAST); /* mod_ssl's is at MIDDLE */
    ap_hook_test_config(cfaop_dump, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(cfaop_dump_json, NULL, NULL, APR_HOOK_MIDDLE);

    APR_OPTIONAL_HOOK(ssl, init_server, cfaop_handshake_init_callback, NULL, NULL, APR_HOOK_MIDDLE);
    /* after all other modules: one that came later would take the place of the guard's callbacks, see handshake.c */
    APR_OPTIONAL_HOOK(ssl, init_server, cfaop_handshake_init_server, NULL, NULL, APR_HOOK_REALLY_LAST + 1000);
    APR_OPTIONAL_HOOK(ssl, pre_handshake, cfaop_handshake_pre_handshake, NULL, NULL, APR_HOOK_REALLY_LAST + 1000);

    ap_hook_pre_connection(cfaop_peer_pre_connection, NULL, NULL, CFAOP_HOOK_FIRST);

    /*
     * In this hook mod_http2 completes the request_rec of a stream, and trunk's core adds the filter without which a
     * refused request's body, and all that follows, would be read as it comes. APR moves both up, to run before the
     * guard's.
     */
    ap_hook_post_read_request(cfaop_judge_post_read, protocols, NULL, CFAOP_HOOK_FIRST);
    ap_hook_quick_handler(cfaop_judge_quick_handler, NULL, NULL, CFAOP_HOOK_FIRST);
    ap_hook_fixups(cfaop_judge_fixups, NULL, NULL, CFAOP_HOOK_FIRST);
    hooks_for_subrequests();
    hook_for_side_effects();
    cfaop_count_register_filter();
    cfaop_silence_register_filter();
    ap_hook_expr_lookup(cfaop_variables_expr_lookup, NULL, NULL, CFAOP_HOOK_FIRST);

    ap_hook_monitor(cfaop_expiry_monitor, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(cfaop_metrics_handler, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, cfaop_status_hook, NULL, NULL, APR_HOOK_MIDDLE);

    ap_hook_child_init(cfaop_fake_basic_auth_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    cfaop_ssl_variables_register_hooks(p);
    cfaop_authz_register(p);
    cfaop_hook_order_name_late(p);
}

AP_DECLARE_MODULE(cfaop) = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    cfaop_config_create,
    cfaop_config_merge,
    directives,
    register_hooks,
    /* startup writes into each configuration, so a virtual host without directives needs one of its own */
    AP_MODULE_FLAG_ALWAYS_MERGE,
};
