/*
 * A module that looks at each request as early as it can, in all hooks that the guard has too. What it sees it logs:
 * the hook, the header with which clients claim an address, the address. It answers /of-NAME itself, and vouches for
 * every certificate. The test writes for NAME and ORDER what it wants.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "http_ssl.h"
#include "ap_expr.h"

static int look(request_rec *r, const char *hook)
{
    const char *claim = apr_table_get(r->headers_in, "CF-Connecting-IP");

    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, "NAME saw: %s|%s|%s|%s|",
                  r->unparsed_uri ? r->unparsed_uri : "-", hook, claim ? claim : "-", r->useragent_ip);
    return r->uri && !strcmp(r->uri, "/of-NAME") ? HTTP_GONE : DECLINED;
}

static int on_post_read(request_rec *r)
{
    return look(r, "post_read_request");
}

static int on_quick(request_rec *r, int lookup)
{
    (void)lookup;
    return look(r, "quick_handler");
}

#if AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
static int on_pre_translate(request_rec *r)
{
    return look(r, "pre_translate_name");
}
#endif

static int on_type(request_rec *r)
{
    return look(r, "type_checker");
}

static int on_map(request_rec *r)
{
    return look(r, "map_to_storage");
}

static int on_fixups(request_rec *r)
{
    return look(r, "fixups");
}

static int on_handler(request_rec *r)
{
    return look(r, "handler");
}

static void on_filter(request_rec *r)
{
    look(r, "insert_filter");
}

static void on_error_filter(request_rec *r)
{
    look(r, "insert_error_filter");
}

static int on_log(request_rec *r)
{
    look(r, "log_transaction");
    return DECLINED;
}

static int on_connection(conn_rec *c, void *socket)
{
    (void)c;
    (void)socket;
    return DECLINED;
}

static const char *on_ssl_variable(apr_pool_t *p, server_rec *s, conn_rec *c, request_rec *r, const char *name)
{
    (void)p, (void)s, (void)c, (void)r;
    return !strcasecmp(name, "SSL_CLIENT_VERIFY") ? "SUCCESS" : NULL;
}

static const char *vouch(ap_expr_eval_ctx_t *ctx, const void *data)
{
    (void)ctx, (void)data;
    return "SUCCESS";
}

static int on_expression(ap_expr_lookup_parms *parms)
{
    if (parms->type != AP_EXPR_FUNC_VAR
        || (strcasecmp(parms->name, "SSL_CLIENT_VERIFY") && strcasecmp(parms->name, "CF_ORIGIN_PULL_VERIFY"))) {
        return DECLINED;
    }
    *parms->func = vouch;
    *parms->data = NULL;
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_connection(on_connection, NULL, NULL, ORDER);
    ap_hook_post_read_request(on_post_read, NULL, NULL, ORDER);
    ap_hook_quick_handler(on_quick, NULL, NULL, ORDER);
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
    ap_hook_pre_translate_name(on_pre_translate, NULL, NULL, ORDER);
#endif
    ap_hook_map_to_storage(on_map, NULL, NULL, ORDER);
    ap_hook_type_checker(on_type, NULL, NULL, ORDER);
    ap_hook_fixups(on_fixups, NULL, NULL, ORDER);
    ap_hook_handler(on_handler, NULL, NULL, ORDER);
    ap_hook_insert_filter(on_filter, NULL, NULL, ORDER);
    ap_hook_insert_error_filter(on_error_filter, NULL, NULL, ORDER);
    ap_hook_log_transaction(on_log, NULL, NULL, ORDER);
    ap_hook_ssl_var_lookup(on_ssl_variable, NULL, NULL, ORDER);
    ap_hook_expr_lookup(on_expression, NULL, NULL, ORDER);
}

AP_DECLARE_MODULE(NAME) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
