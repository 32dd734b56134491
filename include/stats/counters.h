/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file counters.h
 * The counters, and the shared memory that they lie in.
 */
#ifndef CFAOP_STATS_COUNTERS_H
#define CFAOP_STATS_COUNTERS_H

#include "pure/verdict.h"
#include "base/text.h"
#include "config/config.h"
#include "stats/label.h"

#include "apr.h"
#include "apr_pools.h"

#include <openssl/x509.h>

/**
 * What became of a handshake that asked for a certificate, in the order of the columns of the status page. X(value,
 * labels of metrics, word of "?auto", heading of the column). Another order of the same number of lines needs another
 * FORMAT in src/stats/counters.c.
 */
#define CFAOP_COUNTERS_HANDSHAKES(X) \
    /* verified, the client showed the certificate in this handshake */ \
    X(CFAOP_HANDSHAKE_FULL, "result=\"verified\",resumed=\"false\"", "HandshakesVerifiedFull", "verified, full") \
    /* verified, the verdict was taken over from an earlier session */ \
    X(CFAOP_HANDSHAKE_RESUMED, "result=\"verified\",resumed=\"true\"", "HandshakesVerifiedResumed", \
      "verified, resumed") \
    /* the client showed a certificate, and the guard does not accept it */ \
    X(CFAOP_HANDSHAKE_FAILED, "result=\"failed\",resumed=\"false\"", "HandshakesFailed", "failed") \
    /* the client showed no certificate */ \
    X(CFAOP_HANDSHAKE_NO_CERTIFICATE, "result=\"no_certificate\",resumed=\"false\"", "HandshakesNoCertificate", \
      "no certificate")

/** What became of a request, as above. */
#define CFAOP_COUNTERS_REQUESTS(X) \
    X(CFAOP_REQUEST_ALLOWED, "result=\"allowed\"", "RequestsAllowed", "allowed") \
    /* needed no certificate */ \
    X(CFAOP_REQUEST_EXEMPT, "result=\"exempt\"", "RequestsExempt", "exempt") \
    /* LogOnly let it through */ \
    X(CFAOP_REQUEST_WOULD_REFUSE, "result=\"would_refuse\"", "RequestsWouldRefuse", "would refuse") \
    X(CFAOP_REQUEST_REFUSED, "result=\"refused\"", "RequestsRefused", "refused")

#define CFAOP_COUNTERS_VALUE(value, labels, key, heading) value,
typedef enum { CFAOP_COUNTERS_HANDSHAKES(CFAOP_COUNTERS_VALUE) CFAOP_HANDSHAKE_COUNT } cfaop_handshake_result;
typedef enum { CFAOP_COUNTERS_REQUESTS(CFAOP_COUNTERS_VALUE) CFAOP_REQUEST_COUNT } cfaop_request_result;
#undef CFAOP_COUNTERS_VALUE

/*
 * The children, which run without privileges, can write the shared memory. So it holds numbers only: the names, sizes
 * and addresses that the parent, as root, relies on lie in its own memory, of which each child has a copy.
 */
/** The certificate that the edge showed last. Read it with cfaop_numbers_leaf(). */
typedef struct {
    apr_int64_t not_after;            /**< seconds */
    apr_int64_t last_seen;            /**< seconds */
    unsigned char sha256[32];         /**< of its DER */
    char subject[CFAOP_SUBJECT_SIZE]; /**< escaped */
} cfaop_leaf;

/** In shared memory: the numbers of a virtual host. */
typedef struct {
    apr_uint64_t handshakes[CFAOP_HANDSHAKE_COUNT];
    apr_uint64_t requests[CFAOP_REQUEST_COUNT][CFAOP_REASON_COUNT];
    apr_uint32_t leaf_version;   /**< odd while leaf is being written; 0: never was */
    apr_uint32_t leaf_since;     /**< seconds: when its writing began */
    apr_uint64_t leaf_last_seen; /**< seconds */
    cfaop_leaf leaf;             /**< last_seen is not used here */
} cfaop_vhost_numbers;

/** In shared memory: the numbers of a trusted certificate. */
typedef struct {
    apr_uint64_t connections; /**< that it verified */
    apr_uint64_t last_used;   /**< seconds; 0: never */
} cfaop_anchor_numbers;

/** The counters of the virtual hosts of one "ServerName:port". */
struct cfaop_vhost_counters {
    const char *label; /**< escaped: printable ASCII without ", \ and %; less than CFAOP_LABEL_SIZE bytes */
    cfaop_vhost_numbers *numbers;
};

/** The counters of a trusted certificate. */
typedef struct {
    const char *subject;      /**< escaped */
    apr_int64_t not_after;    /**< seconds */
    unsigned char sha256[32]; /**< of its DER */
    cfaop_anchor_numbers *numbers;
} cfaop_anchor_counters;

/** The name of the counters for all virtual hosts, or certificates, that have no room of their own. */
#define CFAOP_OTHER "other"

/**
 * Finds the shared memory of an earlier configuration, or makes it if @a is_needed, with room for twice as many servers
 * and anchors. It lives as long as the process. Returns 0 if there is none: then nothing is counted. Configuration
 * phase (post_config).
 */
int cfaop_counters_open(apr_pool_t *process_pool, apr_pool_t *pconf, int servers, int anchors, int is_needed);

/**
 * Add a virtual host, or a trusted certificate; its text is copied to @a p, which must live as long as the process.
 * Return NULL, and take no memory, if there is no room. Configuration phase, after cfaop_counters_open() has returned
 * 1.
 */
cfaop_vhost_counters *cfaop_counters_add_vhost(apr_pool_t *p, const char *label);
cfaop_anchor_counters *cfaop_counters_add_anchor(apr_pool_t *p, const unsigned char *sha256, const char *subject,
                                                 apr_int64_t not_after);

/** Count one event. Without counters (NULL) they do nothing. Any thread of any process. */
void cfaop_counters_handshake(cfaop_vhost_counters *vhost, cfaop_handshake_result result);
void cfaop_counters_request(cfaop_vhost_counters *vhost, cfaop_request_result result, cfaop_reason reason);
void cfaop_counters_anchor(cfaop_anchor_counters *anchor, apr_int64_t now);

/**
 * Notes that the client showed @a leaf, of this SHA-256, at @a now (seconds), and was accepted. As above; scratch
 * memory from @a p.
 */
void cfaop_counters_shown(cfaop_vhost_counters *vhost, apr_pool_t *p, const unsigned char *sha256, X509 *leaf,
                          apr_int64_t now);

/**
 * Return the number of counters, and in @a first the array: of all virtual hosts that have been guarded since the
 * start, and of all trusted certificates. The first element is CFAOP_OTHER. Any phase, any thread.
 */
int cfaop_counters_vhosts(cfaop_vhost_counters **first);
int cfaop_counters_anchors(cfaop_anchor_counters **first);

#endif
