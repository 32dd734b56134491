/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fuzz.h
 * What the fuzz targets share. A target is LLVMFuzzerTestOneInput(), for libFuzzer ("make fuzz") and for replay.c,
 * which feeds it the committed corpus ("make check").
 */
#ifndef CFAOP_FUZZ_H
#define CFAOP_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** What must hold, whatever the input is. */
#define MUST(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/** Feeds one input to the target. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** The corpus directory of the target, "chain" for instance. */
extern const char *const fuzz_corpus;

#endif
