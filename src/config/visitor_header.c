/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file visitor_header.c
 * The name of the header that CFOriginPullRemoteIP reads.
 */
#include "config/visitor_header.h"

#include "config/config.h"

#include "apr_lib.h"

const char *cfaop_visitor_header_error(const char *word)
{
    const char *c;

    for (c = word; apr_isalnum(*c) || *c == '-'; ++c) {
    }
    return *c || c == word ? "write the name of a request header, of the characters A-Z a-z 0-9 and -" : NULL;
}

const char *cfaop_visitor_header_name(const cfaop_server_conf *conf)
{
    return conf->remote_ip_header ? conf->remote_ip_header : CFAOP_VISITOR_HEADER_DEFAULT;
}
