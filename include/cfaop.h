/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop.h
 * The types that the files of the module share, and what each file offers to the others.
 *
 * Data flows one way: configuration -> policy -> handshake -> verdict -> request -> refusal.
 * Phases named below: "configuration" is the parent process, single-threaded, from reading the files to the end of
 * post_config; "connection" is the one thread that drives a TLS connection; "request" is any worker thread (with HTTP/2
 * several requests of one connection run at the same time).
 */
#ifndef CFAOP_H
#define CFAOP_H

#include "ap_config.h"
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "apr_hash.h"
#include "apr_network_io.h"
#include "ap_expr.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <openssl/ssl.h>

#include "cfaop_counters.h"
#include "cfaop_verdict.h"

extern module AP_MODULE_DECLARE_DATA cfaop_module;

#define CFAOP_SHA256_LEN 32
/** Room for a SHA-256 in hexadecimal with its closing NUL. */
#define CFAOP_SHA256_HEX (2 * CFAOP_SHA256_LEN + 1)

/**
 * Marks a function that hooks call for few requests. Kept out of line, it does not make each request save the registers that it needs: each
 * passes by each hook.
 */
#if defined(__GNUC__)
#define CFAOP_RARE __attribute__((cold, noinline))
#else
#define CFAOP_RARE
#endif

/** The word that names the compiled-in CA in CFOriginPullCACertificateFile. */
#define CFAOP_BUILTIN "builtin"

/** The highest CFOriginPullVerifyDepth, and the default one (nginx's). */
#define CFAOP_DEPTH_MAX     10
#define CFAOP_DEPTH_DEFAULT 1

/* ---- configuration (src/config.c) ---------------------------------------------------------------------------- */

/** One file of a list directive. */
typedef struct {
    const char *path;  /**< absolute, or CFAOP_BUILTIN */
    const char *where; /**< "file:line" of the directive, for messages */
} cfaop_source;

typedef struct cfaop_trust cfaop_trust;
typedef struct cfaop_policy cfaop_policy;

/** The configuration of one server (main server or virtual host). Written in the configuration phase only. */
typedef struct {
    /* as written by the administrator, merged */
    cfaop_mode mode;                 /**< CFOriginPull */
    int mode_is_own;                 /**< CFOriginPull stands in this very server: it is not inherited */
    const char *mode_where;          /**< "file:line" of that CFOriginPull; NULL if none */
    apr_array_header_t *ca_sources;  /**< of cfaop_source; NULL: not said, builtin */
    apr_array_header_t *crl_sources; /**< of cfaop_source; NULL: not said, none */
    int depth;                       /**< CFOriginPullVerifyDepth; -1: not said */
    apr_array_header_t *pins;        /**< CFOriginPullPin, of cfaop_pin; NULL: not said, none */
    apr_array_header_t *exemptions;  /**< CFOriginPullExempt, of cfaop_exemption; NULL: not said, none */
    int remote_ip;                   /**< CFOriginPullRemoteIP: 0 or 1; -1: not said */
    const char *remote_ip_header;    /**< the header that it reads; NULL: not said */
    int expiry_days;                 /**< CFOriginPullExpiryWarning; -1: not said */
    const char *expiry_error;        /**< a bad value of it met while a running server reread its files; NULL: none */
    const char *setter_error;        /**< a bad value met while a running server reread its files; NULL: none */

    /* resolved from it at startup */
    int index;                  /**< number of this server, 0 to the count of servers - 1 */
    const cfaop_trust *trust;   /**< what certificates are verified against; NULL: cannot be used, see broken */
    const char *broken;         /**< why trust cannot be used; NULL: it can */
    const cfaop_policy *policy; /**< trust under the security level of this server's TLS; set by mod_ssl's hook */
    int has_tls;                /**< mod_ssl has initialised TLS for this server */
    int mod_ssl_verifies;       /**< SSLVerifyClient is set for this server */
    cfaop_demand demand;        /**< what requests are judged by; final after post_config */
    cfaop_vhost_counters *counters; /**< set when the server starts; NULL: not guarded, or not counted */
} cfaop_server_conf;

/** The directive table for the module record. */
extern const command_rec cfaop_config_directives[];

/** Creates the configuration of a server with nothing said. Allocated from @a p, the configuration pool. */
void *cfaop_config_create(apr_pool_t *p, server_rec *s);

