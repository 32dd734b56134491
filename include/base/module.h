/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file module.h
 * What every file of the module knows: its name for httpd, and where its hooks stand.
 */
#ifndef CFAOP_BASE_MODULE_H
#define CFAOP_BASE_MODULE_H

#include "ap_config.h"
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"

extern module AP_MODULE_DECLARE_DATA cfaop_module;

/**
 * Where the hooks stand that judge requests, remove headers and settle addresses: before those of every other module.
 * APR_HOOK_REALLY_FIRST would not do: mod_security2 registers so too, and mod_perl lower. Among equals the order of
 * the LoadModule lines decides.
 */
#define CFAOP_HOOK_FIRST (APR_HOOK_REALLY_FIRST - 1000)
#define CFAOP_SHA256_LEN 32

/** Room for a SHA-256 in hexadecimal with its closing NUL. */
#define CFAOP_SHA256_HEX (2 * CFAOP_SHA256_LEN + 1)

/**
 * Keeps a function out of the hooks that call it. Each request passes by each hook, nearly always for nothing; then it shall not have to save
 * the registers that the work would need.
 */
#if defined(__GNUC__)
#define CFAOP_OUT_OF_LINE __attribute__((noinline))
#else
#define CFAOP_OUT_OF_LINE
#endif

#endif
