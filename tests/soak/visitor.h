/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file visitor.h
 * What the parts of the soak's client share: the plan of its visits, and what became of them.
 */
#ifndef SOAK_VISITOR_H
#define SOAK_VISITOR_H

#include <openssl/ssl.h>

#include <stddef.h>

/* Stands in each page that only the edge may have. */
#define CONTENT "content of the site"

enum { TLS_1_2, TLS_1_3, TLS_VERSIONS };

/* May this client have this page? EITHER: it depends on the configuration of the moment. */
typedef enum { MUST_NOT, MUST, EITHER } permission;

/* A line of the plan: which client asks for what. */
typedef struct {
    char sni[64];
    char host[64];
    char path[64];
    char who[32];
    permission may;
    SSL_SESSION *session[TLS_VERSIONS]; /* the newest that the server gave this client under this name */
} visit;

/* Outcomes that are no status. */
enum { NO_ANSWER = 0, ALERTED = -1, TIMED_OUT = -2 };

typedef struct {
    int status;
    int content; /* was there CONTENT in it? */
} answer;

/* How a connection is spoilt: at a byte of what the client sends or reads. -1: it is not. */
typedef struct {
    long stop_writing_at;
    long stop_reading_at;
    long flip_at;
    int piece;      /* send so many bytes at once; 0: all */
    int pause_usec; /* after each piece */
} mischief;

typedef struct {
    SSL *ssl;
    int fd;
} connection;

/* Seconds that a client waits for an answer to what it has spoilt: the server may be waiting for more. */
#define CONNECTION_HASTY 2

/* visitor.c */
long random_below(long limit);

/* connection.c */
void connection_init(const char *directory, int port);
/* -1: the server does not take connections. */
int connection_socket(int patience_seconds);
/* Returns 1 with a connection; 0 with the outcome. NULL for bad: a connection as it should be. With
   h2 the client offers HTTP/2, too. */
int connection_open(connection *made, visit *v, SSL_SESSION *session, int version, int h2, const mischief *bad,
                    int *outcome);
/* Has the server chosen HTTP/2? */
int connection_has_h2(const connection *c);
void connection_close(connection *c, int politely);
int connection_outcome(SSL *ssl, int result);

/* mischief.c */
BIO *mischief_bio(const mischief *bad);

/* http1.c, http2.c */
answer http1_ask(connection *c, const visit *v, int keep_alive);
/* Asks count times at once; returns how many of them were answered, with the answers. */
int http2_ask(connection *c, const visit *v, int count, answer *answers, int *outcome);

#endif
