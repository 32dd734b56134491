/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file own_crl.c
 * Looks up trust anchors in the CRLs that they or others of the list have signed. CRL files are read in files.c and
 * pem_file.c.
 */
#include "trust/own_crl.h"

#include "base/module.h"
#include "base/text.h"
#include "trust/files.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

int cfaop_own_crl_is_self_signed_ca(X509 *cert)
{
    return (X509_get_extension_flags(cert) & EXFLAG_SS) && X509_check_ca(cert) > 0;
}

static int is_of_name(const X509_CRL *crl, const X509 *cert)
{
    return !X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(cert));
}

static int is_signed_by(X509_CRL *crl, X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);

    return key && is_of_name(crl, cert) && X509_CRL_verify(crl, key) == 1;
}

void cfaop_own_crl_find(cfaop_trust *trust)
{
    int i, k;

    for (i = 0; i < trust->crls->nelts; ++i) {
        cfaop_crl *crl = &APR_ARRAY_IDX(trust->crls, i, cfaop_crl);
        crl->by_root = NULL;
        for (k = 0; k < trust->anchors->nelts && !crl->by_root; ++k) {
            X509 *cert = APR_ARRAY_IDX(trust->anchors, k, cfaop_anchor).cert;
            crl->by_root = cfaop_own_crl_is_self_signed_ca(cert) && is_signed_by(crl->crl, cert) ? cert : NULL;
        }
    }
    ERR_clear_error(); /* of CRLs that a namesake has signed */
}

#define FOR_CLIENTS 1
#define FOR_CAS     2

/* Has the CRL a critical extension that OpenSSL does not know? */
static int is_strange(const X509_CRL *crl)
{
    int i, nid;

    for (i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (X509_EXTENSION_get_critical(extension) && nid != NID_issuing_distribution_point
            && nid != NID_authority_key_identifier && nid != NID_delta_crl) {
            return 1;
        }
    }
    return 0;
}

/* Has an entry of the CRL a critical extension? OpenSSL knows only one of these. */
static int has_strange_entry(X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    int i, at;

    for (i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        for (at = -1; (at = X509_REVOKED_get_ext_by_critical(entry, 1, at)) >= 0;) {
            if (OBJ_obj2nid(X509_EXTENSION_get_object(X509_REVOKED_get_ext(entry, at))) != NID_certificate_issuer) {
                return 1;
            }
        }
    }
    return 0;
}

/* For which certificates does OpenSSL use the CRL? For none that is a delta CRL, or about some reasons only. */
static int scope_of(X509_CRL *crl)
{
    ISSUING_DIST_POINT *scope = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
    int is_for = FOR_CLIENTS | FOR_CAS;

    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0 || is_strange(crl) || has_strange_entry(crl)
        || (scope && (scope->onlyattr > 0 || scope->onlysomereasons || scope->indirectCRL > 0))) {
        is_for = 0;
    }
    else if (scope) {
        is_for = (scope->onlyCA > 0 ? 0 : FOR_CLIENTS) | (scope->onlyuser > 0 ? 0 : FOR_CAS);
    }
    ISSUING_DIST_POINT_free(scope);
    return is_for;
}

static int may_sign_crls(X509 *ca)
{
    return !(X509_get_extension_flags(ca) & EXFLAG_KUSAGE) || (X509_get_key_usage(ca) & KU_CRL_SIGN);
}

/* Does OpenSSL take the CRL for one of ca, whose name it has? It compares the key identifiers that are there. */
static int may_be_of(X509_CRL *crl, X509 *ca)
{
    AUTHORITY_KEYID *akid = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    int may_be = X509_check_akid(ca, akid) == X509_V_OK;

    AUTHORITY_KEYID_free(akid);
    return may_be;
}

/* A root that has issued intermediates only has a CRL for CAs only; its intermediates have CRLs of their own. */
static int is_complete(int is_root, int are_for, int others)
{
    return (are_for & FOR_CLIENTS || (is_root && others)) && (are_for & FOR_CAS || !is_root);
}