/** Merges a virtual host's configuration @a add over the main server's @a base into a new one, from @a p. */
void *cfaop_config_merge(apr_pool_t *p, void *base, void *add);

/** Returns the word for @a mode that the administrator writes, a literal. */
const char *cfaop_mode_name(cfaop_mode mode);

/** Returns the configuration of @a s. Never NULL. Each hook asks, so it is in line, as are others like it below. */
static inline cfaop_server_conf *cfaop_config_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &cfaop_module);
}

/** Says whether httpd is rereading its configuration while it runs, when an error would end the whole server. */
int cfaop_config_is_reread(void);

/* ---- pins (src/pin.c) ---------------------------------------------------------------------------------------- */

/** What a certificate is bound by. */
typedef enum {
    CFAOP_PIN_SHA256, /**< SHA-256 of the certificate's DER */
    CFAOP_PIN_SPKI,   /**< SHA-256 of its SubjectPublicKeyInfo's DER */
    CFAOP_PIN_DNS     /**< a dNSName of its subjectAltName */
} cfaop_pin_kind;

/** One pin of CFOriginPullPin. */
typedef struct {
    cfaop_pin_kind kind;
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< with SHA256 and SPKI */
    const char *text;                       /**< in one spelling: "sha256:hex", "spki-sha256:base64" or "dns:name" */
} cfaop_pin;

/**
 * Reads @a word into @a pin, from @a p. Returns NULL, or what is allowed instead. Any phase.
 */
const char *cfaop_pin_parse(apr_pool_t *p, const char *word, cfaop_pin *pin);

/** Says whether @a cert is one that @a pins (of cfaop_pin) name; any of them is enough. Any thread. */
int cfaop_pin_matches(const apr_array_header_t *pins, X509 *cert);

/* ---- exemptions (src/exemption.c) ---------------------------------------------------------------------------- */

/** What needs no certificate: requests below a path, or from an address. */
typedef struct {
    const char *path;       /**< prefix without a closing slash; NULL: see subnet */
    apr_ipsubnet_t *subnet; /**< TCP peers */
    const char *text;       /**< as the dump shows it: "path: /x" or "ip: 192.0.2.0/24" */
} cfaop_exemption;

/** Reads a path prefix or an address into @a exemption, from @a p. Returns NULL, or what is allowed instead. */
const char *cfaop_exemption_parse_path(apr_pool_t *p, const char *word, cfaop_exemption *exemption);
const char *cfaop_exemption_parse_ip(apr_pool_t *p, const char *word, cfaop_exemption *exemption);

/** Says whether the local @a path, as an ErrorDocument names it, lies below an exempt prefix of @a exemptions. */
int cfaop_exemption_has_path(const apr_array_header_t *exemptions, const char *path);

/** Says by what @a r is exempt: "path" or "ip" (literals), or NULL. Request phase. */
const char *cfaop_exemption_of(request_rec *r);

/* ---- hooks that only some configurations need (mod_cfaop.c) ---------------------------------------------------- */

/**
 * Register the hooks that CFOriginPullExempt, or CFOriginPullRemoteIP, needs; the first call in each round does. To be called while
 * directives are read, with the configuration pool.
 */
void cfaop_hooks_for_exemptions(apr_pool_t *p);
void cfaop_hooks_for_visitors(apr_pool_t *p);

/* ---- the parsed configuration files (src/config_tree.c) ------------------------------------------------------ */

/** An index over httpd's directive tree, for what other modules' directives say. Lives in the pool it was made from. */
typedef struct cfaop_tree cfaop_tree;

/** Finds the servers from @a base on in ap_conftree. Configuration phase; the result is allocated from @a p. */
cfaop_tree *cfaop_tree_index(apr_pool_t *p, const server_rec *base);

/**
 * Says whether the tree shows that @a s can have TLS: SSLEngine not off, or a certificate for "Listen ... https".
 * When in doubt it says yes: mod_ssl decides, and post_config looks again.
 */
int cfaop_tree_shows_tls(const cfaop_tree *tree, const server_rec *s);

/** Says whether an SSLEngine that is not off is in force for @a s: whoever wrote it expects TLS there. */
int cfaop_tree_wants_tls(const cfaop_tree *tree, const server_rec *s);

/**
 * Returns the first directive of @a s; of the main server that is the first of the whole tree. NULL if there is none, or if
 * @a s does not stand in the tree.
 */
