/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz_address.c
 * The header with the visitor's address, of any content: what is taken is one address in the form that was asked for,
 * every such address is taken, and httpd can use it without a name being looked up.
 */
#include <arpa/inet.h>
#include <string.h>

#include "apr_network_io.h"
#include "apr_strings.h"
#include "pure/address.h"
#include "fields.h"

const char *const fuzz_corpus = "address";

static int is_in_family(int family, const char *text)
{
    unsigned char binary[sizeof(struct in6_addr)];

    return inet_pton(family, text, binary) == 1;
}

static int is_address(const char *text)
{
    return is_in_family(AF_INET, text) || is_in_family(AF_INET6, text);
}

static char *without_blanks(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text + strspn(text, " \t"));
    size_t length = strlen(copy);

    while (length && (copy[length - 1] == ' ' || copy[length - 1] == '\t')) {
        copy[--length] = '\0';
    }
    return copy;
}

/* Says whether value spells out what text says: with and without brackets, and with the digits of its port. */
static int is_spelled(apr_pool_t *p, const char *text, const cfaop_address *value)
{
    return !strcmp(text, apr_psprintf(p, "%s:%d", value->address, value->port))
        || (is_in_family(AF_INET6, value->address)
            && !strcmp(text, apr_psprintf(p, "[%s]:%d", value->address, value->port)));
}

static void check_use(apr_pool_t *p, const cfaop_address *value)
{
    apr_sockaddr_t *address = NULL;

    MUST(strlen(value->address) < sizeof(value->address) && is_address(value->address));
    MUST(apr_sockaddr_info_get(&address, value->address, APR_UNSPEC, (apr_port_t)value->port, 0, p) == APR_SUCCESS);
    MUST(address && !address->next && address->port == value->port);
}

static void check_plain(apr_pool_t *p, const char *text)
{
    const char *trimmed = without_blanks(p, text);
    cfaop_address value;
    int is_taken = cfaop_address_parse(text, &value);

    MUST(is_taken == is_address(trimmed));
    if (is_taken) {
        MUST(value.port == 0 && !strcmp(value.address, trimmed));
        check_use(p, &value);
    }
}

static void check_with_port(apr_pool_t *p, const char *text)
{
    cfaop_address value;

    if (cfaop_address_parse_with_port(text, &value)) {
        MUST(value.port > 0 && value.port <= CFAOP_PORT_MAX);
        MUST(is_spelled(p, without_blanks(p, text), &value));
        check_use(p, &value);
    }
}

/* An address that is taken alone is taken with a port, too, in each of the spellings. */
static void check_port_can_follow(apr_pool_t *p, const char *text)
{
    const char *trimmed = without_blanks(p, text);
    cfaop_address value;

    if (is_address(trimmed)) {
        MUST(cfaop_address_parse_with_port(apr_psprintf(p, " %s:65535\t", trimmed), &value) && value.port == 65535);
        MUST(!strcmp(value.address, trimmed));
        MUST(cfaop_address_parse_with_port(apr_psprintf(p, "[%s]:1", trimmed), &value)
             == is_in_family(AF_INET6, trimmed));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_fields fields = fuzz_fields_begin(data, size);
    const char *text = fuzz_fields_rest(&fields);

    check_plain(fields.p, text);
    check_with_port(fields.p, text);
    check_port_can_follow(fields.p, text);
    fuzz_fields_end(&fields);
    return 0;
}
