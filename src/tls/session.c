/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file session.c
 * Binding a verdict to a TLS session. When a session is resumed no certificate is verified and the chain is gone, so
 * the judgement of the full handshake travels with the session, as ticket application data, which OpenSSL keeps in
 * tickets (encrypted and authenticated with the server's key) and in the session cache alike.
 *
 * A session that was not judged good under the very policy of the virtual host that it is resumed on becomes a full
 * handshake. No client is refused because its session is old.
 *
 * The judgement has a MAC of its own, with a key of the guard's (session_key.c): httpd does not always authenticate
 * tickets with a secret key (CFAOP137), and a session cache may be on another machine.
 */
#include "tls/session.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/peer.h"
#include "config/config.h"
#include "trust/chain.h"
#include "trust/policy.h"
#include "tls/connection.h"
#include "tls/offered_sessions.h"
#include "tls/slots.h"
#include "tls/tickets.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

/* A session may be renewed for ever (TLS 1.3), a judgement may not: it ends a day after the last full handshake. */
#define JUDGEMENT_MAX_SECONDS (24L * 60 * 60)

#define MAGIC     "CFAOP"
#define MAGIC_LEN 5
#define FORMAT    3

/* Room for the secret of a session; OpenSSL allows no longer one in any version of TLS. */
#define SECRET_MAX 512

/* What the application data holds, byte for byte. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = AT_MAGIC + MAGIC_LEN,
    AT_GOOD = AT_VERSION + 1, /* 1: verified */
    AT_MOD_SSL = AT_GOOD + 1, /* 1: mod_ssl has verified the certificate, too, and found it good */
    AT_POLICY = AT_MOD_SSL + 1,
    AT_ANCHOR = AT_POLICY + CFAOP_SHA256_LEN,
    AT_FROM = AT_ANCHOR + CFAOP_SHA256_LEN, /* seconds, big-endian */
    AT_UNTIL = AT_FROM + 8,
    AT_MAC = AT_UNTIL + 8, /* see make_mac() */
    DATA_LEN = AT_MAC + CFAOP_SHA256_LEN
};

static void put_seconds(unsigned char *to, apr_int64_t seconds)
{
    apr_uint64_t value = (apr_uint64_t)seconds;
    int i;

    for (i = 7; i >= 0; --i) {
        to[i] = (unsigned char)(value & 255);
        value >>= 8;
    }
}

static apr_int64_t get_seconds(const unsigned char *from)
{
    apr_uint64_t value = 0;
    int i;

    for (i = 0; i < 8; ++i) {
        value = (value << 8) | from[i];
    }
    return (apr_int64_t)value;
}

/*
 * The guard's data in session; NULL: none. Then *foreign says whether there is other data, or data of another version:
 * see may_resume().
 */
static const unsigned char *data_of(SSL_SESSION *session, int *foreign)
{
    void *data = NULL;
    size_t length = 0;

    *foreign = 0;
    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &length) || !data || !length) {
        return NULL;
    }
    if (length != DATA_LEN || memcmp(data, MAGIC, MAGIC_LEN) != 0 || ((unsigned char *)data)[AT_VERSION] != FORMAT) {
        *foreign = 1;
        return NULL;
    }
    return data;
}

/*
 * The MAC of data in session: HMAC-SHA256 over data up to the MAC, the SHA-256 of the client's certificate and the
 * session's secret (TLS 1.2: the master secret; TLS 1.3: the PSK, which each ticket has of its own). The secret keeps
 * a judgement from being moved to another session, even of the same client. OpenSSL has it in the session before it
 * calls back for a ticket, and has the same one there when the session is offered again: see
 * tls_construct_new_session_ticket() in ssl/statem/statem_srvr.c. Protocol version and cipher say nothing about the
 * client, so they are not covered. Returns 0 if there is nothing to bind to.
 */
static int make_mac(const cfaop_tls_context *context, SSL_SESSION *session, const unsigned char *leaf,
                    const unsigned char *data, unsigned char *mac)
{
    unsigned char bound[AT_MAC + CFAOP_SHA256_LEN + SECRET_MAX];
    unsigned char *const secret = bound + AT_MAC + CFAOP_SHA256_LEN;
    size_t length = SSL_SESSION_get_master_key(session, NULL, 0);
    int made;

    if (!context->session_key || !length || length > SECRET_MAX) {
        return 0;
    }
    memcpy(bound, data, AT_MAC);
    memcpy(bound + AT_MAC, leaf, CFAOP_SHA256_LEN);
    SSL_SESSION_get_master_key(session, secret, length);
    made = HMAC(EVP_sha256(), context->session_key, CFAOP_SESSION_KEY_LEN, bound, AT_MAC + CFAOP_SHA256_LEN + length,
                mac, NULL)
        != NULL;
    OPENSSL_cleanse(secret, length);
    return made;
}

/* The SHA-256 of the certificate in session. Returns 0 if there is none. */
static int hash_leaf(const SSL_SESSION *session, unsigned char *leaf)
{
    X509 *peer = SSL_SESSION_get0_peer((SSL_SESSION *)session);

    return peer && X509_digest(peer, EVP_sha256(), leaf, NULL);
}