const ap_directive_t *cfaop_tree_directives(const cfaop_tree *tree, const server_rec *s);

/** Returns the local path that @a s sets with "ErrorDocument @a code /path", inherited or not; NULL: it sets none. */
const char *cfaop_tree_local_error_document(const cfaop_tree *tree, const server_rec *s, const char *code);

/* ---- PEM files (src/pem_file.c) ------------------------------------------------------------------------------ */

/** What a PEM file holds. The objects end with the pool that it was read with. */
typedef struct {
    apr_array_header_t *certificates; /**< of X509 * */
    apr_array_header_t *crls;         /**< of X509_CRL * */
    int private_keys;                 /**< number of private keys */
    int with_trust_settings;          /**< number of OpenSSL's TRUSTED CERTIFICATE blocks */
    int others;                       /**< number of blocks of any other kind */
} cfaop_pem;

/**
 * Reads the PEM file at @a path into @a pem, with all that it creates owned by @a p.
 * Returns NULL, or what is wrong with the file and what to do (one line without the file's name). A file that cannot be read
 * whole, or has any block that is cut off or broken, is refused as a whole.
 */
const char *cfaop_pem_read(apr_pool_t *p, const char *path, cfaop_pem *pem);

/* ---- text (src/text.c) --------------------------------------------------------------------------------------- */

/** Writes @a sha256 as lower-case hexadecimal with its NUL into @a hex, and returns @a hex. */
const char *cfaop_hex(const unsigned char *sha256, char hex[CFAOP_SHA256_HEX]);

/**
 * Returns @a length bytes of @a text with everything that is not printable ASCII, and what could end a quoted string (", \ and
 * %), as %HH. From @a p; any phase.
 */
const char *cfaop_escape(apr_pool_t *p, const char *text, apr_size_t length);

/** Prints @a name as one line, escaped as above, of less than CFAOP_SUBJECT_SIZE bytes. From @a p; any phase. */
const char *cfaop_subject_text(apr_pool_t *p, const X509_NAME *name);

/** Says whether @a text holds only what escaped text does. */
int cfaop_is_escaped(const char *text);

/** Prints @a name as one line, escaped as above, of at most @a max bytes before that (0: all). From @a p; any phase. */
const char *cfaop_name_text(apr_pool_t *p, const X509_NAME *name, apr_size_t max);

/** Returns @a t as seconds since 1970, -1 for all that is before; 0, long past, for a time that cannot be read. */
apr_int64_t cfaop_seconds(const ASN1_TIME *t);

/** Prints the day of @a seconds since 1970 as YYYY-MM-DD, from @a p. */
const char *cfaop_date(apr_pool_t *p, apr_int64_t seconds);

/* ---- trust anchors and CRLs (src/trust_anchor.c) ------------------------------------------------------------- */

