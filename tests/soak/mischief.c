/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file mischief.c
 * A BIO between TLS and the socket that breaks off, changes a bit, or sends slowly: the byte says in which phase of
 * the handshake, or of the requests after it.
 */
#include "visitor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    mischief bad;
    long written;
    long read;
} progress;

static int write_piece(BIO *bio, progress *p, const char *data, int length)
{
    char *changed;
    long at = p->bad.flip_at - p->written;
    int done;

    if (at < 0 || at >= length) {
        return BIO_write(BIO_next(bio), data, length);
    }
    changed = malloc((size_t)length);
    if (!changed) {
        return -1;
    }
    memcpy(changed, data, (size_t)length);
    changed[at] ^= (char)(1 << random_below(8));
    done = BIO_write(BIO_next(bio), changed, length);
    free(changed);
    return done;
}

static int spoilt_write(BIO *bio, const char *data, int length)
{
    progress *p = BIO_get_data(bio);
    int done;

    if (p->bad.piece && length > p->bad.piece) {
        length = p->bad.piece;
    }
    if (p->bad.stop_writing_at >= 0 && p->written + length > p->bad.stop_writing_at) {
        length = (int)(p->bad.stop_writing_at - p->written);
    }
    if (length <= 0) {
        return -1;
    }
    done = write_piece(bio, p, data, length);
    if (done > 0) {
        p->written += done;
    }
    if (p->bad.piece) {
        usleep((useconds_t)p->bad.pause_usec);
    }
    return done;
}

static int spoilt_read(BIO *bio, char *data, int length)
{
    progress *p = BIO_get_data(bio);
    int done;

    if (p->bad.stop_reading_at >= 0 && p->read + length > p->bad.stop_reading_at) {
        length = (int)(p->bad.stop_reading_at - p->read);
    }
    if (length <= 0) {
        return -1;
    }
    done = BIO_read(BIO_next(bio), data, length);
    if (done > 0) {
        p->read += done;
    }
    return done;
}

static long pass_on(BIO *bio, int command, long number, void *pointer)
{
    return BIO_next(bio) ? BIO_ctrl(BIO_next(bio), command, number, pointer) : 0;
}

static int forget(BIO *bio)
{
    free(BIO_get_data(bio));
    return 1;
}

BIO *mischief_bio(const mischief *bad)
{
    static BIO_METHOD *method;
    progress *p = calloc(1, sizeof(*p));
    BIO *bio;

    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "mischief");
        BIO_meth_set_write(method, spoilt_write);
        BIO_meth_set_read(method, spoilt_read);
        BIO_meth_set_ctrl(method, pass_on);
        BIO_meth_set_destroy(method, forget);
    }
    bio = BIO_new(method);
    if (!p || !bio) {
        abort();
    }
    p->bad = *bad;
    BIO_set_data(bio, p);
    BIO_set_init(bio, 1);
    return bio;
}
