/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file verdict.h
 * What becomes of a request: the verdict, from what its virtual host demands and what its connection has shown.
 */
#ifndef CFAOP_PURE_VERDICT_H
#define CFAOP_PURE_VERDICT_H

/** What CFOriginPull says. */
typedef enum {
    CFAOP_MODE_UNSET = -1, /**< not said here: inherited; Off if the main server does not say it either */
    CFAOP_MODE_OFF,        /**< the guard neither asks for a certificate nor refuses requests */
    CFAOP_MODE_ON,         /**< asks, and refuses without a good certificate */
    CFAOP_MODE_OPTIONAL,   /**< asks; refuses a bad certificate, but not the absence of one */
    CFAOP_MODE_LOG_ONLY    /**< asks, never refuses, logs what On would have refused */
} cfaop_mode;

/**
 * Why a certificate, or its absence, is not accepted, with the names that logs, variables and metrics use. Another
 * order of the same reasons needs another FORMAT in src/stats/counters.c.
 */
#define CFAOP_REASONS(X) \
    X(CFAOP_REASON_NONE, "none")                         /* nothing to object */ \
    X(CFAOP_REASON_NO_CERTIFICATE, "no_certificate")     /* the client showed none */ \
    X(CFAOP_REASON_EXPIRED, "expired")                   /* a certificate of the chain has ended */ \
    X(CFAOP_REASON_NOT_YET_VALID, "not_yet_valid")       /* a certificate of the chain begins later */ \
    X(CFAOP_REASON_UNTRUSTED_ISSUER, "untrusted_issuer") /* no chain to a trust anchor of this virtual host */ \
    X(CFAOP_REASON_WRONG_PURPOSE, "wrong_purpose")       /* not for TLS clients (extendedKeyUsage, keyUsage) */ \
    X(CFAOP_REASON_REVOKED, "revoked")                   /* listed in a CRL */ \
    X(CFAOP_REASON_DEPTH, "depth")                       /* more intermediates than are allowed */ \
    X(CFAOP_REASON_PIN, "pin")                           /* good chain, but not the pinned certificate */ \
    X(CFAOP_REASON_MISDIRECTED, "misdirected")           /* judged under another virtual host's policy, or none */ \
    X(CFAOP_REASON_CONFIGURATION, "configuration")       /* the policy of this virtual host cannot be used */ \
    X(CFAOP_REASON_OTHER, "other")                       /* key or digest too weak, CRL missing or old, internal */

#define CFAOP_REASON_CONSTANT(reason, name) reason,

typedef enum { CFAOP_REASONS(CFAOP_REASON_CONSTANT) CFAOP_REASON_COUNT } cfaop_reason;

/** What a virtual host demands of a request. Fixed at startup. */
typedef struct {
    cfaop_mode mode;    /**< never UNSET */
    const void *policy; /**< the virtual host's policy; only compared: equal policies have equal pointers */
    int usable;         /**< 0: the policy could not be built, nothing can be verified */
    int borrows_tls;    /**< the virtual host has no TLS of its own: it demands nothing of plain HTTP */
} cfaop_demand;

/** What is known of the connection that a request came by. Fixed when the handshake ends. */
typedef struct {
    const void *asked;   /**< policy under which the handshake asked for a certificate; NULL: it did not ask */
    int shown;           /**< the client showed a certificate */
    cfaop_reason reason; /**< with shown and asked: NONE if the certificate was verified, else why not */
    int known_sni;       /**< the client named a virtual host that exists */
    int unreadable;      /**< the judgement of the handshake is missing or cannot be read: nothing is trusted */
    int plain_http;      /**< the connection has no TLS */
} cfaop_evidence;

/** What is to be done with a request. */
typedef struct {
    int status;           /**< 0 (go on), 400 or 421 */
    int would_status;     /**< the status under mode On: differs from status under Optional and LogOnly */
    cfaop_reason reason;  /**< why On would refuse; NONE if it would not */
    const char *variable; /**< value of CF_ORIGIN_PULL_VERIFY: SUCCESS, NONE or FAILED:reason; a literal */
} cfaop_verdict;

/* All functions are pure: any phase, any thread; they cannot fail. */

/** Returns the name of @a reason, "no_certificate" for instance; a literal. */
const char *cfaop_verdict_reason_name(cfaop_reason reason);

/** Returns the literal "FAILED:" plus the name of @a reason. */
const char *cfaop_verdict_reason_failed(cfaop_reason reason);

/**
 * Says whether @a demand demands anything of requests over a connection without TLS (@a plain_http), or with it.
 * Whether there is TLS is a fact of the connection: the TLS of one virtual host carries requests to every other virtual
 * host of its address.
 */
static inline int cfaop_verdict_demand_applies(const cfaop_demand *demand, int plain_http)
{
    return demand->mode != CFAOP_MODE_OFF && !(plain_http && demand->borrows_tls);
}

/**
 * Returns the verdict on a request to a virtual host with @a demand over a connection with @a evidence, as in the table
 * "Verdicts" of docs/security-model.md. Where the demand does not apply, the request goes on and the variable is NONE.
 */
cfaop_verdict cfaop_verdict_reach(const cfaop_demand *demand, const cfaop_evidence *evidence);

#endif
