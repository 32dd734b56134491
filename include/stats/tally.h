/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tally.h
 * What has become of the clients of a virtual host in this process: enough to guess why none is accepted.
 */
#ifndef CFAOP_STATS_TALLY_H
#define CFAOP_STATS_TALLY_H

#include "apr_pools.h"

/** Makes room for @a servers servers, in each process. Configuration phase. */
void cfaop_tally_init(apr_pool_t *p, int servers);

/** Notes for the server number @a index that a client was verified. Any thread. */
void cfaop_tally_verified(int index);

/** Says whether no client was verified yet, and less than @a most were refused. Any thread. */
int cfaop_tally_is_open(int index, int most);

/** Notes that a client was refused, and returns how many were by now. Any thread. */
int cfaop_tally_refused(int index);

/** Notes, or says, that one of those refused came from another machine. Any thread. */
void cfaop_tally_from_elsewhere(int index);
int cfaop_tally_is_from_elsewhere(int index);

#endif
