/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file after_handshake.h
 * What mod_ssl does with a connection after its first handshake: the questions that mod_ssl asks the client, what it
 * verifies, the verify result that it reads, and the DN that it keeps. Everything else that requests need was frozen
 * when that handshake ended.
 */
#ifndef CFAOP_TLS_AFTER_HANDSHAKE_H
#define CFAOP_TLS_AFTER_HANDSHAKE_H

#include "base/peer.h"
#include "tls/connection.h"

#include "httpd.h"
#include "apr_pools.h"
#include "http_request.h"

#include <openssl/ssl.h>

/* ---- mod_ssl asks for a certificate again ---- */

/** Returns the TLS connection of @a c (or of its master), for the function below; NULL: there is none. Any phase. */
static inline cfaop_conn *cfaop_after_handshake_conn(conn_rec *c)
{
    const cfaop_link *link = cfaop_peer_link_of(c);

    return link ? link->tls : NULL;
}

/**
 * Calls @a access, mod_ssl's access hook, for @a r, which came by @a conn (NULL: no TLS), and notes while it runs that
 * mod_ssl may ask the client for a certificate. Over HTTP/2, where mod_ssl never asks, nothing is noted. Returns what
 * the hook returns. In line, since each request asks. The request's thread.
 */
static inline int cfaop_after_handshake_call_access(request_rec *r, cfaop_conn *conn, ap_HOOK_access_checker_t *access)
{
    int answer;

    if (!conn || r->connection->master) {
        return access(r);
    }
    conn->later.mod_ssl_may_ask = 1;
    answer = access(r);
    conn->later.mod_ssl_may_ask = 0;
    return answer;
}

/**
 * Keeps mod_ssl's OptRenegotiate from taking the certificate that the guard asked for as an answer to a directory's
 * SSLVerifyClient. To be called before mod_ssl's access hook, in the thread of an HTTP/1 request, if the connection can
 * renegotiate.
 *
 * With OptRenegotiate and a verify mode of NONE mod_ssl verifies the known certificate on the spot, answers 403 if that
 * fails, but keeps the stricter mode: the next request finds nothing to change and passes (ssl_hook_Access_classic in
 * modules/ssl/ssl_engine_kernel.c). SSL_VERIFY_CLIENT_ONCE alone asks for nothing, either, but is not NONE: mod_ssl
 * negotiates in full.
 */
void cfaop_after_handshake_forbid_quick_renegotiation(const cfaop_conn *conn);

/**
 * Notes that mod_ssl asks again, if OpenSSL's progress @a where says so: with TLS 1.2 and older by another handshake,
 * with TLS 1.3 by a CertificateRequest alone. OpenSSL's info callback; the connection's thread, the first handshake
 * over.
 */
void cfaop_after_handshake_note_question(cfaop_conn *conn, const SSL *ssl, int where);

/**
 * Notes that mod_ssl has verified another certificate, and whether it accepts it. The connection's thread, the first
 * handshake over.
 */
void cfaop_after_handshake_note_certificate(cfaop_conn *conn, int is_accepted);

/**
 * Says whether mod_ssl has asked for another certificate, and the client has not answered, or not in full: then the
 * peer certificate is still the one that was shown to the guard, and not to mod_ssl, or has not been proven. For the
 * thread of an HTTP/1 request.
 *
 * mod_ssl's access hook waits until the client has sent anything, another request for instance, or nothing for some
 * time, and then takes the peer certificate that there is for the answer (ssl_hook_Access_classic() and _modern() in
 * modules/ssl/ssl_engine_kernel.c).
 */
int cfaop_after_handshake_is_unanswered(conn_rec *c);

/**
 * Notes that the client has not answered mod_ssl: no virtual host accepts its certificate from now on. For the thread
 * of an HTTP/1 request.
 */
void cfaop_after_handshake_note_unanswered(conn_rec *c);

/* ---- the verify result that mod_ssl reads ---- */

/**
 * Makes OpenSSL's verify result bad, which mod_ssl takes for its own, and good again where that was done. For HTTP/1
 * requests and the connection's thread; over HTTP/2, where other requests run at the same time, they do nothing.
 */
void cfaop_after_handshake_hide_result(conn_rec *c);
void cfaop_after_handshake_show_result(conn_rec *c);

/* ---- what mod_ssl keeps with a connection, for requests over HTTP/2 (see src/request/fake_basic_auth.c) ---- */

/**
 * Says whether mod_ssl has made the DN of the client's certificate in memory that lasts as long as the connection. Any
 * thread.
 */
int cfaop_after_handshake_has_dn(conn_rec *c);

/** Notes that mod_ssl has done so. Any thread. */
void cfaop_after_handshake_note_dn(conn_rec *c);

/**
 * Returns that memory, made at the first call; NULL: there is none. It has an allocator of its own, as the connection's
 * thread uses the connection's at the same time. @a c is a TLS connection with a peer certificate, or has one for its
 * master. One thread at a time.
 */
apr_pool_t *cfaop_after_handshake_lasting_pool(conn_rec *c);

/**
 * Frees that memory, and mod_ssl's reference to the client's certificate if mod_ssl has not freed it. For a cleanup of
 * the connection's pool that is registered after mod_ssl's (ssl_io_filter_init() in modules/ssl/ssl_engine_io.c), and
 * so runs before it.
 */
void cfaop_after_handshake_free(const cfaop_conn *conn);

#endif
