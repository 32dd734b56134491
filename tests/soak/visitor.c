/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file visitor.c
 * The soak's client: edges and strangers that visit a server in ever other ways until SIGTERM, and what became of it.
 *
 *   visitor PORT DIRECTORY PLAN SEED
 *
 * DIRECTORY has each client's NAME.cert.pem and NAME.key.pem. A line of PLAN is "SNI HOST PATH CLIENT yes|no|either":
 * may this client have this page? SNI "-" is none, and the client "none" has no certificate.
 *
 * What should not be is printed at once, beginning with "wrong:" or "refused:". Each second, and at the end, a line
 * that begins with "counts" has the sums so far.
 */
#include "visitor.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_VISITS     256
#define TRIES          5
#define MAX_STREAMS    8
#define MAX_KEPT_ALIVE 12

static visit visits[MAX_VISITS];
static int visit_count;
static volatile sig_atomic_t ended;
static uint64_t dice;

static struct {
    long full, resumed, requests, h2, broken, lost, hung, wrong, refused;
} counts;

static void end(int number)
{
    (void)number;
    ended = 1;
}

/* xorshift64 */
long random_below(long limit)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (long)(dice % (uint64_t)limit);
}

static void report(void)
{
    printf("counts full=%ld resumed=%ld requests=%ld h2=%ld broken=%ld lost=%ld hung=%ld wrong=%ld refused=%ld\n",
           counts.full, counts.resumed, counts.requests, counts.h2, counts.broken, counts.lost, counts.hung,
           counts.wrong, counts.refused);
    fflush(stdout);
}

static void complain(const char *what, const visit *v, int version, answer found, const char *how)
{
    printf("%s: time=%ld sni=%s host=%s path=%s client=%s tls=1.%d how=%s status=%d content=%d\n", what,
           (long)time(NULL), v->sni, v->host, v->path, v->who, version + 2, how, found.status, found.content);
    fflush(stdout);
}

/* Returns 1 where the client has to try again, because nothing came: a child may have been killed. */
static int judge(const visit *v, int version, answer found, const char *how, int last_try)
{
    int served = found.status == 200 || found.content;

    ++counts.requests;
    if (served && v->may == MUST_NOT) {
        ++counts.wrong;
        complain("wrong", v, version, found, how);
    }
    if (v->may != MUST || served) {
        return 0;
    }
    if (found.status == NO_ANSWER || found.status == TIMED_OUT) {
        if (ended) {
            return 0; /* SIGTERM has interrupted the wait for the answer */
        }
        ++*(found.status == TIMED_OUT ? &counts.hung : &counts.lost);
        if (!last_try) {
            return 1;
        }
    }
    ++counts.refused;
    complain("refused", v, version, found, how);
    return 0;
}

/* A session that the client got here, or now and then elsewhere. */
static SSL_SESSION *choose_session(visit *v, int version)
{
    visit *from = v;

    if (random_below(10) == 0) {
        from = &visits[random_below(visit_count)];
    }
    return strcmp(from->who, v->who) || random_below(3) == 0 ? NULL : from->session[version];
}

static int open_connection(connection *c, visit *v, int version, int h2, const mischief *bad, int *outcome)
{
    SSL_SESSION *session = bad ? NULL : choose_session(v, version);
    int opened;

    /* another may come while this one is in use */
    if (session) {
        SSL_SESSION_up_ref(session);
    }
    opened = connection_open(c, v, session, version, h2, bad, outcome);
    SSL_SESSION_free(session);
    if (opened) {
        ++*(SSL_session_reused(c->ssl) ? &counts.resumed : &counts.full);
    }
    return opened;
}

static int try_http1(visit *v, int version, int requests, int last_try)
{
    answer found = {NO_ANSWER, 0};
    connection c;
    int again, i;

    if (!open_connection(&c, v, version, 0, NULL, &found.status)) {
        return judge(v, version, found, "handshake", last_try);
    }
    found = http1_ask(&c, v, requests > 1);
    again = judge(v, version, found, "h1", last_try);
    for (i = 1; i < requests && found.status == 200; ++i) {
        if (random_below(8) == 0) {
            usleep((useconds_t)random_below(300000));
        }
        found = http1_ask(&c, v, 1);
        /* the server may end a connection between two requests */
        if (found.status != NO_ANSWER) {
            judge(v, version, found, "keep-alive", 1);
        }
    }
    connection_close(&c, random_below(4) != 0);
    return again;
}

