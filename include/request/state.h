/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file state.h
 * What the module keeps for a request.
 */
#ifndef CFAOP_REQUEST_STATE_H
#define CFAOP_REQUEST_STATE_H

#include "pure/verdict.h"
#include "base/module.h"
#include "config/config.h"

#include "httpd.h"
#include "apr_network_io.h"
#include "http_config.h"

/**
 * What the module keeps for a request. The request's thread reads it, and writes what is the request's alone. What
 * requests share is written at startup only.
 */
struct cfaop_request {
    const server_rec *passed_for; /**< the server that let the request through, without an exemption; NULL: none yet */
    const char *passed_with;      /**< with passed_for or exempt_for: the value of CF_ORIGIN_PULL_VERIFY */
    const server_rec *exempt_for; /**< the server that let the request through by an exemption; NULL: none */
    const char *exempt_by;        /**< with exempt_for: the value of CF_ORIGIN_PULL_EXEMPT */
    const char *judged_uri;       /**< where there are exemptions: the r->uri that was judged, a copy; NULL: none */
    const char *judged_sent;      /**< likewise, the r->unparsed_uri */
    int logged;                   /**< its refusal has been logged */
    int counted;                  /**< the request has been counted */
    int exempt;                   /**< the request is exempt so far, and not counted yet */
    cfaop_reason exempt_from;     /**< with exempt: why it would be refused otherwise */
    int refused;                  /**< the request is refused */
    int needs_exemption;          /**< without its exemption the request would be refused */
    int hidden_from_caches;       /**< caches.c has changed its method's number */
    int hidden_method;            /**< with hidden_from_caches: that number */
    int address_settled;          /**< the header with the visitor's address has been read or removed */
    apr_sockaddr_t *visitor;      /**< the visitor's address, proven by the connection; NULL: none */
    apr_sockaddr_t *handed_out;   /**< with visitor: the copy that other modules got, and may write into */
    const char *handed_text;      /**< with visitor: handed_out as text, to which r->useragent_ip points */
    int is_shared;                /**< this is conf->usual, of many requests, and not written any more */
};

/** Returns what is kept for @a r, to be read; NULL: nothing, it was not judged. Request phase. */
static inline const cfaop_request *cfaop_state_of(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &cfaop_module);
}

/** Returns the request that httpd made @a r from by redirects, of errors too; else @a r itself. Request phase. */
static inline request_rec *cfaop_state_first_of(request_rec *r)
{
    while (r->prev) {
        r = r->prev;
    }
    return r;
}

/** Has @a r keep @a shared, which is not written. Request phase. */
static inline void cfaop_state_share(request_rec *r, const cfaop_request *shared)
{
    ap_set_module_config(r->request_config, &cfaop_module, (void *)shared);
}

/**
 * Makes what is kept for @a r alone, from r->pool: a copy of what @a r shares with other requests, or all zeros. For
 * the function below.
 */
cfaop_request *cfaop_state_begin(request_rec *r);

/** Returns what is kept for @a r alone, to be written, made at the first call. Request phase. */
static inline cfaop_request *cfaop_state_make(request_rec *r)
{
    cfaop_request *state = ap_get_module_config(r->request_config, &cfaop_module);

    return state && !state->is_shared ? state : cfaop_state_begin(r);
}

#endif
