/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file trust_warnings.c
 * Warns of trusted certificates that let in more clients than the edge, and of those that let in no client. One line a
 * certificate, with the virtual hosts that trust it. There is no warning about the built-in CA.
 */
#include "operator/trust_warnings.h"

#include "base/findings.h"
#include "base/module.h"
#include "base/name_list.h"
#include "base/text.h"
#include "config/config.h"
#include "config/tree.h"
#include "trust/chain.h"
#include "trust/files.h"
#include "trust/policy.h"
#include "trust/security_level.h"
#include "trust/server_certificate.h"
#include "trust/trust.h"
#include "trust/system_cas.h"

#include "apr_hash.h"
#include "apr_strings.h"

#include <openssl/x509v3.h>

#include <stdlib.h>

APLOG_USE_MODULE(cfaop);

/* How many certificates have a line of one tag; the last line counts the others. */
#define LINES_MAX 5

#define NARROW \
    "list only the CA of the certificate that you uploaded at Cloudflare, or pin that certificate with " \
    "CFOriginPullPin"

/* The tags, in the order in which their lines are written. */
#define TAG_LIST(X) \
    X(TAG_OWN, "CFAOP134") \
    X(TAG_SYSTEM, "CFAOP135") \
    X(TAG_USELESS, "CFAOP136")

#define VALUE_OF(value, name) value,
#define NAME_OF(value, name)  [value] = name,

typedef enum { TAG_LIST(VALUE_OF) TAGS } tag;

static const char *const tag_names[TAGS] = {TAG_LIST(NAME_OF)};

/* A line that will be written once all servers are known that it names. */
typedef struct {
    tag about;
    const char *text;
    apr_array_header_t *servers; /* of const server_rec * */
} warning;

/* Servers that have something in common. */
typedef struct {
    const char *path;       /* the file of their own certificate; NULL: the group goes by level */
    const char *chain_path; /* of SSLCertificateChainFile; NULL: none */
    const cfaop_trust *trust;
    int level;                   /* the security level of their TLS */
    apr_array_header_t *servers; /* of const server_rec * */
} group;

typedef struct {
    apr_pool_t *pool; /* ends with the search */
    cfaop_tree *tree;
    apr_array_header_t *by_level; /* of group *: servers with the same trust and security level */
    apr_array_header_t *files;    /* of group *: servers with the same trust and the same certificate of their own */
    apr_hash_t *by_key;           /* text -> group */
    apr_array_header_t *warnings; /* of warning * */
    apr_hash_t *by_text;          /* text -> warning */
    apr_hash_t *told;             /* SHA-256 -> anchor with a line of CFAOP134 */
    cfaop_system_cas *system;     /* NULL: not read yet */
} search;

static int is_from_file(const cfaop_anchor *anchor)
{
    return strcmp(anchor->origin, CFAOP_BUILTIN) != 0;
}

/* ---- grouping servers ---- */

static void add_to_group(search *find, apr_array_header_t *groups, const group *like, const server_rec *s)
{
    const char *key = apr_psprintf(find->pool, "%pp %d %s %s", (const void *)like->trust, like->level,
                                   like->path ? like->path : "", like->chain_path ? like->chain_path : "");
    group *g = apr_hash_get(find->by_key, key, APR_HASH_KEY_STRING);

    if (!g) {
        g = apr_pmemdup(find->pool, like, sizeof(*like));
        g->servers = apr_array_make(find->pool, 2, sizeof(const server_rec *));
        apr_hash_set(find->by_key, key, APR_HASH_KEY_STRING, g);
        APR_ARRAY_PUSH(groups, group *) = g;
    }
    APR_ARRAY_PUSH(g->servers, const server_rec *) = s;
}

