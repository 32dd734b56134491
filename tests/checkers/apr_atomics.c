/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file apr_atomics.c
 * APR's atomic operations for ThreadSanitizer, which sees only what was compiled for it: libapr was not. Preloaded
 * before libapr, these do the same by the compiler's own operations.
 *
 * An increment, a decrement and a read order nothing here, though APR's do. The module uses them to count, and must not
 * rely on them for more; ThreadSanitizer would take each for a meeting of two threads, and no race that comes between
 * two meetings is reported.
 */
#include "apr_atomic.h"

#define ORDER   __ATOMIC_SEQ_CST
#define NOTHING __ATOMIC_RELAXED

#define OPERATIONS(BITS, TYPE) \
    TYPE apr_atomic_read##BITS(volatile TYPE *mem) \
    { \
        return __atomic_load_n(mem, NOTHING); \
    } \
    void apr_atomic_set##BITS(volatile TYPE *mem, TYPE value) \
    { \
        __atomic_store_n(mem, value, ORDER); \
    } \
    TYPE apr_atomic_add##BITS(volatile TYPE *mem, TYPE value) \
    { \
        return __atomic_fetch_add(mem, value, ORDER); \
    } \
    void apr_atomic_sub##BITS(volatile TYPE *mem, TYPE value) \
    { \
        __atomic_fetch_sub(mem, value, ORDER); \
    } \
    TYPE apr_atomic_inc##BITS(volatile TYPE *mem) \
    { \
        return __atomic_fetch_add(mem, 1, NOTHING); \
    } \
    int apr_atomic_dec##BITS(volatile TYPE *mem) \
    { \
        return __atomic_sub_fetch(mem, 1, NOTHING) != 0; \
    } \
    TYPE apr_atomic_xchg##BITS(volatile TYPE *mem, TYPE value) \
    { \
        return __atomic_exchange_n(mem, value, ORDER); \
    } \
    TYPE apr_atomic_cas##BITS(volatile TYPE *mem, TYPE with, TYPE expected) \
    { \
        __atomic_compare_exchange_n(mem, &expected, with, 0, ORDER, ORDER); \
        return expected; \
    }

OPERATIONS(32, apr_uint32_t)
OPERATIONS(64, apr_uint64_t)

void *apr_atomic_casptr(volatile void **mem, void *with, const void *expected)
{
    void *found = (void *)expected;

    __atomic_compare_exchange_n((void *volatile *)mem, &found, with, 0, ORDER, ORDER);
    return found;
}

void *apr_atomic_xchgptr(volatile void **mem, void *with)
{
    return __atomic_exchange_n((void *volatile *)mem, with, ORDER);
}
