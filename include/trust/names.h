/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file names.h
 * Lists of the names of CAs, as a CertificateRequest has room for.
 */
#ifndef CFAOP_TRUST_NAMES_H
#define CFAOP_TRUST_NAMES_H

#include <openssl/x509.h>

/**
 * Adds a copy of @a name to @a names, unless it is there already or the names would no longer fit into a CertificateRequest:
 * then it is left out (a client that picks its certificate by them may not find it). Returns 1, or -1 if the name was left out,
 * or 0 if memory fails. Configuration phase.
 */
int cfaop_names_add(STACK_OF(X509_NAME) *names, X509_NAME *name);

#endif
