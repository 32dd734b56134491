/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file after_handshake.h
 * What is asked of OpenSSL, and told it, once the handshake is over: the verify result that mod_ssl reads, and the questions that mod_ssl asks
 * the client later. Everything else that requests need was frozen when the handshake ended.
 */
#ifndef CFAOP_TLS_AFTER_HANDSHAKE_H
#define CFAOP_TLS_AFTER_HANDSHAKE_H

#include "base/peer.h"

#include "httpd.h"

/**
 * Says whether mod_ssl has asked for another certificate after the handshake, and the client has not answered, or not in full: then the peer
 * certificate is still the one that was shown to the guard, and to nobody else, or has not been proven. For the thread of an HTTP/1 request.
 *
 * mod_ssl's access hook waits until the client has sent anything, another request for instance, or nothing for some time, and then takes
 * the peer certificate that there is for the answer (ssl_hook_Access_classic() and _modern() in modules/ssl/ssl_engine_kernel.c).
 */
int cfaop_after_handshake_is_unanswered(conn_rec *c);

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

#endif
