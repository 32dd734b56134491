/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file counters.c
 * The counters, and the shared memory that they lie in.
 *
 * The memory is anonymous, so every process has it from the parent, at the same address, and it ends with the server. It hangs on
 * the process pool: a graceful restart, which unloads the module, leaves it to the next one. The processes of before, which
 * still end their requests, count into the same memory. Nothing in it points anywhere.
 */
#include "cfaop.h"
#include "cfaop_expiry.h"

#include "apr_atomic.h"
#include "apr_shm.h"
#include "apr_strings.h"
#include "http_core.h"

APLOG_USE_MODULE(cfaop);

#define RETAINED "mod_cfaop counters"

/* Changes whenever the meaning of the memory does. That of another module's version is left alone, and new memory made. */
#define MAGIC  0x6366616fU
#define FORMAT 1U

#define SLOTS_MIN 1024
#define OTHER     "other"

/* A process that takes so long to write 300 bytes was ended while it did. */
#define STUCK_SECONDS 10

#define READ_TRIES 100

typedef struct {
    apr_uint32_t magic;
    apr_uint32_t format;
    apr_uint64_t size;         /* of everything */
    apr_uint32_t vhost_size;   /* of one; as the compiler laid it out */
    apr_uint32_t anchor_size;
    apr_uint32_t vhost_room;   /* how many there are, OTHER included */
    apr_uint32_t anchor_room;
    apr_uint32_t vhosts;       /* how many of them are in use; written by the parent only */
    apr_uint32_t anchors;
    apr_uint64_t expiry_seen;  /* seconds: the last look at expiry dates */
} header;

/* What the retained data is: where the memory lies. */
typedef struct {
    header *memory;
} retained;

static header *table; /* NULL: nothing is counted */

static cfaop_vhost_counters *vhost_slots(header *t)
{
    return (cfaop_vhost_counters *)(t + 1);
}

static cfaop_anchor_counters *anchor_slots(header *t)
{
    return (cfaop_anchor_counters *)(vhost_slots(t) + t->vhost_room);
}

/* ---- the memory ---- */

static apr_uint64_t size_for(apr_uint32_t vhosts, apr_uint32_t anchors)
{
    return sizeof(header) + (apr_uint64_t)vhosts * sizeof(cfaop_vhost_counters)
        + (apr_uint64_t)anchors * sizeof(cfaop_anchor_counters);
}

/* Is t as this module would have made it? Sizes are compared before anything else is believed. */
static int is_ours(const header *t)
{
    return t->magic == MAGIC && t->format == FORMAT && t->vhost_size == sizeof(cfaop_vhost_counters)
        && t->anchor_size == sizeof(cfaop_anchor_counters) && t->size == size_for(t->vhost_room, t->anchor_room);
}

static header *create(apr_pool_t *process_pool, apr_uint32_t vhosts, apr_uint32_t anchors)
{
    apr_uint64_t size = size_for(vhosts, anchors);
    apr_shm_t *shm = NULL;
    header *t;

    if (size > APR_SIZE_MAX || apr_shm_create(&shm, (apr_size_t)size, NULL, process_pool) != APR_SUCCESS) {
        return NULL;
    }
    /* not zeroed here: it is new from the kernel, and what is never written takes no memory */
    t = apr_shm_baseaddr_get(shm);
    t->magic = MAGIC;
    t->format = FORMAT;
    t->size = size;
    t->vhost_size = sizeof(cfaop_vhost_counters);
    t->anchor_size = sizeof(cfaop_anchor_counters);
    t->vhost_room = vhosts;
    t->anchor_room = anchors;
    t->vhosts = t->anchors = 1;
    apr_cpystrn(vhost_slots(t)[0].label, OTHER, CFAOP_LABEL_SIZE);
    apr_cpystrn(anchor_slots(t)[0].subject, OTHER, CFAOP_SUBJECT_SIZE);
    return t;
}

static apr_uint32_t room_for(apr_uint32_t count)
{
    return 1 + (2 * count > SLOTS_MIN ? 2 * count : SLOTS_MIN);
}

