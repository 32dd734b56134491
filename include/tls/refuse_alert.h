/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file refuse_alert.h
 * Refusing in the handshake, with the alerts of mod_ssl's "SSLVerifyClient require", before anything is served.
 */
#ifndef CFAOP_TLS_REFUSE_ALERT_H
#define CFAOP_TLS_REFUSE_ALERT_H

#include "base/peer.h"
#include "tls/slots.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/**
 * Has the handshakes of @a ctx, which ask for a certificate, fail without a good one, if the server of @a context is
 * configured so. Configuration phase.
 */
void cfaop_refuse_alert_demand(SSL_CTX *ctx, cfaop_tls_context *context);

/**
 * Follows a handshake that has not ended yet: takes the demand back for a peer whose address is exempt, as soon as the
 * client's virtual host is known, and counts and logs a client that shows no certificate. Connection phase (OpenSSL's
 * info callback).
 */
void cfaop_refuse_alert_on_progress(cfaop_conn *conn, SSL *ssl, int where, int value);

/**
 * Refuses the certificate of @a store_ctx, which has been judged, if it is bad and a good one is demanded: counts,
 * logs, and sets the error that OpenSSL makes an alert of. Returns 1 then, and 0 if the handshake may go on. Connection
 * phase.
 */
int cfaop_refuse_alert_certificate(cfaop_conn *conn, SSL *ssl, X509_STORE_CTX *store_ctx);

/**
 * Looks at a handshake that is over, and frozen: with some cipher suites (TLS-SRP) OpenSSL asks for no certificate,
 * whatever is demanded. Without one where one is demanded, logs that, and has mod_ssl end the connection, by a verify
 * result that ssl_io_filter_handshake() in modules/ssl/ssl_engine_io.c does not accept. Connection phase.
 */
void cfaop_refuse_alert_when_done(cfaop_conn *conn, SSL *ssl);

#endif
