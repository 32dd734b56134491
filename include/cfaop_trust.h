/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_trust.h
 * From files to policies, and certificates judged by them.
 */
#ifndef CFAOP_TRUST_H
#define CFAOP_TRUST_H

#include "cfaop_config.h"

#include "apr_hash.h"

#include <openssl/x509v3.h>

/* ---- PEM files (src/pem_file.c) ------------------------------------------------------------------------------ */

/** What a PEM file holds. The objects end with the pool that it was read with. */
typedef struct {
    apr_array_header_t *certificates; /**< of X509 * */
    apr_array_header_t *crls;         /**< of X509_CRL * */
    int private_keys;                 /**< number of private keys */
    int with_trust_settings;          /**< number of OpenSSL's TRUSTED CERTIFICATE blocks */
    int pkcs7;                        /**< number of PKCS7 blocks */
    int others;                       /**< number of blocks of any other kind */
} cfaop_pem;

/**
 * Reads the PEM file at @a path into @a pem, with all that it creates owned by @a p.
 * Returns NULL, or what is wrong with the file and what to do (one line without the file's name). A file that cannot be read
 * whole, or has any block that is cut off or broken, is refused as a whole.
 */
const char *cfaop_pem_read(apr_pool_t *p, const char *path, cfaop_pem *pem);

/* ---- odd forms of files (src/pem_form.c) ---------------------------------------------------------------------- */

/**
 * Returns what the @a length bytes of @a text are, in which there is no PEM, and what to do: UTF-16, DER, PKCS#12,
 * PKCS#7, or something else. A literal, one line without the file's name, in which FILE and NEW stand for the file and
 * for what a command makes of it. Configuration phase.
 */
const char *cfaop_pem_form_of_binary(const char *text, apr_size_t length);

/** The same for a PEM file of which not all blocks could be read; NULL if its form does not tell why. */
const char *cfaop_pem_form_of_damage(const char *text);

/* ---- trust anchors and CRLs (src/trust_anchor.c) ------------------------------------------------------------- */

/** A trusted certificate: a CA, an intermediate or a leaf. */
typedef struct {
    X509 *cert;                          /**< owned by the configuration pool */
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< of its DER */
    const char *origin;                  /**< CFAOP_BUILTIN or the file's path */
    const char *label;                   /**< for logs: the beginning of its SHA-256, and its CN */
    int has_namesake;                    /**< another certificate of the same trust has its subject */
    cfaop_anchor_counters *counters;     /**< set when the server starts; NULL: it is not counted */
} cfaop_anchor;

/** A certificate revocation list. */
typedef struct {
    X509_CRL *crl;                       /**< owned by the configuration pool */
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< of its DER */
    const char *origin;                  /**< the file's path */
} cfaop_crl;

/** Files that have been read in this round, each once; from cfaop_files_create(). */
typedef struct cfaop_files cfaop_files;

/** Creates an empty set of files in @a p, the configuration pool. */
cfaop_files *cfaop_files_create(apr_pool_t *p);

/**
 * Returns the trusted certificates (of cfaop_anchor) of the file @a path, or of the built-in CA. On a mistake it returns
 * NULL and sets @a tag to the message's tag and @a error to one line that says what to do.
 */
const apr_array_header_t *cfaop_files_anchors(cfaop_files *files, const char *path, const char **tag, const char **error);

/** The same for the CRLs (of cfaop_crl) of a file. */
const apr_array_header_t *cfaop_files_crls(cfaop_files *files, const char *path, const char **tag, const char **error);

/* ---- what is verified against (src/trust_store.c) ------------------------------------------------------------ */

/** What certificates are verified against, the security level aside. Immutable once built; equal ones are one. */
struct cfaop_trust {
    unsigned char digest[CFAOP_SHA256_LEN]; /**< over certificates, CRLs, pins, depth, purpose and flags */
    apr_array_header_t *anchors;            /**< of cfaop_anchor, sorted by SHA-256, no doubles */
    apr_array_header_t *crls;               /**< of cfaop_crl, sorted by SHA-256, no doubles */
    apr_array_header_t *pins;               /**< of cfaop_pin, sorted by text, no doubles; empty: none */
    int depth;                              /**< how many intermediates may stand between leaf and anchor */
    X509_STORE *store;                      /**< anchors and CRLs */
    X509_STORE_CTX_check_issued_fn check_names; /**< OpenSSL's own check; set where anchors have namesakes */
    STACK_OF(X509_NAME) *names;             /**< CA names for the CertificateRequest; never empty */
    int unnamed;                            /**< number of anchors whose name does not fit among them */
};

/**
 * Adds a copy of @a name to @a names, unless it is there already or the names would no longer fit into a CertificateRequest:
 * then it is left out (a client that picks its certificate by them may not find it). Returns 1, or -1 if the name was left out,
 * or 0 if memory fails. Configuration phase.
 */
