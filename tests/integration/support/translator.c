/*
 * A module of the kind that maps URLs by a table of its own, after mod_rewrite and mod_alias: /open/table is the
 * guarded /members/.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_request.h"

static int on_translate(request_rec *r)
{
    if (!strcmp(r->uri, "/open/table")) {
        r->uri = "/members/";
    }
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_translate_name(on_translate, NULL, NULL, APR_HOOK_LAST);
}

AP_DECLARE_MODULE(NAME) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