/** A trusted certificate: a CA, an intermediate or a leaf. */
typedef struct {
    X509 *cert;                          /**< owned by the configuration pool */
    unsigned char sha256[CFAOP_SHA256_LEN]; /**< of its DER */
    const char *origin;                  /**< CFAOP_BUILTIN or the file's path */
    const char *label;                   /**< for logs: the beginning of its SHA-256, and its CN */
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

/** A config mistake or warning found while policies were resolved. */
typedef struct {
    int level;        /**< APLOG_ERR: a mistake that must not start; APLOG_WARNING: worth a line */
    const char *text; /**< the line, with its tag */
} cfaop_finding;

/**
 * Resolves trust and broken of every server from @a base on. Configuration phase (check_config). What is built lives in
 * @a p, the configuration pool; @a ptemp is for what only the round needs. Returns the findings (of cfaop_finding), each text
 * once.
 */
apr_array_header_t *cfaop_policy_resolve_all(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base);

/** Returns the policy of @a trust at @a level; the same arguments return the same pointer. Configuration phase. */
const cfaop_policy *cfaop_policy_at_level(const cfaop_trust *trust, int level);

/** Says whether @a conf asks clients for a certificate at all: its mode is not Off. */
int cfaop_policy_is_needed(const cfaop_server_conf *conf);

/** Says whether nothing but the built-in CA is trusted, which all of Cloudflare's customers share. */
int cfaop_policy_is_builtin_only(const cfaop_trust *trust);

/* ---- verifying a chain (src/chain.c) ------------------------------------------------------------------------- */

/** What verifying a peer certificate has shown. */
typedef struct {
    cfaop_reason reason;                    /**< NONE: verified */
    int x509_error;                         /**< OpenSSL's X509_V_ code; X509_V_OK if verified */
    apr_int64_t valid_from;                 /**< seconds: the time of verification; with reason NONE only */
    apr_int64_t valid_until;                /**< seconds: earliest notAfter of the chain and nextUpdate of its CRLs */
    unsigned char anchor[CFAOP_SHA256_LEN]; /**< SHA-256 of the trust anchor that matched; with reason NONE only */
    int is_leaf_only;                       /**< nothing that the client sent beside its leaf was needed; with reason NONE only */
} cfaop_chain_result;

/** Says whether @a trust lists the issuer of @a cert too: then CRLs count for @a cert itself. Not for self-signed ones. */
int cfaop_chain_has_listed_issuer(const cfaop_trust *trust, X509 *cert);

/**
 * Verifies @a leaf with the certificates that the client sent beside it, against @a policy and nothing else, at security level
 * @a level or the policy's, whichever is higher, at time @a now. Connection phase; any thread; takes no ownership.
 * Anything that fails, memory included, is a reason other than NONE.
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

/* ---- connections (src/handshake.c, src/session.c: the only two that know SSL) -------------------------------- */

/** What the module knows of a TLS connection. Written by the connection's thread until frozen, read by requests after. */
typedef struct {
    conn_rec *c;                            /**< the connection; HTTP/2 requests come by c->master */
    SSL *ssl;                               /**< mod_ssl's; used only while ap_ssl_conn_is_ssl() says it lives */
    int frozen;                             /**< the first handshake is over: all below it is final */
    const cfaop_policy *asked;              /**< policy that the handshake asked under; NULL: it did not ask */
    X509 *peer;                             /**< the peer certificate, owned by the connection pool; NULL: none shown */
    unsigned char peer_sha256[CFAOP_SHA256_LEN]; /**< of the peer certificate */
    int peer_hashed;                        /**< peer_sha256 has been written */
    cfaop_chain_result chain;               /**< with asked and peer: the judgement */
    int judged;                             /**< chain has been written */
    const cfaop_anchor *anchor;             /**< the trust anchor that matched; NULL: not verified */
    const cfaop_demand *accepted_by;        /**< demand of the virtual host that asked, if it accepts the peer; NULL: it does not */
    cfaop_verdict accepted_with;            /**< its verdict then */
    int known_sni;                          /**< the client named a virtual host that exists */
    const char *sni;                        /**< the name it sent; NULL: none */
    int resumed;                            /**< an earlier session was taken up */
    int delegated;                          /**< mod_ssl verifies too, by its own rules */
    int can_renegotiate;                    /**< a certificate was shown because we asked, and in TLS 1.2 mod_ssl may ask again */
    int accepted_by_mod_ssl;                /**< mod_ssl asked later (per directory) and accepted what it got */
    int reverified;                         /**< mod_ssl asked again after the freeze */
    int result_hidden;                      /**< OpenSSL's verify result was made bad for a request */
} cfaop_conn;

/** What the module keeps for a server's SSL_CTX. Written in the configuration phase only. */
typedef struct {
    server_rec *server;                     /**< the virtual host of the SSL_CTX */
    const cfaop_policy *policy;             /**< what it asks under; NULL: it does not ask */
    int mod_ssl_mode;                       /**< mod_ssl's own verify mode, to be put back after the handshake */
    SSL_verify_cb mod_ssl_callback;         /**< and its callback */
    int (*new_session)(SSL *, SSL_SESSION *); /**< mod_ssl's session cache; NULL: none */
    SSL_SESSION *(*get_session)(SSL *, const unsigned char *, int, int *); /**< the same */
} cfaop_tls_context;

/** mod_ssl's optional hooks; see mod_ssl_openssl.h. They never fail: an error would end a restarting server. */
int cfaop_handshake_init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx);
int cfaop_handshake_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy);

/**
 * Makes the hooks above work: gets the ex_data slots that tie our data to SSL and SSL_CTX (they outlive the module, each reload
 * finds the same). Not called, they do nothing; so it must not be where mod_ssl runs with another OpenSSL. Configuration
 * phase. Returns 0 if OpenSSL fails.
 */
int cfaop_handshake_enable(void);

