/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file event_log.c
 * The log lines about refused requests. Each one is written at info. What an administrator should see without turning that on
 * is written at warn too, but not more often than every ten seconds for a virtual host and reason, whatever a flood does.
 */
#include "tls/event_log.h"

#include "pure/verdict.h"
#include "base/local_peer.h"
#include "base/module.h"
#include "base/peer.h"
#include "base/server.h"
#include "base/text.h"
#include "config/config.h"
#include "stats/limiter.h"
#include "stats/tally.h"
#include "tls/connection.h"

#include "apr_strings.h"
#include "http_protocol.h"

APLOG_USE_MODULE(cfaop);

#define NAME_MAX_BYTES        256
#define CF_RAY_MAX_BYTES      64
#define HOST_MAX_BYTES        255

/* So many refusals without a single good certificate are taken as a sign that the edge sends none. */
#define HINT_AFTER 20

/* ---- the text ---- */

static const char *cut(apr_pool_t *p, const char *text, apr_size_t max)
{
    apr_size_t length;

    if (!text) {
        return "-";
    }
    length = strlen(text);
    return cfaop_text_escape(p, text, length > max ? max : length);
}

static const char *describe_peer(apr_pool_t *p, const cfaop_conn *conn)
{
    char hex[CFAOP_SHA256_HEX];

    if (!conn || !conn->peer) {
        return "";
    }
    return apr_psprintf(p, " subject=\"%s\" issuer=\"%s\" sha256=%s",
                        cfaop_text_name(p, X509_get_subject_name(conn->peer), NAME_MAX_BYTES),
                        cfaop_text_name(p, X509_get_issuer_name(conn->peer), NAME_MAX_BYTES),
                        cfaop_text_hex(conn->peer_sha256, hex));
}

static const char *detail(apr_pool_t *p, cfaop_reason reason, const cfaop_conn *conn)
{
    if (reason != CFAOP_REASON_OTHER || !conn || !conn->judged) {
        return "";
    }
    return apr_psprintf(p, " openssl=\"%s\"", X509_verify_cert_error_string(conn->chain.x509_error));
}

static const char *line(request_rec *r, const cfaop_verdict *v)
{
    const cfaop_conn *conn = cfaop_connection_of(r->connection);
    apr_pool_t *p = r->pool;

    return apr_psprintf(p, "%s: reason=%s status=%d sni=\"%s\" host=\"%s\" peer=%s cf-ray=\"%s\"%s%s",
                        v->status ? "refused" : "would refuse", cfaop_verdict_reason_name(v->reason), v->would_status,
                        cut(p, conn ? conn->sni : NULL, HOST_MAX_BYTES),
                        cut(p, apr_table_get(r->headers_in, "Host"), HOST_MAX_BYTES), cfaop_peer_ip(r->connection),
                        cut(p, apr_table_get(r->headers_in, "CF-Ray"), CF_RAY_MAX_BYTES), detail(p, v->reason, conn),
                        describe_peer(p, conn));
}

static const char *handshake_line(const cfaop_conn *conn, cfaop_reason reason)
{
    apr_pool_t *p = conn->c->pool;

    return apr_psprintf(p, "refused in the handshake: reason=%s sni=\"%s\" peer=%s%s%s", cfaop_verdict_reason_name(reason),
                        cut(p, conn->sni, HOST_MAX_BYTES), cfaop_peer_ip(conn->c), detail(p, reason, conn), describe_peer(p, conn));
}

/* ---- when ---- */

/* "" if no line was held back */
static const char *count_of_held(apr_pool_t *p, apr_uint32_t held)
{
    return held ? apr_psprintf(p, " (%u more like this since the last line)", held) : "";
}

/* A request, or a handshake: then r is NULL. */
typedef struct {
    request_rec *r;
    conn_rec *c;
    const server_rec *s;
    apr_pool_t *pool;
} event;

static void warn(const event *e, const char *text)
{
    if (e->r) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, e->r, "%s", text);
    }
    else {
        ap_log_cserror(APLOG_MARK, APLOG_WARNING, 0, e->c, e->s, "%s", text);
    }
}

