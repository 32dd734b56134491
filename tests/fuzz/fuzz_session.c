/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_session.c
 * A TLS session that carries any application data. The input says how that data differs from what the module itself
 * writes for a good client: two bytes add to or take from its length, the others are laid over it by exclusive or. So
 * nothing here depends on the layout, but that the MAC comes last, and the empty input is a good session.
 *
 * Each input is tried twice: as it is, when only what the module wrote resumes; and with a MAC that fits, as one who
 * has the key would make it, when what is said must still be true.
 */
#include <string.h>

#include "apr_general.h"
#include "base/module.h"
#include "base/peer.h"
#include "config/config.h"
#include "pure/verdict.h"
#include "tls/connection.h"
#include "tls/offered_sessions.h"
#include "tls/session.h"
#include "tls/slots.h"
#include "trust/chain.h"
#include "trust/policy.h"
#include "fuzz.h"
#include "session_der.h"

#include <openssl/hmac.h>

const char *const fuzz_corpus = "session";

/* Where the policy of this target stands, and only that. */
#define DIGEST_BYTE 0xd1

/* the module's magic and format number, and "good" */
#define HEAD_LEN 7
#define DATA_MAX 512
#define MAC_LEN  32

static cfaop_policy policy;
static cfaop_tls_context asking, silent, *context;
static cfaop_conn conn;
static SSL_CTX *ctx;
static SSL *ssl;
static SSL_SESSION *offered;
static unsigned char good[DATA_MAX];
static size_t good_len;
static unsigned char session_key[CFAOP_SESSION_KEY_LEN];
static int has_key; /* the attacker knows what the MAC must be: nothing but zeros */

/*
 * Stands before OpenSSL's, for session.c, which calls it for nothing else: a MAC that cannot be guessed, or one that
 * fits.
 */
unsigned char *HMAC(const EVP_MD *md, const void *key, int key_len, const unsigned char *data, size_t data_len,
                    unsigned char *mac, unsigned int *mac_len)
{
    (void)md;
    (void)key;
    (void)key_len;
    if (has_key) {
        memset(mac, 0, MAC_LEN);
    }
    else {
        MUST(EVP_Digest(data, data_len, mac, mac_len, EVP_sha256(), NULL));
    }
    return mac;
}

/* ---- what session.c needs of handshake.c ---- */

cfaop_tls_context *cfaop_slots_context(const SSL_CTX *of)
{
    return of ? context : NULL;
}

cfaop_conn *cfaop_slots_conn(const SSL *of)
{
    return of ? &conn : NULL;
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

/* ---- what session.c finds where mod_ssl's session cache would be ---- */

static int cache_new(SSL *of, SSL_SESSION *session)
{
    (void)of;
    (void)session;
    return 0;
}

static SSL_SESSION *cache_get(SSL *of, const unsigned char *id, int length, int *copy)
{
    (void)of;
    (void)id;
    (void)length;
    *copy = 1;
    return offered;
}

static SSL_SESSION *new_session(void)
{
    const unsigned char *der = session_der;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &der, sizeof(session_der));

    MUST(session);
    return session;
}

/* Has the module bind a good judgement to a session, and keeps what it wrote. */
static void learn_good_data(void)
{
    SSL_SESSION *session = new_session();
    void *data;

    conn.so_far.judged = 1;
    conn.shown = &conn.so_far;
    conn.so_far.chain.reason = CFAOP_REASON_NONE;
    conn.so_far.chain.valid_from = apr_time_sec(apr_time_now());
    conn.so_far.chain.valid_until = conn.so_far.chain.valid_from + 3600;
    SSL_CTX_sess_get_new_cb(ctx)(ssl, session);
    MUST(SSL_SESSION_get0_ticket_appdata(session, &data, &good_len) && good_len > HEAD_LEN && good_len < DATA_MAX);
    memcpy(good, data, good_len);
    SSL_SESSION_free(session);
}

static void tear_down(void)
{
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    apr_terminate();
}

