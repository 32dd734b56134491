/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file expiry_schedule.c
 * When the administrator is warned of the end of a certificate or CRL.
 */
#include "pure/expiry_schedule.h"

#define DAY_SECONDS ((apr_int64_t)24 * 60 * 60)

cfaop_expiry_stage cfaop_expiry_schedule_stage_of(apr_int64_t end, apr_int64_t now, int days)
{
    if (now > end) {
        return CFAOP_EXPIRY_PAST;
    }
    return end - now <= days * DAY_SECONDS && days > 0 ? CFAOP_EXPIRY_SOON : CFAOP_EXPIRY_FAR;
}

int cfaop_expiry_schedule_days_left(apr_int64_t end, apr_int64_t now)
{
    return end > now ? (int)((end - now) / DAY_SECONDS) : 0;
}

int cfaop_expiry_schedule_is_due(apr_int64_t last, apr_int64_t now)
{
    return now < last || now - last >= DAY_SECONDS;
}
