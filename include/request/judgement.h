/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file judgement.h
 * What a request is judged by, and the verdict. A hook makes it once, on its stack, and hands it on.
 */
#ifndef CFAOP_REQUEST_JUDGEMENT_H
#define CFAOP_REQUEST_JUDGEMENT_H

#include "pure/verdict.h"
#include "config/config.h"
#include "tls/connection.h"

#include "httpd.h"

/**
 * What a request is judged by, and the verdict. Valid in the hook that made it only: the server of a request can
 * change.
 */
typedef struct {
    const cfaop_server_conf *conf; /**< the configuration of the request's server */
    const cfaop_conn *conn;        /**< the request's connection; NULL: there is no TLS */
    const cfaop_verdict *verdict;  /**< set by cfaop_judgement_reach() */
    cfaop_verdict room;            /**< for a verdict that was not reached when the handshake ended */
} cfaop_judgement;

/**
 * Begins the judgement of @a r: all but its verdict. In line, since each request is judged, as is the next. Request
 * phase.
 */
static inline void cfaop_judgement_begin(cfaop_judgement *j, const request_rec *r)
{
    j->conf = cfaop_config_of(r->server);
    j->conn = cfaop_connection_of(r->connection);
}

/** Reaches the verdict on @a r. Request phase. */
static inline void cfaop_judgement_reach(cfaop_judgement *j, const request_rec *r)
{
    if (cfaop_connection_is_accepted(&j->conf->demand, j->conn)) {
        j->verdict = &j->conn->accepted_with;
    }
    else {
        j->room = cfaop_connection_verdict(&j->conf->demand, r->connection, j->conn);
        j->verdict = &j->room;
    }
}

#endif
