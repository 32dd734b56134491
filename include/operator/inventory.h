/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file inventory.h
 * Which certificates and CRLs guarded virtual hosts depend on, for those who watch over them.
 */
#ifndef CFAOP_OPERATOR_INVENTORY_H
#define CFAOP_OPERATOR_INVENTORY_H

#include "httpd.h"
#include "apr.h"
#include "apr_pools.h"
#include "apr_tables.h"

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
const char *cfaop_inventory_kind_name(cfaop_item_kind kind);

#endif
