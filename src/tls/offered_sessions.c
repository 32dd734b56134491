/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file offered_sessions.c
 * How many sessions a client may offer in a handshake.
 *
 * A ClientHello of TLS 1.3 has room for some hundred tickets, which can be copies of one. OpenSSL decrypts each and
 * parses the session in it, with the client's certificate and its key, until one is taken (tls_parse_ctos_psk() in
 * ssl/statem/extensions_srvr.c), and once more after a HelloRetryRequest. A client needs no key to offer them, and
 * TLS 1.2 gives a ticket to clients that were not verified, too. TLS libraries offer one session, or two.
 */
#include "tls/offered_sessions.h"

#include "base/peer.h"
#include "config/config.h"
#include "stats/counters.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "tls/slots.h"

/* Two sessions, and the same again after a HelloRetryRequest. */
#define OFFERED_MAX 4

int cfaop_offered_sessions_count(const SSL *ssl)
{
    cfaop_conn *conn = cfaop_slots_conn(ssl);

    if (!conn || conn->shown) {
        return 1; /* mod_ssl negotiates anew (TLS 1.2), and has OpenSSL take up no session there */
    }
    return ++conn->sessions_offered <= OFFERED_MAX;
}

void cfaop_offered_sessions_refuse(const SSL *ssl)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    const cfaop_conn *conn = cfaop_slots_conn(ssl);

    if (!context || !conn) {
        return;
    }
    if (context->policy) {
        cfaop_counters_handshake(cfaop_config_of(context->server)->counters, CFAOP_HANDSHAKE_FAILED);
    }
    cfaop_event_log_too_many_sessions(context->server, conn->c, OFFERED_MAX);
}
