/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file policy.c
 * Making trusts and policies from the configuration at startup. Virtual hosts whose files have the same content share a
 * trust with its X509_STORE, so ten thousand of them need no more memory than one.
 */
#include "trust/policy.h"

#include "base/findings.h"
#include "base/module.h"
#include "base/text.h"
#include "config/config.h"
#include "config/pin.h"
#include "trust/files.h"
#include "trust/issuer.h"
#include "trust/own_crl.h"
#include "trust/parts.h"
#include "trust/store.h"
#include "trust/trust.h"

#include "apr_hash.h"
#include "apr_strings.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* How much of a name a warning shows. */
#define NAME_MAX_BYTES 256

/* What the servers share while a configuration is resolved. */
typedef struct {
    apr_pool_t *pool; /* the configuration pool */
    apr_pool_t *temp; /* ends with the resolving */
    cfaop_files *files;
    apr_hash_t *by_key;           /* what the directives say, see cfaop_parts_key() -> resolved */
    apr_hash_t *by_digest;        /* digest -> cfaop_trust */
    apr_hash_t *texts;            /* the texts of findings */
    apr_array_header_t *findings; /* of cfaop_finding */
} round_of;

typedef struct {
    const cfaop_trust *trust; /* NULL: see broken */
    const char *broken;
} resolved;

/* Policy digest -> cfaop_policy. Ends with the configuration pool. */
static apr_hash_t *policies;

/* Adds a finding unless there is one of the same text. */
static void add_finding(round_of *round, int level, const char *text)
{
    if (!apr_hash_get(round->texts, text, APR_HASH_KEY_STRING)) {
        cfaop_findings_add(round->findings, level, text);
        apr_hash_set(round->texts, text, APR_HASH_KEY_STRING, text);
    }
}

/* ---- warnings ---- */

static const char *time_text(apr_pool_t *p, const ASN1_TIME *t)
{
    char text[64] = "";
    BIO *bio = BIO_new(BIO_s_mem());
    int length;

    if (bio && ASN1_TIME_print(bio, t) && (length = BIO_read(bio, text, sizeof(text) - 1)) > 0) {
        text[length] = '\0';
    }
    BIO_free(bio);
    return apr_pstrdup(p, text);
}

/* src/operator/expiry.c warns of certificates and CRLs that have ended or will end soon. */
static void warn_of_beginning(round_of *round, const char *kind, const char *origin, const char *subject,
                              const ASN1_TIME *from)
{
    int days = 0, seconds = 0; /* from now on */

    if (from && ASN1_TIME_diff(&days, &seconds, NULL, from) && (days > 0 || seconds > 0)) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP142: %s of \"%s\" (%s) is not valid before %s: what depends on it "
                                 "is refused until then unless a predecessor is listed, check the clock or replace it",
                                 kind, subject, origin, time_text(round->pool, from)));
    }
}

/* OpenSSL takes UTCTime and GeneralizedTime to the second and in UTC, and refuses what depends on another one. */
static void warn_of_time(round_of *round, const char *kind, const char *origin, const char *subject,
                         const ASN1_TIME *time)
{
    if (time && !X509_cmp_current_time(time)) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP157: %s of \"%s\" (%s) has a time that OpenSSL cannot read: what depends on it "
                                 "is refused; have it issued anew",
                                 kind, subject, origin));
    }
}

int cfaop_policy_is_builtin_only(const cfaop_trust *trust)
{
    int i;

    for (i = 0; i < trust->anchors->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).origin, CFAOP_BUILTIN) != 0) {
            return 0;
        }
    }
    return 1;
}

static void warn_of_missing_crl(round_of *round, const cfaop_anchor *anchor, const char *subject)
{
    int is_builtin = !strcmp(anchor->origin, CFAOP_BUILTIN);

    add_finding(round, APLOG_WARNING,
                apr_psprintf(round->pool,
                             "CFAOP151: there is no CRL of \"%s\" (%s) that OpenSSL uses, and others are listed in "
                             "CFOriginPullCARevocationFile: every certificate that it has issued is refused; %s",
                             subject, anchor->origin,
                             is_builtin ? "Cloudflare publishes none: write CFOriginPullCARevocationFile none, or list "
                                          "only CAs that have CRLs in CFOriginPullCACertificateFile"
                                        : "list a CRL of this CA that is for all certificates, or write "
                                          "CFOriginPullCARevocationFile none"));
}

static void warn_of_crls(round_of *round, const cfaop_trust *trust, const cfaop_anchor *anchor, const char *subject)
{
    const char *rival;

    if (cfaop_own_crl_is_missing(trust, anchor->cert)) {
        warn_of_missing_crl(round, anchor, subject);
        return;
    }
    rival = cfaop_own_crl_rival(trust, anchor->cert);
    if (rival) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP152: the CRL in %s is of \"%s\" and of another key than the trusted CA of that "
                                 "name (%s), and OpenSSL can take it for that CA's: while it is the newer one, every "
                                 "certificate of the CA is refused; remove it, or make both CAs with a "
                                 "subjectKeyIdentifier and their CRLs with an authorityKeyIdentifier",
                                 rival, subject, anchor->origin));
    }
}

