/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fields.h
 * An input that is several texts, one on a line.
 */
#ifndef CFAOP_FUZZ_FIELDS_H
#define CFAOP_FUZZ_FIELDS_H

#include "apr_pools.h"
#include "fuzz.h"

/** What is left of an input. */
typedef struct {
    const uint8_t *at, *end;
    apr_pool_t *p; /**< of this input */
} fuzz_fields;

/** Begins an input. fuzz_fields_end() ends it. */
fuzz_fields fuzz_fields_begin(const uint8_t *data, size_t size);

/** Returns the bytes up to the next newline, ended by a NUL; "" if there are no more. */
char *fuzz_fields_next(fuzz_fields *fields);

/** Returns all bytes that are left, ended by a NUL. */
char *fuzz_fields_rest(fuzz_fields *fields);

void fuzz_fields_end(fuzz_fields *fields);

#endif
