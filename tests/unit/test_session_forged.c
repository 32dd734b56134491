/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file test_session_forged.c Sessions that an attacker has changed who can write tickets, or the session cache: the
 * ticket's keys are known here. Whatever is changed in a judgement, or around it, the session becomes a full
 * handshake.
 */
#include <check.h>
#include <stdlib.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "pki.h"
#include "tls_pair.h"

/* Where things stand in the judgement; written down here once more, as an attacker would. */
/* clang-format off */
enum { AT_GOOD = 6, AT_MOD_SSL = 7, AT_POLICY = 8, AT_ANCHOR = 40, AT_FROM = 72, AT_UNTIL = 80, AT_MAC = 88,
       DATA_LEN = 120 };
/* clang-format on */

/* A ticket: key name, IV, encrypted session, HMAC. */
enum { NAME_LEN = 16, IV_LEN = 16, MAC_LEN = 32, TICKET_MAX = 16384 };

/* Elements of a session's DER (SSL_SESSION_ASN1 in ssl/ssl_asn1.c): the fifth, and two that have a tag. */
#define MASTER_KEY 4
#define PEER       (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED | 3)
#define TICKET     (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED | 10)

typedef struct {
    unsigned char bytes[TICKET_MAX];
    size_t len;
} blob;

/* ---- DER ---- */

/* One element of the sequence der: found by its tag byte, or by its number where that is smaller than any tag of it. */
static blob element(const blob *der, int which, size_t *at)
{
    const unsigned char *p = der->bytes, *end;
    blob found = {{0}, 0};
    long length;
    int tag, class, i;

    ASN1_get_object(&p, &length, &tag, &class, (long)der->len);
    end = p + length;
    for (i = 0; p < end; ++i) {
        const unsigned char *start = p;
        ASN1_get_object(&p, &length, &tag, &class, end - p);
        p += length;
        if (which < 0x80 ? i == which : *start == which) {
            found.len = (size_t)(p - start);
            memcpy(found.bytes, start, found.len);
            *at = (size_t)(start - der->bytes);
            return found;
        }
    }
    ck_abort_msg("no element %d", which);
    return found;
}

/* Puts other in the place of one element of the sequence der. */
static void put_element(blob *der, int which, const blob *other)
{
    size_t at;
    blob old = element(der, which, &at), content = {{0}, 0};
    const unsigned char *p = der->bytes;
    unsigned char *to = der->bytes;
    long length;
    int tag, class;
    size_t head;

    ASN1_get_object(&p, &length, &tag, &class, (long)der->len);
    head = (size_t)(p - der->bytes);
    memcpy(content.bytes, p, at - head);
    memcpy(content.bytes + at - head, other->bytes, other->len);
    memcpy(content.bytes + at - head + other->len, der->bytes + at + old.len, der->len - at - old.len);
    content.len = (size_t)length - old.len + other->len;
    ASN1_put_object(&to, 1, (int)content.len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(to, content.bytes, content.len);
    der->len = (size_t)(to - der->bytes) + content.len;
}

static blob der_of(SSL_SESSION *session)
{
    blob der;
    unsigned char *p = der.bytes;

    der.len = (size_t)i2d_SSL_SESSION(session, &p);
    ck_assert(der.len > 0 && der.len < TICKET_MAX);
    return der;
}

static SSL_SESSION *session_of(const blob *der)
{
    const unsigned char *p = der->bytes;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &p, (long)der->len);

    ck_assert_ptr_nonnull(session);
    return session;
}

/* ---- tickets ---- */

static size_t run_cipher(int encrypts, const unsigned char *iv, const unsigned char *from, size_t len,
                         unsigned char *to)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int first, last;

    ck_assert(EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, pair_ticket_keys + 48, iv, encrypts));
    ck_assert(EVP_CipherUpdate(ctx, to, &first, from, (int)len) && EVP_CipherFinal_ex(ctx, to + first, &last));
    EVP_CIPHER_CTX_free(ctx);
    return (size_t)(first + last);
}

/* What the server keeps of the kept session: in the client's ticket, or in the cache. */
static blob stored(int kind)
{
    const unsigned char *ticket;
    blob der = {{0}, 0};
    size_t len;

    if (!pair_kinds[kind].tickets) {
        der.len = (size_t)cached_len;
        memcpy(der.bytes, cached, der.len);
        return der;
    }
    SSL_SESSION_get0_ticket(kept, &ticket, &len);
    len -= NAME_LEN + IV_LEN + MAC_LEN;
    der.len = run_cipher(0, ticket + NAME_LEN, ticket + NAME_LEN + IV_LEN, len, der.bytes);
    return der;
}

