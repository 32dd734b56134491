/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file session_tickets.h
 * The words of CFOriginPullSessionTickets.
 */
#ifndef CFAOP_CONFIG_SESSION_TICKETS_H
#define CFAOP_CONFIG_SESSION_TICKETS_H

#include "config/config.h"

/** Returns when the server of @a conf sends session tickets; never UNSET. Any phase; any thread. */
static inline cfaop_tickets cfaop_session_tickets_of(const cfaop_server_conf *conf)
{
    return conf->tickets == CFAOP_TICKETS_UNSET ? CFAOP_TICKETS_AUTO : conf->tickets;
}

/** Returns the word of the directive for @a tickets, which is not UNSET. Any phase. */
const char *cfaop_session_tickets_name(cfaop_tickets tickets);

/** Reads @a word into @a tickets. Returns 0, and writes nothing, if it is not a word of the directive. Any phase. */
int cfaop_session_tickets_parse(const char *word, cfaop_tickets *tickets);

#endif
