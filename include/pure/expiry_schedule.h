/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file expiry_schedule.h
 * When the administrator is warned of the end of a certificate or CRL.
 */
#ifndef CFAOP_PURE_EXPIRY_SCHEDULE_H
#define CFAOP_PURE_EXPIRY_SCHEDULE_H

#include "apr.h"

/** How a certificate or CRL stands. */
typedef enum {
    CFAOP_EXPIRY_FAR,  /**< no warning yet */
    CFAOP_EXPIRY_SOON, /**< it ends within the days of CFOriginPullExpiryWarning */
    CFAOP_EXPIRY_PAST  /**< it has ended */
} cfaop_expiry_stage;

/* All functions are pure: any phase, any thread; they cannot fail. Times are in seconds. */

/**
 * Returns how a certificate or CRL that ends at @a end stands at @a now; the warning is due @a days before the end (0:
 * not before).
 */
cfaop_expiry_stage cfaop_expiry_schedule_stage_of(apr_int64_t end, apr_int64_t now, int days);

/** Returns how many whole days are left from @a now to @a end; 0 if the end is past. */
int cfaop_expiry_schedule_days_left(apr_int64_t end, apr_int64_t now);

/**
 * Says whether the daily look for ends is due at @a now if the last was at @a last: a day later, or when the clock was
 * set back to before @a last. Without the latter the looks might stop for years.
 */
int cfaop_expiry_schedule_is_due(apr_int64_t last, apr_int64_t now);

#endif
