/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file connection.c
 * The evidence that a connection is for the verdict, and the verdicts that virtual hosts reach by it.
 */
#include "tls/connection.h"

#include "pure/verdict.h"
#include "base/peer.h"
#include "config/config.h"
#include "stats/tally.h"
#include "trust/policy.h"

#include "http_ssl.h"

int cfaop_connection_is_plain_http(conn_rec *c, const cfaop_conn *conn)
{
    return !cfaop_connection_shown(conn) && !ap_ssl_conn_is_ssl(c);
}

/* The identity of the policy that the handshake asked under, as demand compares it. */
static const void *asked_for(const cfaop_demand *demand, const cfaop_shown *shown)
{
    if (shown->left_to_mod_ssl && !shown->peer && demand->mode != CFAOP_MODE_LOG_ONLY) {
        return NULL; /* LogOnly left the question to mod_ssl; for the other modes that is as if it was not asked */
    }
    if (!shown->asked || !demand->borrows_tls) {
        return shown->asked;
    }
    return shown->asked->trust; /* the security level is that of the TLS, which is another virtual host's */
}

static cfaop_evidence evidence_of(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn)
{
    const cfaop_shown *shown = cfaop_connection_shown(conn);
    cfaop_evidence evidence = {0};

    evidence.plain_http = cfaop_connection_is_plain_http(c, conn);
    if (!shown) {
        /*
         * a request before the first handshake is over: either plain HTTP, which shows nothing, or a state that cannot
         * be relied on
         */
        evidence.unreadable = conn && !evidence.plain_http;
        return evidence;
    }
    evidence.asked = asked_for(demand, shown);
    evidence.shown = shown->peer != NULL;
    evidence.reason = shown->chain.reason;
    evidence.unreadable = shown->asked && shown->peer && !shown->judged;
    evidence.known_sni = shown->known_sni;
    return evidence;
}

static cfaop_verdict reach_by_evidence(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn)
{
    cfaop_evidence evidence = evidence_of(demand, c, conn);

    return cfaop_verdict_reach(demand, &evidence);
}

int cfaop_connection_is_judged(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn)
{
    return cfaop_verdict_demand_applies(demand, demand->borrows_tls && cfaop_connection_is_plain_http(c, conn));
}

int cfaop_connection_was_asked_for(const cfaop_demand *demand, const cfaop_shown *shown)
{
    return demand->mode != CFAOP_MODE_OFF && demand->usable && demand->policy == asked_for(demand, shown);
}

void cfaop_connection_accept(cfaop_conn *conn, const server_rec *s)
{
    const cfaop_demand *demand = &cfaop_config_of(s)->demand;
    cfaop_verdict v = reach_by_evidence(demand, conn->c, conn);

    if (demand->mode != CFAOP_MODE_OFF && v.reason == CFAOP_REASON_NONE) {
        conn->accepted_by = demand;
        conn->accepted_with = v;
        cfaop_tally_verified(cfaop_config_of(s)->index);
    }
}

cfaop_verdict cfaop_connection_verdict(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn)
{
    return cfaop_connection_is_accepted(demand, conn) ? conn->accepted_with : reach_by_evidence(demand, c, conn);
}
