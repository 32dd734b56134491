/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file chain.c
 * Verifying a client's certificate against a policy. OpenSSL's TLS code sets purpose, depth and security level on its
 * X509_STORE_CTX. The guard has a context of its own, so it sets them itself.
 */
#include "trust/chain.h"

#include "pure/verdict.h"
#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "config/pin.h"
#include "trust/files.h"
#include "trust/issuer.h"
#include "trust/own_crl.h"
#include "trust/policy.h"
#include "trust/trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* What a certificate is verified as. */
typedef enum {
    AS_SIGNED, /* a TLS client's, without a look at the CRLs */
    AS_CLIENT, /* a TLS client's */
    AS_ANCHOR  /* an anchor, by its own issuers */
} cfaop_chain_kind;

/* How many listed certificates may form a chain, each the issuer of the one before it. */
#define ANCHOR_CHAIN_MAX 10

static cfaop_reason reason_of(int x509_error)
{
    switch (x509_error) {
    case X509_V_OK:
        return CFAOP_REASON_NONE;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return CFAOP_REASON_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CFAOP_REASON_NOT_YET_VALID;
    case X509_V_ERR_CERT_REVOKED:
        return CFAOP_REASON_REVOKED;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_CERT_REJECTED:
        return CFAOP_REASON_WRONG_PURPOSE;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return CFAOP_REASON_DEPTH;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        return CFAOP_REASON_UNTRUSTED_ISSUER;
    default:
        return CFAOP_REASON_OTHER;
    }
}

/*
 * OpenSSL's callback for errors. Once there are CRLs, OpenSSL wants a CRL for each certificate of the chain, the trust
 * anchor included. But the administrator revokes an anchor by taking it from the list. So at an anchor that is not a
 * self-signed CA two errors are excused: 3 (no CRL) and 8 (a CRL that OpenSSL wrongly takes for one that the anchor has
 * signed). If the anchor's issuer is listed, too, verify_anchor() checks the anchor.
 */
static int on_error(int ok, X509_STORE_CTX *ctx)
{
    cfaop_issuer_check *v = X509_STORE_CTX_get_app_data(ctx);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int error = X509_STORE_CTX_get_error(ctx);
    int depth = X509_STORE_CTX_get_error_depth(ctx);

    if (ok || (error != X509_V_ERR_UNABLE_TO_GET_CRL && error != X509_V_ERR_CRL_SIGNATURE_FAILURE)) {
        return ok;
    }
    if (depth != sk_X509_num(chain) - 1 || cfaop_own_crl_is_self_signed_ca(sk_X509_value(chain, depth))) {
        return 0;
    }
    v->anchor_excused = 1;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

/* Prepares ctx to verify cert under policy. Returns 0 if OpenSSL fails. */
static int prepare(X509_STORE_CTX *ctx, const cfaop_policy *policy, X509 *cert, STACK_OF(X509) *untrusted, int level,
                   apr_time_t now, cfaop_issuer_check *v, cfaop_chain_kind kind)
{
    X509_VERIFY_PARAM *param;
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;

    if (kind != AS_SIGNED && policy->trust->crls->nelts) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    }
    if (!X509_STORE_CTX_init(ctx, policy->trust->store, cert, untrusted)
        || (kind != AS_ANCHOR && !X509_STORE_CTX_set_default(ctx, "ssl_client"))
        || !X509_STORE_CTX_set_app_data(ctx, v)) {
        return 0;
    }
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_depth(param, kind != AS_ANCHOR ? policy->trust->depth : ANCHOR_CHAIN_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, level > policy->level ? level : policy->level);
    X509_VERIFY_PARAM_set_time(param, (time_t)apr_time_sec(now));
    X509_STORE_CTX_set_verify_cb(ctx, on_error);
    return X509_VERIFY_PARAM_set_flags(param, flags);
}

static void lower_end(apr_int64_t *until, apr_int64_t end)
{
    *until = end < *until ? end : *until;
}

