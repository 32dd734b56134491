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

/* Is this address in the subnet? Numbers only: no name is looked up. */
static int has(apr_ipsubnet_t *subnet, const char *address, apr_pool_t *p)
{
    apr_sockaddr_t *number;

    return apr_sockaddr_info_get(&number, address, APR_UNSPEC, 0, 0, p) == APR_SUCCESS
        && apr_ipsubnet_test(subnet, number);
}

static int is_cloudflares(const cfaop_exemption *exemption, apr_pool_t *p)
{
    apr_ipsubnet_t *range;
    apr_size_t i;

    for (i = 0; i < sizeof(cloudflare) / sizeof(cloudflare[0]); ++i) {
        if (apr_ipsubnet_create(&range, cloudflare[i].address, cloudflare[i].bits, p) == APR_SUCCESS
            && (has(range, exemption->address, p) || has(exemption->subnet, cloudflare[i].address, p))) {
            return 1;
        }
    }
    return 0;
}

/* Are there addresses of the Internet among these? Those of IPv6 are in 2000::/3 (RFC 4291, 2.4). */
static int is_of_internet(const cfaop_exemption *exemption, apr_pool_t *p)
{
    apr_ipsubnet_t *internet;

    return !strchr(exemption->address, ':') || has(exemption->subnet, "2000::", p)
        || (apr_ipsubnet_create(&internet, "2000::", "3", p) == APR_SUCCESS && has(internet, exemption->address, p));
}

/* Returns what is wrong with exempting these addresses, NULL if nothing. */
static const char *flaw_of(const cfaop_exemption *exemption, apr_pool_t *p)
{
    int is_6 = strchr(exemption->address, ':') != NULL;

    if (exemption->bits < (is_6 ? BITS_OF_A_NETWORK_6 : BITS_OF_A_NETWORK_4) && is_of_internet(exemption, p)) {
        return "more addresses than any network has";
    }
    return is_cloudflares(exemption, p) ? "addresses of Cloudflare, by which the clients of all its customers come"
                                        : NULL;
}

/* A range that more than one server exempts is looked at once. */
typedef struct {
    const cfaop_exemption *exemption;
    const char *flaw; /* NULL: none */
    cfaop_name_list servers;
    const server_rec *last; /* the last one of them */
} judged_range;

static judged_range *judge_range(apr_hash_t *known, const cfaop_exemption *exemption)
{
    judged_range *range = apr_hash_get(known, exemption->text, APR_HASH_KEY_STRING);

    if (!range) {
        apr_pool_t *p = apr_hash_pool_get(known);
        range = apr_pcalloc(p, sizeof(*range));
        range->exemption = exemption;
        range->flaw = flaw_of(exemption, p);
        range->servers.pool = p;
        apr_hash_set(known, exemption->text, APR_HASH_KEY_STRING, range);
    }
    return range;
}

/* Notes what s exempts. flawed (of const judged_range *): in the order of the configuration. */
static void look_at_server(apr_hash_t *known, apr_array_header_t *flawed, const server_rec *s)
{
    const apr_array_header_t *exemptions = cfaop_config_of(s)->exemptions;
    int i;

    for (i = 0; exemptions && i < exemptions->nelts; ++i) {
        const cfaop_exemption *exemption = &APR_ARRAY_IDX(exemptions, i, cfaop_exemption);
        judged_range *range = exemption->subnet ? judge_range(known, exemption) : NULL;
        if (range && range->flaw) {
            if (!range->servers.count) {
                APR_ARRAY_PUSH(flawed, const judged_range *) = range;
            }
            if (range->last != s) {
                cfaop_name_list_add_server(&range->servers, ", ", s);
                range->last = s;
            }
        }
    }
}

void cfaop_exempt_ranges_look(apr_array_header_t *findings, const server_rec *base)
{
    apr_pool_t *p = findings->pool;
    apr_hash_t *known = apr_hash_make(p);
    apr_array_header_t *flawed = apr_array_make(p, 1, sizeof(const judged_range *));
    const server_rec *s;
    int i;

    for (s = base; s; s = s->next) {
        if (cfaop_config_asks(cfaop_config_of(s))) {
            look_at_server(known, flawed, s);
        }
    }
    for (i = 0; i < flawed->nelts; ++i) {
        const judged_range *range = APR_ARRAY_IDX(flawed, i, const judged_range *);
        cfaop_findings_add(findings, APLOG_WARNING,
                           apr_psprintf(p,
                                        "CFAOP153: CFOriginPullExempt ip %s/%d are %s: nothing is guarded from them; "
                                        "exempt single addresses, of machines that you run; exempt on %s",
                                        range->exemption->address, range->exemption->bits, range->flaw,
                                        cfaop_name_list_text(&range->servers)));
    }
}
