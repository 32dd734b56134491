/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file dump_json.h
 * What each virtual host demands, for programs: "apachectl -t -D DUMP_CF_ORIGIN_PULL_JSON".
 */
#ifndef CFAOP_OPERATOR_DUMP_JSON_H
#define CFAOP_OPERATOR_DUMP_JSON_H

#include "httpd.h"
#include "apr_pools.h"

/** test_config hook: prints one JSON document for "-t -D DUMP_CF_ORIGIN_PULL_JSON". */
void cfaop_dump_json(apr_pool_t *p, server_rec *base);

#endif
