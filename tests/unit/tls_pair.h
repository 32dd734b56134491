/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tls_pair.h OpenSSL talks to itself, as client and server over memory, with session.c in the server as mod_ssl
 * and handshake.c use it. Each test runs for each way in which a session can live.
 */
#ifndef CFAOP_UNIT_TLS_PAIR_H
#define CFAOP_UNIT_TLS_PAIR_H

#include "base/peer.h"
#include "config/config.h"
#include "pure/verdict.h"
#include "tls/slots.h"
#include "trust/policy.h"

/** How a session lives: TLS version, and a ticket at the client's or an entry in the server's cache. */
typedef struct {
    int version;
    int tickets;
} pair_kind;

#define PAIR_KINDS 4
extern const pair_kind pair_kinds[PAIR_KINDS];

/** What the next full handshake finds of its client; the times are seconds from now. */
typedef struct {
    int shows;
    cfaop_reason reason;
    long from, until;
    int reverified;
} pair_visitor;

/** The server's ticket keys as SSL_CTX_set_tlsext_ticket_keys() takes them: name, HMAC key, AES-256 key. */
#define PAIR_TICKET_KEYS_LEN 80
extern unsigned char pair_ticket_keys[PAIR_TICKET_KEYS_LEN];

extern pair_visitor client;
extern SSL_SESSION *kept;      /**< the client's newest session */
extern unsigned char *cached;  /**< the server's cache has room for one, from OPENSSL_malloc() */
extern int cached_len;
extern int offered_to_cache;   /**< how many sessions went there */
extern cfaop_policy policy, other_policy;
extern cfaop_tls_context vhost; /**< where the server is now */
extern cfaop_conn conn;

/** Fixtures of every test. */
void pair_set_up(void);
void pair_tear_down(void);

/** Makes a server and a client for pair_kinds[@a kind]; the client shows a certificate that is judged good. */
void pair_begin(int kind);

/** Connects, with the kept session if there is one; says whether the server took it up. */
int connects_resumed(void);

/** A full handshake that leaves a session. */
void meet(void);

#endif
