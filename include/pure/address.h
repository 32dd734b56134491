/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file address.h
 * What the header with the visitor's address may hold: one address, or an address and a port. Knows neither httpd nor
 * OpenSSL.
 */
#ifndef CFAOP_PURE_ADDRESS_H
#define CFAOP_PURE_ADDRESS_H

#define CFAOP_PORT_MAX 65535

/** Room for the longest value with its NUL: IPv6 in full that ends in IPv4, brackets, a colon and a port. */
#define CFAOP_ADDRESS_SIZE sizeof("[0000:0000:0000:0000:0000:ffff:255.255.255.255]:65535")

/** One value. */
typedef struct {
    char address[CFAOP_ADDRESS_SIZE]; /**< IPv4 or IPv6, without brackets */
    int port;                         /**< 0: the value has none */
} cfaop_address;

/**
 * Reads @a text, with blanks around it or not, into @a value: exactly one IPv4 or IPv6 address. Returns 0 if it is
 * anything else; @a value has no meaning then. Pure: any thread, any phase.
 */
int cfaop_address_parse(const char *text, cfaop_address *value);

/**
 * The same for an address with a port: ADDRESS:PORT or [IPv6]:PORT. The port is what follows the last colon, so that
 * IPv6 needs no brackets (CloudFront-Viewer-Address has none). A value without a port is not read.
 */
int cfaop_address_parse_with_port(const char *text, cfaop_address *value);

#endif
