/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file names.h
 * The list of CA names for a CertificateRequest, whose size is limited.
 */
#ifndef CFAOP_TRUST_NAMES_H
#define CFAOP_TRUST_NAMES_H

#include <openssl/x509.h>

/**
 * Adds a copy of @a name to @a names, unless it is there already. Returns 1; or -1 if the name was left out, because it
 * would make the list too long for a CertificateRequest (a client that chooses its certificate by the names may then
 * not find it); or 0 if memory fails. Configuration phase.
 */
int cfaop_names_add(STACK_OF(X509_NAME) *names, const X509_NAME *name);

/** Says whether a CertificateRequest has room for @a names. If not, each handshake fails. Configuration phase. */
int cfaop_names_fit(const STACK_OF(X509_NAME) *names);

#endif