int cfaop_own_crl_is_missing(const cfaop_trust *trust, X509 *ca)
{
    int i, are_for = 0, others = 0;

    for (i = 0; i < trust->crls->nelts; ++i) {
        X509_CRL *crl = APR_ARRAY_IDX(trust->crls, i, cfaop_crl).crl;
        are_for |= is_signed_by(crl, ca) && may_be_of(crl, ca) && may_sign_crls(ca) ? scope_of(crl) : 0;
        others += !is_of_name(crl, ca);
    }
    ERR_clear_error();
    return trust->crls->nelts && !is_complete(cfaop_own_crl_is_self_signed_ca(ca), are_for, others);
}

const char *cfaop_own_crl_rival(const cfaop_trust *trust, X509 *ca)
{
    int i;

    for (i = 0; i < trust->crls->nelts; ++i) {
        const cfaop_crl *crl = &APR_ARRAY_IDX(trust->crls, i, cfaop_crl);
        if (is_of_name(crl->crl, ca) && may_be_of(crl->crl, ca) && !is_signed_by(crl->crl, ca)) {
            ERR_clear_error();
            return crl->origin;
        }
    }
    return NULL;
}

/* Is the issuer of cert listed, and has it signed the CRL? */
static int is_of_listed_issuer(const cfaop_trust *trust, X509_CRL *crl, X509 *cert)
{
    int i;

    for (i = 0; i < trust->anchors->nelts; ++i) {
        X509 *issuer = APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).cert;
        if (is_signed_by(crl, issuer) && X509_check_issued(issuer, cert) == X509_V_OK) {
            return 1;
        }
    }
    return 0;
}

const char *cfaop_own_crl_revokes(const cfaop_trust *trust, X509 *cert)
{
    const char *origin = NULL;
    X509_REVOKED *entry;
    int i;

    for (i = 0; i < trust->crls->nelts && !origin; ++i) {
        const cfaop_crl *crl = &APR_ARRAY_IDX(trust->crls, i, cfaop_crl);
        if (!X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_issuer_name(cert))
            && X509_CRL_get0_by_cert(crl->crl, &entry, cert) == 1 && is_of_listed_issuer(trust, crl->crl, cert)) {
            origin = crl->origin;
        }
    }
    ERR_clear_error();
    return origin;
}

/* Looks anchor up in its CRL. Returns an X509_V_ code. */
static int look_up(X509_CRL *crl, X509 *anchor, apr_int64_t now)
{
    const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
    X509_REVOKED *entry;

    if (cfaop_text_seconds(X509_CRL_get0_lastUpdate(crl)) > now) {
        return X509_V_ERR_CRL_NOT_YET_VALID;
    }
    if (end && cfaop_text_seconds(end) <= now) {
        return X509_V_ERR_CRL_HAS_EXPIRED;
    }
    return X509_CRL_get0_by_cert(crl, &entry, anchor) == 1 ? X509_V_ERR_CERT_REVOKED : X509_V_OK;
}

/* A CA that was renewed with its key has signed what the old one has. */
static int is_same_ca(const X509 *one, const X509 *other)
{
    return !X509_NAME_cmp(X509_get_subject_name(one), X509_get_subject_name(other))
        && !ASN1_STRING_cmp(X509_get0_pubkey_bitstr(one), X509_get0_pubkey_bitstr(other));
}

int cfaop_own_crl_check(const cfaop_trust *trust, X509 *anchor, apr_time_t now)
{
    int i, error = X509_V_ERR_UNABLE_TO_GET_CRL;

    if (!trust->crls->nelts || !cfaop_own_crl_is_self_signed_ca(anchor)) {
        return X509_V_OK;
    }
    for (i = 0; i < trust->crls->nelts && error != X509_V_ERR_CERT_REVOKED; ++i) {
        const cfaop_crl *crl = &APR_ARRAY_IDX(trust->crls, i, cfaop_crl);
        if (crl->by_root && is_same_ca(crl->by_root, anchor)) {
            int found = look_up(crl->crl, anchor, apr_time_sec(now));
            error = error == X509_V_OK && found != X509_V_ERR_CERT_REVOKED ? error : found;
        }
    }
    return error;
}
