/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_exemption.c
 * Which requests need no certificate. The lines of the input: the path of CFOriginPullExempt, the path that the client
 * asks for, the one that httpd made of it, an address of CFOriginPullExempt, the address of the client. What is exempt
 * by its path lies below the exempt one, in whatever way it is unescaped and normalised.
 */
#include <arpa/inet.h>
#include <string.h>

#include "apr_lib.h"
#include "apr_strings.h"
#include "base/peer.h"
#include "config/config.h"
#include "config/exemption.h"
#include "fields.h"

const char *const fuzz_corpus = "exemption";

module AP_MODULE_DECLARE_DATA cfaop_module;

static apr_sockaddr_t *peer;

/* What exemption.c needs of peer.c. */
apr_sockaddr_t *cfaop_peer_address(conn_rec *c)
{
    (void)c;
    return peer;
}

static int hex_value(char c)
{
    return apr_isdigit(c) ? c - '0' : apr_tolower(c) - 'a' + 10;
}

/* Undoes %HH, takes "\" for "/", and cuts parameters off: what some backends do. */
static char *unescaped(apr_pool_t *p, const char *path)
{
    char *result = apr_palloc(p, strlen(path) + 1), *to = result;

    for (; *path && *path != ';' && *path != '?' && *path != '#'; ++path) {
        if (*path == '%' && apr_isxdigit(path[1]) && apr_isxdigit(path[2])) {
            *to++ = (char)(hex_value(path[1]) * 16 + hex_value(path[2]));
            path += 2;
        }
        else {
            *to++ = *path == '\\' ? '/' : *path;
        }
    }
    *to = '\0';
    return result;
}

/* Resolves "." and "..", and makes one slash of several. */
static const char *normalised(apr_pool_t *p, const char *path)
{
    char *result = apr_pcalloc(p, strlen(path) + 2), *to = result;
    const char *segment;

    while (*path) {
        path += strspn(path, "/");
        segment = path;
        path += strcspn(path, "/");
        if (path - segment == 2 && !memcmp(segment, "..", 2)) {
            while (to > result && *--to != '/') {
            }
            *to = '\0';
        }
        else if (path > segment && !(path - segment == 1 && *segment == '.')) {
            *to++ = '/';
            memcpy(to, segment, (size_t)(path - segment));
            to += path - segment;
            *to = '\0';
        }
    }
    return result;
}

static int is_below(const char *prefix, const char *path)
{
    size_t length = strlen(prefix);

    return !strncmp(path, prefix, length) && (path[length] == '/' || path[length] == '\0');
}

/* What a backend could take the path for. */
static void check_path(apr_pool_t *p, const char *prefix, const char *path)
{
    const char *as_sent = apr_pstrndup(p, path, strcspn(path, "?"));
    const char *once = unescaped(p, as_sent), *twice = unescaped(p, once);

    MUST(is_below(prefix, as_sent));
    MUST(is_below(prefix, normalised(p, as_sent)));
    MUST(is_below(prefix, once) && is_below(prefix, normalised(p, once)));
    MUST(is_below(prefix, twice) && is_below(prefix, normalised(p, twice)));
}

/* Reads an IPv6 address, or an IPv4 address as the mapped one of IPv6. Returns whether text is an address. */
static int bytes_of(const char *text, unsigned char bytes[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    memcpy(bytes, mapped, sizeof(mapped));
    return inet_pton(AF_INET, text, bytes + sizeof(mapped)) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static int is_ipv4(const unsigned char bytes[16])
{
    return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes);
}

/* Is address in subnet, as the directive is documented? A subnet of IPv6 has no addresses of IPv4. */
static int is_in_subnet(const char *subnet, const char *address)
{
    unsigned char net[16], host[16];
    char *copy = strdup(subnet), *slash = strchr(copy, '/');
    int bits, same, i;

    MUST(slash);
    *slash = '\0';
    MUST(bytes_of(copy, net) && bytes_of(address, host));
    bits = atoi(slash + 1);
    MUST(bits > 0 && bits <= (is_ipv4(net) ? 32 : 128));
    bits += is_ipv4(net) ? 96 : 0;
    same = is_ipv4(net) == is_ipv4(host);
    free(copy);
    for (i = 0; i < bits; ++i) {
        same = same && !((net[i / 8] ^ host[i / 8]) & (0x80 >> i % 8));
    }
    return same;
}

/* An address and its length that the directive takes; NULL: it refuses the word. */
static const char *subnet_of(apr_pool_t *p, const char *word, apr_array_header_t *exemptions)
{
    cfaop_exemption exemption = {NULL, NULL, NULL, NULL, 0};
    const char *error = cfaop_exemption_parse_ip(p, word, &exemption);

    if (error) {
        MUST(*error && !exemption.text);
        return NULL;
    }
    MUST(exemption.subnet && !exemption.path && !strncmp(exemption.text, "ip: ", 4));
    APR_ARRAY_PUSH(exemptions, cfaop_exemption) = exemption;
    return exemption.text + 4;
}

static const char *prefix_of(apr_pool_t *p, const char *word, apr_array_header_t *exemptions)
{
    cfaop_exemption exemption = {NULL, NULL, NULL, NULL, 0};
    const char *error = cfaop_exemption_parse_path(p, word, &exemption);

    if (error) {
        MUST(*error && !exemption.path);
        return NULL;
    }
    MUST(exemption.path[0] == '/' && exemption.path[1] && exemption.path[strlen(exemption.path) - 1] != '/');
    MUST(!strcmp(normalised(p, unescaped(p, word)), exemption.path));
    APR_ARRAY_PUSH(exemptions, cfaop_exemption) = exemption;
    return exemption.path;
}

static apr_sockaddr_t *address_of(apr_pool_t *p, const char *text)
{
    apr_sockaddr_t *address = NULL;
    unsigned char binary[16];

    if (inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1) {
        apr_sockaddr_info_get(&address, text, APR_UNSPEC, 0, 0, p);
    }
    return address;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_fields fields = fuzz_fields_begin(data, size);
    cfaop_server_conf conf = {0};
    void *configs[1] = {&conf};
    server_rec server = {.module_config = (ap_conf_vector_t *)configs};
    conn_rec c = {.pool = fields.p};
    request_rec r = {.pool = fields.p, .server = &server, .connection = &c, .method_number = M_GET};
    const char *prefix, *subnet, *kind, *address;

    conf.exemptions = apr_array_make(fields.p, 2, sizeof(cfaop_exemption));
    prefix = prefix_of(fields.p, fuzz_fields_next(&fields), conf.exemptions);
    r.unparsed_uri = fuzz_fields_next(&fields);
    r.uri = fuzz_fields_next(&fields);
    subnet = subnet_of(fields.p, fuzz_fields_next(&fields), conf.exemptions);
    address = fuzz_fields_next(&fields);
    peer = address_of(fields.p, address);
    kind = cfaop_exemption_of(&r);
    if (kind && !strcmp(kind, "path")) {
        MUST(prefix && cfaop_exemption_has_path(conf.exemptions, r.unparsed_uri));
        check_path(fields.p, prefix, r.unparsed_uri);
        MUST(is_below(prefix, r.uri) && is_below(prefix, normalised(fields.p, r.uri)));
    }
    else if (kind) {
        MUST(!strcmp(kind, "ip") && subnet && peer);
    }
    if (subnet && peer) {
        MUST(is_in_subnet(subnet, address) == cfaop_exemption_has_peer(conf.exemptions, &c));
    }
    fuzz_fields_end(&fields);
    return 0;
}