/*
 * Lowers the end of validity to the time when crl changes what is revoked: its end, or its beginning if that is still
 * to come. A CRL that has ended changes nothing: OpenSSL has used another CRL, the successor of this one for instance.
 */
static void lower_to_change(apr_int64_t *until, const X509_CRL *crl, apr_int64_t now)
{
    apr_int64_t begin = cfaop_text_seconds(X509_CRL_get0_lastUpdate(crl));
    apr_int64_t end = X509_CRL_get0_nextUpdate(crl) ? cfaop_text_seconds(X509_CRL_get0_nextUpdate(crl)) : APR_INT64_MAX;

    if (begin > now) {
        lower_end(until, begin);
    }
    else if (end > now) {
        lower_end(until, end);
    }
}

/* Lowers the end of validity to the notAfter of cert, and to the next change of the CRLs by its issuer. */
static void limit_validity(const cfaop_policy *policy, X509 *cert, cfaop_chain_result *result)
{
    int i;

    lower_end(&result->valid_until, cfaop_text_seconds(X509_get0_notAfter(cert)));
    for (i = 0; i < policy->trust->crls->nelts; ++i) {
        X509_CRL *crl = APR_ARRAY_IDX(policy->trust->crls, i, cfaop_crl).crl;
        if (!X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(cert))) {
            lower_to_change(&result->valid_until, crl, result->valid_from);
        }
    }
}

/* Fills in result, and *anchor, from the verified chain of ctx. Returns an X509_V_ code. */
static int accept_chain(X509_STORE_CTX *ctx, const cfaop_policy *policy, cfaop_chain_result *result, X509 **anchor)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int i, count = sk_X509_num(chain);

    if (count < 1) {
        return X509_V_ERR_UNSPECIFIED;
    }
    for (i = 0; i < count; ++i) {
        limit_validity(policy, sk_X509_value(chain, i), result);
    }
    *anchor = sk_X509_value(chain, count - 1);
    result->is_leaf_only = X509_STORE_CTX_get_num_untrusted(ctx) <= 1;
    return X509_digest(*anchor, EVP_sha256(), result->anchor, NULL) ? X509_V_OK : X509_V_ERR_OUT_OF_MEM;
}

/*
 * Verifies cert. Returns an X509_V_ code. *next is an anchor that was excused from the CRL check although its issuer is
 * listed, with a reference that the caller frees; NULL if there is none.
 */
static int verify_once(const cfaop_policy *policy, X509 *cert, STACK_OF(X509) *untrusted, int level, apr_time_t now,
                       cfaop_chain_kind kind, cfaop_chain_result *result, X509 **next)
{
    cfaop_issuer_check v = {.trust = policy->trust};
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *anchor = NULL;
    int error = X509_V_ERR_OUT_OF_MEM;

    *next = NULL;
    if (ctx && prepare(ctx, policy, cert, untrusted, level, now, &v, kind)) {
        int good = X509_verify_cert(ctx);
        error = X509_STORE_CTX_get_error(ctx);
        if (good != 1 && error == X509_V_OK) {
            error = X509_V_ERR_UNSPECIFIED;
        }
        if (good == 1 && error == X509_V_OK) {
            error = accept_chain(ctx, policy, result, &anchor);
            if (error == X509_V_OK && kind != AS_SIGNED) {
                error = cfaop_own_crl_check(policy->trust, anchor, now);
            }
        }
    }
    if (error == X509_V_OK && v.anchor_excused && cfaop_issuer_is_listed(policy->trust, anchor)
        && X509_up_ref(anchor)) {
        *next = anchor;
    }
    X509_STORE_CTX_free(ctx);
    return error;
}

