/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file inventory.h
 * The certificates and CRLs that guarded virtual hosts depend on, with their ends and the virtual hosts that depend on
 * each.
 */
#ifndef CFAOP_OPERATOR_INVENTORY_H
#define CFAOP_OPERATOR_INVENTORY_H

#include "httpd.h"
#include "apr.h"
#include "apr_pools.h"
#include "apr_tables.h"

/**
 * The kinds of items that end. X(value, word of metrics, its name in warnings, their advice, how virtual hosts depend
 * on it).
 */
#define CFAOP_INVENTORY_KINDS(X) \
    X(CFAOP_ITEM_CA, "ca", "the trusted certificate", "list its successor, if it is not yet listed", "trusted by") \
    X(CFAOP_ITEM_CRL, "crl", "the CRL", "put a newer one in its place before that", "used by") \
    X(CFAOP_ITEM_LEAF, "leaf", "the certificate that the edge shows", "renew it at Cloudflare before that", "shown to")

#define CFAOP_INVENTORY_VALUE(value, metric, name, cure, dependence) value,
typedef enum { CFAOP_INVENTORY_KINDS(CFAOP_INVENTORY_VALUE) CFAOP_ITEM_COUNT } cfaop_item_kind;
#undef CFAOP_INVENTORY_VALUE

/** The words for a kind, all literals. */
typedef struct {
    const char *metric;     /**< "ca" */
    const char *name;       /**< "the trusted certificate" */
    const char *cure;       /**< "list its successor, if it is not yet listed" */
    const char *dependence; /**< "trusted by" */
} cfaop_inventory_kind_words;

/** A certificate or CRL that guarded servers depend on. */
typedef struct {
    cfaop_item_kind kind;
    const unsigned char *sha256;
    const char *subject;         /**< escaped; of a CRL its issuer */
    const char *origin;          /**< CFAOP_BUILTIN or the file's path; NULL with a leaf */
    apr_int64_t end;             /**< seconds: notAfter or nextUpdate; 0: it never ends (a CRL) */
    apr_int64_t warned;          /**< its end is warned of so many seconds before at most; 0: no such limit */
    apr_array_header_t *servers; /**< of const server_rec *: those that depend on it */
} cfaop_item;

/**
 * Lists (of cfaop_item) the trusted certificates and CRLs of those servers from @a base on that pass @a is_wanted, and
 * the leaves that the edge has shown to them in the last days, each once. From @a p. Any phase after the policies are
 * resolved, any thread.
 */
apr_array_header_t *cfaop_inventory(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *));

/** Returns the words for @a kind. They live as long as the module. Any thread. */
const cfaop_inventory_kind_words *cfaop_inventory_words(cfaop_item_kind kind);

#endif
