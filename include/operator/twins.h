/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file twins.h
 * Finds virtual hosts that answer to the same name, by an index: a server can have ten thousand virtual hosts.
 */
#ifndef CFAOP_OPERATOR_TWINS_H
#define CFAOP_OPERATOR_TWINS_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

/** The index: which server answers to which name. */
typedef struct cfaop_twins cfaop_twins;

/** A virtual host that answers to a name of another one. */
typedef struct {
    const server_rec *server;
    const char *name; /**< the name that both answer to; it may be a wildcard */
    int is_within;    /**< the name is within a wildcard of the other one, which does not write it itself */
} cfaop_twin;

/** A test of a server; @a data comes from the caller. */
typedef int (*cfaop_server_test)(const void *data, const server_rec *s);

/**
 * Indexes the names of those servers, from the main server @a base on, that pass the @a test, which is given @a data
 * and asked once about each server. Configuration phase; the result is allocated from @a p.
 */
cfaop_twins *cfaop_twins_index(apr_pool_t *p, const server_rec *base, cfaop_server_test test, const void *data);

/**
 * Returns the other servers of the index that answer to names of @a s (of cfaop_twin), from @a p: a server once for
 * each name. Those of one name follow each other and share its pointer. @a s need not be in the index.
 */
apr_array_header_t *cfaop_twins_of(apr_pool_t *p, cfaop_twins *twins, const server_rec *s);

/**
 * Says whether httpd never gives @a s a request for a name that @a by has, too. httpd gives a request to the first
 * virtual host of its address that has the name: true if @a by has each address of @a s and stands before @a s.
 */
int cfaop_twins_is_hidden(const cfaop_twins *twins, const server_rec *s, const server_rec *by);

/**
 * Returns a name of @a s that no other server of the index answers to; NULL: another server answers to each of them.
 * @a s need not be in the index.
 */
const char *cfaop_twins_uncovered(cfaop_twins *twins, const server_rec *s);

#endif