/** Returns what is known of @a c (or of its master); NULL: not a TLS connection. Any phase. */
static inline cfaop_conn *cfaop_handshake_of(conn_rec *c)
{
    return ap_get_module_config((c->master ? c->master : c)->conn_config, &cfaop_module);
}

/** Says whether @a c has no TLS: plain HTTP, on a TLS port too (mod_ssl turns that into a request of its own). Any phase. */
int cfaop_handshake_is_plain_http(conn_rec *c);

/**
 * Makes OpenSSL's verify result bad, which mod_ssl takes for its own, and good again where that was done. For HTTP/1 requests
 * and the connection's thread; over HTTP/2, where other requests run at the same time, they do nothing.
 */
void cfaop_handshake_hide_result(conn_rec *c);
void cfaop_handshake_show_result(conn_rec *c);

/**
 * Keeps mod_ssl's OptRenegotiate from taking the certificate that the guard asked for as an answer to a directory's
 * SSLVerifyClient. To be called before mod_ssl's access hook, in the thread of an HTTP/1 request.
 *
 * With OptRenegotiate and a verify mode of NONE mod_ssl verifies the known certificate on the spot, answers 403 if that fails,
 * but keeps the stricter mode: the next request finds nothing to change and passes (ssl_hook_Access_classic in
 * modules/ssl/ssl_engine_kernel.c). SSL_VERIFY_CLIENT_ONCE alone asks for nothing, either, but is not NONE: mod_ssl negotiates
 * in full.
 */
void cfaop_handshake_forbid_quick_renegotiation(conn_rec *c);

/** Returns our data of an SSL_CTX or SSL; NULL if it is not ours (a proxy's). */
cfaop_tls_context *cfaop_handshake_context(const SSL_CTX *ctx);
cfaop_conn *cfaop_handshake_conn(const SSL *ssl);

/** Binds TLS sessions made by @a ctx to the policy they were judged under (session tickets and session cache). */
void cfaop_session_install(SSL_CTX *ctx, cfaop_tls_context *context);

/**
 * Reads the judgement that the resumed session of @a ssl carries. Returns 1 and fills @a result if the session was verified
 * under @a policy; else 0. Whether it still holds was decided when the session was taken up. Connection phase.
 */
int cfaop_session_judgement(SSL *ssl, const cfaop_policy *policy, cfaop_chain_result *result);

/* ---- verdicts of connections (src/connection.c) -------------------------------------------------------------- */

/**
 * Notes whether @a s, the virtual host that asked, accepts the peer. Most requests go there: for them the question is answered once
 * and for all. Connection phase, just frozen.
 */
void cfaop_connection_accept(cfaop_conn *conn, const server_rec *s);

/** Says whether @a s has accepted @a conn (which may be NULL) so. A no says nothing. Any thread. */
static inline int cfaop_connection_is_accepted(const server_rec *s, const cfaop_conn *conn)
{
    return conn && conn->accepted_by == &cfaop_config_of(s)->demand;
}

/** The verdict of @a s on @a c, from frozen state. Any phase; any thread. */
cfaop_verdict cfaop_connection_verdict(const server_rec *s, conn_rec *c);

/* ---- requests (src/request.c, src/refusal.c, src/truth.c, src/event_log.c) ----------------------------------- */

/** What the module keeps for a request. Written and read by the request's thread. */
typedef struct {
    const server_rec *passed_for; /**< the server that it was judged for and let through without being exempt; NULL: none yet */
    const char *passed_with;   /**< the variable's value then */
    int logged;                /**< its refusal stands in the log already */
    int counted;               /**< it stands in the counters already */
    int exempt;                /**< it is exempt so far, and not counted yet */
    cfaop_reason exempt_from;  /**< why it would be refused if it were not */
    char *user;                /**< r->user before mod_ssl's access hook */
    const char *authorization; /**< the Authorization header before mod_ssl's authentication hook */
    int address_settled;       /**< the header with the visitor's address has been looked at */
    apr_sockaddr_t *visitor;   /**< the visitor's address, proven by the connection; NULL: none */
} cfaop_request;

/** Returns the module's state of @a r, made at the first call. Request phase. */
cfaop_request *cfaop_request_state(request_rec *r);

/** The verdict on @a r, from frozen state. Request phase; any thread. */
cfaop_verdict cfaop_request_verdict(request_rec *r);