/* Checks an excused anchor against the CRLs of its listed issuer, and so on upwards. Frees the reference to cert. */
static int verify_anchor(const cfaop_policy *policy, X509 *cert, int level, apr_time_t now, apr_int64_t *until)
{
    int i, error = X509_V_OK;

    for (i = 0; cert && error == X509_V_OK; ++i) {
        cfaop_chain_result above = {.valid_from = apr_time_sec(now), .valid_until = *until};
        X509 *next;
        error = i < ANCHOR_CHAIN_MAX ? verify_once(policy, cert, NULL, level, now, AS_ANCHOR, &above, &next)
                                     : X509_V_ERR_CERT_CHAIN_TOO_LONG;
        X509_free(cert);
        cert = error == X509_V_OK ? next : NULL;
        *until = above.valid_until;
    }
    return error;
}

static int is_listed(const cfaop_policy *policy, X509 *cert)
{
    unsigned char sha256[EVP_MAX_MD_SIZE];
    int i;

    for (i = 0; i < policy->trust->anchors->nelts; ++i) {
        if (i == 0 && !X509_digest(cert, EVP_sha256(), sha256, NULL)) {
            return 0;
        }
        if (!memcmp(sha256, APR_ARRAY_IDX(policy->trust->anchors, i, cfaop_anchor).sha256, CFAOP_SHA256_LEN)) {
            return 1;
        }
    }
    return 0;
}

/*
 * Returns the first certificates that the client sent; NULL if memory fails. OpenSSL compares each of them with each
 * certificate of the chain, so the client must not decide how many there are. The caller frees the list, but not the
 * certificates.
 */
static STACK_OF(X509) *first_of(STACK_OF(X509) *sent)
{
    STACK_OF(X509) *first = sk_X509_new_null();
    int i;

    for (i = 0; first && i < CFAOP_SENT_MAX; ++i) {
        if (!sk_X509_push(first, sk_X509_value(sent, i))) {
            sk_X509_free(first);
            return NULL;
        }
    }
    return first;
}

/*
 * Verifies leaf, and the anchor of its chain if that was excused from the CRL check. Returns an X509_V_ code. OpenSSL
 * checks a CRL's signature, with the key of whatever certificate it takes for the issuer, before it checks those of the
 * chain. So it sees the CRLs only when a listed key has vouched for each certificate of the chain.
 */
static int verify_chain(const cfaop_policy *policy, X509 *leaf, STACK_OF(X509) *untrusted, int level, apr_time_t now,
                        cfaop_chain_result *result)
{
    X509 *excused = NULL;
    int error = verify_once(policy, leaf, untrusted, level, now, AS_SIGNED, result, &excused);

    if (error == X509_V_OK && policy->trust->crls->nelts) {
        error = verify_once(policy, leaf, untrusted, level, now, AS_CLIENT, result, &excused);
    }

    return excused ? verify_anchor(policy, excused, level, now, &result->valid_until) : error;
}

cfaop_chain_result cfaop_chain_verify(const cfaop_policy *policy, X509 *leaf, STACK_OF(X509) *untrusted, int level,
                                      apr_time_t now)
{
    cfaop_chain_result result = {.valid_from = apr_time_sec(now), .valid_until = APR_INT64_MAX};
    STACK_OF(X509) *first = NULL;

    result.x509_error = X509_V_ERR_UNSPECIFIED;
    /*
     * OpenSSL follows the client's chain before it looks for the leaf in the store, and a long chain would fail there
     */
    if (leaf && sk_X509_num(untrusted) > 1 && is_listed(policy, leaf)) {
        untrusted = NULL;
    }
    if (sk_X509_num(untrusted) > CFAOP_SENT_MAX) {
        untrusted = first = first_of(untrusted);
    }
    if (leaf) {
        result.x509_error = verify_chain(policy, leaf, untrusted, level, now, &result);
    }
    sk_X509_free(first);
    result.reason = reason_of(result.x509_error);
    if (result.reason == CFAOP_REASON_NONE && policy->trust->pins->nelts
        && !cfaop_pin_matches(policy->trust->pins, leaf)) {
        result.reason = CFAOP_REASON_PIN;
        result.x509_error = X509_V_ERR_APPLICATION_VERIFICATION;
    }
    ERR_clear_error();
    return result;
}
