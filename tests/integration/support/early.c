/*
 * A module of the kind that wants to be first everywhere, as application firewalls and interpreters do: it stands at
 * APR_HOOK_REALLY_FIRST in each hook of a request, and as mod_security2 does it draws mod_remoteip forward.
 *
 * What it sees goes into the answer, a header X-Early-Saw with HOOK;PATH;CLAIM;ADDRESS for each hook: the claim is
 * the header of the visitor's address in either spelling, the address is what httpd takes for the client's. A
 * client has it answer in a hook by naming that in X-Early-Answer.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"

#include "apr_strings.h"

#define NOTHING "-"
/* httpd before 2.4.49 has no such hook */
#define HAS_PRE_TRANSLATE_NAME AP_MODULE_MAGIC_AT_LEAST(20120211, 109)

static const char *claim_of(const request_rec *r)
{
    const char *claim = apr_table_get(r->headers_in, "CF-Connecting-IP");

    if (!claim) {
        claim = apr_table_get(r->headers_in, "CF_Connecting_IP");
    }
    return claim ? claim : NOTHING;
}

static const char *sight_of(apr_pool_t *p, const request_rec *r, const char *hook)
{
    const char *path = r->uri ? r->uri : NOTHING;

    return apr_pstrcat(p, hook, ";", path, ";", claim_of(r), ";", r->useragent_ip, NULL);
}

static void note(request_rec *r, const char *hook)
{
    request_rec *top = r;

    while (top->main) {
        top = top->main;
    }
    apr_table_mergen(top->err_headers_out, "X-Early-Saw", sight_of(top->pool, r, hook));
}

/* Notes the request, and answers it where the client wants that. */
static int see(request_rec *r, const char *hook)
{
    const char *wanted = apr_table_get(r->headers_in, "X-Early-Answer");

    note(r, hook);
    return wanted && !r->main && !r->prev && !strcmp(wanted, hook) ? HTTP_GONE : DECLINED;
}

#define SEE(hook) \
    static int on_##hook(request_rec *r) \
    { \
        return see(r, #hook); \
    }

SEE(post_read_request)
#if HAS_PRE_TRANSLATE_NAME
SEE(pre_translate_name)
#endif
SEE(translate_name)
SEE(map_to_storage)
SEE(header_parser)
SEE(access_checker)
SEE(access_checker_ex)
SEE(check_user_id)
SEE(auth_checker)
SEE(type_checker)
SEE(fixups)
SEE(handler)

static int on_quick_handler(request_rec *r, int lookup)
{
    (void)lookup;
    return see(r, "quick_handler");
}

static void on_insert_filter(request_rec *r)
{
    note(r, "insert_filter");
}

static void on_insert_error_filter(request_rec *r)
{
    note(r, "insert_error_filter");
}

/* The answer is on its way already: the error log gets it. */
static int on_log_transaction(request_rec *r)
{
    const char *visit = apr_table_get(r->headers_in, "X-Visit");

    if (visit) {
        ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, "early: visit %s: %s", visit,
                      sight_of(r->pool, r, "log_transaction"));
    }
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const mod_remoteip[] = {"mod_remoteip.c", NULL};

    (void)p;
    ap_hook_post_read_request(on_post_read_request, mod_remoteip, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_quick_handler(on_quick_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
#if HAS_PRE_TRANSLATE_NAME
    ap_hook_pre_translate_name(on_pre_translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
#endif
    ap_hook_translate_name(on_translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(on_map_to_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_header_parser(on_header_parser, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_access_checker(on_access_checker, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_access_checker_ex(on_access_checker_ex, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_user_id(on_check_user_id, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_auth_checker(on_auth_checker, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(on_type_checker, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(on_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_filter(on_insert_filter, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_error_filter(on_insert_error_filter, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(on_log_transaction, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(early) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
