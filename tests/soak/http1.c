/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file http1.c
 * Requests of the soak's client over HTTP/1.1.
 */
#include "visitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 65535

static int send_request(connection *c, const visit *v, int keep_alive)
{
    char request[512];
    int length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n", v->path,
                          v->host, keep_alive ? "keep-alive" : "close");

    return SSL_write(c->ssl, request, length) > 0;
}

/* Returns the length of head and body; 0 while the head is not complete. -1: until the connection ends. */
static long answer_length(const char *buffer)
{
    const char *end = strstr(buffer, "\r\n\r\n");
    const char *field = strstr(buffer, "\r\nContent-Length: ");

    if (!end) {
        return 0;
    }
    return field && field < end ? end + 4 - buffer + atol(field + 18) : -1;
}

static int is_complete(const char *buffer, long have)
{
    long length = answer_length(buffer);

    return length > 0 && have >= length;
}

static int status_of(const char *buffer)
{
    return strncmp(buffer, "HTTP/1.1 ", 9) ? NO_ANSWER : atoi(buffer + 9);
}

answer http1_ask(connection *c, const visit *v, int keep_alive)
{
    static char buffer[LARGEST + 1];
    answer found = {NO_ANSWER, 0};
    long have = 0;
    int got = 1;

    /* where this fails, reading tells why */
    send_request(c, v, keep_alive);
    buffer[0] = '\0';
    while (!is_complete(buffer, have) && have < LARGEST) {
        got = SSL_read(c->ssl, buffer + have, (int)(LARGEST - have));
        if (got <= 0) {
            break;
        }
        have += got;
        buffer[have] = '\0';
    }
    found.status = have ? status_of(buffer) : connection_outcome(c->ssl, got);
    found.content = strstr(buffer, CONTENT) != NULL;
    return found;
}
