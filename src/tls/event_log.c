/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file event_log.c
 * The log lines about refused requests and handshakes. Each refusal has a line at info. What an administrator should
 * see at the default level has a line at warn too, but of each virtual host and reason only one in ten seconds,
 * whatever a flood does.
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

#define NAME_MAX_BYTES   256
#define CF_RAY_MAX_BYTES 64
#define HOST_MAX_BYTES   255

/* After so many refusals without a single good certificate the edge is taken to send none. */
#define HINT_AFTER 20

/* Does a server log at info? Never changes after startup. */
static int is_info_logged;

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

/* shown: NULL, nothing */
static const char *describe_peer(apr_pool_t *p, const cfaop_shown *shown)
{
    char hex[CFAOP_SHA256_HEX];

    if (!shown || !shown->peer) {
        return "";
    }
    if (shown->description) {
        return shown->description;
    }
    return apr_psprintf(p, " subject=\"%s\" issuer=\"%s\" sha256=%s",
                        cfaop_text_name(p, X509_get_subject_name(shown->peer), NAME_MAX_BYTES),
                        cfaop_text_name(p, X509_get_issuer_name(shown->peer), NAME_MAX_BYTES),
                        cfaop_text_hex(shown->peer_sha256, hex));
}

static const char *detail(apr_pool_t *p, cfaop_reason reason, const cfaop_shown *shown)
{
    if (reason != CFAOP_REASON_OTHER || !shown || !shown->judged) {
        return "";
    }
    return apr_psprintf(p, " openssl=\"%s\"", X509_verify_cert_error_string(shown->chain.x509_error));
}

static const char *request_line(request_rec *r, const cfaop_shown *shown, const cfaop_verdict *v)
{
    apr_pool_t *p = r->pool;

    return apr_psprintf(p, "%s: reason=%s status=%d sni=\"%s\" host=\"%s\" peer=%s cf-ray=\"%s\"%s%s",
                        v->status ? "refused" : "would refuse", cfaop_verdict_reason_name(v->reason), v->would_status,
                        cut(p, shown ? shown->sni : NULL, HOST_MAX_BYTES),
                        cut(p, apr_table_get(r->headers_in, "Host"), HOST_MAX_BYTES), cfaop_peer_ip(r->connection),
                        cut(p, apr_table_get(r->headers_in, "CF-Ray"), CF_RAY_MAX_BYTES), detail(p, v->reason, shown),
                        describe_peer(p, shown));
}

static const char *handshake_line(conn_rec *c, const cfaop_shown *shown, cfaop_reason reason)
{
    apr_pool_t *p = c->pool;

    return apr_psprintf(p, "refused in the handshake: reason=%s sni=\"%s\" peer=%s%s%s",
                        cfaop_verdict_reason_name(reason), cut(p, shown->sni, HOST_MAX_BYTES), cfaop_peer_ip(c),
                        detail(p, reason, shown), describe_peer(p, shown));
}

void cfaop_event_log_init(const server_rec *base)
{
    const server_rec *s;

    for (s = base; s && !APLOG_IS_LEVEL(s, APLOG_INFO); s = s->next) {
    }
    is_info_logged = s != NULL;
}

const char *cfaop_event_log_description(apr_pool_t *p, const cfaop_shown *shown)
{
    return is_info_logged ? describe_peer(p, shown) : NULL;
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
    int index; /* of the server */
} event;

static event event_of(request_rec *r, conn_rec *c, const server_rec *s)
{
    event e = {r, c, s, r ? r->pool : c->pool, cfaop_config_of(s)->index};
    return e;
}

static void write_warning(const event *e, const char *text)
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
        return apr_psprintf(e->pool,
                            "CFAOP303: %d requests for %s came without a good certificate and none with one: "
                            "is Authenticated Origin Pulls switched on for this zone at Cloudflare?",
                            HINT_AFTER, label);
    }
    return apr_psprintf(e->pool,
                        "CFAOP308: %d requests for %s came without a good certificate and none with one, "
                        "all of them from this machine: if a proxy on it ends TLS, Cloudflare shows its "
                        "certificate to the proxy; let the proxy verify it, see "
                        "\"Where a local proxy ends TLS\" in the README",
                        HINT_AFTER, label);
}

static void hint(const event *e)
{
    int index = e->index;

    if (!cfaop_tally_is_open(index, HINT_AFTER)) {
        return;
    }
    if (!cfaop_tally_is_from_elsewhere(index) && !cfaop_local_peer_is_here(e->c)) {
        cfaop_tally_from_elsewhere(index);
    }
    if (cfaop_tally_refused(index) == HINT_AFTER) {
        write_warning(e, hint_text(e, cfaop_tally_is_from_elsewhere(index)));
    }
}

