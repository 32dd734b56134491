/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file hook_order.c
 * Who comes before the guard? A module that answers a request before it is judged is a way round it, and no test of ours can
 * know every module. So the hooks that are registered are looked at, at each start.
 */
#include "cfaop.h"

#include "http_protocol.h"

APLOG_USE_MODULE(cfaop);

#define OWN_NAME "mod_cfaop.c"

/* Modules that may run first, and why. */
static const char *const harmless[] = {
    "mod_http2.c",        /* makes the request_rec of a stream complete; we ask to run after it */
    "mod_log_forensic.c", /* writes a log line, answers nothing */
    "mod_unique_id.c",    /* makes UNIQUE_ID, answers nothing */
    "http_core.c",        /* httpd's own */
    "core.c",             /* httpd's own */
};

static int is_harmless(const char *name)
{
    apr_size_t i;

    for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); ++i) {
        if (!strcmp(name, harmless[i])) {
            return 1;
        }
    }
    return 0;
}

static void warn(server_rec *base, const char *name, const char *hook)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base, "CFAOP123: %s runs in the hook %s before the guard: what it answers there "
                 "is answered to everybody; check what it does there, or remove it", name ? name : "a module without name",
                 hook);
}

/* Walks one hook's list, which httpd has sorted, up to our own entry. */
#define CHECK(hook) \
    do { \
        const apr_array_header_t *list = ap_hook_get_##hook(); \
        int i; \
        for (i = 0; list && i < list->nelts; ++i) { \
            const char *name = APR_ARRAY_IDX(list, i, ap_LINK_##hook##_t).szName; \
            if (name && !strcmp(name, OWN_NAME)) { \
                break; \
            } \
            if (!name || !is_harmless(name)) { \
                warn(base, name, #hook); \
            } \
        } \
    } while (0)

void cfaop_hook_order_check(server_rec *base)
{
    CHECK(post_read_request);
    CHECK(quick_handler);
}
