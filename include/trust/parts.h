/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file parts.h
 * The parts of a trust: what decides which certificates are accepted, as one list. All functions: configuration phase.
 */
#ifndef CFAOP_TRUST_PARTS_H
#define CFAOP_TRUST_PARTS_H

#include "config/config.h"
#include "trust/files.h"

#include "apr_pools.h"
#include "apr_tables.h"

/** Returns what @a conf says of each part, as a text from @a p: configurations of the same text give the same trust. */
const char *cfaop_parts_key(apr_pool_t *p, const cfaop_verify_conf *conf);

/**
 * Writes the parts that @a conf describes into @a trust, from @a p, with the files that it names read by @a files.
 * Returns NULL, or the mistake to be named where there is room for one. All mistakes are added to @a mistakes (of const
 * char *), a line with its tag each.
 */
const char *cfaop_parts_load(apr_pool_t *p, cfaop_files *files, const cfaop_verify_conf *conf, cfaop_trust *trust,
                             apr_array_header_t *mistakes);

/** Sorts the parts of @a trust, drops doubles, and writes the digest over them. Returns 0 if OpenSSL fails. */
int cfaop_parts_digest(cfaop_trust *trust);

#endif
