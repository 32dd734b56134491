/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file peer_message.c
 * The handshake's message with the client's certificates, looked at before OpenSSL parses it.
 *
 * OpenSSL parses every certificate of a client, with its key, before it asks for a verdict. A key on an elliptic
 * curve can spell the curve out instead of naming it. OpenSSL then solves an equation in numbers that the client
 * chose: 340 ms for a certificate of 550 bytes, and 28 of these fit into CFOriginPullPeerLimit. No CA signs such keys
 * (RFC 5480 forbids them). A key on a named curve can be compressed: one coordinate of its point, from which OpenSSL
 * computes the other one. That is cheap on the usual curves, and takes five times as long as all else about the
 * certificate on secp224r1. The last cost is that of many tiny certificates.
 *
 * tls_get_message_body() (ssl/statem/statem_lib.c) shows the message when it has it whole. read_state_machine()
 * (ssl/statem/statem.c) hands the same buffer on to tls_process_client_certificate() (ssl/statem/statem_srvr.c) only
 * then. So it is in OpenSSL 1.1.1w, 3.0.22 and 3.4.1. Were it otherwise in another version, the handshakes of
 * tests/integration/test_peer_message.py would not end.
 *
 * OpenSSL 3.2 and later can take a CompressedCertificate instead, if it was built with zlib, brotli or zstd, and
 * offers that by default when it asks. It would be unpacked and parsed in one go, unseen. OpenSSL offers it no longer
 * under SSL_OP_NO_RX_CERTIFICATE_COMPRESSION, and takes none that it has not offered
 * (ossl_statem_server13_read_transition() in ssl/statem/statem_srvr.c).
 */
#include "tls/peer_message.h"

#include "pure/certificate_list.h"
#include "base/peer.h"
#include "config/config.h"
#include "stats/counters.h"
#include "tls/connection.h"
#include "tls/event_log.h"
#include "tls/slots.h"
#include "trust/chain.h"

#include <string.h>

/* The bit means nothing to OpenSSL 3.0 and 3.1. A module that was built with their headers may run with a later one. */
#if !defined(SSL_OP_NO_RX_CERTIFICATE_COMPRESSION) && OPENSSL_VERSION_NUMBER >= 0x30000000L
#define SSL_OP_NO_RX_CERTIFICATE_COMPRESSION ((uint64_t)1 << 33)
#endif

/*
 * The first bytes of the message's body are lengths: in TLS 1.2 that of the list, in TLS 1.3 that of a context, and
 * then that of the list.
 */
#define LENGTHS_BYTES 4

static const char *fault_of(const unsigned char *body, size_t length, int is_tls13, int is_first_handshake)
{
    if (cfaop_certificate_list_spells_out_curve(body, length)) {
        return "spells out the curve of a key, or its chain does";
    }
    if (cfaop_certificate_list_has_costly_point(body, length)) {
        return "has a compressed key on an unusual curve, or its chain does";
    }
    if (is_first_handshake && cfaop_certificate_list_count(body, length, is_tls13, CFAOP_SENT_MAX) > CFAOP_SENT_MAX) {
        return "comes with too many others";
    }
    return NULL;
}

static void tell(const cfaop_tls_context *context, const cfaop_conn *conn, const SSL *ssl, const char *fault)
{
    if (!conn->shown) {
        cfaop_counters_handshake(cfaop_config_of(context->server)->counters, CFAOP_HANDSHAKE_FAILED);
    }
    cfaop_event_log_too_costly(context->server, conn->c, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), fault);
}

/*
 * Writes into the message where its lengths are: OpenSSL then finds them too large, and ends the handshake with
 * decode_error. The message is handed over as const, but is OpenSSL's own buffer, from which it reads next, and this
 * is the only way to stop it here.
 */
static void spoil(const unsigned char *body)
{
    memset((unsigned char *)body, 0xff, LENGTHS_BYTES);
}

static void on_message(int is_written, int version, int type, const void *data, size_t length, SSL *ssl, void *arg)
{
    const cfaop_tls_context *context;
    const cfaop_conn *conn;
    const unsigned char *body = (const unsigned char *)data + SSL3_HM_HEADER_LENGTH;
    const char *fault;

    (void)version;
    (void)arg;
    if (is_written || type != SSL3_RT_HANDSHAKE || length <= SSL3_HM_HEADER_LENGTH
        || *(const unsigned char *)data != SSL3_MT_CERTIFICATE) {
        return; /* most messages: before anything is looked up */
    }
    context = cfaop_slots_context(SSL_get_SSL_CTX(ssl));
    conn = cfaop_slots_conn(ssl);
    if (!context || !conn || !(context->policy || conn->shown)) {
        return;
    }
    fault = fault_of(body, length - SSL3_HM_HEADER_LENGTH, SSL_version(ssl) >= TLS1_3_VERSION, !conn->shown);
    if (fault) {
        tell(context, conn, ssl, fault);
        spoil(body);
    }
    if (conn->shown) {
        cfaop_peer_message_ignore(ssl);
    }
}

void cfaop_peer_message_watch(SSL *ssl)
{
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
    SSL_set_options(ssl, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
    SSL_set_msg_callback(ssl, on_message);
}

void cfaop_peer_message_ignore(SSL *ssl)
{
    SSL_set_msg_callback(ssl, NULL);
}