/* src/operator/trust_warnings.c warns of a listed certificate of a client that is revoked. */
static void warn_of_revoked(round_of *round, const cfaop_trust *trust, const cfaop_anchor *anchor, const char *subject)
{
    const char *origin = cfaop_own_crl_revokes(trust, anchor->cert);

    if (origin) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP155: the trusted CA \"%s\" (%s) is revoked by the CRL in %s: what "
                                 "depends on it is refused; list its successor, and remove it",
                                 subject, anchor->origin, origin));
    }
}

static void warn_of_anchor(round_of *round, const cfaop_trust *trust, const cfaop_anchor *anchor)
{
    const char *subject = cfaop_text_name(round->pool, X509_get_subject_name(anchor->cert), NAME_MAX_BYTES);

    warn_of_beginning(round, "the trusted certificate", anchor->origin, subject, X509_get0_notBefore(anchor->cert));
    warn_of_time(round, "the trusted certificate", anchor->origin, subject, X509_get0_notBefore(anchor->cert));
    warn_of_time(round, "the trusted certificate", anchor->origin, subject, X509_get0_notAfter(anchor->cert));
    if (X509_check_ca(anchor->cert) > 0) {
        warn_of_crls(round, trust, anchor, subject);
        warn_of_revoked(round, trust, anchor, subject);
    }
    if (trust->crls->nelts && X509_check_ca(anchor->cert) <= 0 && !cfaop_issuer_is_listed(trust, anchor->cert)) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP107: \"%s\" (%s) is listed itself and its issuer is not, so that no CRL "
                                 "about it can be verified: remove it from the file to revoke it",
                                 subject, anchor->origin));
    }
}

/* Without CAs, the certificates that can be shown are known. */
static int accepts_no_certificate(const cfaop_trust *trust)
{
    int i;

    for (i = 0; i < trust->anchors->nelts; ++i) {
        X509 *cert = APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor).cert;
        if (X509_check_ca(cert) > 0 || cfaop_pin_matches(trust->pins, cert)) {
            return 0;
        }
    }
    return trust->pins->nelts > 0;
}

static void warn_of_trust(round_of *round, const cfaop_trust *trust)
{
    int i;

    if (trust->pins->nelts && cfaop_policy_is_builtin_only(trust)) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP111: CFOriginPullPin %s stands beside only " CFAOP_BUILTIN ": that "
                                 "certificate is every Cloudflare customer's, and Cloudflare renews it "
                                 "without notice; list the CA of a certificate of your own, or remove the "
                                 "pin",
                                 APR_ARRAY_IDX(trust->pins, 0, cfaop_pin).text));
    }
    if (accepts_no_certificate(trust)) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP154: CFOriginPullPin %s names none of the certificates that are trusted, and "
                                 "there "
                                 "is no CA among them: every client is refused; pin a certificate that is listed (%s), "
                                 "or write CFOriginPullPin none",
                                 APR_ARRAY_IDX(trust->pins, 0, cfaop_pin).text,
                                 APR_ARRAY_IDX(trust->anchors, 0, cfaop_anchor).origin));
    }
    if (trust->unnamed) {
        add_finding(round, APLOG_WARNING,
                    apr_psprintf(round->pool,
                                 "CFAOP110: the names of %d of %d trusted certificates do not fit into "
                                 "the TLS handshake: clients that choose their certificate by these names "
                                 "may not find it, list fewer certificates",
                                 trust->unnamed, trust->anchors->nelts));
    }
    for (i = 0; i < trust->anchors->nelts; ++i) {
        warn_of_anchor(round, trust, &APR_ARRAY_IDX(trust->anchors, i, cfaop_anchor));
    }
    for (i = 0; i < trust->crls->nelts; ++i) {
        const cfaop_crl *c = &APR_ARRAY_IDX(trust->crls, i, cfaop_crl);
        const char *issuer = cfaop_text_name(round->pool, X509_CRL_get_issuer(c->crl), NAME_MAX_BYTES);
        warn_of_beginning(round, "the CRL", c->origin, issuer, X509_CRL_get0_lastUpdate(c->crl));
        warn_of_time(round, "the CRL", c->origin, issuer, X509_CRL_get0_lastUpdate(c->crl));
        warn_of_time(round, "the CRL", c->origin, issuer, X509_CRL_get0_nextUpdate(c->crl));
    }
}

/* ---- resolving a server ---- */

static const char *no_anchors(round_of *round, const cfaop_server_conf *conf)
{
    const char *text = apr_psprintf(round->pool,
                                    "CFAOP141: CFOriginPullCACertificateFile: the list is empty, so that "
                                    "nothing could ever be verified (%s): write " CFAOP_BUILTIN " or the "
                                    "path of a PEM file",
                                    conf->ca_where);

    add_finding(round, APLOG_ERR, text);
    return text;
}

