/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file issuer.c
 * Finding the issuer of a certificate among the anchors of a trust.
 */
#include "trust/issuer.h"

#include "trust/files.h"

#include <openssl/x509v3.h>

/* Returns the anchor whose certificate this is; NULL if the client has sent it. */
static const cfaop_anchor *anchor_of(const cfaop_trust *trust, const X509 *cert)
{
    int i;

    for (i = 0; i < trust->anchors->nelts; ++i) {
        if (APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).cert == cert) {
            return &APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor);
        }
    }
    return NULL;
}

static int has_signed(const X509 *issuer, X509 *cert)
{
    return X509_check_ca((X509 *)issuer) > 0 && X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
}

/* Has the anchor signed cert? OpenSSL asks up to three times for the same two. */
static int has_anchor_signed(cfaop_issuer_check *v, const X509 *anchor, X509 *cert)
{
    cfaop_issuer_answer *answer;
    int i, is_issuer;

    for (i = 0; i < v->answered; ++i) {
        if (v->answers[i].cert == cert && v->answers[i].anchor == anchor) {
            return v->answers[i].is_issuer;
        }
    }
    is_issuer = has_signed(anchor, cert);
    if (v->answered < CFAOP_ISSUER_ANSWERS_MAX) {
        answer = &v->answers[v->answered++];
        *answer = (cfaop_issuer_answer){cert, anchor, is_issuer};
    }
    return is_issuer;
}

int cfaop_issuer_may_be(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer)
{
    cfaop_issuer_check *v = X509_STORE_CTX_get_app_data(ctx);
    const cfaop_anchor *anchor;

    if (!v || !v->trust->check_names(ctx, cert, issuer)) {
        return 0;
    }
    anchor = anchor_of(v->trust, issuer);
    if (!anchor || !anchor->has_namesake || !X509_cmp(cert, issuer)) {
        return 1;
    }
    return has_anchor_signed(v, anchor->cert, cert);
}

int cfaop_issuer_is_listed(const cfaop_trust *trust, X509 *cert)
{
    int i;

    if (X509_get_extension_flags(cert) & EXFLAG_SS) {
        return 0;
    }
    for (i = 0; i < trust->anchors->nelts; ++i) {
        X509 *issuer = APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).cert;
        if (X509_check_ca(issuer) > 0 && X509_check_issued(issuer, cert) == X509_V_OK) {
            return 1;
        }
    }
    return 0;
}
