/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file exemption.c
 * Requests that need no certificate: CFOriginPullExempt. Modules unescape and normalise paths in different ways, so a
 * path is exempt only if all of them read it alike.
 */
#include "config/exemption.h"

#include "base/peer.h"
#include "config/config.h"

#include "apr_lib.h"
#include "apr_strings.h"

#include <arpa/inet.h>

#define BY_PATH "path"
#define BY_IP   "ip"

#define MAPPED_BITS 96

/* ---- paths ---- */

static int is_plain_in_path(char c)
{
    return apr_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
}

/* Has path an empty, "." or ".." segment? A slash at the end is allowed. */
static int has_odd_segment(const char *path, apr_size_t length)
{
    apr_size_t from = 1, to;

    for (to = 1; to <= length; ++to) {
        if (to < length && path[to] != '/') {
            continue;
        }
        if (to - from == 0 && to < length) {
            return 1;
        }
        if ((to - from == 1 && path[from] == '.') || (to - from == 2 && path[from] == '.' && path[from + 1] == '.')) {
            return 1;
        }
        from = to + 1;
    }
    return 0;
}

/* Does every way of unescaping and normalising leave path as it is? */
static int is_unambiguous(const char *path, apr_size_t length)
{
    apr_size_t i;

    if (!length || path[0] != '/') {
        return 0;
    }
    for (i = 0; i < length; ++i) {
        if (!is_plain_in_path(path[i])) {
            return 0;
        }
    }
    return !has_odd_segment(path, length);
}

/* Is path the prefix, or below it by whole segments? */
static int is_below(const char *prefix, const char *path, apr_size_t length)
{
    apr_size_t prefix_length = strlen(prefix);

    return length >= prefix_length && !memcmp(path, prefix, prefix_length)
        && (length == prefix_length || path[prefix_length] == '/');
}

const char *cfaop_exemption_parse_path(apr_pool_t *p, const char *word, cfaop_exemption *exemption)
{
    apr_size_t length = strlen(word);

    if (!is_unambiguous(word, length) || length < 2) {
        return "write a path below /, of the characters A-Z a-z 0-9 - . _ ~ and /, without empty, . or .. segments";
    }
    exemption->path = apr_pstrndup(p, word, word[length - 1] == '/' ? length - 1 : length);
    exemption->text = apr_pstrcat(p, BY_PATH ": ", exemption->path, NULL);
    return NULL;
}

static int is_path_exempt(const apr_array_header_t *exemptions, const char *path, apr_size_t length)
{
    int i;

    for (i = 0; exemptions && i < exemptions->nelts; ++i) {
        const cfaop_exemption *exemption = &APR_ARRAY_IDX(exemptions, i, cfaop_exemption);
        if (exemption->path && is_below(exemption->path, path, length)) {
            return 1;
        }
    }
    return 0;
}

int cfaop_exemption_has_path(const apr_array_header_t *exemptions, const char *path)
{
    apr_size_t length = strcspn(path, "?");

    /* in this order because most paths are not exempt, and the first check is the faster one */
    return is_path_exempt(exemptions, path, length) && is_unambiguous(path, length);
}

/* Is path what stands before the query in sent? A "?" in path is part of it. */
static int is_path_of(const char *sent, const char *path)
{
    apr_size_t length = strcspn(sent, "?");

    return strlen(path) == length && !memcmp(path, sent, length);
}

/*
 * Both the path that the client asked for and r->uri must be exempt: a redirect or sub-request has a path of its own,
 * and a rewrite changes r->uri.
 */
static int is_exempt_by_path(const request_rec *r, const apr_array_header_t *exemptions)
{
    if (r->method_number == M_CONNECT || !r->unparsed_uri || !r->uri) {
        return 0;
    }
    if (!cfaop_exemption_has_path(exemptions, r->unparsed_uri)) {
        return 0;
    }
    return is_path_of(r->unparsed_uri, r->uri) /* as most are */
        || (is_path_exempt(exemptions, r->uri, strlen(r->uri)) && !has_odd_segment(r->uri, strlen(r->uri)));
}

/* ---- addresses ---- */

/* APR takes an IPv4-mapped address for IPv4. Returns such an address as IPv4, others as they are, and adapts *bits. */
static const char *unmapped(apr_pool_t *p, const char *address, const struct in6_addr *in6, apr_int64_t *bits)
{
    char text[INET_ADDRSTRLEN];

    if (!IN6_IS_ADDR_V4MAPPED(in6) || !inet_ntop(AF_INET, &in6->s6_addr[12], text, sizeof(text))) {
        return address;
    }
    *bits -= MAPPED_BITS;
    return apr_pstrdup(p, text);
}

/* Reads the number after the slash. Returns most if text is NULL, 0 if text is not a number from 1 to most. */
static apr_int64_t parse_bits(const char *text, int most)
{
    char *end;
    apr_int64_t bits;

    if (!text) {
        return most;
    }
    if (!apr_isdigit(*text) || strlen(text) > 3) {
        return 0;
    }
    bits = apr_strtoi64(text, &end, 10);
    return *end || bits > most ? 0 : bits;
}

const char *cfaop_exemption_parse_ip(apr_pool_t *p, const char *word, cfaop_exemption *exemption)
{
    const char *slash = strchr(word, '/');
    const char *address = slash ? apr_pstrmemdup(p, word, (apr_size_t)(slash - word)) : word;
    struct in_addr in4;
    struct in6_addr in6;
    apr_int64_t bits = 0;

    if (inet_pton(AF_INET, address, &in4) == 1) {
        bits = parse_bits(slash ? slash + 1 : NULL, 32);
    }
    else if (inet_pton(AF_INET6, address, &in6) == 1) {
        bits = parse_bits(slash ? slash + 1 : NULL, 128);
        address = unmapped(p, address, &in6, &bits);
    }
    if (bits < 1
        || apr_ipsubnet_create(&exemption->subnet, address, apr_psprintf(p, "%d", (int)bits), p) != APR_SUCCESS) {
        return "write an IPv4 or IPv6 address, and after a slash how many bits count: 1 to 32, or 1 to 128";
    }
    exemption->text = apr_psprintf(p, BY_IP ": %s/%d", address, (int)bits);
    exemption->address = apr_pstrdup(p, address);
    exemption->bits = (int)bits;
    return NULL;
}

int cfaop_exemption_has_peer(const apr_array_header_t *exemptions, conn_rec *c)
{
    apr_sockaddr_t *peer = cfaop_peer_address(c);
    int i;

    for (i = 0; peer && exemptions && i < exemptions->nelts; ++i) {
        const cfaop_exemption *exemption = &APR_ARRAY_IDX(exemptions, i, cfaop_exemption);
        if (exemption->subnet && apr_ipsubnet_test(exemption->subnet, peer)) {
            return 1;
        }
    }
    return 0;
}

int cfaop_exemption_is_of_address(const char *exempt)
{
    return !strcmp(exempt, BY_IP);
}

const char *cfaop_exemption_of(request_rec *r)
{
    const apr_array_header_t *exemptions = cfaop_config_of(r->server)->exemptions;

    if (!exemptions || !exemptions->nelts) {
        return NULL;
    }
    if (cfaop_exemption_has_peer(exemptions, r->connection)) {
        return BY_IP;
    }
    return is_exempt_by_path(r, exemptions) ? BY_PATH : NULL;
}