/* Makes the client's session one with this ticket. */
static void keep_ticket(const unsigned char *ticket, size_t len)
{
    blob der = der_of(kept), wrapped = {{0}, 0};
    unsigned char *to = wrapped.bytes;
    int inner = ASN1_object_size(0, (int)len, V_ASN1_OCTET_STRING);

    ASN1_put_object(&to, 1, inner, 10, V_ASN1_CONTEXT_SPECIFIC);
    ASN1_put_object(&to, 0, (int)len, V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL);
    memcpy(to, ticket, len);
    wrapped.len = (size_t)(to - wrapped.bytes) + len;
    put_element(&der, TICKET, &wrapped);
    SSL_SESSION_free(kept);
    kept = session_of(&der);
}

/* Makes the server keep this instead, by a ticket that its keys fit, or in its cache. */
static void store(int kind, const blob *der)
{
    unsigned char ticket[TICKET_MAX] = {0}, *iv = ticket + NAME_LEN, *body = iv + IV_LEN;
    size_t len;

    if (!pair_kinds[kind].tickets) {
        OPENSSL_free(cached);
        cached = OPENSSL_memdup(der->bytes, der->len);
        cached_len = (int)der->len;
        return;
    }
    memcpy(ticket, pair_ticket_keys, NAME_LEN);
    len = NAME_LEN + IV_LEN + run_cipher(1, iv, der->bytes, der->len, body);
    ck_assert_ptr_nonnull(HMAC(EVP_sha256(), pair_ticket_keys + 16, 32, ticket, len, ticket + len, NULL));
    keep_ticket(ticket, len + MAC_LEN);
}

static blob judgement_in(const blob *der)
{
    SSL_SESSION *session = session_of(der);
    blob data = {{0}, 0};
    void *bytes;

    ck_assert(SSL_SESSION_get0_ticket_appdata(session, &bytes, &data.len) && data.len == DATA_LEN);
    memcpy(data.bytes, bytes, data.len);
    SSL_SESSION_free(session);
    return data;
}

static void put_judgement(blob *der, const blob *data)
{
    SSL_SESSION *session = session_of(der);

    ck_assert(SSL_SESSION_set1_ticket_appdata(session, data->bytes, data->len));
    *der = der_of(session);
    SSL_SESSION_free(session);
}

/*
 * Does the kept session resume with this judgement? A copy of it is offered: OpenSSL's client uses one of TLS 1.3
 * once only.
 */
static int resumes_with(int kind, const blob *der, const blob *data)
{
    blob forged = *der, own = der_of(kept);
    SSL_SESSION *before = kept;
    int resumes;

    kept = session_of(&own);
    put_judgement(&forged, data);
    store(kind, &forged);
    resumes = connects_resumed();
    SSL_SESSION_free(kept);
    kept = before;
    return resumes;
}

/* ---- the tests ---- */

START_TEST(no_byte_of_a_good_judgement_can_be_changed)
{
    blob der, data;
    int at;

    pair_begin(_i);
    meet();
    der = stored(_i);
    data = judgement_in(&der);
    ck_assert(data.bytes[AT_GOOD] == 1 && resumes_with(_i, &der, &data));
    for (at = 0; at < DATA_LEN; ++at) {
        data = judgement_in(&der);
        data.bytes[at] ^= 1;
        ck_assert_msg(!resumes_with(_i, &der, &data), "byte %d", at);
    }
}
END_TEST

START_TEST(a_judgement_is_whole_or_none)
{
    blob der, data;

    pair_begin(_i);
    meet();
    der = stored(_i);
    for (data = judgement_in(&der), data.len = 1; data.len < DATA_LEN; data.len += 17) {
        ck_assert_msg(!resumes_with(_i, &der, &data), "%d bytes", (int)data.len);
    }
    data.len = DATA_LEN + 1;
    ck_assert(!resumes_with(_i, &der, &data));
    data.len = AT_MAC; /* that of the format without a MAC */
    data.bytes[5] = 2;
    ck_assert(!resumes_with(_i, &der, &data));
    data.len = 0;
    ck_assert(!resumes_with(_i, &der, &data));
}
END_TEST

static void make_good(blob *data)
{
    data->bytes[AT_GOOD] = data->bytes[AT_MOD_SSL] = 1;
    memset(data->bytes + AT_ANCHOR, 0xaa, CFAOP_SHA256_LEN);
    data->bytes[AT_FROM + 7] = 1;
    memset(data->bytes + AT_UNTIL + 1, 0xff, 7);
}

