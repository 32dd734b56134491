/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_operator.h
 * What the operator is told of what is guarded, by what, and how long that lasts.
 */
#ifndef CFAOP_OPERATOR_H
#define CFAOP_OPERATOR_H

#include "cfaop_trust.h"

/* ---- what is guarded by what (src/inventory.c) ----------------------------------------------------------------- */

/** What kinds of things end. */
typedef enum {
    CFAOP_ITEM_CA,
    CFAOP_ITEM_CRL,
    CFAOP_ITEM_LEAF /**< shown by the edge */
} cfaop_item_kind;

/** A certificate or CRL that guarded servers depend on. */
typedef struct {
    cfaop_item_kind kind;
    const unsigned char *sha256;
    const char *subject;         /**< escaped; of a CRL its issuer */
    const char *origin;          /**< CFAOP_BUILTIN or the file's path; NULL with a leaf */
    apr_int64_t end;             /**< seconds: notAfter or nextUpdate; 0: it never ends (a CRL) */
    apr_array_header_t *servers; /**< of const server_rec *: who depends on it */
} cfaop_item;

/**
 * Lists (of cfaop_item) the trusted certificates and CRLs of the servers from @a base on that @a is_wanted says yes to, and the
 * leaves that they have been shown of late, each once. From @a p; any phase once policies are resolved; any thread.
 */
apr_array_header_t *cfaop_inventory(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *));

/** Returns the word for @a kind in metrics, a literal: "ca", "crl" or "leaf". */
const char *cfaop_item_kind_name(cfaop_item_kind kind);

/* ---- what ends (src/expiry.c) ----------------------------------------------------------------------------------- */

/** The default of CFOriginPullExpiryWarning, and the most that it takes. */
#define CFAOP_EXPIRY_DAYS_DEFAULT 30
#define CFAOP_EXPIRY_DAYS_MAX     3650

/**
 * Returns findings (of cfaop_finding, from @a p) about what has ended or ends soon, of the servers that @a is_wanted says yes to. Any
 * phase and thread, as cfaop_inventory().
 */
apr_array_header_t *cfaop_expiry_findings(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *));

/** Logs them when a server starts or has reread its configuration: the first of the daily looks. post_config, servers settled. */
void cfaop_expiry_log(apr_pool_t *p, server_rec *base);

/**
 * The monitor hook, which runs in the parent every ten seconds or so: logs them once a day. Not mod_watchdog: its thread makes every child
 * of the prefork MPM, which ends inside a signal handler, hang in malloc now and then.
 */
int cfaop_expiry_monitor(apr_pool_t *p, server_rec *base);

/* ---- what the operator sees (src/rows.c, src/status.c, src/metrics.c) -------------------------------------------------------- */

/** mod_status's hook: our section of its page, or our keys of "?auto". Request phase. */
int cfaop_status_hook(request_rec *r, int flags);

/** The handler "cf-origin-pull-metrics": the counters as Prometheus or OpenMetrics text. */
int cfaop_metrics_handler(request_rec *r);

/** A virtual host's row of the two above. */
typedef struct {
    cfaop_vhost_counters *counters;
    const server_rec *server; /**< NULL: it is guarded no more, or stands for several */
    int is_used;              /**< a counter is not zero */
} cfaop_row;

/** Lists (of cfaop_row, from @a p) the virtual hosts that are or were guarded, by name. Request phase. */
apr_array_header_t *cfaop_rows(apr_pool_t *p, const server_rec *base);

#endif
