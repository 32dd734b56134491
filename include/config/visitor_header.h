/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file visitor_header.h
 * The name of the header that CFOriginPullRemoteIP reads.
 */
#ifndef CFAOP_CONFIG_VISITOR_HEADER_H
#define CFAOP_CONFIG_VISITOR_HEADER_H

#include "config/config.h"

/** The word of CFOriginPullRemoteIP for headers with an address and a port. */
#define CFAOP_WITH_PORT "with-port"

/** The header that CFOriginPullRemoteIP reads if it names none. */
#define CFAOP_VISITOR_HEADER_DEFAULT "CF-Connecting-IP"

/** Returns NULL if @a word can be the name of the header, else what is allowed instead, a literal. Any phase. */
const char *cfaop_visitor_header_error(const char *word);

/** Returns the name of the header that is read for the server of @a conf. Any phase; any thread. */
const char *cfaop_visitor_header_name(const cfaop_server_conf *conf);

#endif