static void group_servers(search *find, const server_rec *base, int (*is_wanted)(const server_rec *))
{
    int fallback = -1;
    const server_rec *s;

    for (s = base; s; s = s->next) {
        const cfaop_trust *trust = is_wanted(s) ? cfaop_config_of(s)->trust : NULL;
        group g = {.trust = trust};
        const apr_array_header_t *files;
        int i;
        if (!trust || cfaop_policy_is_builtin_only(trust)) {
            continue;
        }
        if (!find->tree) {
            find->tree = cfaop_tree_index(find->pool, base);
            fallback = cfaop_security_level_default();
        }
        if (!cfaop_config_of(s)->policy && !cfaop_tree_shows_tls(find->tree, s)) {
            continue; /* without TLS it asks for no certificate */
        }
        files = cfaop_tree_certificate_files(find->pool, find->tree, s);
        g.chain_path = cfaop_tree_chain_file(find->pool, find->tree, s);
        for (i = 0; i < files->nelts && !trust->pins->nelts; ++i) {
            g.path = APR_ARRAY_IDX(files, i, const char *);
            add_to_group(find, find->files, &g, s);
        }
        g.path = g.chain_path = NULL;
        g.level = cfaop_security_level_of(find->tree, s, fallback);
        add_to_group(find, find->by_level, &g, s);
    }
}

static int compare_chains(const group *a, const group *b)
{
    int order = strcmp(a->path, b->path);

    return order ? order : strcmp(a->chain_path ? a->chain_path : "", b->chain_path ? b->chain_path : "");
}

static int compare_paths(const void *a, const void *b)
{
    return compare_chains(*(group *const *)a, *(group *const *)b);
}

/* ---- lines ---- */

/* Adds the servers of g to the line of this tag about anchor. */
static void warn_of_anchor(search *find, tag about, const cfaop_anchor *anchor, const char *what, const group *g)
{
    const char *text =
        apr_psprintf(find->pool, "%s: the trusted certificate of \"%s\" (%s) %s", tag_names[about],
                     cfaop_text_subject(find->pool, X509_get_subject_name(anchor->cert)), anchor->origin, what);
    const char *key = apr_psprintf(find->pool, "%pp %s", (const void *)anchor->cert, text);
    warning *w = apr_hash_get(find->by_text, key, APR_HASH_KEY_STRING);

    if (!w) {
        w = apr_palloc(find->pool, sizeof(*w));
        w->about = about;
        w->text = text;
        w->servers = apr_array_make(find->pool, 2, sizeof(const server_rec *));
        APR_ARRAY_PUSH(find->warnings, warning *) = w;
        apr_hash_set(find->by_text, key, APR_HASH_KEY_STRING, w);
    }
    apr_array_cat(w->servers, g->servers);
    if (about == TAG_OWN) {
        apr_hash_set(find->told, anchor->sha256, CFAOP_SHA256_LEN, anchor);
    }
}

/* "a, b and 3 more": a server that shows two certificates is named once. */
static const char *servers_once(apr_pool_t *p, const apr_array_header_t *servers)
{
    apr_hash_t *seen = apr_hash_make(p);
    cfaop_name_list list = {p, NULL, 0};
    int i;

    for (i = 0; i < servers->nelts; ++i) {
        const server_rec *const *s = &APR_ARRAY_IDX(servers, i, const server_rec *);
        if (!apr_hash_get(seen, s, sizeof(*s))) {
            cfaop_name_list_add_server(&list, ", ", *s);
        }
        apr_hash_set(seen, s, sizeof(*s), s);
    }
    return cfaop_name_list_text(&list);
}

static void write_lines(const search *find, tag about, apr_array_header_t *findings)
{
    int i, count = 0;

    for (i = 0; i < find->warnings->nelts; ++i) {
        const warning *w = APR_ARRAY_IDX(find->warnings, i, const warning *);
        if (w->about == about && count++ < LINES_MAX) {
            cfaop_findings_add(findings, APLOG_WARNING,
                               apr_psprintf(findings->pool, "%s; trusted by %s", w->text,
                                            servers_once(find->pool, w->servers)));
        }
    }
    if (count > LINES_MAX) {
        cfaop_findings_add(findings, APLOG_WARNING,
                           apr_psprintf(findings->pool, "%s: and %d more of the trusted certificates, as those above",
                                        tag_names[about], count - LINES_MAX));
    }
}