/* The same. If the connection holds this very certificate, its digest is known. */
static int find_leaf(const cfaop_conn *conn, const SSL_SESSION *session, unsigned char *leaf)
{
    const cfaop_shown *shown = cfaop_connection_shown(conn);

    if (shown && shown->peer && shown->peer_hashed && shown->peer == SSL_SESSION_get0_peer((SSL_SESSION *)session)) {
        memcpy(leaf, shown->peer_sha256, CFAOP_SHA256_LEN);
        return 1;
    }
    return hash_leaf(session, leaf);
}

/* Has this server, or one with the same key, written data into this very session, with the certificate of leaf? */
static int is_authentic(const cfaop_tls_context *context, SSL_SESSION *session, const unsigned char *leaf,
                        const unsigned char *data)
{
    unsigned char mac[CFAOP_SHA256_LEN];

    return make_mac(context, session, leaf, data, mac) && !CRYPTO_memcmp(mac, data + AT_MAC, CFAOP_SHA256_LEN);
}

/*
 * The same, asked when the client offers the session. A yes is kept until the client offers another session, so that it
 * is not asked again when the handshake ends. OpenSSL takes no session that may_resume() has not let pass.
 */
static int prove(cfaop_conn *conn, const cfaop_tls_context *context, SSL_SESSION *session, const unsigned char *data)
{
    unsigned char leaf[CFAOP_SHA256_LEN];

    if (!hash_leaf(session, leaf) || !is_authentic(context, session, leaf, data)) {
        return 0;
    }
    if (conn) {
        conn->proven = session;
        memcpy(conn->proven_leaf, leaf, CFAOP_SHA256_LEN);
    }
    return 1;
}

/* A session that was offered and not taken up may be gone, and the new one may have its address. */
static int is_proven(const cfaop_conn *conn, const SSL *ssl)
{
    return conn && conn->proven && SSL_session_reused(ssl) && conn->proven == SSL_get_session(ssl);
}

/* Does data say that the client was verified under policy? Asked before is_authentic(), which costs more. */
static int is_good(const unsigned char *data, const cfaop_policy *policy)
{
    return data[AT_GOOD] == 1 && !memcmp(data + AT_POLICY, policy->digest, CFAOP_SHA256_LEN);
}

/*
 * Does the judgement in data hold now? Asked only when the client offers the session. Asked again for a request, the
 * guard would refuse a client because its session is old.
 */
static int holds_now(const unsigned char *data)
{
    apr_int64_t now = apr_time_sec(apr_time_now());

    return get_seconds(data + AT_FROM) <= now && now < get_seconds(data + AT_UNTIL);
}

static int verifies_too(const cfaop_tls_context *context)
{
    return context->mod_ssl_mode != SSL_VERIFY_NONE;
}

/*
 * Where the guard asks, only a session resumes that the guard judged good under the same policy. Where the guard does
 * not ask, a session with a judgement never resumes: what its client showed elsewhere means nothing there. Where
 * mod_ssl verifies too, mod_ssl must have verified the session's certificate: mod_ssl believes the result that the
 * session carries.
 */
static int may_resume(const SSL *ssl, SSL_SESSION *session)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    cfaop_conn *conn = cfaop_slots_conn(ssl);
    int foreign;
    const unsigned char *data = data_of(session, &foreign);

    if (conn) {
        conn->proven = NULL;
    }
    if (!context || foreign) {
        return 0;
    }
    if (!context->policy) {
        return data == NULL;
    }
    return data && is_good(data, context->policy) && holds_now(data)
        && (data[AT_MOD_SSL] == 1 || !verifies_too(context)) && prove(conn, context, session, data);
}

/*
 * Was the client of session judged good? After mod_ssl has asked again the session holds another certificate, or none.
 */
static int is_verified(const cfaop_conn *conn, SSL_SESSION *session)
{
    return conn && conn->so_far.judged && conn->so_far.chain.reason == CFAOP_REASON_NONE && !conn->later.reverified
        && SSL_SESSION_get0_peer(session);
}

/*
 * Has mod_ssl verified the certificate by its own rules, and well? Under "SSLVerifyClient optional_no_ca" it goes on
 * with a bad result. The session would carry that to a later connection, where mod_ssl may be stricter.
 */
static int is_verified_by_mod_ssl(const SSL *ssl, const cfaop_tls_context *context)
{
    return verifies_too(context) && SSL_get_verify_result(ssl) == X509_V_OK;
}

static void write_good(int is_good_for_mod_ssl, const cfaop_chain_result *chain, unsigned char *data)
{
    apr_int64_t until = chain->valid_from + JUDGEMENT_MAX_SECONDS;

    data[AT_GOOD] = 1;
    data[AT_MOD_SSL] = (unsigned char)is_good_for_mod_ssl;
    memcpy(data + AT_ANCHOR, chain->anchor, CFAOP_SHA256_LEN);
    put_seconds(data + AT_FROM, chain->valid_from);
    put_seconds(data + AT_UNTIL, until < chain->valid_until ? until : chain->valid_until);
}