/* Where all requests came from this machine itself, the setting at Cloudflare is not the cause. */
static const char *hint_text(const event *e, int is_from_elsewhere)
{
    const char *label = cfaop_server_label(e->pool, e->s);

    if (is_from_elsewhere) {
        return apr_psprintf(e->pool, "CFAOP303: %d requests for %s came without a good certificate and none with one: is Authenticated "
                                     "Origin Pulls switched on for this zone at Cloudflare?", HINT_AFTER, label);
    }
    return apr_psprintf(e->pool, "CFAOP308: %d requests for %s came without a good certificate and none with one, all of them from this "
                                 "machine: if a proxy on it ends TLS, Cloudflare shows its certificate to the proxy; let the proxy verify "
                                 "it, see \"Where a local proxy ends TLS\" in the README", HINT_AFTER, label);
}

static void hint(const event *e)
{
    int index = cfaop_config_of(e->s)->index;

    if (!cfaop_tally_is_open(index, HINT_AFTER)) {
        return;
    }
    if (!cfaop_tally_is_from_elsewhere(index) && !cfaop_local_peer_is_here(e->c)) {
        cfaop_tally_from_elsewhere(index);
    }
    if (cfaop_tally_refused(index) == HINT_AFTER) {
        warn(e, hint_text(e, cfaop_tally_is_from_elsewhere(index)));
    }
}

/* Says whether the event deserves a warning and one is due; *more is what its line ends with then. */
static int is_warning_due(const event *e, cfaop_reason reason, const char **more)
{
    apr_uint32_t held;

    if (reason == CFAOP_REASON_NO_CERTIFICATE || !cfaop_limiter_is_due(cfaop_config_of(e->s)->index, (int)reason, &held)) {
        return 0;
    }
    *more = count_of_held(e->pool, held);
    return 1;
}

void cfaop_event_log_refusal(request_rec *r, const cfaop_verdict *v)
{
    event e = {r, r->connection, r->server, r->pool};
    const char *more;

    if (APLOGrinfo(r)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "CFAOP301: %s", line(r, v));
    }
    if (is_warning_due(&e, v->reason, &more)) {
        warn(&e, apr_pstrcat(r->pool, "CFAOP302: ", line(r, v), more, NULL));
    }
    hint(&e);
}

void cfaop_event_log_handshake(cfaop_conn *conn, const server_rec *s, cfaop_reason reason)
{
    conn_rec *c = conn->c;
    event e = {NULL, c, s, c->pool};
    const char *more;

    if (APLOG_CS_IS_LEVEL(c, s, APLOG_INFO)) {
        ap_log_cserror(APLOG_MARK, APLOG_INFO, 0, c, s, "CFAOP307: %s", handshake_line(conn, reason));
    }
    if (is_warning_due(&e, reason, &more)) {
        warn(&e, apr_pstrcat(e.pool, "CFAOP302: ", handshake_line(conn, reason), more, NULL));
    }
    hint(&e);
}

void cfaop_event_log_over_limit(const server_rec *s, conn_rec *c, const char *sni, int limit, const char *what)
{
    apr_uint32_t held;

    if (cfaop_limiter_is_due(cfaop_config_of(s)->index, CFAOP_LIMITER_OVER_LIMIT, &held)) {
        ap_log_cserror(APLOG_MARK, APLOG_WARNING, 0, c, s, "CFAOP202: handshake ended: the client's certificate has more than "
                       "%d %s (CFOriginPullPeerLimit): sni=\"%s\" peer=%s%s", limit, what,
                       cut(c->pool, sni, HOST_MAX_BYTES), cfaop_peer_ip(c), count_of_held(c->pool, held));
    }
}

void cfaop_event_log_too_costly(const server_rec *s, conn_rec *c, const char *sni, const char *fault)
{
    apr_uint32_t held;

    if (cfaop_limiter_is_due(cfaop_config_of(s)->index, CFAOP_LIMITER_TOO_COSTLY, &held)) {
        ap_log_cserror(APLOG_MARK, APLOG_WARNING, 0, c, s, "CFAOP204: handshake ended: the client's certificate %s: sni=\"%s\" "
                       "peer=%s%s", fault, cut(c->pool, sni, HOST_MAX_BYTES), cfaop_peer_ip(c), count_of_held(c->pool, held));
    }
}