static void set_up(void)
{
    MUST(apr_initialize() == APR_SUCCESS);
    ctx = SSL_CTX_new(TLS_server_method());
    MUST(ctx);
    memset(policy.digest, DIGEST_BYTE, sizeof(policy.digest));
    asking.policy = &policy;
    asking.session_key = session_key;
    asking.mod_ssl_mode = silent.mod_ssl_mode = SSL_VERIFY_NONE;
    SSL_CTX_sess_set_new_cb(ctx, cache_new);
    SSL_CTX_sess_set_get_cb(ctx, cache_get);
    context = &silent;
    cfaop_session_install(ctx, &silent);
    SSL_CTX_sess_set_new_cb(ctx, cache_new);
    SSL_CTX_sess_set_get_cb(ctx, cache_get);
    context = &asking;
    cfaop_session_install(ctx, &asking);
    ssl = SSL_new(ctx);
    MUST(ssl);
    SSL_set_options(ssl, SSL_OP_NO_TICKET); /* sessions of TLS 1.3 go to the cache only without tickets */
    learn_good_data();
    atexit(tear_down);
}

/* Lays the input over the good data; returns the length of the result. */
static size_t distort(const uint8_t *input, size_t size, unsigned char *data)
{
    size_t length = good_len, i;

    memcpy(data, good, DATA_MAX);
    if (size >= 2) {
        length = (good_len + ((size_t)input[0] << 8 | input[1])) % DATA_MAX;
    }
    for (i = 2; i < size && i - 2 < length; ++i) {
        data[i - 2] ^= input[i];
    }
    return length;
}

static int resumes_at(cfaop_tls_context *here)
{
    int copy = 0;

    context = here;
    return SSL_CTX_sess_get_get_cb(ctx)(ssl, (const unsigned char *)"id", 2, &copy) != NULL;
}

/* What must be so where a session resumes as good. */
static void check_accepted(const unsigned char *data, size_t length, const cfaop_chain_result *result)
{
    apr_int64_t now = apr_time_sec(apr_time_now());
    unsigned char digest[CFAOP_SHA256_LEN];
    size_t i, found = 0;

    memset(digest, DIGEST_BYTE, sizeof(digest));
    for (i = 0; i + sizeof(digest) <= length; ++i) {
        found += !memcmp(data + i, digest, sizeof(digest)) && !memcmp(good + i, digest, sizeof(digest));
    }
    MUST(length == good_len && !memcmp(data, good, HEAD_LEN) && found);
    MUST(result->reason == CFAOP_REASON_NONE && result->x509_error == X509_V_OK);
    MUST(result->valid_from <= now && result->valid_until >= now);
}

/* Offers a session with this data; says whether it resumes where the guard asks. */
static int is_taken_up(const unsigned char *data, size_t length, cfaop_chain_result *result)
{
    int resumes, is_judged;

    offered = new_session();
    MUST(SSL_SESSION_set1_ticket_appdata(offered, (void *)data, length));
    MUST(SSL_set_session(ssl, offered));
    MUST((length == 0) == resumes_at(&silent));
    resumes = resumes_at(&asking);
    is_judged = cfaop_session_judgement(ssl, &policy, result);
    MUST(is_judged || !resumes);
    MUST(has_key || is_judged == resumes);
    MUST(SSL_set_session(ssl, NULL));
    SSL_SESSION_free(offered);
    return resumes;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    unsigned char data[DATA_MAX];
    cfaop_chain_result result = {0};
    size_t length;

    if (!ssl) {
        set_up();
    }
    length = distort(input, size, data);
    has_key = 0;
    MUST(is_taken_up(data, length, &result) == (length == good_len && !memcmp(data, good, good_len)));
    has_key = 1;
    memset(data + good_len - MAC_LEN, 0, MAC_LEN);
    if (is_taken_up(data, length, &result)) {
        check_accepted(data, length, &result);
    }
    else {
        MUST(size > 2 || length != good_len);
    }
    return 0;
}
