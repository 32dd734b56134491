/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tickets.c
 * How many session tickets a client of TLS 1.3 gets from a virtual host that asks: CFOriginPullSessionTickets.
 */
#include "tls/tickets.h"

#include "config/config.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* OpenSSL's number of tickets after a full handshake; see SSL_CTX_set_num_tickets(3). */
#define DEFAULT_TICKETS 2

#define OPENSSL_3 0x30000000UL

static void set_number(SSL *ssl, size_t number)
{
    if (SSL_CTX_get_num_tickets(SSL_get_SSL_CTX(ssl)) == DEFAULT_TICKETS) {
        SSL_set_num_tickets(ssl, number);
    }
}

/*
 * A ticket holds the client's certificate, which OpenSSL parses when the ticket is written and when it is used. Since
 * 3.0 it searches its decoders for the certificate's key each time. The guard remembers what it has verified, so that
 * the rest of a full handshake is cheap: a ticket costs more than several resumptions save, and with 3.0 and 3.1 each
 * resumption costs more. It is otherwise where the server signs with an RSA key, which costs more than all that.
 * docs/performance.md has the figures.
 */
static int pays(SSL *ssl)
{
    const EVP_PKEY *key = SSL_get_privatekey(ssl); /* the one that OpenSSL has chosen for this client */

    return OpenSSL_version_num() < OPENSSL_3 || (key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA);
}

/* Are sessions kept in tickets? With "SSLSessionTickets off" a ticket is only a session's name in the cache. */
static int hold_sessions(const SSL *ssl)
{
    return !(SSL_get_options(ssl) & SSL_OP_NO_TICKET);
}

int cfaop_tickets_hold_session(const SSL *ssl)
{
    return SSL_version(ssl) == TLS1_3_VERSION && hold_sessions(ssl) && !SSL_get_max_early_data(ssl);
}

void cfaop_tickets_withhold(SSL *ssl)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    if (context && context->policy) {
        set_number(ssl, 0);
    }
}

void cfaop_tickets_grant(const cfaop_tls_context *context, SSL *ssl)
{
    int is_sent = context->tickets == CFAOP_TICKETS_ON
               || (context->tickets == CFAOP_TICKETS_AUTO && (!hold_sessions(ssl) || pays(ssl)));

    set_number(ssl, is_sent ? 1 : 0);
}
