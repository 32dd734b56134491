/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file session_key.c
 * The keys that authenticate the judgements in TLS sessions (session.c), and the warning of an httpd whose tickets can
 * be forged.
 *
 * Where an SSLSessionTicketKeyFile is in force, tickets outlive a restart and other machines take them up. The
 * judgement in a ticket must do so too, so its key comes from that file. Elsewhere tickets end with the parent process,
 * and so does the random key.
 */
#include "tls/session_key.h"

#include "base/findings.h"
#include "base/module.h"
#include "base/server.h"
#include "config/config.h"
#include "config/tree.h"

#include "apr_file_io.h"
#include "apr_hash.h"
#include "apr_strings.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define RETAINED "mod_cfaop session key 1"

/* So many bytes of the file mod_ssl reads (TLSEXT_TICKET_KEY_LEN in modules/ssl/ssl_private.h); it ignores the rest. */
#define FILE_LEN 48

/* Keeps the derived key apart from any other use of the file's content. */
#define PURPOSE "mod_cfaop session judgement 1"

/* The last release of httpd that hands OpenSSL 3 a key in memory that httpd has freed: see docs/upstream.md. */
#define AFFECTED_PATCH 71

/* The keys and findings while they are made. */
typedef struct {
    apr_pool_t *pool;
    apr_pool_t *ptemp;
    cfaop_tree *tree;
    apr_hash_t *by_path; /* absolute path -> key; of a file that cannot be read: the random key */
    apr_array_header_t *findings;
    const server_rec *forgeable; /* the first guarded server that uses tickets and has a key file */
    int forgeable_count;
} resolution;

/* Kept with the process: a graceful restart, which unloads the module, must not end every session. */
typedef struct {
    int is_drawn;
    unsigned char key[CFAOP_SESSION_KEY_LEN];
} retained;

static void add_warning(resolution *res, const char *text)
{
    cfaop_finding *finding = apr_array_push(res->findings);

    finding->level = APLOG_WARNING;
    finding->text = text;
}

static const unsigned char *random_key(void)
{
    retained *kept = ap_retained_data_get(RETAINED);

    if (!kept) {
        kept = ap_retained_data_create(RETAINED, sizeof(*kept));
    }
    if (!kept->is_drawn) {
        kept->is_drawn = RAND_priv_bytes(kept->key, sizeof(kept->key)) == 1;
    }
    /* NULL: no session resumes, and OpenSSL, which needs random bytes too, makes none */
    return kept->is_drawn ? kept->key : NULL;
}

static apr_status_t wipe(void *key)
{
    OPENSSL_cleanse(key, CFAOP_SESSION_KEY_LEN);
    return APR_SUCCESS;
}

/* Reads the file as mod_ssl does. */
static apr_status_t read_file(apr_pool_t *ptemp, const char *path, unsigned char *content)
{
    apr_file_t *file;
    apr_status_t status = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, ptemp);

    if (status == APR_SUCCESS) {
        status = apr_file_read_full(file, content, FILE_LEN, NULL);
        apr_file_close(file);
    }
    return status;
}

static const unsigned char *derive(apr_pool_t *p, const unsigned char *content)
{
    unsigned char *key = apr_palloc(p, CFAOP_SESSION_KEY_LEN);

    apr_pool_cleanup_register(p, key, wipe, apr_pool_cleanup_null);
    return HMAC(EVP_sha256(), content, FILE_LEN, (const unsigned char *)PURPOSE, sizeof(PURPOSE) - 1, key, NULL);
}

static const unsigned char *key_from_file(resolution *res, const char *path)
{
    unsigned char content[FILE_LEN];
    apr_status_t status = read_file(res->ptemp, path, content);
    const unsigned char *key = status == APR_SUCCESS ? derive(res->pool, content) : NULL;

    OPENSSL_cleanse(content, sizeof(content));
    if (!key) {
        const char *why = APR_STATUS_IS_EOF(status) ? apr_psprintf(res->ptemp, "it has less than %d bytes", FILE_LEN)
                                                    : apr_psprintf(res->ptemp, "%pm", &status);
        add_warning(res, apr_psprintf(res->pool,
                                      "CFAOP138: the SSLSessionTicketKeyFile %s cannot be read (%s): sessions made "
                                      "before, or by other machines, become full handshakes on guarded virtual hosts, "
                                      "and mod_ssl may refuse to start; put %d bytes of random data into it",
                                      path, why, FILE_LEN));
        key = random_key();
    }
    return key;
}

/* Each file is read once. */
static const unsigned char *key_of_path(resolution *res, const char *path)
{
    const unsigned char *key = apr_hash_get(res->by_path, path, APR_HASH_KEY_STRING);

    if (!key) {
        key = key_from_file(res, path);
        apr_hash_set(res->by_path, path, APR_HASH_KEY_STRING, key);
    }
    return key;
}

static void resolve_key(resolution *res, server_rec *s)
{
    const char *written = cfaop_tree_ticket_key_file(res->tree, s);
    const char *path = written ? ap_server_root_relative(res->ptemp, written) : NULL;

    cfaop_config_of(s)->session_key = path ? key_of_path(res, path) : random_key();
    if (path && cfaop_tree_has_tickets(res->tree, s) && res->forgeable_count++ == 0) {
        res->forgeable = s;
    }
}

/* mod_ssl is built for the major version of OpenSSL that it runs with. */
static int is_affected(void)
{
    ap_version_t httpd;

    ap_get_server_revision(&httpd);
    return httpd.major == 2 && httpd.minor == 4 && httpd.patch <= AFFECTED_PATCH
        && OpenSSL_version_num() >= 0x30000000UL;
}

static void warn_of_forgeable(resolution *res)
{
    int others = res->forgeable_count - 1;
    const char *more = others ? apr_psprintf(res->ptemp, " and %d more", others) : "";

    add_warning(res, apr_psprintf(res->pool,
                                  "CFAOP137: SSLSessionTicketKeyFile is in force for %s%s, but this httpd does not "
                                  "authenticate tickets with the key in that file: clients may be able to change "
                                  "what mod_ssl keeps in their tickets (the guard's judgement has a MAC of its own); "
                                  "remove the directive, unless tickets have to outlive restarts or to be taken up by "
                                  "other machines",
                                  cfaop_server_label(res->ptemp, res->forgeable), more));
}

apr_array_header_t *cfaop_session_keys_resolve(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base)
{
    resolution res = {p, ptemp, cfaop_tree_index(ptemp, base), apr_hash_make(ptemp), NULL, NULL, 0};
    server_rec *s;

    res.findings = apr_array_make(p, 1, sizeof(cfaop_finding));
    for (s = base; s; s = s->next) {
        if (cfaop_config_asks(cfaop_config_of(s))) {
            resolve_key(&res, s);
        }
    }
    if (res.forgeable && is_affected()) {
        warn_of_forgeable(&res);
    }
    return res.findings;
}
