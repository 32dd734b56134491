/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file connection.c
 * What a connection has shown, as evidence for the verdict, and the verdict that virtual hosts reach by it.
 */
#include "tls/connection.h"

#include "pure/verdict.h"
#include "base/peer.h"
#include "config/config.h"
#include "stats/tally.h"
#include "trust/policy.h"

#include "http_ssl.h"

int cfaop_connection_is_plain_http(conn_rec *c)
{
    const cfaop_conn *conn = cfaop_connection_of(c);

    return !(conn && conn->frozen) && !ap_ssl_conn_is_ssl(c);
}

/* The identity of the policy that conn was asked under, as demand compares it. */
static const void *asked_for(const cfaop_demand *demand, const cfaop_conn *conn)
{
    if (!conn->asked || !demand->borrows_tls) {
        return conn->asked;
    }
    return conn->asked->trust; /* the security level is that of the TLS, which is another virtual host's */
}

static cfaop_evidence evidence_of(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn)
{
    cfaop_evidence evidence = {0};

    evidence.plain_http = cfaop_connection_is_plain_http(c);
    if (!conn) {
        return evidence;
    }
    /* a request before the freeze: either plain HTTP, which has shown nothing, or a state that must not be relied on */
    if (!conn->frozen) {
        evidence.unreadable = !evidence.plain_http;
        return evidence;
    }
    evidence.asked = asked_for(demand, conn);
    evidence.shown = conn->peer != NULL;
    evidence.reason = conn->chain.reason;
    evidence.unreadable = conn->asked && conn->peer && !conn->judged;
    evidence.known_sni = conn->known_sni;
    return evidence;
}

static cfaop_verdict reach(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn)
{
    cfaop_evidence evidence = evidence_of(demand, c, conn);

    return cfaop_verdict_reach(demand, &evidence);
}

int cfaop_connection_is_judged(const server_rec *s, conn_rec *c)
{
    const cfaop_demand *demand = &cfaop_config_of(s)->demand;

    return cfaop_verdict_demand_applies(demand, demand->borrows_tls && cfaop_connection_is_plain_http(c));
}

int cfaop_connection_was_asked_for(const server_rec *s, const cfaop_conn *conn)
{
    const cfaop_demand *demand = &cfaop_config_of(s)->demand;

    return demand->mode != CFAOP_MODE_OFF && demand->usable && demand->policy == asked_for(demand, conn);
}

void cfaop_connection_accept(cfaop_conn *conn, const server_rec *s)
{
    const cfaop_demand *demand = &cfaop_config_of(s)->demand;
    cfaop_verdict v = reach(demand, conn->c, conn);

    if (demand->mode != CFAOP_MODE_OFF && v.reason == CFAOP_REASON_NONE) {
        conn->accepted_by = demand;
        conn->accepted_with = v;
        cfaop_tally_verified(cfaop_config_of(s)->index);
    }
}

cfaop_verdict cfaop_connection_verdict(const server_rec *s, conn_rec *c)
{
    const cfaop_conn *conn = cfaop_connection_of(c);

    if (cfaop_connection_is_accepted(s, conn)) {
        return conn->accepted_with;
    }
    return reach(&cfaop_config_of(s)->demand, c, conn);
}
