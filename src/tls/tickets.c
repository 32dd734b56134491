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

#define FIRST_SLOW 0x30000000UL
#define FIRST_FAST 0x30200000UL

static void set_number(SSL *ssl, size_t number)
{
    if (SSL_CTX_get_num_tickets(SSL_get_SSL_CTX(ssl)) == DEFAULT_TICKETS) {
        SSL_set_num_tickets(ssl, number);
    }
}

/*
 * A ticket holds the client's certificate, which OpenSSL parses when the ticket is written and when it is used. OpenSSL
 * 3.0 and 3.1 search all decoders for the certificate's key each time; 3.2 and later remember what they have found. The
 * two searches of a resumed handshake cost more than a full one without a ticket, unless the server signs with an RSA
 * key, which costs more still. docs/performance.md has the figures.
 */
static int pays(SSL *ssl)
{
    unsigned long openssl = OpenSSL_version_num();
    const EVP_PKEY *key = SSL_get_privatekey(ssl); /* the one that OpenSSL has chosen for this client */

    return openssl < FIRST_SLOW || openssl >= FIRST_FAST || (key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA);
}

/* Are sessions kept in tickets? With "SSLSessionTickets off" a ticket is only a session's name in the cache. */
static int hold_sessions(const SSL *ssl)
{
    return !(SSL_get_options(ssl) & SSL_OP_NO_TICKET);
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
