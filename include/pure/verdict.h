/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file verdict.h
 * ?
 */
#ifndef CFAOP_PURE_VERDICT_H
#define CFAOP_PURE_VERDICT_H

/** What CFOriginPull says. */
typedef enum {
    CFAOP_MODE_UNSET = -1, /**< not said here: inherited, in the end Off */
    CFAOP_MODE_OFF,        /**< neither asks nor refuses */
    CFAOP_MODE_ON,         /**< asks, and refuses without a good certificate */
    CFAOP_MODE_OPTIONAL,   /**< asks; none is fine, a bad one is refused */
    CFAOP_MODE_LOG_ONLY    /**< asks, never refuses, logs what On would have refused */
} cfaop_mode;

/** Why a certificate (or its absence) is not accepted. The names are part of the interface: logs, variables, metrics. */
typedef enum {
    CFAOP_REASON_NONE,             /**< nothing to object */
    CFAOP_REASON_NO_CERTIFICATE,   /**< the client showed none */
    CFAOP_REASON_EXPIRED,          /**< a certificate of the chain has ended */
    CFAOP_REASON_NOT_YET_VALID,    /**< a certificate of the chain begins later */
    CFAOP_REASON_UNTRUSTED_ISSUER, /**< no chain to a trust anchor of this virtual host */
    CFAOP_REASON_WRONG_PURPOSE,    /**< not for TLS clients (extendedKeyUsage, keyUsage) */
    CFAOP_REASON_REVOKED,          /**< listed in a CRL */
    CFAOP_REASON_DEPTH,            /**< more intermediates than CFOriginPullVerifyDepth */
    CFAOP_REASON_PIN,              /**< good chain, but not the pinned certificate */
    CFAOP_REASON_MISDIRECTED,      /**< judged under the policy of another virtual host, or not asked at all */
    CFAOP_REASON_CONFIGURATION,    /**< the policy of this virtual host cannot be used */
    CFAOP_REASON_OTHER,            /**< anything else: key or digest too weak, CRL missing or out of date, internal */
    CFAOP_REASON_COUNT
} cfaop_reason;

/** What a virtual host demands of a request. Fixed at startup. */
typedef struct {
    cfaop_mode mode;    /**< never UNSET */
    const void *policy; /**< identity of the policy that it judges by: equal policies have equal pointers */
    int usable;         /**< 0: the policy could not be built, nothing can be verified */
    int borrows_tls;    /**< the virtual host has no TLS of its own: it demands nothing of plain HTTP */
} cfaop_demand;

/** What is known of the connection that a request came by. Fixed when the handshake ends. */
typedef struct {
    const void *asked;   /**< policy under which the handshake asked for a certificate; NULL: it did not ask */
    int shown;           /**< the client showed a certificate */
    cfaop_reason reason; /**< with shown and asked: NONE if it was verified, else why not */
    int known_sni;       /**< the client named a virtual host that exists */
    int unreadable;      /**< there should be a judgement, but it cannot be read: nothing is trusted */
    int plain_http;      /**< the connection has no TLS */
} cfaop_evidence;

/** What is to be done with a request. */
typedef struct {
    int status;           /**< 0 (go on), 400 or 421 */
    int would_status;     /**< what mode On would have said: differs from status under Optional and LogOnly */
    cfaop_reason reason;  /**< why On would refuse; NONE if it would not */
    const char *variable; /**< value of CF_ORIGIN_PULL_VERIFY: SUCCESS, NONE or FAILED:reason; a literal */
} cfaop_verdict;

/** Names @a reason as logs and variables do, "no_certificate" for instance. Returns a literal; "none" for NONE. */
const char *cfaop_verdict_reason_name(cfaop_reason reason);

/** Returns the literal "FAILED:" plus the name of @a reason. */
const char *cfaop_verdict_reason_failed(cfaop_reason reason);

/**
 * Says whether @a demand demands anything of requests over a connection with TLS, or without it (@a plain_http). What has TLS is a fact of the
 * connection: the TLS of one virtual host carries requests to every other one of its address.
 */
static inline int cfaop_verdict_demand_applies(const cfaop_demand *demand, int plain_http)
{
    return demand->mode != CFAOP_MODE_OFF && !(plain_http && demand->borrows_tls);
}

/**
 * Reaches the verdict on a request to a virtual host with @a demand over a connection with @a evidence.
 * Pure: any thread, any phase, cannot fail. Implements the table "Verdicts" of docs/security-model.md.
 * Where the demand does not apply everything goes on and the variable is NONE.
 */
cfaop_verdict cfaop_verdict_reach(const cfaop_demand *demand, const cfaop_evidence *evidence);

#endif