/* ---- CFAOP134: the server's own certificate, or its CA ---- */

static void compare_with_own(search *find, const apr_array_header_t *chain, const group *g)
{
    const apr_array_header_t *anchors = g->trust->anchors;
    int i;

    for (i = 0; i < anchors->nelts; ++i) {
        const cfaop_anchor *anchor = &APR_ARRAY_IDX(anchors, i, cfaop_anchor);
        cfaop_kinship kinship =
            is_from_file(anchor) ? cfaop_server_certificate_kinship(chain, anchor->cert) : CFAOP_KINSHIP_NONE;
        if (kinship == CFAOP_KINSHIP_SELF) {
            warn_of_anchor(find, TAG_OWN, anchor,
                           "is the server's own certificate, which Cloudflare does not show: list the CA of the "
                           "certificate that you uploaded at Cloudflare, or that certificate itself",
                           g);
        }
        else if (kinship == CFAOP_KINSHIP_ISSUER) {
            warn_of_anchor(find, TAG_OWN, anchor,
                           "has issued the server's own certificate, and every client with a certificate of that CA "
                           "is let in: " NARROW,
                           g);
        }
    }
}

static void look_at_own(search *find)
{
    const apr_array_header_t *chain = NULL;
    const group *last = NULL;
    apr_pool_t *scratch;
    int i;

    apr_pool_create(&scratch, find->pool);
    qsort(find->files->elts, (size_t)find->files->nelts, sizeof(group *), compare_paths);
    for (i = 0; i < find->files->nelts; ++i) {
        const group *g = APR_ARRAY_IDX(find->files, i, const group *);
        if (!last || compare_chains(last, g)) {
            apr_pool_clear(scratch); /* each file is read once, and not kept */
            chain = cfaop_server_certificate_read(scratch, g->path, g->chain_path);
        }
        last = g;
        compare_with_own(find, chain, g);
    }
    apr_pool_destroy(scratch);
}

/* ---- CFAOP136: certificates that can verify no client ---- */

static const char *why_not_for_clients(X509 *cert)
{
    if ((X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) && !(X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT)) {
        return "its extendedKeyUsage lacks clientAuth: list one that has it, or no extendedKeyUsage at all";
    }
    return "its keyUsage or basicConstraints forbid that: list one made for TLS clients (a CA: keyCertSign; a leaf: "
           "digitalSignature)";
}

static const char *why_too_weak(const search *find, const char *what, int level)
{
    return apr_psprintf(find->pool,
                        "its %s is too weak for OpenSSL's security level %d, the server's: list one with a stronger %s",
                        what, level, what);
}

/* Says why the guard refuses cert when a client shows it; NULL: it accepts it, or does so at another time. */
static const char *why_refused(const search *find, const cfaop_chain_result *result, int level, X509 *cert)
{
    switch (result->x509_error) {
    case X509_V_OK:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_APPLICATION_VERIFICATION: /* a pin names another one */
        return NULL;
    case X509_V_ERR_INVALID_PURPOSE:
        return why_not_for_clients(cert);
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        return why_too_weak(find, "key", level);
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return why_too_weak(find, "signature's digest", level);
    default:
        return apr_psprintf(find->pool, "it is refused itself (OpenSSL says: %s): list another one",
                            X509_verify_cert_error_string(result->x509_error));
    }
}

/* Does OpenSSL refuse each chain with the certificate in it, for extensions that it does not know or cannot read? */
static int is_refused_as_ca(X509 *cert)
{
    return (X509_get_extension_flags(cert) & (EXFLAG_CRITICAL | EXFLAG_INVALID)) != 0;
}

/*
 * Judges the certificate as if a client showed it. A CA that is refused may still issue certificates of clients:
 * OpenSSL must allow that by the CA's purpose, and the CA's key must be strong enough.
 */
