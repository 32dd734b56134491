/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file connection.h
 * What the guard knows of a TLS connection: what the first handshake has shown, what mod_ssl did later, and the
 * verdicts that virtual hosts reach by it.
 *
 * The handshake's code has a connection from its SSL (slots.h) and writes `so_far` until freeze.c ends that.
 * after_handshake.c and .h alone write `later`, and take `accepted_by` back; ssl_hooks.c hands them a connection. All
 * other files have a connection from cfaop_connection_of(), and can only read it.
 */
#ifndef CFAOP_TLS_CONNECTION_H
#define CFAOP_TLS_CONNECTION_H

#include "pure/verdict.h"
#include "base/module.h"
#include "base/peer.h"
#include "config/config.h"
#include "trust/chain.h"
#include "trust/files.h"

#include "httpd.h"
#include "apr.h"
#include "apr_pools.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/** What the first handshake of a connection has shown. */
typedef struct {
    const server_rec *server;   /**< the virtual host that the client named, else the default one; NULL: unknown */
    const server_rec *asked_by; /**< the virtual host that asked for a certificate; NULL: none did */
    const cfaop_policy *asked;  /**< the policy that the handshake asked under; NULL: it did not ask */
    X509 *peer;                 /**< the peer certificate, freed with the connection's pool; NULL: none shown */
    unsigned char peer_sha256[CFAOP_SHA256_LEN]; /**< of the peer certificate */
    int peer_hashed;                             /**< peer_sha256 has been written */
    cfaop_chain_result chain;                    /**< with asked and peer: the judgement */
    int judged;                                  /**< chain has been written */
    const cfaop_anchor *anchor;                  /**< the trust anchor that matched; NULL: not verified */
    int known_sni;                               /**< the client named a virtual host that exists */
    const char *sni;                             /**< the name that the client sent; NULL: none */
    int resumed;                                 /**< an earlier session was taken up */
    int delegated;                               /**< mod_ssl verifies too, by its own rules */
    int left_to_mod_ssl;                         /**< the guard did not ask, since mod_ssl may ask later (LogOnly) */
    const char *description; /**< for event_log.c: the peer in its lines, where it was not accepted; NULL: not made */
    int can_renegotiate;     /**< the guard got a certificate, and mod_ssl may negotiate again (until TLS 1.2) */
} cfaop_shown;

/** What mod_ssl did after the first handshake. Written by after_handshake.c and .h only. */
typedef struct {
    int mod_ssl_may_ask;     /**< mod_ssl's access hook runs: only there mod_ssl asks for a certificate */
    int asked_again;         /**< mod_ssl has asked again */
    int question_open;       /**< mod_ssl has asked again and has got no certificate since */
    int reverified;          /**< mod_ssl has got another certificate */
    int accepted_by_mod_ssl; /**< mod_ssl has accepted that certificate */
    int unanswered;          /**< the client has not answered mod_ssl: its certificate counts for nothing */
    int result_hidden;       /**< OpenSSL's verify result was made bad for a request */
    apr_pool_t *lasting;     /**< memory for what mod_ssl keeps with the connection; NULL: none yet */
    apr_uint32_t dn_is_made; /**< atomic: mod_ssl has made the DN of the peer in that memory */
} cfaop_later;

/** OpenSSL's info callback (SSL_set_info_callback). */
typedef void (*cfaop_info_callback)(const SSL *ssl, int where, int value);

/** What the guard knows of a TLS connection. The connection's thread writes it; requests read it. */
struct cfaop_conn {
    conn_rec *c;                     /**< the connection; HTTP/2 requests come by c->master */
    SSL *ssl;                        /**< mod_ssl's; used only while ap_ssl_conn_is_ssl() says that it lives */
    const cfaop_shown *shown;        /**< what the first handshake has shown, final; NULL: it is not over */
    const cfaop_demand *accepted_by; /**< demand of the virtual host that asked, if it accepts the peer; else NULL */
    cfaop_verdict accepted_with;     /**< with accepted_by: its verdict */
    cfaop_later later;               /**< what mod_ssl did after the first handshake */
    const SSL_SESSION *proven;       /**< for session.c: the session that may resume, found authentic; NULL: none */
    unsigned char proven_leaf[CFAOP_SHA256_LEN]; /**< for session.c: with proven, the SHA-256 of its certificate */
    int sessions_offered; /**< for offered_sessions.c: how many the client has offered in the first handshake */
    cfaop_shown so_far;   /**< for the handshake's code: shown, until the first handshake is over */
    cfaop_info_callback info_replaced; /**< for handshake.c: another module's, of this connection; NULL: none */
    int can_be_asked_later;            /**< for the handshake's code: TLS 1.3 lets mod_ssl ask after the handshake */
    int refused;                       /**< the guard has ended the handshake (CFOriginPullRefuse alert) */
};

/** Returns what is known of the TLS of @a c (or of its master); NULL: not a TLS connection. Any phase. */
static inline const cfaop_conn *cfaop_connection_of(conn_rec *c)
{
    const cfaop_link *link = cfaop_peer_link_of(c);

    return link ? link->tls : NULL;
}

/**
 * Returns what the first handshake of @a conn has shown; NULL: @a conn is NULL, or that handshake is not over. Any
 * phase.
 */
static inline const cfaop_shown *cfaop_connection_shown(const cfaop_conn *conn)
{
    return conn ? conn->shown : NULL;
}

/**
 * Says whether @a c, of which @a conn is known (NULL: nothing), has no TLS. Plain HTTP on a TLS port has none, either:
 * mod_ssl makes a request of it. Any phase.
 */
int cfaop_connection_is_plain_http(conn_rec *c, const cfaop_conn *conn);

/**
 * Says whether @a demand demands anything of requests over @a c, of which @a conn is known (NULL: nothing); else
 * requests go on as with Off. Any phase; any thread.
 */
int cfaop_connection_is_judged(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn);

/** Says whether the handshake that has shown @a shown asked under the policy of @a demand. Any phase; any thread. */
int cfaop_connection_was_asked_for(const cfaop_demand *demand, const cfaop_shown *shown);

/**
 * Notes whether @a s, the virtual host that asked, accepts the peer. Most requests go to this virtual host: for them
 * the verdict is reached once. Connection phase, as soon as conn->shown is set.
 */
void cfaop_connection_accept(cfaop_conn *conn, const server_rec *s);

/**
 * Says whether @a conn (NULL: no) was accepted with @a demand by the virtual host that asked. A no says nothing. Any
 * thread.
 */
static inline int cfaop_connection_is_accepted(const cfaop_demand *demand, const cfaop_conn *conn)
{
    return conn && conn->accepted_by == demand;
}

/**
 * The verdict by @a demand on @a c, of which @a conn is known (NULL: nothing). Asks no OpenSSL. Any phase; any thread.
 */
cfaop_verdict cfaop_connection_verdict(const cfaop_demand *demand, conn_rec *c, const cfaop_conn *conn);

#endif