/** Hooks that judge: post_read_request, quick_handler and fixups. */
int cfaop_request_post_read(request_rec *r);
int cfaop_request_quick_handler(request_rec *r, int lookup);
int cfaop_request_fixups(request_rec *r);

/**
 * insert_filter, insert_error_filter and, if nothing else was called, log_transaction: count requests that are exempt still when their
 * answer begins. Until then a rewrite, or a program's redirect, can lead them to what is not.
 */
void cfaop_request_on_answer(request_rec *r);
void cfaop_request_on_error(request_rec *r);
int cfaop_request_on_log(request_rec *r);

/** Registers the output filter that the first of them uses. */
void cfaop_request_register_filter(void);

/** Makes the variables CF_ORIGIN_PULL_... known to ap_expr. */
int cfaop_request_expr_lookup(ap_expr_lookup_parms *parms);

/**
 * Refuses @a r as @a v says: prepares the page and the connection, and returns the status for httpd to answer with.
 * Request phase.
 */
int cfaop_refusal_answer(request_rec *r, const cfaop_verdict *v);

/**
 * Keeps mod_ssl from vouching for a certificate that nobody accepted: returns the value that SSL_CLIENT_VERIFY must have for
 * requests to @a s over @a c (all other SSL_CLIENT_ variables are empty then), or NULL if mod_ssl's own values are the truth.
 * Any phase.
 */
const char *cfaop_truth_client_verify(const server_rec *s, conn_rec *c);

/** Registers all hooks that say so wherever mod_ssl would not. */
void cfaop_truth_register_hooks(apr_pool_t *p);

/** Makes room for what event lines share between processes. Configuration phase; @a servers is the count of servers. */
void cfaop_event_log_init(apr_pool_t *p, int servers);

/** Logs a request that is refused, or would be under LogOnly. Request phase. */
void cfaop_event_log_refusal(request_rec *r, const cfaop_verdict *v);

/** Notes that a request was verified, for the hint that origin pulls may be off. Request phase. */
void cfaop_event_log_verified(const server_rec *s);

/* ---- the visitor's address (src/client_address.c) ------------------------------------------------------------- */

/** Returns NULL if @a word can be the name of the header, or what is allowed instead. */
const char *cfaop_client_address_header_error(const char *word);

/** Returns the name of the header that @a conf reads. */
const char *cfaop_client_address_header(const cfaop_server_conf *conf);

/** post_read_request: takes the visitor's address from the header if the connection is verified, else removes the header. */
void cfaop_client_address_settle(request_rec *r, int verified);

/**
 * insert_error_filter and log_transaction: the same for requests that httpd found broken before post_read_request. They are
 * answered and logged, and the header is a claim there, too.
 */
void cfaop_client_address_on_error(request_rec *r);
int cfaop_client_address_on_log(request_rec *r);

/**
 * Switches MergeTrailers off where @a s reads the header: a trailer, which comes after the body, would bring a removed header
 * back. Configuration phase (post_config). Returns 1 if it was on.
 */
int cfaop_client_address_forbid_trailers(const server_rec *s);

/** post_read_request after mod_remoteip: has our address stand. */
int cfaop_client_address_again(request_rec *r);

/* ---- what is guarded by what (src/inventory.c) ----------------------------------------------------------------- */

/** What kinds of things end. */
typedef enum {
    CFAOP_ITEM_CA,
    CFAOP_ITEM_CRL,
    CFAOP_ITEM_LEAF /**< shown by the edge */
} cfaop_item_kind;

/** A certificate or CRL that guarded servers depend on. */
typedef struct {
    cfaop_item_kind kind;
    const unsigned char *sha256;
    const char *subject;         /**< escaped; of a CRL its issuer */
    const char *origin;          /**< CFAOP_BUILTIN or the file's path; NULL with a leaf */
    apr_int64_t end;             /**< seconds: notAfter or nextUpdate; 0: it never ends (a CRL) */
    apr_array_header_t *servers; /**< of const server_rec *: who depends on it */
} cfaop_item;

/** Says whether a server is guarded: of configuration alone, or (once settled) of what it has come to. */
int cfaop_inventory_is_configured(const server_rec *s);
int cfaop_inventory_is_guarded(const server_rec *s);

/**
 * Lists (of cfaop_item) the trusted certificates and CRLs of the servers from @a base on that @a is_wanted says yes to, and the
 * leaves that they have been shown of late, each once. From @a p; any phase once policies are resolved; any thread.
 */