static int try_http2(visit *v, int version, int streams, int last_try)
{
    answer found[MAX_STREAMS], none = {NO_ANSWER, 0};
    connection c;
    int i, answered, outcome;

    if (!open_connection(&c, v, version, 1, NULL, &none.status)) {
        return judge(v, version, none, "handshake", last_try);
    }
    if (!connection_has_h2(&c)) {
        none = http1_ask(&c, v, 0);
        connection_close(&c, 1);
        return judge(v, version, none, "h1", last_try);
    }
    answered = http2_ask(&c, v, streams, found, &outcome);
    for (i = 0; i < streams; ++i) {
        if (found[i].status != NO_ANSWER) {
            judge(v, version, found[i], "h2", 1);
            ++counts.h2;
        }
    }
    connection_close(&c, random_below(4) != 0);
    none.status = outcome;
    return answered ? 0 : judge(v, version, none, "h2", last_try);
}

/* Ends in some phase of the handshake or of the requests. The answer counts only where it should not be. */
static void spoil(visit *v, int version)
{
    mischief bad = {-1, -1, -1, 0, 0};
    answer found = {NO_ANSWER, 0};
    connection c;

    switch (random_below(4)) {
    case 0:
        bad.stop_writing_at = random_below(3000);
        break;
    case 1:
        bad.stop_reading_at = random_below(4000);
        break;
    case 2:
        bad.flip_at = random_below(2500);
        break;
    default:
        bad.piece = 1 + (int)random_below(300);
        bad.pause_usec = (int)random_below(20000);
    }
    ++counts.broken;
    if (open_connection(&c, v, version, 0, &bad, &found.status)) {
        found = http1_ask(&c, v, 0);
        if (v->may == MUST_NOT) {
            judge(v, version, found, "broken", 1);
        }
        connection_close(&c, random_below(2) == 0);
    }
}

/* What is no TLS. */
static void send_garbage(void)
{
    static const char plain[] = "GET /index.html HTTP/1.1\r\nHost: on.test\r\n\r\n";
    char data[2000];
    size_t i, length = (size_t)random_below(sizeof(data));
    int fd = connection_socket(CONNECTION_HASTY);

    ++counts.broken;
    if (fd < 0) {
        return;
    }
    for (i = 0; i < length; ++i) {
        data[i] = (char)random_below(256);
    }
    if (random_below(2)) {
        length = sizeof(plain) - 1;
        memcpy(data, plain, length);
    }
    else if (random_below(2) && length > 5) {
        memcpy(data, "\x16\x03\x01\x02\x00", 5);
    }
    if (write(fd, data, length) > 0 && random_below(2)) {
        shutdown(fd, SHUT_WR);
        length = (size_t)read(fd, data, sizeof(data));
    }
    close(fd);
}

static void visit_well(visit *v, int version, long kind)
{
    int try = 1;

    for (; try <= TRIES && !ended; ++try) {
        int requests = kind < 60 ? 1 : 2 + (int)random_below(MAX_KEPT_ALIVE);
        int again = kind < 80 ? try_http1(v, version, requests, try == TRIES)
                              : try_http2(v, version, 1 + (int)random_below(MAX_STREAMS), try == TRIES);
        if (!again) {
            return;
        }
        usleep(50000);
    }
}

static void visit_once(visit *v, int version)
{
    long kind = random_below(100);
    /* again at once: with a session that is young */
    long times = 1 + random_below(3);

    if (kind < 3) {
        send_garbage();
    }
    else if (kind < 12) {
        spoil(v, version);
    }
    else {
        while (times-- > 0) {
            visit_well(v, version, kind);
        }
    }
}

static void read_plan(const char *path)
{
    FILE *file = fopen(path, "r");
    char word[16];

    while (file && visit_count < MAX_VISITS) {
        visit *v = &visits[visit_count];
        if (fscanf(file, "%63s %63s %63s %31s %15s", v->sni, v->host, v->path, v->who, word) != 5) {
            break;
        }
        v->may = !strcmp(word, "yes") ? MUST : !strcmp(word, "no") ? MUST_NOT : EITHER;
        ++visit_count;
    }
    if (!visit_count) {
        fprintf(stderr, "visitor: no plan in %s\n", path);
        exit(2);
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    time_t reported = 0;

    if (argc != 5) {
        fprintf(stderr, "usage: visitor PORT DIRECTORY PLAN SEED\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, end);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dice = 0x9e3779b97f4a7c15u * (uint64_t)(1 + atol(argv[4]));
    connection_init(argv[2], atoi(argv[1]));
    read_plan(argv[3]);
    while (!ended) {
        visit_once(&visits[random_below(visit_count)], (int)random_below(TLS_VERSIONS));
        if (time(NULL) != reported) {
            reported = time(NULL);
            report();
        }
    }
    report();
    return 0;
}
