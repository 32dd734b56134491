/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file judge.h
 * Judging requests by what was frozen when the handshake ended, and acting on the verdict.
 */
#ifndef CFAOP_REQUEST_JUDGE_H
#define CFAOP_REQUEST_JUDGE_H

#include "httpd.h"
#include "apr_pools.h"

/**
 * Makes, from @a p, what is kept for the usual requests of each server from @a base on: those that a verified client
 * sends to the virtual host that it named in the handshake, where no directive makes one of them differ from another.
 * Most requests are, and cost no memory and fewer steps. Configuration phase, when all demands are final.
 */
void cfaop_judge_prepare(apr_pool_t *p, const server_rec *base);

/**
 * Hooks that judge @a r: post_read_request, quick_handler, translate_name after mod_rewrite and map_to_storage (both
 * where there are exemptions) and fixups. They return DECLINED, or refuse @a r with a status or DONE; they cannot fail.
 * post_read_request settles OpenSSL's verify result and the visitor's address before that. Request phase; any thread.
 */
int cfaop_judge_post_read(request_rec *r);
int cfaop_judge_quick_handler(request_rec *r, int lookup);
int cfaop_judge_rewritten(request_rec *r);
int cfaop_judge_fixups(request_rec *r);

/**
 * Hooks that judge @a r if it is a sub-request, before other modules' rules are run for it: pre_translate_name (httpd
 * before 2.4.49: translate_name), map_to_storage and type_checker, the first that httpd runs for the sub-request of a
 * URI, of a file, and of a file in the same directory. httpd runs no quick_handler for it where its answer is not
 * wanted, as in the expression "-U". An expression for a header or for the log makes sub-requests of refused requests,
 * too. Return as above.
 */
int cfaop_judge_subrequest(request_rec *r);

/**
 * httpd's handler hook, before all handlers, where there are exemptions: refuses @a r once more if it was refused, and
 * judges it if it has another path than the one that was judged. Returns a status, DONE or DECLINED. Request phase; any
 * thread.
 */
int cfaop_judge_handler(request_rec *r);

/**
 * The same where there are no exemptions. No refused request comes to a handler then, but a sub-request may that
 * another module's log hook makes of it: other requests are left alone.
 */
int cfaop_judge_subrequest_handler(request_rec *r);

#endif