apr_array_header_t *cfaop_inventory(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *));

/** Returns the word for @a kind in metrics, a literal: "ca", "crl" or "leaf". */
const char *cfaop_item_kind_name(cfaop_item_kind kind);

/* ---- what ends (src/expiry.c) ----------------------------------------------------------------------------------- */

/** The default of CFOriginPullExpiryWarning, and the most that it takes. */
#define CFAOP_EXPIRY_DAYS_DEFAULT 30
#define CFAOP_EXPIRY_DAYS_MAX     3650

/**
 * Returns findings (of cfaop_finding, from @a p) about what has ended or ends soon, of the servers that @a is_wanted says yes to. Any
 * phase and thread, as cfaop_inventory().
 */
apr_array_header_t *cfaop_expiry_findings(apr_pool_t *p, const server_rec *base, int (*is_wanted)(const server_rec *));

/** Logs them when a server starts or has reread its configuration: the first of the daily looks. post_config, servers settled. */
void cfaop_expiry_log(apr_pool_t *p, server_rec *base);

/**
 * The monitor hook, which runs in the parent every ten seconds or so: logs them once a day. Not mod_watchdog: its thread makes every child
 * of the prefork MPM, which ends inside a signal handler, hang in malloc now and then.
 */
int cfaop_expiry_monitor(apr_pool_t *p, server_rec *base);

/* ---- what the operator sees (src/rows.c, src/status.c, src/metrics.c) -------------------------------------------------------- */

/** mod_status's hook: our section of its page, or our keys of "?auto". Request phase. */
int cfaop_status_hook(request_rec *r, int flags);

/** The handler "cf-origin-pull-metrics": the counters as Prometheus or OpenMetrics text. */
int cfaop_metrics_handler(request_rec *r);

/** A virtual host's row of the two above. */
typedef struct {
    cfaop_vhost_counters *counters;
    const server_rec *server; /**< NULL: it is guarded no more, or stands for several */
    int is_used;              /**< a counter is not zero */
} cfaop_row;

/** Lists (of cfaop_row, from @a p) the virtual hosts that are or were guarded, by name. Request phase. */
apr_array_header_t *cfaop_rows(apr_pool_t *p, const server_rec *base);

/* ---- Require (src/authz.c) ------------------------------------------------------------------------------------ */

/** Registers "Require cf-origin-pull" with mod_authz_core. */
void cfaop_authz_register(apr_pool_t *p);

/* ---- startup (src/startup.c, src/hook_order.c, src/dump.c) ---------------------------------------------------- */

/**
 * check_config: loads and validates everything, so that "-t" finds each mistake. A mistake ends a first start; when a running
 * server rereads its configuration it does not, the virtual hosts that need the broken part answer 400 instead.
 */
int cfaop_startup_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

/** post_config, after mod_ssl's: settles what each server demands, now that it is known which have TLS. Never fails. */
int cfaop_startup_post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

/** Warns of modules whose hooks answer before the guard has judged. Configuration phase, hooks sorted. */
void cfaop_hook_order_check(server_rec *base);

/**
 * Says whether virtual host @a s answers everything with a redirect, as the usual port-80 host does (an ACME challenge may be
 * served). When in doubt it says no. From @a p, for what only the call needs.
 */
int cfaop_redirects_all(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s);

/** Which server answers to which name; see cfaop_twins_of(). */
typedef struct cfaop_twins cfaop_twins;

/** A virtual host that answers to a name of another one. */
typedef struct {
    const server_rec *server;
    const char *name; /**< the name, or the wildcard of the other one that stands for it */
} cfaop_twin;

/** Indexes the names of the virtual hosts after @a base. Configuration phase; the result is allocated from @a p. */
cfaop_twins *cfaop_twins_index(apr_pool_t *p, const server_rec *base);

/** Returns the other virtual hosts (of cfaop_twin, each once) that answer to a name of @a s. From the index's pool. */
apr_array_header_t *cfaop_twins_of(const cfaop_twins *twins, const server_rec *s);

/** test_config hook: prints what each virtual host demands for "-t -D DUMP_CF_ORIGIN_PULL". */
void cfaop_dump(apr_pool_t *p, server_rec *base);

/** Returns the name and port of @a s as people write it, "www.example.org:443". From @a p. */
const char *cfaop_server_label(apr_pool_t *p, const server_rec *s);

#endif