static header *find_or_create(apr_pool_t *process_pool, apr_uint32_t servers, apr_uint32_t anchors)
{
    retained *kept = ap_retained_data_get(RETAINED);

    if (!kept) {
        kept = ap_retained_data_create(RETAINED, sizeof(*kept));
    }
    if (!kept->memory || !is_ours(kept->memory)) {
        kept->memory = create(process_pool, room_for(servers), room_for(anchors));
    }
    return kept->memory;
}

/* ---- who counts where ---- */

/* What attaching knows while it runs. */
typedef struct {
    apr_pool_t *pool;
    apr_hash_t *vhosts;  /* label -> cfaop_vhost_counters */
    apr_hash_t *anchors; /* SHA-256 -> cfaop_anchor_counters */
    int homeless;        /* virtual hosts without a slot */
} attachment;

/* Copies text, marking with "~" and its hash what had to be cut: two long names that begin alike stay two. */
static void copy_label(char *to, apr_size_t size, const char *text)
{
    apr_size_t length = strlen(text);
    apr_ssize_t hashed = (apr_ssize_t)length;

    if (length < size) {
        memcpy(to, text, length + 1);
        return;
    }
    length = size - sizeof("~01234567");
    memcpy(to, text, length);
    apr_snprintf(to + length, size - length, "~%08x", apr_hashfunc_default(text, &hashed));
}

/* Names of hosts do not differ by case. */
static const char *label_of(apr_pool_t *p, const server_rec *s)
{
    char *label = apr_palloc(p, CFAOP_LABEL_SIZE);
    char *text = apr_pstrdup(p, cfaop_server_label(p, s));

    ap_str_tolower(text);
    copy_label(label, CFAOP_LABEL_SIZE, cfaop_escape(p, text, strlen(text)));
    return label;
}

static void index_slots(attachment *a)
{
    cfaop_vhost_counters *vhosts = vhost_slots(table);
    cfaop_anchor_counters *anchors = anchor_slots(table);
    apr_uint32_t i;

    for (i = 0; i < table->vhosts; ++i) {
        apr_hash_set(a->vhosts, vhosts[i].label, APR_HASH_KEY_STRING, &vhosts[i]);
    }
    for (i = 1; i < table->anchors; ++i) {
        apr_hash_set(a->anchors, anchors[i].sha256, CFAOP_SHA256_LEN, &anchors[i]);
    }
}

static cfaop_vhost_counters *vhost_slot(attachment *a, const server_rec *s)
{
    const char *label = label_of(a->pool, s);
    cfaop_vhost_counters *slot = apr_hash_get(a->vhosts, label, APR_HASH_KEY_STRING);

    if (slot) {
        return slot;
    }
    if (table->vhosts >= table->vhost_room) {
        ++a->homeless;
        return vhost_slots(table);
    }
    slot = &vhost_slots(table)[table->vhosts];
    apr_cpystrn(slot->label, label, CFAOP_LABEL_SIZE);
    apr_atomic_inc32(&table->vhosts); /* from now on the old processes see it, too */
    apr_hash_set(a->vhosts, slot->label, APR_HASH_KEY_STRING, slot);
    return slot;
}

static cfaop_anchor_counters *anchor_slot(attachment *a, const cfaop_anchor *anchor)
{
    cfaop_anchor_counters *slot = apr_hash_get(a->anchors, anchor->sha256, CFAOP_SHA256_LEN);

    if (slot || table->anchors >= table->anchor_room) {
        return slot ? slot : anchor_slots(table);
    }
    slot = &anchor_slots(table)[table->anchors];
    memcpy(slot->sha256, anchor->sha256, CFAOP_SHA256_LEN);
    slot->not_after = cfaop_seconds(X509_get0_notAfter(anchor->cert));
    apr_cpystrn(slot->subject, cfaop_name_text(a->pool, X509_get_subject_name(anchor->cert), 0), CFAOP_SUBJECT_SIZE);
    apr_atomic_inc32(&table->anchors);
    apr_hash_set(a->anchors, slot->sha256, CFAOP_SHA256_LEN, slot);
    return slot;
}

