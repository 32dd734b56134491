/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file address.c
 * Reading the header with the visitor's address: an address, or an address and a port.
 */
#include "pure/address.h"

#include <arpa/inet.h>
#include <string.h>

#define PORT_MAX_DIGITS 5

static const char blanks[] = " \t";

/* Copies text without the blanks around it. Returns 0 if it is longer than an address with a port can be. */
static int trim(const char *text, cfaop_address *value)
{
    size_t length;

    text += strspn(text, blanks);
    for (length = strlen(text); length && strchr(blanks, text[length - 1]); --length) {
    }
    if (length >= sizeof(value->address)) {
        return 0;
    }
    memcpy(value->address, text, length);
    value->address[length] = '\0';
    return 1;
}

/* inet_pton() takes nothing but addresses, so that no name is looked up. */
static int reads_as(int family, cfaop_address *value)
{
    value->is_ipv6 = family == AF_INET6;
    return inet_pton(family, value->address, value->bytes) == 1;
}

/* Reads digits as a port. Returns 0 if they are not a port: a leading zero, anything but digits, more than 65535. */
static int parse_port(const char *digits)
{
    size_t length = strspn(digits, "0123456789");
    int port = 0;

    if (!length || length > PORT_MAX_DIGITS || digits[length] || *digits == '0') {
        return 0;
    }
    for (; *digits; ++digits) {
        port = 10 * port + (*digits - '0');
    }
    return port > CFAOP_PORT_MAX ? 0 : port;
}

/* Removes the brackets around value->address. Returns 0 if one is missing, or no IPv6 address is between them. */
static int remove_brackets(cfaop_address *value)
{
    size_t length = strlen(value->address);

    if (value->address[length - 1] != ']') {
        return 0;
    }
    memmove(value->address, value->address + 1, length - 2);
    value->address[length - 2] = '\0';
    return reads_as(AF_INET6, value);
}

int cfaop_address_parse(const char *text, cfaop_address *value)
{
    value->port = 0;
    return trim(text, value) && (reads_as(AF_INET, value) || reads_as(AF_INET6, value));
}

int cfaop_address_parse_with_port(const char *text, cfaop_address *value)
{
    char *colon;

    if (!trim(text, value) || !(colon = strrchr(value->address, ':')) || colon == value->address) {
        return 0;
    }
    value->port = parse_port(colon + 1);
    if (!value->port) {
        return 0;
    }
    *colon = '\0';
    if (*value->address == '[') {
        return remove_brackets(value);
    }
    return reads_as(AF_INET, value) || reads_as(AF_INET6, value);
}
