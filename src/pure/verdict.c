/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file verdict.c
 * What becomes of a request: the verdict, from what its virtual host demands and what its connection has shown.
 */
#include "pure/verdict.h"

#define GO_ON               0
#define BAD_REQUEST         400
#define MISDIRECTED_REQUEST 421

#define NAME_OF(reason, name)   [reason] = name,
#define FAILED_OF(reason, name) [reason] = "FAILED:" name,

static const char *const names[CFAOP_REASON_COUNT] = {CFAOP_REASONS(NAME_OF)};
static const char *const failed[CFAOP_REASON_COUNT] = {CFAOP_REASONS(FAILED_OF)};

const char *cfaop_verdict_reason_name(cfaop_reason reason)
{
    return (unsigned)reason < CFAOP_REASON_COUNT ? names[reason] : names[CFAOP_REASON_OTHER];
}

const char *cfaop_verdict_reason_failed(cfaop_reason reason)
{
    return (unsigned)reason < CFAOP_REASON_COUNT ? failed[reason] : failed[CFAOP_REASON_OTHER];
}

/* The verdicts below are those of mode On. Under Optional and LogOnly cfaop_verdict_reach() lets requests go on. */

static cfaop_verdict objection(int status, cfaop_reason reason, const char *variable)
{
    cfaop_verdict v = {status, status, reason, variable};
    return v;
}

static cfaop_verdict failure(cfaop_reason reason)
{
    return objection(BAD_REQUEST, reason, cfaop_verdict_reason_failed(reason));
}

static cfaop_verdict no_certificate(void)
{
    return objection(BAD_REQUEST, CFAOP_REASON_NO_CERTIFICATE, "NONE");
}

/* The handshake asked for a certificate under the policy of this virtual host. */
static cfaop_verdict under_same_policy(const cfaop_evidence *evidence)
{
    if (!evidence->shown) {
        return no_certificate();
    }
    if (evidence->reason != CFAOP_REASON_NONE) {
        return failure(evidence->reason);
    }
    return objection(GO_ON, CFAOP_REASON_NONE, "SUCCESS");
}

/* The handshake asked under another policy, or did not ask: a certificate proves nothing to this virtual host. */
static cfaop_verdict under_other_policy(const cfaop_evidence *evidence)
{
    const char *variable = evidence->shown ? cfaop_verdict_reason_failed(CFAOP_REASON_MISDIRECTED) : "NONE";

    if (evidence->known_sni) {
        return objection(MISDIRECTED_REQUEST, CFAOP_REASON_MISDIRECTED, variable);
    }
    if (evidence->shown) {
        return objection(BAD_REQUEST, CFAOP_REASON_MISDIRECTED, variable);
    }
    return no_certificate();
}

static cfaop_verdict as_on(const cfaop_demand *demand, const cfaop_evidence *evidence)
{
    if (!demand->usable || !demand->policy) {
        return failure(CFAOP_REASON_CONFIGURATION);
    }
    if (evidence->unreadable) {
        return failure(CFAOP_REASON_OTHER);
    }
    if (evidence->asked == demand->policy) {
        return under_same_policy(evidence);
    }
    return under_other_policy(evidence);
}

/*
 * Optional forgives a missing certificate. Where the client sent no known SNI it also forgives a certificate that the
 * guard did not ask for. It does not forgive missing TLS.
 */
static int optional_forgives(const cfaop_verdict *v, const cfaop_evidence *evidence)
{
    if (evidence->plain_http) {
        return 0;
    }
    return v->reason == CFAOP_REASON_NO_CERTIFICATE
        || (v->reason == CFAOP_REASON_MISDIRECTED && v->status == BAD_REQUEST && !evidence->asked);
}

cfaop_verdict cfaop_verdict_reach(const cfaop_demand *demand, const cfaop_evidence *evidence)
{
    cfaop_verdict v;

    if (!cfaop_verdict_demand_applies(demand, evidence->plain_http)) {
        return objection(GO_ON, CFAOP_REASON_NONE, "NONE");
    }
    v = as_on(demand, evidence);
    if (demand->mode == CFAOP_MODE_LOG_ONLY
        || (demand->mode == CFAOP_MODE_OPTIONAL && optional_forgives(&v, evidence))) {
        v.status = GO_ON;
    }
    return v;
}