static void attach_server(attachment *a, server_rec *s)
{
    cfaop_server_conf *conf = cfaop_config_of(s);
    const apr_array_header_t *anchors = conf->trust ? conf->trust->anchors : NULL;
    int i;

    conf->counters = vhost_slot(a, s);
    /* servers that share a trust share its anchors: the first has done it for all */
    for (i = 0; anchors && i < anchors->nelts && !APR_ARRAY_IDX(anchors, i, cfaop_anchor).counters; ++i) {
        cfaop_anchor *anchor = &APR_ARRAY_IDX(anchors, i, cfaop_anchor);
        anchor->counters = anchor_slot(a, anchor);
    }
}

/* How many slots the servers from base on could take at most. */
static void count_all(const server_rec *base, apr_pool_t *ptemp, apr_uint32_t *servers, apr_uint32_t *anchors)
{
    apr_hash_t *trusts = apr_hash_make(ptemp), *certificates = apr_hash_make(ptemp);
    const server_rec *s;
    int i;

    *servers = 0;
    for (s = base; s; s = s->next, ++*servers) {
        const cfaop_trust *trust = cfaop_config_of(s)->trust;
        if (!trust || apr_hash_get(trusts, trust->digest, CFAOP_SHA256_LEN)) {
            continue;
        }
        apr_hash_set(trusts, trust->digest, CFAOP_SHA256_LEN, trust);
        for (i = 0; i < trust->anchors->nelts; ++i) {
            apr_hash_set(certificates, APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).sha256, CFAOP_SHA256_LEN, trust);
        }
    }
    *anchors = apr_hash_count(certificates);
}

static apr_status_t forget(void *data)
{
    (void)data;
    table = NULL;
    return APR_SUCCESS;
}

void cfaop_counters_attach(server_rec *base, apr_pool_t *ptemp)
{
    attachment a = {ptemp, apr_hash_make(ptemp), apr_hash_make(ptemp), 0};
    apr_uint32_t servers, anchors;
    server_rec *s;

    count_all(base, ptemp, &servers, &anchors);
    table = find_or_create(base->process->pool, servers, anchors);
    if (!table) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base, "CFAOP128: there is no shared memory for the counters: nothing is counted, "
                     "requests are judged all the same; check the limits on memory and restart");
        return;
    }
    apr_pool_cleanup_register(base->process->pconf, NULL, forget, apr_pool_cleanup_null);
    index_slots(&a);
    for (s = base; s; s = s->next) {
        if (cfaop_config_of(s)->demand.mode != CFAOP_MODE_OFF) {
            attach_server(&a, s);
        }
    }
    if (a.homeless) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base, "CFAOP129: there are counters for %u virtual hosts, as many as were "
                     "expected when the server was started: %d more share those called \"" OTHER "\"; stop and start httpd to give "
                     "each its own", table->vhost_room - 1, a.homeless);
    }
}

/* ---- counting ---- */

void cfaop_counters_handshake(cfaop_vhost_counters *vhost, cfaop_handshake_result result)
{
    if (vhost) {
        apr_atomic_inc64(&vhost->handshakes[result]);
    }
}

void cfaop_counters_request(cfaop_vhost_counters *vhost, cfaop_request_result result, cfaop_reason reason)
{
    if (vhost) {
        apr_atomic_inc64(&vhost->requests[result][reason]);
    }
}

/* Seconds change rarely: the memory is only written when they do, or all processors would pass it around. */
static void set_time(apr_uint64_t *to, apr_int64_t now)
{
    if (apr_atomic_read64(to) != (apr_uint64_t)now) {
        apr_atomic_set64(to, (apr_uint64_t)now);
    }
}

void cfaop_counters_anchor(cfaop_anchor_counters *anchor, apr_int64_t now)
{
    if (anchor) {
        apr_atomic_inc64(&anchor->connections);
        set_time(&anchor->last_used, now);
    }
}

/*
 * Begins to write vhost's leaf. Returns the odd version to end it with; 0: somebody else is writing, which is as good. One who was
 * ended while writing does not stop the others for ever.
 */
