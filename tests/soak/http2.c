/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file http2.c
 * Requests of the soak's client over HTTP/2, many at once on a connection.
 */
#include "visitor.h"

#include <nghttp2/nghttp2.h>

#include <stdlib.h>
#include <string.h>

typedef struct {
    connection *c;
    answer *answers;
    int open;     /* streams without an end */
    int answered; /* streams that ended well */
    int outcome;  /* of the connection, where it ended before the streams */
} dialogue;

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *data)
{
    answer *found = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    (void)data;
    if (found && name_length == 7 && !memcmp(name, ":status", 7) && value_length == 3) {
        found->status = atoi((const char *)value);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length,
                   void *user)
{
    answer *found = nghttp2_session_get_stream_user_data(session, stream);

    (void)flags;
    (void)user;
    if (found && memmem(data, length, CONTENT, strlen(CONTENT))) {
        found->content = 1;
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *data)
{
    dialogue *d = data;
    answer *found = nghttp2_session_get_stream_user_data(session, stream);

    if (found) {
        --d->open;
        d->answered += found->status != NO_ANSWER;
    }
    (void)error;
    return 0;
}

static nghttp2_session *new_session(dialogue *d)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;

    if (nghttp2_session_callbacks_new(&callbacks)) {
        abort();
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    if (nghttp2_session_client_new(&session, callbacks, d)) {
        abort();
    }
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

static nghttp2_nv field(const char *name, const char *value)
{
    nghttp2_nv pair = {(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};

    return pair;
}

static void submit(nghttp2_session *session, const visit *v, answer *found)
{
    nghttp2_nv fields[] = {field(":method", "GET"), field(":scheme", "https"), field(":authority", v->host),
                           field(":path", v->path)};

    memset(found, 0, sizeof(*found));
    if (nghttp2_submit_request(session, NULL, fields, 4, NULL, found) < 0) {
        abort();
    }
}

/* Returns 0 where the connection has ended. */
static int send_all(nghttp2_session *session, dialogue *d)
{
    const uint8_t *data;
    ssize_t length;
    int done;

    while ((length = nghttp2_session_mem_send(session, &data)) > 0) {
        done = SSL_write(d->c->ssl, data, (int)length);
        if (done <= 0) {
            d->outcome = connection_outcome(d->c->ssl, done);
            return 0;
        }
    }
    return length == 0;
}

static int receive(nghttp2_session *session, dialogue *d)
{
    uint8_t buffer[16384];
    int got = SSL_read(d->c->ssl, buffer, sizeof(buffer));

    if (got <= 0) {
        d->outcome = connection_outcome(d->c->ssl, got);
        return 0;
    }
    return nghttp2_session_mem_recv(session, buffer, (size_t)got) == got;
}

int http2_ask(connection *c, const visit *v, int count, answer *answers, int *outcome)
{
    dialogue d = {c, answers, count, 0, NO_ANSWER};
    nghttp2_session *session = new_session(&d);
    int i;

    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
    for (i = 0; i < count; ++i) {
        submit(session, v, &answers[i]);
    }
    while (d.open && send_all(session, &d) && receive(session, &d)) {
        continue;
    }
    nghttp2_session_terminate_session(session, NGHTTP2_NO_ERROR);
    send_all(session, &d);
    nghttp2_session_del(session);
    *outcome = d.outcome;
    return d.answered;
}
