/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tls_pair.c
 * OpenSSL as client and server over memory; see tls_pair.h.
 */
#include <check.h>

#include "apr_general.h"
#include "pki.h"
#include "tls_pair.h"

#include "tls/offered_sessions.h"
#include "tls/session.h"

const pair_kind pair_kinds[PAIR_KINDS] = {
    {TLS1_2_VERSION, 1}, {TLS1_2_VERSION, 0}, {TLS1_3_VERSION, 1}, {TLS1_3_VERSION, 0}};

pair_visitor client;
SSL_SESSION *kept;
unsigned char *cached;
int cached_len, offered_to_cache;
cfaop_policy policy, other_policy;
cfaop_tls_context vhost;
cfaop_conn conn;

static apr_pool_t *pool;
static SSL_CTX *server_ctx, *client_ctx;
unsigned char pair_ticket_keys[PAIR_TICKET_KEYS_LEN] = "a key name of 16the HMAC key, known to the forger";
static unsigned char session_key[CFAOP_SESSION_KEY_LEN] = "the key of these tests";

/* ---- what session.c needs of handshake.c ---- */

cfaop_tls_context *cfaop_slots_context(const SSL_CTX *ctx)
{
    return ctx == server_ctx ? &vhost : NULL;
}

cfaop_conn *cfaop_slots_conn(const SSL *ssl)
{
    return SSL_is_server(ssl) ? &conn : NULL;
}

/* ---- what session.c needs of offered_sessions.c; here each session is the first ---- */

int cfaop_offered_sessions_count(const SSL *of)
{
    (void)of;
    return 1;
}

void cfaop_offered_sessions_refuse(const SSL *of)
{
    (void)of;
}

/* ---- a server as mod_ssl and handshake.c make it ---- */

static int to_cache(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    ++offered_to_cache;
    OPENSSL_free(cached);
    cached = NULL;
    cached_len = i2d_SSL_SESSION(session, &cached);
    return 0;
}

static SSL_SESSION *from_cache(SSL *ssl, const unsigned char *id, int length, int *copy)
{
    const unsigned char *der = cached;
    SSL_SESSION *session = der ? d2i_SSL_SESSION(NULL, &der, cached_len) : NULL;
    unsigned int own_length = 0;
    const unsigned char *own = session ? SSL_SESSION_get_id(session, &own_length) : NULL;

    (void)ssl;
    *copy = 0;
    if (own && own_length == (unsigned int)length && !memcmp(own, id, own_length)) {
        return session;
    }
    SSL_SESSION_free(session);
    return NULL;
}

static int on_certificate(X509_STORE_CTX *ctx, void *arg)
{
    (void)arg;
    conn.so_far.judged = 1;
    conn.so_far.chain.reason = client.reason;
    conn.so_far.chain.valid_from = apr_time_sec(apr_time_now()) + client.from;
    conn.so_far.chain.valid_until = apr_time_sec(apr_time_now()) + client.until;
    memset(conn.so_far.chain.anchor, 0xaa, sizeof(conn.so_far.chain.anchor));
    conn.later.reverified = client.reverified;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static void on_progress(const SSL *ssl, int where, int value)
{
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_DONE) && !conn.shown) {
        if (SSL_session_reused(ssl) && vhost.policy) {
            conn.so_far.judged = cfaop_session_judgement((SSL *)ssl, vhost.policy, &conn.so_far.chain);
        }
        conn.shown = &conn.so_far;
    }
}

static int keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

static void make_server(int version, int tickets)
{
    pki_pair server = pki_issue(NULL, (pki_wish){.name = "server"});

    server_ctx = SSL_CTX_new(TLS_server_method());
    ck_assert(SSL_CTX_use_certificate(server_ctx, server.cert) && SSL_CTX_use_PrivateKey(server_ctx, server.key));
    SSL_CTX_set_max_proto_version(server_ctx, version);
    SSL_CTX_set_session_id_context(server_ctx, (const unsigned char *)"unit", 4);
    SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(server_ctx, on_certificate, NULL);
    SSL_CTX_set_info_callback(server_ctx, on_progress);
    if (!tickets) {
        SSL_CTX_set_options(server_ctx, SSL_OP_NO_TICKET);
    }
    ck_assert(SSL_CTX_set_tlsext_ticket_keys(server_ctx, pair_ticket_keys, sizeof(pair_ticket_keys)));
    SSL_CTX_sess_set_new_cb(server_ctx, to_cache);
    SSL_CTX_sess_set_get_cb(server_ctx, from_cache);
    cfaop_session_install(server_ctx, &vhost);
}

/* Nothing of the test before, which was the same process if CK_FORK=no. */
static void forget(void)
{
    kept = NULL;
    cached = NULL;
    cached_len = offered_to_cache = 0;
    memset(&client, 0, sizeof(client));
    memset(&vhost, 0, sizeof(vhost));
    memset(&conn, 0, sizeof(conn));
}

void pair_set_up(void)
{
    forget();
    ck_assert_int_eq(apr_initialize(), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    pki_begin(pool);
    memset(policy.digest, 1, sizeof(policy.digest));
    memset(other_policy.digest, 1, sizeof(other_policy.digest));
    other_policy.digest[CFAOP_SHA256_LEN - 1] = 2;
}

void pair_tear_down(void)
{
    SSL_SESSION_free(kept);
    OPENSSL_free(cached);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    apr_pool_destroy(pool);
    apr_terminate();
}

void pair_begin(int kind)
{
    make_server(pair_kinds[kind].version, pair_kinds[kind].tickets);
    client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client_ctx, keep);
    vhost.policy = &policy;
    vhost.session_key = session_key;
    client.shows = 1;
    client.reason = CFAOP_REASON_NONE;
    client.until = HOUR;
}

/* Both sides in turn, until each has said all it has to say. */
static void talk(SSL *client_side, SSL *server_side)
{
    char byte;
    int i;

    for (i = 0; i < 10; ++i) {
        SSL_read(client_side, &byte, 1);
        SSL_read(server_side, &byte, 1);
    }
    ck_assert(SSL_is_init_finished(client_side) && SSL_is_init_finished(server_side));
}

/* Connects, with the kept session if there is one; says whether the server took it up. */
int connects_resumed(void)
{
    SSL *client_side = SSL_new(client_ctx), *server_side = SSL_new(server_ctx);
    pki_pair edge = pki_issue(NULL, (pki_wish){.name = "edge"});
    BIO *one, *two;
    int resumed;

    memset(&conn, 0, sizeof(conn));
    if (client.shows) {
        ck_assert(SSL_use_certificate(client_side, edge.cert) && SSL_use_PrivateKey(client_side, edge.key));
    }
    ck_assert(BIO_new_bio_pair(&one, 65536, &two, 65536));
    SSL_set_bio(client_side, one, one);
    SSL_set_bio(server_side, two, two);
    if (kept) {
        SSL_set_session(client_side, kept);
    }
    SSL_set_connect_state(client_side);
    SSL_set_accept_state(server_side);
    talk(client_side, server_side);
    resumed = SSL_session_reused(server_side);
    SSL_shutdown(client_side);
    SSL_shutdown(server_side);
    SSL_free(client_side);
    SSL_free(server_side);
    return resumed;
}

/* A full handshake that leaves a session. */
void meet(void)
{
    ck_assert(!connects_resumed());
    ck_assert_ptr_nonnull(kept);
}