static apr_uint32_t begin_leaf(cfaop_vhost_counters *vhost, apr_uint32_t now)
{
    apr_uint32_t version = apr_atomic_read32(&vhost->leaf_version), next = version + 1;

    if (version & 1) {
        if (now - apr_atomic_read32(&vhost->leaf_since) < STUCK_SECONDS) {
            return 0;
        }
        next = version + 2;
    }
    if (apr_atomic_cas32(&vhost->leaf_version, next, version) != version) {
        return 0;
    }
    apr_atomic_set32(&vhost->leaf_since, now);
    return next;
}

static void write_leaf(cfaop_vhost_counters *vhost, apr_pool_t *p, const unsigned char *sha256, X509 *leaf, apr_int64_t now)
{
    const char *subject = cfaop_name_text(p, X509_get_subject_name(leaf), 0);
    apr_uint32_t version = begin_leaf(vhost, (apr_uint32_t)now);

    if (version) {
        memcpy(vhost->leaf.sha256, sha256, CFAOP_SHA256_LEN);
        vhost->leaf.not_after = cfaop_seconds(X509_get0_notAfter(leaf));
        apr_cpystrn(vhost->leaf.subject, subject, CFAOP_SUBJECT_SIZE);
        apr_atomic_cas32(&vhost->leaf_version, version + 1, version);
    }
}

void cfaop_counters_shown(cfaop_vhost_counters *vhost, apr_pool_t *p, const unsigned char *sha256, X509 *leaf, apr_int64_t now)
{
    if (!vhost) {
        return;
    }
    if (!apr_atomic_read32(&vhost->leaf_version) || memcmp(vhost->leaf.sha256, sha256, CFAOP_SHA256_LEN) != 0) {
        write_leaf(vhost, p, sha256, leaf, now);
    }
    set_time(&vhost->leaf_last_seen, now);
}

/* ---- reading ---- */

int cfaop_counters_vhosts(cfaop_vhost_counters **first)
{
    *first = table ? vhost_slots(table) : NULL;
    return table ? (int)apr_atomic_read32(&table->vhosts) : 0;
}

int cfaop_counters_anchors(cfaop_anchor_counters **first)
{
    *first = table ? anchor_slots(table) : NULL;
    return table ? (int)apr_atomic_read32(&table->anchors) : 0;
}

apr_uint64_t cfaop_counters_read(apr_uint64_t *counter)
{
    return apr_atomic_read64(counter);
}

apr_uint64_t cfaop_counters_sum(cfaop_vhost_counters *vhost, cfaop_request_result result)
{
    apr_uint64_t sum = 0;
    int reason;

    for (reason = 0; reason < CFAOP_REASON_COUNT; ++reason) {
        sum += apr_atomic_read64(&vhost->requests[result][reason]);
    }
    return sum;
}

int cfaop_counters_leaf(cfaop_vhost_counters *vhost, cfaop_leaf *leaf)
{
    int i;

    for (i = 0; i < READ_TRIES; ++i) {
        apr_uint32_t version = apr_atomic_add32(&vhost->leaf_version, 0); /* a barrier, which a mere read is not */
        if (!version) {
            return 0;
        }
        *leaf = vhost->leaf;
        if (!(version & 1) && apr_atomic_add32(&vhost->leaf_version, 0) == version) {
            leaf->last_seen = (apr_int64_t)apr_atomic_read64(&vhost->leaf_last_seen);
            return 1;
        }
    }
    return 0;
}

int cfaop_counters_take_expiry_turn(apr_int64_t now, int is_startup)
{
    static apr_uint64_t of_this_process;
    apr_uint64_t *seen = table ? &table->expiry_seen : &of_this_process;
    apr_uint64_t last = apr_atomic_read64(seen);

    if (!is_startup && !cfaop_expiry_is_due((apr_int64_t)last, now)) {
        return 0;
    }
    return apr_atomic_cas64(seen, (apr_uint64_t)now, last) == last || is_startup;
}

const char *cfaop_counters_request_name(cfaop_request_result result)
{
    static const char *const names[CFAOP_REQUEST_COUNT] = {"allowed", "exempt", "would_refuse", "refused"};

    return names[result];
}
