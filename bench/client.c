/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file client.c
 * The client of the benchmark: TLS connections to 127.0.0.1, one after another, and requests over them, each of which
 * must end as the caller expects. What it negotiates is fixed here, so that all servers compute the same.
 *
 *   client PORT KIND COUNT OUTCOME [1.2|1.3] [CERTIFICATE KEY]
 *
 * KIND     full     a full handshake and a request for each connection
 *          resumed  the same, resumed with the session of the connection before
 *          returning  the same, or a full handshake if the server gave no session
 *          h1       all requests over one connection, HTTP/1.1
 *          h1-address  the same, with the visitor's address in the header CF-Connecting-IP
 *          h2       all requests over one connection, HTTP/2, ten at a time
 * OUTCOME  the status of each answer, or "alert": the server ends the handshake
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "bench.test"
#define H2_PARALLEL 10

static const char *const outcome_alert = "alert";
static const char *outcome;
static SSL_SESSION *newest;

static void die(const char *what)
{
    fprintf(stderr, "client: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(newest);
    newest = session;
    return 1;
}

static SSL_CTX *new_context(const char *version, const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int number = strcmp(version, "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, number) || !SSL_CTX_set_max_proto_version(ctx, number)
        || !SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
        || !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") || !SSL_CTX_set1_groups_list(ctx, "X25519:P-256")) {
        die("the TLS context");
    }
    if (certificate
        && (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1
            || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)) {
        die("the certificate");
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    return ctx;
}

static int new_socket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))) {
        die("no connection");
    }
    return fd;
}

/* NULL: the server ended the handshake. */
static SSL *open_connection(SSL_CTX *ctx, int port, SSL_SESSION *session, const char *alpn)
{
    SSL *ssl = SSL_new(ctx);
    unsigned char protocol[16];
    size_t length = strlen(alpn);

    protocol[0] = (unsigned char)length;
    memcpy(protocol + 1, alpn, length);
    if (!ssl || !SSL_set_fd(ssl, new_socket(port)) || !SSL_set_tlsext_host_name(ssl, HOST)
        || SSL_set_alpn_protos(ssl, protocol, (unsigned)length + 1) || (session && !SSL_set_session(ssl, session))) {
        die("the connection");
    }
    if (SSL_connect(ssl) != 1) {
        close(SSL_get_fd(ssl));
        SSL_free(ssl);
        return NULL;
    }
    if (SSL_session_reused(ssl) != (session != NULL)) {
        die(session ? "the session was not resumed" : "a session was resumed");
    }
    return ssl;
}

static void close_connection(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);

    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static void write_all(SSL *ssl, const void *data, size_t length)
{
    if (SSL_write(ssl, data, (int)length) <= 0) {
        die("cannot write");
    }
}

/* ---- HTTP/1.1 ---- */

static size_t content_length(const char *head)
{
    const char *field = strstr(head, "\r\nContent-Length: ");

    if (!field) {
        die("an answer without Content-Length");
    }
    return strtoul(field + 18, NULL, 10);
}

/* Reads one answer; 0: the connection ended in its stead, or within the handshake, which TLS 1.3 shows only here. */
static int read_answer(SSL *ssl, char status[4])
{
    static char buffer[65536];
    size_t have = 0, head, length;
    char *end = NULL;
    int got;

    while (!end) {
        got = SSL_read(ssl, buffer + have, (int)(sizeof(buffer) - 1 - have));
        if (got <= 0) {
            return 0;
        }
        have += (size_t)got;
        buffer[have] = '\0';
        end = strstr(buffer, "\r\n\r\n");
    }
    end[2] = '\0';
    head = (size_t)(end - buffer) + 4;
    length = content_length(buffer);
    memcpy(status, buffer + sizeof("HTTP/1.1"), 3);
    status[3] = '\0';
    while (have < head + length) {
        got = SSL_read(ssl, buffer + have, (int)(sizeof(buffer) - have));
        if (got <= 0) {
            die("half an answer");
        }
        have += (size_t)got;
    }
    return 1;
}

static void check(int answered, const char *status)
{
    if (strcmp(answered ? status : outcome_alert, outcome)) {
        fprintf(stderr, "client: expected %s, got %s\n", outcome, answered ? status : outcome_alert);
        die("not as expected");
    }
}

static void ask_once(SSL *ssl, const char *connection, const char *fields)
{
    char request[200], status[4] = "";
    int length = snprintf(request, sizeof(request),
                          "GET /index.html HTTP/1.1\r\nHost: " HOST "\r\nConnection: %s\r\n%s\r\n", connection, fields);

    /* where this fails, reading tells why */
    SSL_write(ssl, request, length);
    check(read_answer(ssl, status), status);
}

static void new_connections(SSL_CTX *ctx, int port, long count, int resumed)
{
    SSL *ssl;

    while (count-- > 0) {
        ssl = open_connection(ctx, port, resumed ? newest : NULL, "http/1.1");
        if (!ssl) {
            check(0, NULL);
            continue;
        }
        ask_once(ssl, "close", "");
        close_connection(ssl);
    }
    ERR_clear_error();
}

static void http1(SSL_CTX *ctx, int port, long count, const char *fields)
{
    SSL *ssl = open_connection(ctx, port, NULL, "http/1.1");

    if (!ssl) {
        die("no connection");
    }
    while (count-- > 0) {
        ask_once(ssl, "keep-alive", fields);
    }
    close_connection(ssl);
}

