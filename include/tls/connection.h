/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file connection.h
 * What a connection has shown, as evidence for the verdict, and the verdict that virtual hosts reach by it.
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

/** What the module knows of a TLS connection. Written by the connection's thread until frozen, read by requests after. */
struct cfaop_conn {
    conn_rec *c;                            /**< the connection; HTTP/2 requests come by c->master */
    SSL *ssl;                               /**< mod_ssl's; used only while ap_ssl_conn_is_ssl() says it lives */
    int frozen;                             /**< the first handshake is over: all below it is final, but for what mod_ssl does later */
    int refused;                            /**< the handshake failed since it showed no good certificate (CFOriginPullRefuse alert) */
    const server_rec *asked_by;             /**< the virtual host that asked; NULL: none did */
    const cfaop_policy *asked;              /**< policy that the handshake asked under; NULL: it did not ask */
    X509 *peer;                             /**< the peer certificate, owned by the connection pool; NULL: none shown */
    unsigned char peer_sha256[CFAOP_SHA256_LEN]; /**< of the peer certificate */
    int peer_hashed;                        /**< peer_sha256 has been written */
    cfaop_chain_result chain;               /**< with asked and peer: the judgement */
    int judged;                             /**< chain has been written */
    const cfaop_anchor *anchor;             /**< the trust anchor that matched; NULL: not verified */
    const cfaop_demand *accepted_by;        /**< demand of the virtual host that asked, if it accepts the peer; NULL: it does not */
    cfaop_verdict accepted_with;            /**< its verdict then */
    int known_sni;                          /**< the client named a virtual host that exists */
    const char *sni;                        /**< the name it sent; NULL: none */
    int resumed;                            /**< an earlier session was taken up */
    int delegated;                          /**< mod_ssl verifies too, by its own rules */
    int can_renegotiate;                    /**< a certificate was shown because we asked, and in TLS 1.2 mod_ssl may ask again */
    int accepted_by_mod_ssl;                /**< mod_ssl asked later (per directory) and accepted what it got */
    int asked_again;                        /**< mod_ssl asked again after the freeze */
    int mod_ssl_may_ask;                    /**< mod_ssl's access hook runs, the only place where it asks again */
    int question_open;                      /**< and has got no certificate since */
    int reverified;                         /**< mod_ssl has got a certificate after the freeze */
    int unanswered;                         /**< mod_ssl asked, nobody answered: what was shown before counts for nothing any more */
    int result_hidden;                      /**< OpenSSL's verify result was made bad for a request */
    apr_pool_t *lasting;                    /**< with a peer: memory for src/fake_basic_auth.c; NULL: none yet */
    apr_uint32_t dn_is_made;                /**< atomic: mod_ssl has made the DN of the peer in that memory */
};

/** What the module keeps for a server's SSL_CTX. Written in the configuration phase only. */
typedef struct {
    server_rec *server;                     /**< the virtual host of the SSL_CTX */
    const cfaop_policy *policy;             /**< what it asks under; NULL: it does not ask */
    int demands;                            /**< a good certificate, or the handshake fails (CFOriginPullRefuse alert) */
    cfaop_peer_limit limit;                 /**< where it asks: what the client's certificate may be at most */
    int mod_ssl_mode;                       /**< mod_ssl's own verify mode, to be put back after the handshake */
    SSL_verify_cb mod_ssl_callback;         /**< and its callback */
    const unsigned char *session_key;       /**< CFAOP_SESSION_KEY_LEN bytes, see session.c; NULL: no session resumes */
    int (*new_session)(SSL *, SSL_SESSION *); /**< mod_ssl's session cache; NULL: none */
    SSL_SESSION *(*get_session)(SSL *, const unsigned char *, int, int *); /**< the same */
} cfaop_tls_context;

/** Returns what is known of the TLS of @a c (or of its master); NULL: not a TLS connection. Any phase. */
static inline cfaop_conn *cfaop_connection_of(conn_rec *c)
{
    const cfaop_link *link = cfaop_peer_link_of(c);

    return link ? link->tls : NULL;
}

/** Says whether @a c has no TLS: plain HTTP, on a TLS port too (mod_ssl turns that into a request of its own). Any phase. */
int cfaop_connection_is_plain_http(conn_rec *c);

/**
 * Notes whether @a s, the virtual host that asked, accepts the peer. Most requests go there: for them the question is answered once
 * and for all. Connection phase, just frozen.
 */
void cfaop_connection_accept(cfaop_conn *conn, const server_rec *s);

/** Says whether @a s has accepted @a conn (which may be NULL) so. A no says nothing. Any thread. */
static inline int cfaop_connection_is_accepted(const server_rec *s, const cfaop_conn *conn)
{
    return conn && conn->accepted_by == &cfaop_config_of(s)->demand;
}

/** Says whether @a s demands anything of requests over @a c; else they go on as if it were Off. Any phase; any thread. */
int cfaop_connection_is_judged(const server_rec *s, conn_rec *c);

/** Says whether the handshake of @a conn asked under the policy of @a s. Any phase; any thread. */
int cfaop_connection_was_asked_for(const server_rec *s, const cfaop_conn *conn);

/** The verdict of @a s on @a c, from frozen state. Any phase; any thread. */
cfaop_verdict cfaop_connection_verdict(const server_rec *s, conn_rec *c);

#endif
