/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file exempt_ranges.c
 * A warning about exempt addresses that are Cloudflare's own, or a large part of all there are. Each customer of
 * Cloudflare can have requests sent from Cloudflare's addresses, so that nothing is guarded where they are exempt.
 */
#include "startup/exempt_ranges.h"

#include "base/findings.h"
#include "base/name_list.h"
#include "config/config.h"
#include "config/exemption.h"

#include "apr_hash.h"
#include "apr_network_io.h"
#include "apr_strings.h"

/* No network of one owner is larger: IPv4 has been given out in blocks of /8, IPv6 in blocks of /19 and less. */
#define BITS_OF_A_NETWORK_4 8
#define BITS_OF_A_NETWORK_6 16

/* Published at https://www.cloudflare.com/ips/. It may be out of date: only this warning depends on it. */
static const struct {
    const char *address, *bits;
} cloudflare[] = {
    {"103.21.244.0", "22"}, {"103.22.200.0", "22"},  {"103.31.4.0", "22"},   {"104.16.0.0", "13"},
    {"104.24.0.0", "14"},   {"108.162.192.0", "18"}, {"131.0.72.0", "22"},   {"141.101.64.0", "18"},
    {"162.158.0.0", "15"},  {"172.64.0.0", "13"},    {"173.245.48.0", "20"}, {"188.114.96.0", "20"},
    {"190.93.240.0", "20"}, {"197.234.240.0", "22"}, {"198.41.128.0", "17"}, {"2400:cb00::", "32"},
    {"2405:8100::", "32"},  {"2405:b500::", "32"},   {"2606:4700::", "32"},  {"2803:f800::", "32"},
    {"2a06:98c0::", "29"},  {"2c0f:f248::", "32"},
};

#define RANGES (int)(sizeof(cloudflare) / sizeof(cloudflare[0]))

/* A range of addresses. */
typedef struct {
    apr_ipsubnet_t *subnet;
    apr_sockaddr_t *first;
} network;

/* What the look needs, and what it has found. All is from one pool, which ends with the look. */
typedef struct {
    apr_pool_t *pool;
    network of_cloudflare[RANGES];
    network internet_6;         /* 2000::/3 (RFC 4291, 2.4) */
    apr_hash_t *known;          /* text of an exemption -> judged_range */
    apr_array_header_t *flawed; /* of const judged_range *, in the order of the configuration */
} look;

/* Fails only if memory does. Numbers only: no name is looked up. */
static int read_network(network *n, const char *address, const char *bits, apr_pool_t *p)
{
    return apr_ipsubnet_create(&n->subnet, address, bits, p) == APR_SUCCESS
        && apr_sockaddr_info_get(&n->first, address, APR_UNSPEC, 0, 0, p) == APR_SUCCESS;
}

static int overlaps(const network *one, const network *other)
{
    return apr_ipsubnet_test(one->subnet, other->first) || apr_ipsubnet_test(other->subnet, one->first);
}

static int prepare(look *l, apr_pool_t *p)
{
    int i, is_ready = read_network(&l->internet_6, "2000::", "3", p);

    l->pool = p;
    l->known = apr_hash_make(p);
    l->flawed = apr_array_make(p, 1, sizeof(const void *));
    for (i = 0; is_ready && i < RANGES; ++i) {
        is_ready = read_network(&l->of_cloudflare[i], cloudflare[i].address, cloudflare[i].bits, p);
    }
    return is_ready;
}

static int is_of_cloudflare(const look *l, const network *n)
{
    int i;

    for (i = 0; i < RANGES && !overlaps(&l->of_cloudflare[i], n); ++i) {
    }
    return i < RANGES;
}

/* Returns what is wrong with exempting these addresses, NULL if nothing. */
static const char *flaw_of(const look *l, const cfaop_exemption *exemption)
{
    int is_6 = strchr(exemption->address, ':') != NULL;
    network n;

    n.subnet = exemption->subnet;
    if (apr_sockaddr_info_get(&n.first, exemption->address, APR_UNSPEC, 0, 0, l->pool) != APR_SUCCESS) {
        return NULL;
    }
    if (exemption->bits < (is_6 ? BITS_OF_A_NETWORK_6 : BITS_OF_A_NETWORK_4)
        && (!is_6 || overlaps(&l->internet_6, &n))) {
        return "more addresses than any network has";
    }
    return is_of_cloudflare(l, &n) ? "addresses of Cloudflare, by which the clients of all its customers come" : NULL;
}

/* A range that more than one server exempts is looked at once. */
typedef struct {
    const cfaop_exemption *exemption;
    const char *flaw; /* NULL: none */
    cfaop_name_list servers;
    const server_rec *last; /* the last one of them */
} judged_range;

static judged_range *judge_range(look *l, const cfaop_exemption *exemption)
{
    judged_range *range = apr_hash_get(l->known, exemption->text, APR_HASH_KEY_STRING);

    if (!range) {
        range = apr_pcalloc(l->pool, sizeof(*range));
        range->exemption = exemption;
        range->flaw = flaw_of(l, exemption);
        range->servers.pool = l->pool;
        apr_hash_set(l->known, exemption->text, APR_HASH_KEY_STRING, range);
    }
    return range;
}

static void look_at_server(look *l, const server_rec *s)
{
    const apr_array_header_t *exemptions = cfaop_config_of(s)->exemptions;
    int i;

    for (i = 0; exemptions && i < exemptions->nelts; ++i) {
        const cfaop_exemption *exemption = &APR_ARRAY_IDX(exemptions, i, cfaop_exemption);
        judged_range *range = exemption->subnet ? judge_range(l, exemption) : NULL;
        if (!range || !range->flaw || range->last == s) {
            continue;
        }
        if (!range->last) {
            APR_ARRAY_PUSH(l->flawed, const judged_range *) = range;
        }
        cfaop_name_list_add_server(&range->servers, ", ", s);
        range->last = s;
    }
}

static void report(apr_array_header_t *findings, const look *l)
{
    int i;

    for (i = 0; i < l->flawed->nelts; ++i) {
        const judged_range *range = APR_ARRAY_IDX(l->flawed, i, const judged_range *);
        cfaop_findings_add(findings, APLOG_WARNING,
                           apr_psprintf(findings->pool,
                                        "CFAOP153: CFOriginPullExempt ip %s/%d are %s: nothing is guarded from them; "
                                        "exempt single addresses, of machines that you run; exempt on %s",
                                        range->exemption->address, range->exemption->bits, range->flaw,
                                        cfaop_name_list_text(&range->servers)));
    }
}

void cfaop_exempt_ranges_look(apr_array_header_t *findings, apr_pool_t *ptemp, const server_rec *base)
{
    apr_pool_t *scratch;
    look *l;
    const server_rec *s;

    apr_pool_create(&scratch, ptemp);
    l = apr_palloc(scratch, sizeof(*l));
    if (prepare(l, scratch)) {
        for (s = base; s; s = s->next) {
            if (cfaop_config_asks(cfaop_config_of(s))) {
                look_at_server(l, s);
            }
        }
        report(findings, l);
    }
    apr_pool_destroy(scratch);
}
