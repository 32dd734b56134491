/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file own_crl.h
 * The CRLs that a trust anchor has signed. Looks up a self-signed one in them: OpenSSL before 4.0 asks for the CRL of
 * such an anchor as for that of each other certificate of the chain; OpenSSL 4.0 leaves the anchor out. The guard asks
 * in both, so that the rule does not depend on the version.
 */
#ifndef CFAOP_TRUST_OWN_CRL_H
#define CFAOP_TRUST_OWN_CRL_H

#include "trust/trust.h"

#include "apr_time.h"

/** Says whether @a cert is a CA that has signed itself. Any phase; any thread. */
int cfaop_own_crl_is_self_signed_ca(X509 *cert);

/** Notes of each CRL of @a trust which listed self-signed CA has signed it. Configuration phase. */
void cfaop_own_crl_find(cfaop_trust *trust);

/**
 * Says whether @a trust has CRLs, but none that @a ca has signed and OpenSSL uses for all certificates: then every
 * certificate that it has issued is refused. Configuration phase.
 */
int cfaop_own_crl_is_missing(const cfaop_trust *trust, X509 *ca);

/**
 * Returns the origin of a CRL of @a trust that another key has signed than that of @a ca, and that OpenSSL takes for
 * one of @a ca nevertheless: it goes by the names, and by the key identifiers where CA and CRL have them. NULL if there
 * is none. Configuration phase.
 */
const char *cfaop_own_crl_rival(const cfaop_trust *trust, X509 *ca);

/**
 * Returns the origin of a CRL of @a trust that revokes @a cert, one of its anchors, and is of a CA that is listed, too.
 * NULL if there is none. Configuration phase.
 */
const char *cfaop_own_crl_revokes(const cfaop_trust *trust, X509 *cert);

/**
 * Looks up @a anchor, the end of a verified chain, in the CRLs that it has signed itself. Returns X509_V_OK for an
 * anchor that is no self-signed CA, and without CRLs in @a trust; else an X509_V_ code: without a CRL of its own that
 * holds at @a now such an anchor is refused. Connection phase; any thread.
 */
int cfaop_own_crl_check(const cfaop_trust *trust, X509 *anchor, apr_time_t now);

#endif