int cfaop_names_add(STACK_OF(X509_NAME) *names, X509_NAME *name);

/**
 * Completes @a candidate, of which anchors, crls, pins and depth are set, and enters it into @a known; or returns the one of the
 * same content that is there. What is built lives in @a p. Returns NULL if OpenSSL fails. Configuration phase.
 */
const cfaop_trust *cfaop_trust_intern(apr_pool_t *p, apr_hash_t *known, cfaop_trust *candidate);

/* ---- policies (src/policy.c) --------------------------------------------------------------------------------- */

/** What a connection is asked and judged under. Immutable once built; equal digests are one pointer. */
struct cfaop_policy {
    const cfaop_trust *trust;               /**< certificates, CRLs, depth */
    int level;                              /**< OpenSSL's security level of the server's TLS */
    unsigned char digest[CFAOP_SHA256_LEN]; /**< of the trust's digest and the level: the policy digest */
};

/**
 * Resolves trust and broken of every server from @a base on. Configuration phase (check_config). What is built lives in
 * @a p, the configuration pool; @a ptemp is for what only the round needs. Returns the findings (of cfaop_finding), each text
 * once.
 */
apr_array_header_t *cfaop_policy_resolve_all(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base);

/** Returns the policy of @a trust at @a level; the same arguments return the same pointer. Configuration phase. */
const cfaop_policy *cfaop_policy_at_level(const cfaop_trust *trust, int level);

/** Says whether nothing but the built-in CA is trusted, which all of Cloudflare's customers share. */
int cfaop_policy_is_builtin_only(const cfaop_trust *trust);

/* ---- verifying a chain (src/chain.c) ------------------------------------------------------------------------- */

/** How many certificates of a client, its leaf included, are looked at: twice the longest chain. */
#define CFAOP_SENT_MAX (2 * (CFAOP_DEPTH_MAX + 2))

/** What verifying a peer certificate has shown. */
typedef struct {
    cfaop_reason reason;                    /**< NONE: verified */
    int x509_error;                         /**< OpenSSL's X509_V_ code; X509_V_OK if verified */
    apr_int64_t valid_from;                 /**< seconds: the time of verification; with reason NONE only */
    apr_int64_t valid_until;                /**< seconds: earliest notAfter of the chain and nextUpdate of its CRLs */
    unsigned char anchor[CFAOP_SHA256_LEN]; /**< SHA-256 of the trust anchor that matched; with reason NONE only */
    int is_leaf_only;                       /**< nothing that the client sent beside its leaf was needed; with reason NONE only */
} cfaop_chain_result;

/**
 * Says whether @a issuer may be the issuer of @a cert, for the store of a trust in which anchors have namesakes:
 * OpenSSL's own answer by names and key identifiers, and for such an anchor also its signature. The signature of a
 * certificate that the client has sent is not looked at here: OpenSSL does that, from the anchor down, once the chain
 * is known. Called by OpenSSL while cfaop_chain_verify() runs.
 */
int cfaop_chain_is_issuer(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer);

/** Says whether @a trust lists the issuer of @a cert too: then CRLs count for @a cert itself. Not for self-signed ones. */
int cfaop_chain_has_listed_issuer(const cfaop_trust *trust, X509 *cert);

/**
 * Verifies @a leaf with the certificates that the client sent beside it (CFAOP_SENT_MAX of them at most, the others are
 * not looked at), against @a policy and nothing else, at security level @a level or the policy's, whichever is higher,
 * at time @a now. Connection phase; any thread; takes no ownership. Anything that fails, memory included, is a reason
 * other than NONE.
 */
cfaop_chain_result cfaop_chain_verify(const cfaop_policy *policy, X509 *leaf, STACK_OF(X509) *untrusted, int level,
                                      apr_time_t now);

/* ---- good verdicts of a while ago (src/memo.c) ------------------------------------------------------------------ */

/** Makes an empty memo that lives as long as @a p, the configuration pool; without it nothing is remembered. Configuration phase. */
void cfaop_memo_init(apr_pool_t *p);

/**
 * Says whether the certificate with the SHA-256 @a leaf was verified under @a policy at security level @a level (or the policy's,
 * whichever is higher) within the last hour, on no more than itself, and would be verified at @a now, too: then it fills @a result
 * as cfaop_chain_verify() would. Connection phase; any thread; never waits.
 */
int cfaop_memo_find(const cfaop_policy *policy, const unsigned char *leaf, int level, apr_time_t now, cfaop_chain_result *result);

/** Remembers @a result of cfaop_chain_verify() if it is good and is_leaf_only. As above. */
void cfaop_memo_keep(const cfaop_policy *policy, const unsigned char *leaf, int level, const cfaop_chain_result *result);

#endif
