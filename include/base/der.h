/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file der.h
 * Counts what OpenSSL would make objects of, without making them.
 */
#ifndef CFAOP_BASE_DER_H
#define CFAOP_BASE_DER_H

/**
 * Counts the elements in the first value of @a length bytes at @a der, however deep, itself as well; it stops at
 * @a max + 1 or more. Returns 0 if OpenSSL could not read the value. BER counts like DER (X.690), with all that OpenSSL
 * reads: lengths that are not given, and a SEQUENCE OF or SET OF that is not marked as constructed. Bytes that are no
 * list but could be one may count for more than one element. Takes time in proportion to @a length. May leave errors in
 * OpenSSL's queue. Any phase, any thread.
 */
int cfaop_der_count(const unsigned char *der, long length, int max);

#endif