/* The cache gets no session of a refused client: this one is made where the guard does not ask. */
START_TEST(a_refused_client_cannot_make_itself_good)
{
    blob der, data;

    pair_begin(_i);
    client.reason = CFAOP_REASON_UNTRUSTED_ISSUER;
    vhost.policy = pair_kinds[_i].tickets ? &policy : NULL;
    meet();
    der = stored(_i);
    vhost.policy = &policy;
    data.len = DATA_LEN;
    memset(data.bytes, 0, DATA_LEN);
    memcpy(data.bytes, "CFAOP\3", AT_GOOD);
    memcpy(data.bytes + AT_POLICY, policy.digest, CFAOP_SHA256_LEN);
    make_good(&data);
    ck_assert(!resumes_with(_i, &der, &data));
}
END_TEST

START_TEST(an_ended_judgement_cannot_be_made_longer)
{
    blob der, data;

    pair_begin(_i);
    client.until = 0;
    meet();
    der = stored(_i);
    data = judgement_in(&der);
    ck_assert(data.bytes[AT_GOOD] == 1);
    data.bytes[AT_UNTIL + 4] += 1; /* half a year */
    ck_assert(!resumes_with(_i, &der, &data));
}
END_TEST

START_TEST(a_judgement_under_one_policy_cannot_be_made_one_under_another)
{
    blob der, data;

    pair_begin(_i);
    meet();
    der = stored(_i);
    data = judgement_in(&der);
    memcpy(data.bytes + AT_POLICY, other_policy.digest, CFAOP_SHA256_LEN);
    vhost.policy = &other_policy;
    ck_assert(!resumes_with(_i, &der, &data));
}
END_TEST

/* Another client's session: its certificate, its secret, and a judgement that is good by itself. */
START_TEST(a_good_judgement_belongs_to_one_session)
{
    blob mine, others, data;

    pair_begin(_i);
    meet();
    others = stored(_i);
    data = judgement_in(&others);
    SSL_SESSION_free(kept);
    kept = NULL;
    meet();
    mine = stored(_i);
    ck_assert(!resumes_with(_i, &mine, &data));
    data = judgement_in(&mine);
    ck_assert(resumes_with(_i, &mine, &data));
}
END_TEST

/* One element of a good session is another session's. Says whether the kept session resumes then. */
static int resumes_with_foreign(int kind, const blob *good, const blob *foreign, int which)
{
    size_t at;
    blob part = element(foreign, which, &at), forged = *good, data;

    put_element(&forged, which, &part);
    data = judgement_in(good);
    return resumes_with(kind, &forged, &data);
}

START_TEST(a_good_judgement_belongs_to_one_certificate)
{
    blob mine, others;

    pair_begin(_i);
    meet();
    others = stored(_i);
    SSL_SESSION_free(kept);
    kept = NULL;
    meet();
    mine = stored(_i);
    ck_assert(resumes_with_foreign(_i, &mine, &mine, PEER));
    ck_assert(!resumes_with_foreign(_i, &mine, &others, PEER));
}
END_TEST

/* The client kept is the stranger, who knows only its own secret: it has put this one into an edge's session. */
START_TEST(a_good_judgement_belongs_to_one_secret)
{
    blob edges, strangers;

    pair_begin(_i);
    meet();
    edges = stored(_i);
    SSL_SESSION_free(kept);
    kept = NULL;
    meet();
    strangers = stored(_i);
    ck_assert(resumes_with_foreign(_i, &strangers, &strangers, MASTER_KEY));
    if (!pair_kinds[_i].tickets) {
        size_t at;
        blob id = element(&strangers, 3, &at);
        put_element(&edges, 3, &id); /* or the cache would not find it */
    }
    ck_assert(!resumes_with_foreign(_i, &edges, &strangers, MASTER_KEY));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_forged");
    TCase *tcase = tcase_create("forged sessions");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, pair_set_up, pair_tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, no_byte_of_a_good_judgement_can_be_changed, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_judgement_is_whole_or_none, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_refused_client_cannot_make_itself_good, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, an_ended_judgement_cannot_be_made_longer, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_judgement_under_one_policy_cannot_be_made_one_under_another, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_good_judgement_belongs_to_one_session, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_good_judgement_belongs_to_one_certificate, 0, PAIR_KINDS);
    tcase_add_loop_test(tcase, a_good_judgement_belongs_to_one_secret, 0, PAIR_KINDS);
    suite_add_tcase(suite, tcase);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
