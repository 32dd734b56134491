/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file dump.h
 * What each virtual host demands, in words: "apachectl -t -D DUMP_CF_ORIGIN_PULL".
 */
#ifndef CFAOP_OPERATOR_DUMP_H
#define CFAOP_OPERATOR_DUMP_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"

#include <openssl/asn1.h>

/** test_config hook: prints what each virtual host demands for "-t -D DUMP_CF_ORIGIN_PULL". */
void cfaop_dump(apr_pool_t *p, server_rec *base);

/**
 * Returns the main server and then the virtual hosts (of server_rec *) in the order of the files, from @a p. httpd
 * chains virtual hosts from the last one to the first. Configuration phase.
 */
apr_array_header_t *cfaop_dump_servers(apr_pool_t *p, server_rec *base);

/** Returns the day of @a t as YYYY-MM-DD; "never" if there is none. From @a p. Any phase. */
const char *cfaop_dump_date(apr_pool_t *p, const ASN1_TIME *t);

/** Returns how many whole days are left until @a t, negative once it is past; 0 if there is none. Any phase. */
int cfaop_dump_days_left(const ASN1_TIME *t);

#endif
