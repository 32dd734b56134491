/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file side_effects.h
 * What another module would do for the answer to a client that is refused.
 */
#ifndef CFAOP_REQUEST_SIDE_EFFECTS_H
#define CFAOP_REQUEST_SIDE_EFFECTS_H

#include "httpd.h"

/**
 * insert_error_filter, after mod_session: takes mod_session's filter from the answer to @a r, if @a r is refused. Else
 * mod_session would begin a session for each request of a stranger, or renew one, and send a cookie.
 */
void cfaop_side_effects_on_error(request_rec *r);

#endif
