/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file label.h
 * The label by which counters and metrics name a virtual host.
 */
#ifndef CFAOP_STATS_LABEL_H
#define CFAOP_STATS_LABEL_H

#include "httpd.h"
#include "apr_pools.h"

/** Room for a label, "name:port", and for a subject, with their NUL; what is longer is cut. */
#define CFAOP_LABEL_SIZE 264

/**
 * Returns the label of @a s, "www.example.org:443": in lower case, since names of hosts do not differ by case, and
 * escaped: printable ASCII without ", \ and %. Of a label that is too long the end is replaced by "~" and a hash, so
 * that long names that begin alike stay different. From @a p. Any phase, any thread.
 */
const char *cfaop_label_of_server(apr_pool_t *p, const server_rec *s);

#endif