/* ---- HTTP/2, as far as it takes ---- */

enum { H2_DATA = 0, H2_HEADERS = 1, H2_SETTINGS = 4, H2_PING = 6, H2_GOAWAY = 7, H2_WINDOW_UPDATE = 8 };
enum { H2_ACK = 1, H2_END_STREAM = 1, H2_END_HEADERS = 4 };

static void write_frame(SSL *ssl, int type, int flags, unsigned stream, const void *payload, size_t length)
{
    unsigned char frame[9 + 64] = {0, 0, (unsigned char)length, (unsigned char)type, (unsigned char)flags,
                                   (unsigned char)(stream >> 24), (unsigned char)(stream >> 16),
                                   (unsigned char)(stream >> 8), (unsigned char)stream};

    memcpy(frame + 9, payload, length);
    write_all(ssl, frame, 9 + length);
}

static void h2_start(SSL *ssl)
{
    static const unsigned char window[4] = {0x7f, 0, 0, 0};

    write_all(ssl, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    write_frame(ssl, H2_SETTINGS, 0, 0, "", 0);
    /* two gigabytes, so that none of ours is due later */
    write_frame(ssl, H2_WINDOW_UPDATE, 0, 0, window, sizeof(window));
}

static void h2_ask(SSL *ssl, unsigned stream)
{
    /* HPACK: the static table's GET, https and /index.html, and the authority as a literal that is not indexed */
    static const unsigned char headers[] = "\x82\x87\x85\x01\x0a" HOST;

    write_frame(ssl, H2_HEADERS, H2_END_STREAM | H2_END_HEADERS, stream, headers, sizeof(headers) - 1);
}

static void read_exactly(SSL *ssl, unsigned char *buffer, size_t length)
{
    size_t have = 0;

    while (have < length) {
        int got = SSL_read(ssl, buffer + have, (int)(length - have));
        if (got <= 0) {
            die("the connection ended");
        }
        have += (size_t)got;
    }
}

/* Servers write the status as an entry of HPACK's static table: 200 is 8, 400 is 12; else as a literal. */
static void h2_check(const unsigned char *block, size_t length)
{
    /* a change of the table's size may come first */
    while (length && (*block & 0xe0) == 0x20) {
        ++block;
        --length;
    }
    if (!length || (*block != 0x88 && *block != 0x8c)) {
        die("an answer with another status");
    }
    check(1, *block == 0x88 ? "200" : "400");
}

/* Returns 1 where a frame ended an answer. */
static int h2_read_frame(SSL *ssl)
{
    static unsigned char payload[65536];
    unsigned char head[9];
    size_t length;

    read_exactly(ssl, head, sizeof(head));
    length = ((size_t)head[0] << 16) | ((size_t)head[1] << 8) | head[2];
    if (length > sizeof(payload)) {
        die("a long frame");
    }
    read_exactly(ssl, payload, length);
    if (head[3] == H2_SETTINGS && !(head[4] & H2_ACK)) {
        write_frame(ssl, H2_SETTINGS, H2_ACK, 0, "", 0);
    }
    else if (head[3] == H2_PING && !(head[4] & H2_ACK)) {
        write_frame(ssl, H2_PING, H2_ACK, 0, payload, length);
    }
    else if (head[3] == H2_GOAWAY) {
        die("GOAWAY");
    }
    else if (head[3] == H2_HEADERS) {
        h2_check(payload, length);
    }
    return (head[3] == H2_DATA || head[3] == H2_HEADERS) && (head[4] & H2_END_STREAM);
}

static void http2(SSL_CTX *ctx, int port, long count)
{
    SSL *ssl = open_connection(ctx, port, NULL, "h2");
    long asked = 0, answered = 0;

    if (!ssl) {
        die("no connection");
    }
    h2_start(ssl);
    while (answered < count) {
        while (asked < count && asked - answered < H2_PARALLEL) {
            h2_ask(ssl, 1 + 2 * (unsigned)asked++);
        }
        answered += h2_read_frame(ssl);
    }
    close_connection(ssl);
}

int main(int argc, char **argv)
{
    SSL_CTX *ctx;
    const char *kind;
    int port;
    long count;

    if (argc != 6 && argc != 8) {
        die("usage: client PORT KIND COUNT OUTCOME 1.2|1.3 [CERTIFICATE KEY]");
    }
    signal(SIGPIPE, SIG_IGN);
    port = atoi(argv[1]);
    kind = argv[2];
    count = atol(argv[3]);
    outcome = argv[4];
    ctx = new_context(argv[5], argc == 8 ? argv[6] : NULL, argc == 8 ? argv[7] : NULL);
    if (!strcmp(kind, "h1")) {
        http1(ctx, port, count, "");
    }
    else if (!strcmp(kind, "h1-address")) {
        http1(ctx, port, count, "CF-Connecting-IP: 192.0.2.7\r\n");
    }
    else if (!strcmp(kind, "h2")) {
        http2(ctx, port, count);
    }
    else if (!strcmp(kind, "resumed") || !strcmp(kind, "returning")) {
        new_connections(ctx, port, 1, 0);
        if (!newest && !strcmp(kind, "resumed")) {
            die("the server gave no session");
        }
        new_connections(ctx, port, count, 1);
    }
    else if (!strcmp(kind, "full")) {
        new_connections(ctx, port, count, 0);
    }
    else {
        die("no such kind");
    }
    return 0;
}
