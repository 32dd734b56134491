/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop.h
 * The types that the files of the module share, and what each file offers to the others; a header for each part.
 *
 * Data flows one way: configuration -> policy -> handshake -> verdict -> request -> refusal.
 * Phases named there: "configuration" is the parent process, single-threaded, from reading the files to the end of
 * post_config; "connection" is the one thread that drives a TLS connection; "request" is any worker thread (with HTTP/2
 * several requests of one connection run at the same time).
 */
#ifndef CFAOP_H
#define CFAOP_H

#include "cfaop_core.h"
#include "cfaop_config.h"
#include "cfaop_trust.h"
#include "cfaop_connection.h"
#include "cfaop_request.h"
#include "cfaop_refuse.h"
#include "cfaop_operator.h"
#include "cfaop_startup.h"

#endif
