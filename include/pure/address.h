/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file address.h
 * Reading the header with the visitor's address: an address, or an address and a port.
 */
#ifndef CFAOP_PURE_ADDRESS_H
#define CFAOP_PURE_ADDRESS_H

#define CFAOP_PORT_MAX 65535

/** Room for the longest value with its NUL: IPv6 in full that ends in IPv4, brackets, a colon and a port. */
#define CFAOP_ADDRESS_SIZE sizeof("[0000:0000:0000:0000:0000:ffff:255.255.255.255]:65535")

/** A value of the header. */
typedef struct {
    char address[CFAOP_ADDRESS_SIZE]; /**< IPv4 or IPv6, without brackets */
    int is_ipv6;                      /**< else IPv4 */
    unsigned char bytes[16];          /**< the address in network order, 16 bytes or 4 */
    int port;                         /**< 0: the value has none */
} cfaop_address;

/**
 * Reads @a text, one IPv4 or IPv6 address with or without blanks around it, into @a value. Returns 0 if @a text is
 * anything else; @a value has no meaning then. Any phase; any thread.
 */
int cfaop_address_parse(const char *text, cfaop_address *value);

/**
 * The same for an address with a port: ADDRESS:PORT or [IPv6]:PORT. The port is what follows the last colon, so IPv6
 * needs no brackets (CloudFront-Viewer-Address has none). Returns 0 also if there is no port.
 */
int cfaop_address_parse_with_port(const char *text, cfaop_address *value);

#endif
