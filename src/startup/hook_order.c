/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file hook_order.c
 * Finding modules whose hooks run before the guard's. A module that answers a request before the guard judges it is a
 * way round the guard, and no test can know every module. So each start and reload looks at httpd's sorted lists of
 * hooks.
 *
 * The order of the guard's hooks is far below APR_HOOK_REALLY_FIRST. A module that is found here uses a lower one, or
 * asks to run before mod_cfaop.c by name, or before a module that the guard itself lets run first. In translate_name
 * the guard comes after mod_rewrite on purpose, and protocols.c looks at process_connection.
 */
#include "startup/hook_order.h"

#include "base/findings.h"
#include "base/module.h"

#include "ap_expr.h"
#include "apr_strings.h"
#include "http_connection.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "http_ssl.h"

#define OWN_NAME "mod_cfaop.c"

/* The name of hooks that are registered by directives, right after mod_cfaop.c is loaded, or from pre_config on. */
#define LATE "a module that registers hooks after it is loaded"

#define ANSWERS "what it answers there is answered to every client, also to one without a certificate"
#define READS   "it sees addresses that clients claim, which the guard removes from all later modules' sight"

/* A hook. */
typedef struct {
    const char *name;
    const char *danger;         /* what a module before the guard could do there */
    const char *const *allowed; /* the modules that the guard lets run first, up to a NULL */
} place;

static const char *const none_allowed[] = {NULL};
/*
 * mod_http2 completes the request_rec of a stream there, and in trunk httpd's core adds the filter that reads the body:
 * neither answers a request that is well formed
 */
static const char *const protocols[] = {"mod_http2.c", "http_core.c", NULL};

static int is_allowed(const char *const *allowed, const char *name)
{
    while (*allowed && strcmp(*allowed, name) != 0) {
        ++allowed;
    }
    return *allowed != NULL;
}

static void warn_of_module(apr_array_header_t *findings, const char *name, const place *at)
{
    const char *text = apr_psprintf(findings->pool,
                                    "CFAOP123: %s runs in the hook %s before the guard: %s; remove "
                                    "that module, or have its author register the hook at APR_HOOK_REALLY_FIRST or "
                                    "later and not before mod_cfaop.c",
                                    name ? name : "a module without a name", at->name, at->danger);

    cfaop_findings_add(findings, APLOG_WARNING, text);
}

/*
 * Warns of the modules before the guard in names, the sorted list of a hook. The guard may have no hook there: no
 * warning.
 */
static void look_at_names(apr_array_header_t *findings, const char *const *names, int count, const place *at)
{
    int own, i;

    for (own = 0; own < count && (!names[own] || strcmp(names[own], OWN_NAME) != 0); ++own) {
    }
    for (i = 0; own < count && i < own; ++i) {
        if (!names[i] || !is_allowed(at->allowed, names[i])) {
            warn_of_module(findings, names[i], at);
        }
    }
}

/* Makes look_at_HOOK(), since each hook has a type of its own for the entries of its list. */
#define LOOK_AT(hook, danger, allowed) \
    static void look_at_##hook(apr_array_header_t *findings) \
    { \
        static const place at = {#hook, danger, allowed}; \
        const apr_array_header_t *list = ap_hook_get_##hook(); \
        int count = list ? list->nelts : 0, i; \
        const char **names = apr_pcalloc(findings->pool, sizeof(*names) * (apr_size_t)(count + 1)); \
        for (i = 0; i < count; ++i) { \
            names[i] = APR_ARRAY_IDX(list, i, ap_LINK_##hook##_t).szName; \
        } \
        look_at_names(findings, names, count, &at); \
    }

LOOK_AT(pre_connection, "an address that it writes into the connection there is taken for that of the TCP peer",
        none_allowed)
LOOK_AT(post_read_request, ANSWERS, protocols)
LOOK_AT(quick_handler, ANSWERS, none_allowed)
#define OF_SUBS "its rules are run for sub-requests of refused clients"

#if AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
LOOK_AT(pre_translate_name, OF_SUBS, none_allowed)
#else
#define look_at_pre_translate_name(findings) ((void)(findings))
#endif
LOOK_AT(map_to_storage,
        OF_SUBS ", and what it answers there for a request that a rewrite has led elsewhere is answered to every "
                "client",
        none_allowed)
LOOK_AT(type_checker, OF_SUBS, none_allowed)
LOOK_AT(fixups, "what it answers there for a sub-request or a redirected request is answered to every client",
        none_allowed)
LOOK_AT(handler, "what it answers there for a sub-request that was refused is answered to every client", none_allowed)
LOOK_AT(insert_filter, READS, none_allowed)
LOOK_AT(insert_error_filter, READS, none_allowed)
LOOK_AT(log_transaction, READS, none_allowed)
LOOK_AT(ssl_var_lookup,
        "what it says there of a client's certificate is believed, also where the guard did not accept it",
        none_allowed)
LOOK_AT(expr_lookup, "what it says there of a client's certificate is believed, also where the guard did not accept it",
        none_allowed)

void cfaop_hook_order_look(apr_array_header_t *findings)
{
    look_at_pre_connection(findings);
    look_at_post_read_request(findings);
    look_at_quick_handler(findings);
    look_at_pre_translate_name(findings);
    look_at_map_to_storage(findings);
    look_at_type_checker(findings);
    look_at_fixups(findings);
    look_at_handler(findings);
    look_at_insert_filter(findings);
    look_at_insert_error_filter(findings);
    look_at_log_transaction(findings);
    look_at_ssl_var_lookup(findings);
    look_at_expr_lookup(findings);
}

/* The name is text of this module, which httpd unloads after this. */
static apr_status_t forget_late(void *data)
{
    (void)data;
    apr_hook_debug_current = core_module.name;
    return APR_SUCCESS;
}

void cfaop_hook_order_name_late(apr_pool_t *p)
{
    apr_hook_debug_current = LATE;
    apr_pool_cleanup_register(p, NULL, forget_late, apr_pool_cleanup_null);
}

int cfaop_hook_order_pre_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    cfaop_hook_order_name_late(p);
    return OK;
}
