/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file event_log.c
 * The log lines about refused requests. Each one is written at info. What an administrator should see without turning that on
 * is written at warn too, but not more often than every ten seconds for a virtual host and reason, whatever a flood does.
 */
#include "cfaop.h"

#include "apr_atomic.h"
#include "apr_shm.h"
#include "apr_strings.h"
#include "http_protocol.h"

APLOG_USE_MODULE(cfaop);

#define WARN_INTERVAL_SECONDS 10
#define NAME_MAX_BYTES        256
#define CF_RAY_MAX_BYTES      64
#define HOST_MAX_BYTES        255

/* So many refusals without a single good certificate are taken as a sign that the edge sends none. */
#define HINT_AFTER 20

/* Shared by all processes: when a warn line for this virtual host and reason was written last. */
typedef struct {
    apr_uint32_t last; /* seconds */
    apr_uint32_t held; /* lines held back since */
} limiter;

/* Of this process: what has become of the requests of a virtual host. */
typedef struct {
    apr_uint32_t refused;
    apr_uint32_t from_elsewhere; /* 0, or 1: one of those refused came from another machine */
    apr_uint32_t verified; /* 0 or 1 */
} tally;

static limiter *limiters; /* [servers][CFAOP_REASON_COUNT], shared memory; NULL: every line is written */
static tally *tallies;    /* [servers] */

static apr_status_t forget(void *data)
{
    (void)data;
    limiters = NULL;
    tallies = NULL;
    return APR_SUCCESS;
}

void cfaop_event_log_init(apr_pool_t *p, int servers)
{
    apr_shm_t *shm = NULL;
    apr_size_t size = (apr_size_t)servers * CFAOP_REASON_COUNT * sizeof(limiter);

    tallies = apr_pcalloc(p, (apr_size_t)servers * sizeof(tally));
    if (apr_shm_create(&shm, size, NULL, p) == APR_SUCCESS) {
        limiters = apr_shm_baseaddr_get(shm);
        memset(limiters, 0, size);
    }
    apr_pool_cleanup_register(p, NULL, forget, apr_pool_cleanup_null);
}

/* ---- the text ---- */

static const char *cut(apr_pool_t *p, const char *text, apr_size_t max)
{
    apr_size_t length;

    if (!text) {
        return "-";
    }
    length = strlen(text);
    return cfaop_escape(p, text, length > max ? max : length);
}

static const char *describe_peer(apr_pool_t *p, const cfaop_conn *conn)
{
    char hex[CFAOP_SHA256_HEX];

    if (!conn || !conn->frozen || !conn->peer) {
        return "";
    }
    return apr_psprintf(p, " subject=\"%s\" issuer=\"%s\" sha256=%s",
                        cfaop_name_text(p, X509_get_subject_name(conn->peer), NAME_MAX_BYTES),
                        cfaop_name_text(p, X509_get_issuer_name(conn->peer), NAME_MAX_BYTES),
                        cfaop_hex(conn->peer_sha256, hex));
}

static const char *detail(apr_pool_t *p, const cfaop_verdict *v, const cfaop_conn *conn)
{
    if (v->reason != CFAOP_REASON_OTHER || !conn || !conn->judged) {
        return "";
    }
    return apr_psprintf(p, " openssl=\"%s\"", X509_verify_cert_error_string(conn->chain.x509_error));
}

static const char *line(request_rec *r, const cfaop_verdict *v)
{
    const cfaop_conn *conn = cfaop_handshake_of(r->connection);
    apr_pool_t *p = r->pool;

    return apr_psprintf(p, "%s: reason=%s status=%d sni=\"%s\" host=\"%s\" peer=%s cf-ray=\"%s\"%s%s",
                        v->status ? "refused" : "would refuse", cfaop_reason_name(v->reason), v->would_status,
                        cut(p, conn ? conn->sni : NULL, HOST_MAX_BYTES),
                        cut(p, apr_table_get(r->headers_in, "Host"), HOST_MAX_BYTES), r->connection->client_ip,
                        cut(p, apr_table_get(r->headers_in, "CF-Ray"), CF_RAY_MAX_BYTES), detail(p, v, conn),
                        describe_peer(p, conn));
}

/* ---- when ---- */

/* Says whether a warn line is due, and how many were held back since the last. */
static int is_due(const server_rec *s, cfaop_reason reason, apr_uint32_t *held)
{
    limiter *l;
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now()), last;

    *held = 0;
    if (!limiters) {
        return 1;
    }
    l = &limiters[(apr_size_t)cfaop_config_of(s)->index * CFAOP_REASON_COUNT + (apr_size_t)reason];
    last = apr_atomic_read32(&l->last);
    /* unsigned: a clock that was set back does not silence the line for long */
    if (now - last < WARN_INTERVAL_SECONDS || apr_atomic_cas32(&l->last, now, last) != last) {
        apr_atomic_inc32(&l->held);
        return 0;
    }
    *held = apr_atomic_xchg32(&l->held, 0);
    return 1;
}

static int deserves_warning(const cfaop_verdict *v)
{
    return v->reason != CFAOP_REASON_NO_CERTIFICATE;
}

/* Where all requests came from this machine itself, the setting at Cloudflare is not the cause. */
static void write_hint(request_rec *r, int is_from_elsewhere)
{
    const char *label = cfaop_server_label(r->pool, r->server);

    if (is_from_elsewhere) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "CFAOP303: %d requests for %s came without a good certificate and none with one: is "
                      "Authenticated Origin Pulls switched on for this zone at Cloudflare?", HINT_AFTER, label);
    }
    else {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "CFAOP308: %d requests for %s came without a good certificate and none with one, all of them "
                      "from this machine: if a proxy on it ends TLS, Cloudflare shows its certificate to the proxy; "
                      "let the proxy verify it, see \"Where a local proxy ends TLS\" in the README", HINT_AFTER, label);
    }
}

static void hint(request_rec *r)
{
    tally *t = tallies ? &tallies[cfaop_config_of(r->server)->index] : NULL;

    if (!t || apr_atomic_read32(&t->verified) || apr_atomic_read32(&t->refused) >= HINT_AFTER) {
        return;
    }
    if (!apr_atomic_read32(&t->from_elsewhere) && !cfaop_local_is_peer_here(r)) {
        apr_atomic_set32(&t->from_elsewhere, 1);
    }
    if (apr_atomic_inc32(&t->refused) + 1 == HINT_AFTER) {
        write_hint(r, (int)apr_atomic_read32(&t->from_elsewhere));
    }
}

void cfaop_event_log_refusal(request_rec *r, const cfaop_verdict *v)
{
    apr_uint32_t held;

    if (APLOGrinfo(r)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "CFAOP301: %s", line(r, v));
    }
    if (deserves_warning(v) && is_due(r->server, v->reason, &held)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "CFAOP302: %s%s", line(r, v),
                      held ? apr_psprintf(r->pool, " (%u more like this since the last line)", held) : "");
    }
    hint(r);
}

void cfaop_event_log_verified(const server_rec *s)
{
    tally *t = tallies ? &tallies[cfaop_config_of(s)->index] : NULL;

    if (t && !apr_atomic_read32(&t->verified)) {
        apr_atomic_set32(&t->verified, 1);
    }
}
