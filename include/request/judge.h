/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file judge.h
 * Judging requests. Everything here reads what was frozen when the handshake ended; nothing asks OpenSSL.
 */
#ifndef CFAOP_REQUEST_JUDGE_H
#define CFAOP_REQUEST_JUDGE_H

#include "httpd.h"

/** Hooks that judge: post_read_request, quick_handler and fixups. */
int cfaop_judge_post_read(request_rec *r);
int cfaop_judge_quick_handler(request_rec *r, int lookup);
int cfaop_judge_fixups(request_rec *r);

#endif
