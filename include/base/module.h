/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file module.h
 * What all files share: the module record, where the hooks stand, and sizes.
 */
#ifndef CFAOP_BASE_MODULE_H
#define CFAOP_BASE_MODULE_H

#include "ap_config.h"
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"

/** The version of the module; that of AC_INIT in configure.ac, which apxs does not read. */
#define CFAOP_VERSION "0.1.0"

extern module AP_MODULE_DECLARE_DATA cfaop_module;

/**
 * The order of the hooks that judge requests, remove headers and change addresses: before those of every other module.
 * APR_HOOK_REALLY_FIRST is not low enough: mod_security2 uses it too, and mod_perl uses a lower one. Among hooks of the
 * same order that of the LoadModule lines decides.
 */
#define CFAOP_HOOK_FIRST (APR_HOOK_REALLY_FIRST - 1000)

/** The length of a SHA-256 in bytes. */
#define CFAOP_SHA256_LEN 32

/** Room for a SHA-256 in hexadecimal with its closing NUL. */
#define CFAOP_SHA256_HEX (2 * CFAOP_SHA256_LEN + 1)

/**
 * Keeps the compiler from inlining a function into the hook that calls it. Each request passes each hook, and nearly
 * always the hook has nothing to do: then it must not save the registers that the work would need.
 */
#if defined(__GNUC__)
#define CFAOP_OUT_OF_LINE __attribute__((noinline))
#else
#define CFAOP_OUT_OF_LINE
#endif

#endif
