/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tickets.h
 * How many session tickets a client of TLS 1.3 gets from a virtual host that asks: CFOriginPullSessionTickets.
 *
 * OpenSSL sends two after a full handshake, and for each it writes the session out and parses it again, with the
 * client's certificate (construct_stateless_ticket() in ssl/statem/statem_srvr.c). An edge that keeps connections needs
 * one; every resumption brings the next. The session of a client that was not verified never resumes where the guard
 * asks, and needs none.
 *
 * OpenSSL decides on the first ticket before it calls the handshake done (ossl_statem_server13_write_transition()), so
 * the number is set while the handshake goes on. Where the administrator has set a number of tickets, it stands.
 */
#ifndef CFAOP_TLS_TICKETS_H
#define CFAOP_TLS_TICKETS_H

#include "tls/slots.h"

#include <openssl/ssl.h>

/**
 * Says whether the session of @a ssl is in its ticket alone. With TLS 1.3 and tickets OpenSSL never looks for a session
 * in a cache (tls_parse_ctos_psk() in ssl/statem/extensions_srvr.c), but offers it to the cache all the same, once for
 * each ticket. Connection phase.
 */
int cfaop_tickets_hold_session(const SSL *ssl);

/**
 * Has @a ssl send no ticket, until cfaop_tickets_grant() is called. Connection phase, when the client is asked for a
 * certificate. What session.c refuses to keep or to take up needs no ticket withheld.
 */
void cfaop_tickets_withhold(SSL *ssl);

/** Has @a ssl send one ticket, if it pays, now that its client is verified in a full handshake. Connection phase. */
void cfaop_tickets_grant(const cfaop_tls_context *context, SSL *ssl);

#endif
