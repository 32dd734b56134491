/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_config.h
 * What the administrator has written: our own directives, and what is known of other modules'.
 */
#ifndef CFAOP_CONFIG_H
#define CFAOP_CONFIG_H

#include "cfaop_core.h"

#include "apr_network_io.h"

#include "cfaop_counters.h"
#include "cfaop_verdict.h"

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

/**
 * Returns the files (of const char *, absolute paths) of mod_ssl's SSLCertificateFile for @a s, inherited ones as
 * mod_ssl merges them: the first of its own replaces the first inherited one, and so on. What names no file, as a
 * "pkcs11:" URI, is left out. From @a p.
 */
apr_array_header_t *cfaop_tree_certificate_files(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s);

/** Returns the SSLCipherSuite of @a s for TLS before 1.3, as written, inherited or not; NULL: none. */
const char *cfaop_tree_cipher_suite(const cfaop_tree *tree, const server_rec *s);

/** Returns the local path that @a s sets with "ErrorDocument @a code /path", inherited or not; NULL: it sets none. */
const char *cfaop_tree_local_error_document(const cfaop_tree *tree, const server_rec *s, const char *code);

#endif