static const char *why_useless(const search *find, const group *g, X509 *cert)
{
    cfaop_policy policy = {.trust = g->trust, .level = g->level};
    cfaop_chain_result result = cfaop_chain_verify(&policy, cert, NULL, g->level, apr_time_now());
    const char *why = why_refused(find, &result, g->level, cert);

    if (!why || is_refused_as_ca(cert) || !(X509_get_extension_flags(cert) & EXFLAG_CA || X509_check_ca(cert) > 0)) {
        return why;
    }
    if (!X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 1)) {
        return why_not_for_clients(cert);
    }
    return cfaop_security_level_allows(g->level, cert) ? NULL : why_too_weak(find, "key", g->level);
}

/* ---- CFAOP135: the system's CAs ---- */

#define LETS_IN " that this system trusts in general, and every client with a certificate of that CA is let in: " NARROW

/* What cert is to the system's CAs; NULL: nothing. */
static const char *kinship_with_system(search *find, X509 *cert)
{
    if (!find->system) {
        find->system = cfaop_system_cas_load(find->pool);
    }
    if (!find->system) {
        return NULL;
    }
    if (cfaop_system_cas_has(find->system, cert)) {
        return "is one of the CAs" LETS_IN;
    }
    return cfaop_system_cas_has_issued(find->system, cert) ? "was issued by one of the CAs" LETS_IN : NULL;
}

static void look_at_trust(search *find, const group *g)
{
    int i;

    for (i = 0; i < g->trust->anchors->nelts; ++i) {
        const cfaop_anchor *anchor = &APR_ARRAY_IDX(g->trust->anchors, i, cfaop_anchor);
        const char *why, *kinship;
        if (!is_from_file(anchor) || apr_hash_get(find->told, anchor->sha256, CFAOP_SHA256_LEN)) {
            continue;
        }
        why = why_useless(find, g, anchor->cert);
        if (why) {
            warn_of_anchor(find, TAG_USELESS, anchor,
                           apr_pstrcat(find->pool, "can verify no client, since ", why, NULL), g);
            continue;
        }
        kinship = g->trust->pins->nelts ? NULL : kinship_with_system(find, anchor->cert);
        if (kinship) {
            warn_of_anchor(find, TAG_SYSTEM, anchor, kinship, g);
        }
    }
}

/* ---- all of it ---- */

apr_array_header_t *cfaop_trust_warnings(apr_pool_t *p, apr_pool_t *ptemp, const server_rec *base,
                                         int (*is_wanted)(const server_rec *))
{
    apr_array_header_t *findings = apr_array_make(p, 2, sizeof(cfaop_finding));
    search find = {0};
    int i;

    apr_pool_create(&find.pool, ptemp);
    find.by_level = apr_array_make(find.pool, 4, sizeof(group *));
    find.files = apr_array_make(find.pool, 4, sizeof(group *));
    find.warnings = apr_array_make(find.pool, 4, sizeof(warning *));
    find.by_key = apr_hash_make(find.pool);
    find.by_text = apr_hash_make(find.pool);
    find.told = apr_hash_make(find.pool);
    group_servers(&find, base, is_wanted);
    look_at_own(&find);
    for (i = 0; i < find.by_level->nelts; ++i) {
        look_at_trust(&find, APR_ARRAY_IDX(find.by_level, i, const group *));
    }
    for (i = 0; i < TAGS; ++i) {
        write_lines(&find, (tag)i, findings);
    }
    apr_pool_destroy(find.pool);
    return findings;
}

void cfaop_trust_warnings_log(apr_pool_t *ptemp, server_rec *base)
{
    const apr_array_header_t *findings = cfaop_trust_warnings(ptemp, ptemp, base, cfaop_config_is_guarded);
    int i;

    for (i = 0; i < findings->nelts; ++i) {
        const cfaop_finding *finding = &APR_ARRAY_IDX(findings, i, cfaop_finding);
        ap_log_error(APLOG_MARK, finding->level, 0, base, "%s", finding->text);
    }
}
