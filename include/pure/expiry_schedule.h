/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file expiry_schedule.h
 * When to warn of what ends.
 */
#ifndef CFAOP_PURE_EXPIRY_SCHEDULE_H
#define CFAOP_PURE_EXPIRY_SCHEDULE_H

#include "apr.h"

/** How a certificate or CRL stands. */
typedef enum {
    CFAOP_EXPIRY_FAR,  /**< nothing to say yet */
    CFAOP_EXPIRY_SOON, /**< it ends within the days that were asked for */
    CFAOP_EXPIRY_PAST  /**< it has ended */
} cfaop_expiry_stage;

/** Returns how what ends at @a end stands at @a now (both seconds), if one wants to be told @a days before (0: not before). */
cfaop_expiry_stage cfaop_expiry_schedule_stage_of(apr_int64_t end, apr_int64_t now, int days);

/** Returns how many whole days are left from @a now to @a end; 0 if it has ended. */
int cfaop_expiry_schedule_days_left(apr_int64_t end, apr_int64_t now);

/**
 * Says whether the daily look is due at @a now if the last was at @a last: a day later; or when the clock was set back behind the
 * last one, or else it might be silent for years.
 */
int cfaop_expiry_schedule_is_due(apr_int64_t last, apr_int64_t now);

#endif
