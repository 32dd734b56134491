/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file dump.h
 * What each virtual host demands, in words: "apachectl -t -D DUMP_CF_ORIGIN_PULL".
 */
#ifndef CFAOP_OPERATOR_DUMP_H
#define CFAOP_OPERATOR_DUMP_H

#include "httpd.h"
#include "apr_pools.h"

/** test_config hook: prints what each virtual host demands for "-t -D DUMP_CF_ORIGIN_PULL". */
void cfaop_dump(apr_pool_t *p, server_rec *base);

#endif
