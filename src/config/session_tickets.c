/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file session_tickets.c
 * The words of CFOriginPullSessionTickets.
 */
#include "config/session_tickets.h"

#include "config/config.h"

#include "httpd.h"

static const struct {
    const char *word;
    cfaop_tickets tickets;
} choices[] = {
    {"Auto", CFAOP_TICKETS_AUTO},
    {"On", CFAOP_TICKETS_ON},
    {"Off", CFAOP_TICKETS_OFF},
};

const char *cfaop_session_tickets_name(cfaop_tickets tickets)
{
    apr_size_t i = 0;

    while (i < sizeof(choices) / sizeof(choices[0]) - 1 && choices[i].tickets != tickets) {
        ++i;
    }
    return choices[i].word;
}

int cfaop_session_tickets_parse(const char *word, cfaop_tickets *tickets)
{
    apr_size_t i;

    for (i = 0; i < sizeof(choices) / sizeof(choices[0]); ++i) {
        if (!ap_cstr_casecmp(word, choices[i].word)) {
            *tickets = choices[i].tickets;
            return 1;
        }
    }
    return 0;
}
