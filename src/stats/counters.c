/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file counters.c
 * The counters, and the shared memory that they lie in.
 *
 * The memory is anonymous: each child has it from the parent, at the same address, and it ends with the server. It
 * belongs to the process pool: a graceful restart, which unloads the module, leaves it to the module that httpd loads
 * then. Children of before the restart, which still end their requests, count in the same memory. src/stats/numbers.c
 * reads it.
 */
#include "stats/counters.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/text.h"
#include "config/config.h"

#include "apr_atomic.h"
#include "apr_shm.h"
#include "apr_strings.h"
#include "http_core.h"

#define RETAINED "mod_cfaop counters"

/*
 * Raise FORMAT when the meaning of the retained data changes: the module leaves data of another format alone, and
 * begins anew.
 */
#define MAGIC  0x6366616fU
#define FORMAT 1U

#define SLOTS_MIN 1024

/* A process that needs so long to write 300 bytes has ended while it wrote. */
#define STUCK_SECONDS 10

/*
 * What a process keeps as long as it lives, however often httpd reloads the module. Not in shared memory, which
 * children can write. All of it is allocated from the process pool.
 */
typedef struct {
    apr_uint32_t magic;
    apr_uint32_t format;
    apr_size_t size;             /* of everything that is shared, as the compiler laid it out */
    cfaop_vhost_numbers *shared; /* the numbers of virtual hosts; those of anchors follow */
    int vhost_room;              /* how many there are, CFAOP_OTHER included */
    int anchor_room;             /* as above, for anchors */
    int vhost_count;             /* how many of them are in use */
    int anchor_count;
    cfaop_vhost_counters *vhosts;   /* [vhost_room] */
    cfaop_anchor_counters *anchors; /* [anchor_room] */
} counter_table;

/* The retained data itself: the same in all versions. */
typedef struct {
    counter_table *table;
} retained;

static counter_table *table; /* NULL: nothing is counted */

/* ---- the memory ---- */

static apr_size_t size_for(int vhosts, int anchors)
{
    return (apr_size_t)vhosts * sizeof(cfaop_vhost_numbers) + (apr_size_t)anchors * sizeof(cfaop_anchor_numbers);
}

static int is_of_this_format(const counter_table *t)
{
    return t->magic == MAGIC && t->format == FORMAT && t->size == size_for(t->vhost_room, t->anchor_room);
}

/* The next virtual host, or anchor, in a table that has room for it. */
static cfaop_vhost_counters *append_vhost(counter_table *t, const char *label)
{
    cfaop_vhost_counters *vhost = &t->vhosts[t->vhost_count];

    vhost->label = label;
    vhost->numbers = t->shared + t->vhost_count++;
    return vhost;
}

static cfaop_anchor_counters *append_anchor(counter_table *t, const char *subject)
{
    cfaop_anchor_numbers *first = (cfaop_anchor_numbers *)(t->shared + t->vhost_room);
    cfaop_anchor_counters *anchor = &t->anchors[t->anchor_count];

    memset(anchor, 0, sizeof(*anchor));
    anchor->subject = subject;
    anchor->numbers = first + t->anchor_count++;
    return anchor;
}

static counter_table *create_table(apr_pool_t *process_pool, int vhosts, int anchors)
{
    counter_table *t = apr_pcalloc(process_pool, sizeof(*t));
    apr_shm_t *shm = NULL;

    t->magic = MAGIC;
    t->format = FORMAT;
    t->size = size_for(vhosts, anchors);
    if (apr_shm_create(&shm, t->size, NULL, process_pool) != APR_SUCCESS) {
        return NULL;
    }
    /* not zeroed here: the kernel gives zeros, and pages that are never written take no memory */
    t->shared = apr_shm_baseaddr_get(shm);
    t->vhost_room = vhosts;
    t->anchor_room = anchors;
    t->vhosts = apr_palloc(process_pool, (apr_size_t)vhosts * sizeof(*t->vhosts));
    t->anchors = apr_palloc(process_pool, (apr_size_t)anchors * sizeof(*t->anchors));
    append_vhost(t, apr_pstrdup(process_pool, CFAOP_OTHER)); /* a literal would end with the module */
    append_anchor(t, apr_pstrdup(process_pool, CFAOP_OTHER));
    return t;
}

static int room_for(int count)
{
    return 1 + (2 * count > SLOTS_MIN ? 2 * count : SLOTS_MIN);
}

static counter_table *find_table(void)
{
    const retained *kept = ap_retained_data_get(RETAINED);

    return kept && kept->table && is_of_this_format(kept->table) ? kept->table : NULL;
}

