/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file watchdog.c
 * The daily look at what ends, in one thread of one process of a running server.
 */
#include "cfaop.h"

#include "apr_optional.h"
#include "mod_watchdog.h"

APLOG_USE_MODULE(cfaop);

#define NAME "_cfaop_expiry_"

/* How often to ask whether a day has passed: the clock may be set, and the machine may have slept. */
#define INTERVAL apr_time_from_sec(60)

static apr_status_t on_watchdog(int state, void *base, apr_pool_t *p)
{
    if (state == AP_WATCHDOG_STATE_RUNNING) {
        cfaop_expiry_log(p, base, 0);
    }
    return APR_SUCCESS;
}

void cfaop_watchdog_start(apr_pool_t *p, server_rec *base)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_instance = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *register_callback
        = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog = NULL;
    apr_status_t status;

    if (!get_instance || !register_callback) {
        return;
    }
    /* not in the parent; in one child of all */
    status = get_instance(&watchdog, NAME, 0, 1, p);
    if (status == APR_SUCCESS && watchdog) {
        status = register_callback(watchdog, INTERVAL, base, on_watchdog);
    }
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, base, "CFAOP130: mod_watchdog gives no thread for the daily look at "
                     "expiry dates: they are looked at when httpd starts only");
    }
}
