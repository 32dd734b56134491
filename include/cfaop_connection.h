/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_connection.h
 * Connections: what their handshake has shown, and the verdict on it.
 */
#ifndef CFAOP_CONNECTION_H
#define CFAOP_CONNECTION_H

#include "cfaop_trust.h"

#include <openssl/ssl.h>

/* ---- connections (src/handshake.c, src/session.c; they and src/refuse_alert.c know SSL) ---------------------------- */

/** What is known of the TLS of a connection; see struct cfaop_conn. */
typedef struct cfaop_conn cfaop_conn;

/**
 * What the module keeps for a connection, in the module's slot of conn_config. It is written before the first request
 * only. No other module has a pointer to the address, and none must be given one: some write into addresses.
 */
typedef struct {
    apr_sockaddr_t *peer; /**< the TCP peer; NULL: not known */
    const char *peer_ip;  /**< the same as text; NULL: not known */
    cfaop_conn *tls;      /**< NULL: not a TLS connection */
} cfaop_link;

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

/* ---- the peer (src/peer.c) ------------------------------------------------------------------------------------ */

/** Returns what the module keeps for @a c (or for its master); NULL: it was made past the hook below. Any phase. */
static inline cfaop_link *cfaop_link_of(conn_rec *c)
{
    return ap_get_module_config((c->master ? c->master : c)->conn_config, &cfaop_module);
}

/** pre_connection, before every other module: keeps a copy of the peer's address. Never fails; connection phase. */
int cfaop_peer_pre_connection(conn_rec *c, void *socket);

/** Keeps @a tls with @a c, which has no master. Connection phase, before the first request. */
void cfaop_peer_set_tls(conn_rec *c, cfaop_conn *tls);

/**
 * Returns the address that the TCP connection of @a c comes from, whatever headers, the PROXY protocol and other
 * modules say; NULL if it is not known. It is the module's own: to be read only, and not to be handed to httpd. Any
 * phase; any thread.
 */
apr_sockaddr_t *cfaop_peer_address(conn_rec *c);

/** Returns the same as text, "-" if it is not known. Any phase; any thread. */
const char *cfaop_peer_ip(conn_rec *c);

/* ---- the handshake (src/handshake.c) -------------------------------------------------------------------------- */

/** mod_ssl's optional hooks; see mod_ssl_openssl.h. They never fail: an error would end a restarting server. */
int cfaop_handshake_init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx);
int cfaop_handshake_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy);

/**
 * Makes the hooks above work: gets the ex_data slots that tie our data to SSL and SSL_CTX (they outlive the module, each reload
 * finds the same). Not called, they do nothing; so it must not be where mod_ssl runs with another OpenSSL. Configuration
 * phase. Returns 0 if OpenSSL fails.
 */
int cfaop_slots_enable(void);

/** Returns what is known of the TLS of @a c (or of its master); NULL: not a TLS connection. Any phase. */
static inline cfaop_conn *cfaop_connection_of(conn_rec *c)
{
    const cfaop_link *link = cfaop_link_of(c);

    return link ? link->tls : NULL;
}

/**
 * Says whether mod_ssl has asked for another certificate after the handshake, and the client has not answered, or not in full: then the peer
 * certificate is still the one that was shown to the guard, and to nobody else, or has not been proven. For the thread of an HTTP/1 request.
 *
 * mod_ssl's access hook waits until the client has sent anything, another request for instance, or nothing for some time, and then takes
 * the peer certificate that there is for the answer (ssl_hook_Access_classic() and _modern() in modules/ssl/ssl_engine_kernel.c).
 */
int cfaop_after_handshake_is_unanswered(conn_rec *c);

/** Says whether @a c has no TLS: plain HTTP, on a TLS port too (mod_ssl turns that into a request of its own). Any phase. */
int cfaop_connection_is_plain_http(conn_rec *c);

/**
 * Makes OpenSSL's verify result bad, which mod_ssl takes for its own, and good again where that was done. For HTTP/1 requests
 * and the connection's thread; over HTTP/2, where other requests run at the same time, they do nothing.
 */
void cfaop_after_handshake_hide_result(conn_rec *c);
void cfaop_after_handshake_show_result(conn_rec *c);

/**
 * Keeps mod_ssl's OptRenegotiate from taking the certificate that the guard asked for as an answer to a directory's
 * SSLVerifyClient. To be called before mod_ssl's access hook, in the thread of an HTTP/1 request, if the connection can renegotiate.
 *
 * With OptRenegotiate and a verify mode of NONE mod_ssl verifies the known certificate on the spot, answers 403 if that fails,
 * but keeps the stricter mode: the next request finds nothing to change and passes (ssl_hook_Access_classic in
 * modules/ssl/ssl_engine_kernel.c). SSL_VERIFY_CLIENT_ONCE alone asks for nothing, either, but is not NONE: mod_ssl negotiates
 * in full.
 */
void cfaop_after_handshake_forbid_quick_renegotiation(cfaop_conn *conn);

/** Says whether there are slots. Connection phase; any thread. */
int cfaop_slots_are_there(void);

/** Ties data to an SSL_CTX (returns 0 if OpenSSL fails) or to an SSL. Configuration phase, and connection phase. */
int cfaop_slots_set_context(SSL_CTX *ctx, cfaop_tls_context *context);
void cfaop_slots_set_conn(SSL *ssl, cfaop_conn *conn);

/** Sets the names of CAs that clients of @a ctx are sent: mod_ssl's, if it has any, and @a names. Returns 0 if OpenSSL fails. Configuration phase. */
int cfaop_ca_names_set(apr_pool_t *p, SSL_CTX *ctx, STACK_OF(X509_NAME) *names);

/** Returns our data of an SSL_CTX or SSL; NULL if it is not ours (a proxy's). */
cfaop_tls_context *cfaop_slots_context(const SSL_CTX *ctx);
cfaop_conn *cfaop_slots_conn(const SSL *ssl);

/**
 * Binds TLS sessions made by @a ctx to the policy they were judged under (tickets and session cache), with its
 * session_key.
 */
void cfaop_session_install(SSL_CTX *ctx, cfaop_tls_context *context);

/**
 * Reads the judgement that the resumed session of @a ssl carries. Returns 1 and fills @a result if the session was
 * verified under @a policy and its judgement is authentic; else 0. Whether it still holds was decided when the
 * session was taken up. Connection phase.
 */
int cfaop_session_judgement(SSL *ssl, const cfaop_policy *policy, cfaop_chain_result *result);

/* ---- verdicts of connections (src/connection.c) -------------------------------------------------------------- */

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
