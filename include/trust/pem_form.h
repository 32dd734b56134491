/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pem_form.h
 * Files with certificates in a form that OpenSSL does not read as PEM: what the form is, and a command that mends it.
 * The commands have no backslash, since httpd doubles it in its log.
 */
#ifndef CFAOP_TRUST_PEM_FORM_H
#define CFAOP_TRUST_PEM_FORM_H

#include "apr.h"

/**
 * Returns what a file without PEM is (UTF-16, DER, PKCS#12, PKCS#7, or something else), from the @a length bytes of its
 * @a text, and what to do. A literal, a line without the file's name. In its command FILE is the file and NEW the file
 * to be made. Configuration phase.
 */
const char *cfaop_pem_form_of_binary(const char *text, apr_size_t length);

/** Returns the same for a PEM file of which not all blocks could be read; NULL if the form does not tell why. */
const char *cfaop_pem_form_of_damage(const char *text);

#endif