static counter_table *find_or_create(apr_pool_t *process_pool, int servers, int anchors)
{
    counter_table *t = find_table();
    retained *kept;

    if (!t) {
        t = create_table(process_pool, room_for(servers), room_for(anchors));
        kept = ap_retained_data_get(RETAINED);
        if (!kept) {
            kept = ap_retained_data_create(RETAINED, sizeof(*kept));
        }
        kept->table = t;
    }
    return t;
}

static apr_status_t forget_table(void *data)
{
    (void)data;
    table = NULL;
    return APR_SUCCESS;
}

int cfaop_counters_open(apr_pool_t *process_pool, apr_pool_t *pconf, int servers, int anchors, int is_needed)
{
    table = is_needed ? find_or_create(process_pool, servers, anchors) : find_table();
    apr_pool_cleanup_register(pconf, NULL, forget_table, apr_pool_cleanup_null);
    return table != NULL;
}

cfaop_vhost_counters *cfaop_counters_add_vhost(apr_pool_t *p, const char *label)
{
    return table->vhost_count < table->vhost_room ? append_vhost(table, apr_pstrdup(p, label)) : NULL;
}

cfaop_anchor_counters *cfaop_counters_add_anchor(apr_pool_t *p, const unsigned char *sha256, const char *subject,
                                                 apr_int64_t not_after)
{
    cfaop_anchor_counters *anchor;

    if (table->anchor_count >= table->anchor_room) {
        return NULL;
    }
    anchor = append_anchor(table, apr_pstrdup(p, subject));
    memcpy(anchor->sha256, sha256, CFAOP_SHA256_LEN);
    anchor->not_after = not_after;
    return anchor;
}

/* ---- counting ---- */

void cfaop_counters_handshake(cfaop_vhost_counters *vhost, cfaop_handshake_result result)
{
    if (vhost) {
        apr_atomic_inc64(&vhost->numbers->handshakes[result]);
    }
}

void cfaop_counters_request(cfaop_vhost_counters *vhost, cfaop_request_result result, cfaop_reason reason)
{
    if (vhost) {
        apr_atomic_inc64(&vhost->numbers->requests[result][reason]);
    }
}

/* Writes only when the second has changed: at each write the processors have to pass the memory around. */
static void set_time(apr_uint64_t *to, apr_int64_t now)
{
    if (apr_atomic_read64(to) != (apr_uint64_t)now) {
        apr_atomic_set64(to, (apr_uint64_t)now);
    }
}

void cfaop_counters_anchor(cfaop_anchor_counters *anchor, apr_int64_t now)
{
    if (anchor) {
        apr_atomic_inc64(&anchor->numbers->connections);
        set_time(&anchor->numbers->last_used, now);
    }
}

/*
 * Begins to write vhost's leaf. Returns the odd version that the end of the writing takes; 0: another process is
 * writing, which will do. A process that ended while it wrote stops the others for STUCK_SECONDS only.
 */
static apr_uint32_t begin_leaf(cfaop_vhost_numbers *vhost, apr_uint32_t now)
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

static void write_leaf(cfaop_vhost_numbers *vhost, apr_pool_t *p, const unsigned char *sha256, X509 *leaf,
                       apr_int64_t now)
{
    const char *subject = cfaop_text_subject(p, X509_get_subject_name(leaf));
    apr_uint32_t version = begin_leaf(vhost, (apr_uint32_t)now);

    if (version) {
        memcpy(vhost->leaf.sha256, sha256, CFAOP_SHA256_LEN);
        vhost->leaf.not_after = cfaop_text_seconds(X509_get0_notAfter(leaf));
        apr_cpystrn(vhost->leaf.subject, subject, CFAOP_SUBJECT_SIZE);
        apr_atomic_cas32(&vhost->leaf_version, version + 1, version);
    }
}

void cfaop_counters_shown(cfaop_vhost_counters *vhost, apr_pool_t *p, const unsigned char *sha256, X509 *leaf,
                          apr_int64_t now)
{
    cfaop_vhost_numbers *numbers = vhost && vhost != &table->vhosts[0] ? vhost->numbers : NULL;
    apr_uint32_t version;

    if (!numbers) {
        return;
    }
    version = apr_atomic_read32(&numbers->leaf_version);
    if (!version || (version & 1) || memcmp(numbers->leaf.sha256, sha256, CFAOP_SHA256_LEN) != 0) {
        write_leaf(numbers, p, sha256, leaf, now);
    }
    set_time(&numbers->leaf_last_seen, now);
}

/* ---- what there is to read ---- */

int cfaop_counters_vhosts(cfaop_vhost_counters **first)
{
    *first = table ? table->vhosts : NULL;
    return table ? table->vhost_count : 0;
}

int cfaop_counters_anchors(cfaop_anchor_counters **first)
{
    *first = table ? table->anchors : NULL;
    return table ? table->anchor_count : 0;
}
