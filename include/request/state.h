/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file state.h
 * What the module keeps for a request.
 */
#ifndef CFAOP_REQUEST_STATE_H
#define CFAOP_REQUEST_STATE_H

#include "pure/verdict.h"
#include "base/module.h"

#include "httpd.h"
#include "apr_network_io.h"
#include "http_config.h"

/** What the module keeps for a request. Written and read by the request's thread. */
typedef struct {
    const server_rec *passed_for; /**< the server that it was judged for and let through without being exempt; NULL: none yet */
    const char *passed_with;   /**< the variable's value then */
    int logged;                /**< its refusal stands in the log already */
    int counted;               /**< it stands in the counters already */
    int exempt;                /**< it is exempt so far, and not counted yet */
    cfaop_reason exempt_from;  /**< why it would be refused if it were not */
    int address_settled;       /**< the header with the visitor's address has been looked at */
    apr_sockaddr_t *visitor;   /**< the visitor's address, proven by the connection; NULL: none */
} cfaop_request;

/** Returns what is kept for @a r; NULL: nothing, it was not judged. Request phase. */
static inline cfaop_request *cfaop_state_of(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &cfaop_module);
}

/** Returns what is kept for @a r, made at the first call. Request phase. */
cfaop_request *cfaop_state_make(request_rec *r);

#endif