/* Makes the trust that conf describes. */
static void make_trust(round_of *round, const cfaop_server_conf *conf, resolved *out)
{
    cfaop_trust *trust = apr_pcalloc(round->pool, sizeof(*trust));
    apr_array_header_t *mistakes = apr_array_make(round->temp, 1, sizeof(const char *));
    int i;

    out->broken = cfaop_parts_load(round->pool, round->files, &conf->verify, trust, mistakes);
    for (i = 0; i < mistakes->nelts; ++i) {
        add_finding(round, APLOG_ERR, APR_ARRAY_IDX(mistakes, i, const char *));
    }
    if (!out->broken && !trust->anchors->nelts && cfaop_config_asks(conf)) {
        out->broken = no_anchors(round, conf);
    }
    if (!out->broken && trust->anchors->nelts) {
        out->trust = cfaop_store_intern(round->pool, round->by_digest, trust);
        if (!out->trust) {
            out->broken = "CFAOP147: OpenSSL failed to build the certificate store: see the lines above, check the "
                          "memory";
            add_finding(round, APLOG_ERR, out->broken);
        }
    }
    ERR_clear_error();
}

/*
 * Makes the trust that conf describes, or finds the trust of an earlier server with the same configuration. The key
 * says whether the trust is needed, because an empty list is a mistake only then. scratch is for the call.
 */
static const resolved *trust_of(round_of *round, const cfaop_server_conf *conf, apr_pool_t *scratch)
{
    const char *key = apr_psprintf(scratch, "%d\n%s", cfaop_config_asks(conf), cfaop_parts_key(scratch, &conf->verify));
    resolved *r = apr_hash_get(round->by_key, key, APR_HASH_KEY_STRING);

    if (!r) {
        r = apr_pcalloc(round->temp, sizeof(*r));
        make_trust(round, conf, r);
        apr_hash_set(round->by_key, apr_pstrdup(round->temp, key), APR_HASH_KEY_STRING, r);
        if (r->trust && cfaop_config_asks(conf)) {
            warn_of_trust(round, r->trust);
        }
    }
    return r;
}

/* Resolves a server. scratch is for the call. */
static void resolve_server(round_of *round, cfaop_server_conf *conf, apr_pool_t *scratch)
{
    const resolved *r = trust_of(round, conf, scratch);

    conf->trust = r->trust;
    conf->broken = r->broken;
    if (conf->expiry_error) {
        add_finding(round, APLOG_WARNING, conf->expiry_error);
    }
    if (conf->setter_error) {
        conf->trust = NULL;
        conf->broken = apr_pstrcat(round->pool, "CFAOP108: ", conf->setter_error, NULL);
        add_finding(round, APLOG_ERR, conf->broken);
    }
}

static apr_status_t forget_policies(void *data)
{
    (void)data;
    policies = NULL;
    return APR_SUCCESS;
}

apr_array_header_t *cfaop_policy_resolve_all(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base)
{
    round_of round;
    apr_pool_t *scratch;
    server_rec *s;
    int index = 0;

    round.pool = p;
    round.temp = ptemp;
    round.files = cfaop_files_create(p);
    round.by_key = apr_hash_make(ptemp);
    round.by_digest = apr_hash_make(p);
    round.texts = apr_hash_make(ptemp);
    round.findings = apr_array_make(p, 4, sizeof(cfaop_finding));
    policies = apr_hash_make(p);
    apr_pool_cleanup_register(p, NULL, forget_policies, apr_pool_cleanup_null);
    apr_pool_create(&scratch, ptemp);
    for (s = base; s; s = s->next) {
        cfaop_server_conf *conf = cfaop_config_of(s);
        conf->index = index++;
        resolve_server(&round, conf, scratch);
        apr_pool_clear(scratch);
    }
    apr_pool_destroy(scratch);
    return round.findings;
}

const cfaop_policy *cfaop_policy_at_level(const cfaop_trust *trust, int level)
{
    unsigned char digest[CFAOP_SHA256_LEN], last = (unsigned char)level;
    apr_pool_t *p = apr_hash_pool_get(policies);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    cfaop_policy *policy = NULL;

    if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) && EVP_DigestUpdate(md, trust->digest, CFAOP_SHA256_LEN)
        && EVP_DigestUpdate(md, &last, 1) && EVP_DigestFinal_ex(md, digest, NULL)) {
        policy = apr_hash_get(policies, digest, CFAOP_SHA256_LEN);
        if (!policy) {
            policy = apr_pcalloc(p, sizeof(*policy));
            policy->trust = trust;
            policy->level = level;
            memcpy(policy->digest, digest, CFAOP_SHA256_LEN);
            apr_hash_set(policies, policy->digest, CFAOP_SHA256_LEN, policy);
        }
    }
    EVP_MD_CTX_free(md);
    return policy;
}