/*
 * Writes the judgement on the connection of ssl into session, before it leaves as a ticket or for the cache. Returns
 * 0 if that fails. Then the session must not leave: without a judgement it passes for one of a virtual host that does
 * not ask.
 */
static int bind_judgement(SSL *ssl, SSL_SESSION *session)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    const cfaop_conn *conn = cfaop_slots_conn(ssl);
    unsigned char data[DATA_LEN] = MAGIC, leaf[CFAOP_SHA256_LEN];

    if (!context || !context->policy || !session || (conn && !conn->shown && SSL_session_reused(ssl))) {
        return 1; /* a renewed TLS 1.2 ticket carries on what its session holds, with the same secret */
    }
    data[AT_VERSION] = FORMAT;
    memcpy(data + AT_POLICY, context->policy->digest, CFAOP_SHA256_LEN);
    if (is_verified(conn, session)) {
        write_good(is_verified_by_mod_ssl(ssl, context), &conn->so_far.chain, data);
        if (!find_leaf(conn, session, leaf) || !make_mac(context, session, leaf, data, data + AT_MAC)) {
            data[AT_GOOD] = 0;
        }
    }
    return SSL_SESSION_set1_ticket_appdata(session, data, sizeof(data));
}

int cfaop_session_judgement(SSL *ssl, const cfaop_policy *policy, cfaop_chain_result *result)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    SSL_SESSION *session = SSL_get_session(ssl);
    int foreign;
    const unsigned char *data = session ? data_of(session, &foreign) : NULL;
    cfaop_conn *conn = cfaop_slots_conn(ssl);

    if (!context || !data || !is_good(data, policy)
        || (!is_proven(conn, ssl) && !prove(conn, context, session, data))) {
        return 0;
    }
    result->reason = CFAOP_REASON_NONE;
    result->x509_error = X509_V_OK;
    result->valid_from = get_seconds(data + AT_FROM);
    result->valid_until = get_seconds(data + AT_UNTIL);
    memcpy(result->anchor, data + AT_ANCHOR, CFAOP_SHA256_LEN);
    return 1;
}

int cfaop_session_leaf(const cfaop_conn *conn, const SSL *ssl, unsigned char *sha256)
{
    if (!is_proven(conn, ssl)) {
        return 0;
    }
    memcpy(sha256, conn->proven_leaf, CFAOP_SHA256_LEN);
    return 1;
}

/* ---- OpenSSL's callbacks ---- */

static int on_new_ticket(SSL *ssl, void *arg)
{
    (void)arg;
    return bind_judgement(ssl, SSL_get_session(ssl));
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_length,
                                   SSL_TICKET_STATUS status, void *arg)
{
    (void)name;
    (void)name_length;
    (void)arg;
    /* OpenSSL may have parsed a session in vain before it says that it could not decrypt the ticket */
    if (status != SSL_TICKET_EMPTY && !cfaop_offered_sessions_count(ssl)) {
        cfaop_offered_sessions_refuse(ssl);
        return SSL_TICKET_RETURN_ABORT;
    }
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) || !may_resume(ssl, session)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/*
 * Will session never resume on this virtual host, whose guard asks? It resumes only with a judgement that is good
 * under the policy of context.
 */
static int is_worthless(const cfaop_tls_context *context, SSL_SESSION *session)
{
    int foreign;
    const unsigned char *data = data_of(session, &foreign);

    return !data || !is_good(data, context->policy);
}

/*
 * A session that will never resume does not go to mod_ssl's cache, where it would push out an edge's. A client of TLS
 * 1.2 has got the session's id all the same: when the client offers the id, OpenSSL finds nothing and makes a full
 * handshake.
 */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));

    if (!context || !context->new_session) {
        return 0;
    }
    if (context->policy
        && (cfaop_tickets_hold_session(ssl) || !bind_judgement(ssl, session) || is_worthless(context, session))) {
        return 0; /* besides, OpenSSL would write the session out, with the certificate, and nothing would read it */
    }
    return context->new_session(ssl, session);
}

static SSL_SESSION *on_get_session(SSL *ssl, const unsigned char *id, int length, int *copy)
{
    const cfaop_tls_context *context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    int is_looked_up = context && context->get_session && cfaop_offered_sessions_count(ssl);
    SSL_SESSION *session = is_looked_up ? context->get_session(ssl, id, length, copy) : NULL;

    if (session && !may_resume(ssl, session)) {
        if (!*copy) {
            SSL_SESSION_free(session); /* the callback's reference is this function's to free */
        }
        return NULL;
    }
    return session;
}

void cfaop_session_install(SSL_CTX *ctx, cfaop_tls_context *context)
{
    /* OpenSSL's own cache is looked up without a callback; mod_ssl has it off anyway */
    SSL_CTX_set_session_cache_mode(ctx, SSL_CTX_get_session_cache_mode(ctx) | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, on_ticket, NULL);
    context->new_session = SSL_CTX_sess_get_new_cb(ctx);
    context->get_session = SSL_CTX_sess_get_get_cb(ctx);
    if (context->new_session) {
        SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    }
    if (context->get_session) {
        SSL_CTX_sess_set_get_cb(ctx, on_get_session);
    }
}
