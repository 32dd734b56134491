/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tally.h
 * Notes how the first clients of a virtual host fared in this process, so that the guard can guess why it accepts none.
 * The counters of the status page are in counters.h.
 */
#ifndef CFAOP_STATS_TALLY_H
#define CFAOP_STATS_TALLY_H

#include "apr_pools.h"

/** Makes room for @a servers servers, from @a p; each child counts in its own copy. Configuration phase. */
void cfaop_tally_init(apr_pool_t *p, int servers);

/** Notes for the server number @a index that a client was verified. Any thread. */
void cfaop_tally_verified(int index);

/** Says whether no client was verified yet, and fewer than @a most were refused. Any thread. */
int cfaop_tally_is_open(int index, int most);

/** Notes that a client was refused, and returns how many were refused so far; 0 without room. Any thread. */
int cfaop_tally_refused(int index);

/** Notes that a refused client came from another machine; says whether one did. Any thread. */
void cfaop_tally_from_elsewhere(int index);
int cfaop_tally_is_from_elsewhere(int index);

#endif
