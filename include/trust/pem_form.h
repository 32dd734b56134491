/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pem_form.h
 * Files that hold the right certificates in a form that OpenSSL does not read as PEM: what the form is, and a command
 * that mends it. The commands have no backslash, since httpd doubles it in its log.
 */
#ifndef CFAOP_TRUST_PEM_FORM_H
#define CFAOP_TRUST_PEM_FORM_H

#include "apr.h"

/**
 * Returns what the @a length bytes of @a text are, in which there is no PEM, and what to do: UTF-16, DER, PKCS#12,
 * PKCS#7, or something else. A literal, one line without the file's name, in which FILE and NEW stand for the file and
 * for what a command makes of it. Configuration phase.
 */
const char *cfaop_pem_form_of_binary(const char *text, apr_size_t length);

/** The same for a PEM file of which not all blocks could be read; NULL if its form does not tell why. */
const char *cfaop_pem_form_of_damage(const char *text);

#endif
