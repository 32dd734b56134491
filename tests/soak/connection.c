/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file connection.c
 * TLS connections of the soak's client: who shows which certificate, and the sessions that the server gave to whom.
 */
#include "visitor.h"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_CLIENTS 16
/* Longer than httpd takes under load: a server that hangs is to be seen. */
#define PATIENCE_SECONDS 60

typedef struct {
    char who[32];
    SSL_CTX *ctx[TLS_VERSIONS];
} client;

static const char *directory;
static int port;
static client clients[MAX_CLIENTS];

static void die(const char *what)
{
    fprintf(stderr, "visitor: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

void connection_init(const char *credentials, int server_port)
{
    directory = credentials;
    port = server_port;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);

    if (!kept) {
        return 0;
    }
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

static void show_certificate(SSL_CTX *ctx, const char *who)
{
    char cert[512], key[512];

    snprintf(cert, sizeof(cert), "%s/%s.cert.pem", directory, who);
    snprintf(key, sizeof(key), "%s/%s.key.pem", directory, who);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        die(cert);
    }
}

static SSL_CTX *new_context(const char *who, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int number = version == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, number) || !SSL_CTX_set_max_proto_version(ctx, number)) {
        die("the TLS context");
    }
    if (strcmp(who, "none")) {
        show_certificate(ctx, who);
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    return ctx;
}

static SSL_CTX *context_of(const char *who, int version)
{
    client *c = clients;

    while (c->who[0] && strcmp(c->who, who)) {
        if (++c == clients + MAX_CLIENTS) {
            die("too many clients");
        }
    }
    snprintf(c->who, sizeof(c->who), "%s", who);
    if (!c->ctx[version]) {
        c->ctx[version] = new_context(who, version);
    }
    return c->ctx[version];
}

int connection_socket(int patience_seconds)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    struct timeval patience = {.tv_sec = patience_seconds};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        die("no socket");
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience))
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience))
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
        || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return -1;
    }
    return fd;
}

int connection_outcome(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    unsigned long first = ERR_peek_error();

    ERR_clear_error();
    /* OpenSSL's reasons for alerts of the other side begin there */
    if (error == SSL_ERROR_SSL && ERR_GET_REASON(first) >= SSL_AD_REASON_OFFSET) {
        return ALERTED;
    }
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? TIMED_OUT : NO_ANSWER;
}

/* Offers HTTP/2 where h2 is set, and HTTP/1.1. */
static SSL *new_tls(visit *v, SSL_SESSION *session, int version, int h2, int fd, const mischief *bad)
{
    SSL *ssl = SSL_new(context_of(v->who, version));
    BIO *bio = BIO_new_socket(fd, BIO_NOCLOSE);
    static const unsigned char both[] = "\x02h2\x08http/1.1";

    if (!ssl || !bio || (v->sni[0] != '-' && !SSL_set_tlsext_host_name(ssl, v->sni))
        || SSL_set_alpn_protos(ssl, h2 ? both : both + 3, h2 ? 12 : 9) || (session && !SSL_set_session(ssl, session))) {
        die("the connection");
    }
    if (bad) {
        bio = BIO_push(mischief_bio(bad), bio);
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, bad ? NULL : &v->session[version]);
    return ssl;
}

int connection_open(connection *made, visit *v, SSL_SESSION *session, int version, int h2, const mischief *bad,
                    int *outcome)
{
    int result;

    *outcome = NO_ANSWER;
    made->fd = connection_socket(bad ? CONNECTION_HASTY : PATIENCE_SECONDS);
    if (made->fd < 0) {
        return 0;
    }
    made->ssl = new_tls(v, session, version, h2, made->fd, bad);
    result = SSL_connect(made->ssl);
    if (result != 1) {
        *outcome = connection_outcome(made->ssl, result);
        connection_close(made, 0);
        return 0;
    }
    return 1;
}

int connection_has_h2(const connection *c)
{
    const unsigned char *chosen;
    unsigned length;

    SSL_get0_alpn_selected(c->ssl, &chosen, &length);
    return length == 2;
}

/* Impolitely: with a reset, as from a client that crashed. */
void connection_close(connection *c, int politely)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (politely) {
        SSL_shutdown(c->ssl);
    }
    else {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    SSL_free(c->ssl);
    close(c->fd);
    ERR_clear_error();
}