/* Says whether the event deserves a warning and one is due; *more is what its line ends with then. */
static int is_warning_due(const event *e, cfaop_reason reason, const char **more)
{
    apr_uint32_t held;

    if (reason == CFAOP_REASON_NO_CERTIFICATE || !cfaop_limiter_is_due(e->index, (int)reason, &held)) {
        return 0;
    }
    *more = count_of_held(e->pool, held);
    return 1;
}

void cfaop_event_log_refusal(request_rec *r, const cfaop_shown *shown, const cfaop_verdict *v)
{
    event e = event_of(r, r->connection, r->server);
    const char *more;

    if (APLOGrinfo(r)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "CFAOP301: %s", request_line(r, shown, v));
    }
    if (is_warning_due(&e, v->reason, &more)) {
        write_warning(&e, apr_pstrcat(r->pool, "CFAOP302: ", request_line(r, shown, v), more, NULL));
    }
    hint(&e);
}

void cfaop_event_log_handshake(conn_rec *c, const cfaop_shown *shown, const server_rec *s, cfaop_reason reason)
{
    event e = event_of(NULL, c, s);
    const char *more;

    if (APLOG_CS_IS_LEVEL(c, s, APLOG_INFO)) {
        ap_log_cserror(APLOG_MARK, APLOG_INFO, 0, c, s, "CFAOP307: %s", handshake_line(c, shown, reason));
    }
    if (is_warning_due(&e, reason, &more)) {
        write_warning(&e, apr_pstrcat(e.pool, "CFAOP302: ", handshake_line(c, shown, reason), more, NULL));
    }
    hint(&e);
}

void cfaop_event_log_over_limit(const server_rec *s, conn_rec *c, const char *sni, int limit, const char *what)
{
    apr_uint32_t held;

    if (cfaop_limiter_is_due(cfaop_config_of(s)->index, CFAOP_LIMITER_OVER_LIMIT, &held)) {
        ap_log_cserror(APLOG_MARK, APLOG_WARNING, 0, c, s,
                       "CFAOP202: handshake ended: the client's certificate has "
                       "more than %d %s (CFOriginPullPeerLimit): sni=\"%s\" peer=%s%s",
                       limit, what, cut(c->pool, sni, HOST_MAX_BYTES), cfaop_peer_ip(c), count_of_held(c->pool, held));
    }
}

void cfaop_event_log_too_costly(const server_rec *s, conn_rec *c, const char *sni, const char *fault)
{
    apr_uint32_t held;

    if (cfaop_limiter_is_due(cfaop_config_of(s)->index, CFAOP_LIMITER_TOO_COSTLY, &held)) {
        ap_log_cserror(APLOG_MARK, APLOG_WARNING, 0, c, s,
                       "CFAOP204: handshake ended: the client's certificate %s: sni=\"%s\" peer=%s%s", fault,
                       cut(c->pool, sni, HOST_MAX_BYTES), cfaop_peer_ip(c), count_of_held(c->pool, held));
    }
}

void cfaop_event_log_too_many_sessions(const server_rec *s, conn_rec *c, int most)
{
    apr_uint32_t held;

    if (cfaop_limiter_is_due(cfaop_config_of(s)->index, CFAOP_LIMITER_TOO_MANY_SESSIONS, &held)) {
        ap_log_cserror(APLOG_MARK, APLOG_WARNING, 0, c, s,
                       "CFAOP205: handshake with %s ended: the client offered more than %d sessions: peer=%s%s",
                       cfaop_server_label(c->pool, s), most, cfaop_peer_ip(c), count_of_held(c->pool, held));
    }
}

void cfaop_event_log_exempt_edge(request_rec *r)
{
    const char *ray = apr_table_get(r->headers_in, "CF-Ray");
    apr_uint32_t held;

    if (ray && cfaop_limiter_is_due(cfaop_config_of(r->server)->index, CFAOP_LIMITER_EXEMPT_EDGE, &held)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "CFAOP309: a request for %s came through Cloudflare without a good certificate, and its peer is "
                      "exempt: each client that comes by that address is let in; if it is Cloudflare's or a proxy's, "
                      "take it out of CFOriginPullExempt ip: peer=%s cf-ray=\"%s\"%s",
                      cfaop_server_label(r->pool, r->server), cfaop_peer_ip(r->connection),
                      cut(r->pool, ray, CF_RAY_MAX_BYTES), count_of_held(r->pool, held));
    }
}
