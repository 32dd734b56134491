/*
 * A module of the kind that serves many sites from a table: it gives a request another virtual host after the guard has
 * seen the first one. The client says when (X-Move: post-read or translate) and where to (X-Move-To).
 */
#include "httpd.h"
#include "http_config.h"
#include "http_main.h"
#include "http_protocol.h"
#include "http_request.h"

static int move(request_rec *r, const char *when)
{
    const char *wanted = apr_table_get(r->headers_in, "X-Move");
    const char *name = apr_table_get(r->headers_in, "X-Move-To");
    server_rec *s;

    for (s = ap_server_conf; wanted && name && !strcmp(wanted, when) && s; s = s->next) {
        if (s->server_hostname && !strcmp(s->server_hostname, name)) {
            r->server = s;
            r->per_dir_config = s->lookup_defaults;
        }
    }
    return DECLINED;
}

static int on_post_read(request_rec *r)
{
    return move(r, "post-read");
}

static int on_translate(request_rec *r)
{
    return move(r, "translate");
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_read_request(on_post_read, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_translate_name(on_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(mover) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
