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

/** The word of CFOriginPullRemoteIP for headers that hold an address and a port. */
#define CFAOP_WITH_PORT "with-port"
/** The length of the key that the judgements in TLS sessions are authenticated with. */
#define CFAOP_SESSION_KEY_LEN 32

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
typedef struct cfaop_vhost_counters cfaop_vhost_counters;

/** How requests are refused: CFOriginPullRefuse. */
typedef enum {
    CFAOP_REFUSE_UNSET = -1, /**< not said here: inherited, in the end 400 */
    CFAOP_REFUSE_400,        /**< with a page */
    CFAOP_REFUSE_CLOSE,      /**< the connection ends without an answer */
    CFAOP_REFUSE_ALERT       /**< the handshake fails; where it did not, as CLOSE */
} cfaop_refuse;
/** CFOriginPullPeerLimit: what a client's certificate may be at most. */
typedef struct {
    int bytes; /**< of the handshake's Certificate message, with the chain; 0: not said */
    int names; /**< in each of subjectAltName, subject and issuer */
} cfaop_peer_limit;

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
    cfaop_refuse refuse;             /**< CFOriginPullRefuse */
    const char *refuse_where;        /**< "file:line" of that CFOriginPullRefuse; NULL if none */
    int remote_ip_with_port;         /**< a port follows the address in it */
    cfaop_peer_limit peer_limit;     /**< CFOriginPullPeerLimit; bytes is 0: not said */
    int expiry_days;                 /**< CFOriginPullExpiryWarning; -1: not said */
    const char *expiry_error;        /**< a bad value of it met while a running server reread its files; NULL: none */
    const char *setter_error;        /**< a bad value met while a running server reread its files; NULL: none */

    /* resolved from it at startup */
    int index;                  /**< number of this server, 0 to the count of servers - 1 */
    const cfaop_trust *trust;   /**< what certificates are verified against; NULL: cannot be used, see broken */
    const char *broken;         /**< why trust cannot be used; NULL: it can */
    const unsigned char *session_key; /**< CFAOP_SESSION_KEY_LEN bytes, for judgements in sessions; NULL: none */
    const cfaop_policy *policy; /**< trust under the security level of this server's TLS; set by mod_ssl's hook */
    int is_doubled;             /**< mode is On here, but only repeats for plain HTTP what TLS virtual hosts say of each of its names */
    int is_reached_by_tls;      /**< the configuration shows TLS on a port of this server */
    int is_reached_by_plain_http; /**< the configuration shows a port of this server without TLS */
    int has_tls;                /**< mod_ssl has initialised TLS for this server */
    int mod_ssl_verifies;       /**< SSLVerifyClient is set for this server */
    cfaop_demand demand;        /**< what requests are judged by; final after post_config */
    cfaop_vhost_counters *counters; /**< set when the server starts; NULL: not guarded, or not counted */
} cfaop_server_conf;

/** Reads the word for a mode that the administrator writes. Returns 0, and writes nothing, if it is none. Any phase. */
int cfaop_config_parse_mode(const char *word, cfaop_mode *mode);

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

/** Says whether @a conf asks clients for a certificate at all: its mode is not Off. */
int cfaop_config_is_needed(const cfaop_server_conf *conf);

/**
 * Says whether a server is guarded: of configuration alone, or (once settled) of what it has come to. One without TLS of its own is if the TLS
 * of another can reach it.
 */
int cfaop_config_is_configured(const server_rec *s);
int cfaop_config_is_guarded(const server_rec *s);

/** Says whether httpd is rereading its configuration while it runs, when an error would end the whole server. */
int cfaop_config_is_reread(void);

/* ---- what a certificate may cost (src/peer_limit.c) ------------------------------------------------------------- */

/** Reads the @a words of CFOriginPullPeerLimit into @a limit. Returns NULL, or the mistake, a literal or from @a p. */
const char *cfaop_peer_limit_parse(apr_pool_t *p, int count, char *const words[], cfaop_peer_limit *limit);

/** Returns the limit that is in force for a server, the default if nothing is said. */
cfaop_peer_limit cfaop_peer_limit_of(const cfaop_server_conf *conf);

/**
 * Says whether subjectAltName, subject or issuer of @a cert has more than @a max names. It stops counting there. May leave
 * errors in OpenSSL's queue. Any thread.
 */
int cfaop_peer_limit_has_too_many_names(const X509 *cert, int max);

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

/** Says whether the TCP peer of @a c has an exempt address; @a exemptions may be NULL. Any phase; any thread. */
int cfaop_exemption_has_peer(const apr_array_header_t *exemptions, conn_rec *c);

/** Says by what @a r is exempt: "path" or "ip" (literals), or NULL. Request phase. */
const char *cfaop_exemption_of(request_rec *r);

/* ---- the header with the visitor's address (src/visitor_header.c) ---------------------------------------------------- */

/** The header that CFOriginPullRemoteIP reads if it names none. */
#define CFAOP_VISITOR_HEADER_DEFAULT "CF-Connecting-IP"

/** Returns NULL if @a word can be the name of the header, or what is allowed instead. */
const char *cfaop_visitor_header_error(const char *word);

/**
 * Makes room for what is noted of headers that never hold an address; without it nothing is noted. Configuration phase, in @a p, the
 * configuration pool; @a servers is the count of servers.
 */
void cfaop_client_address_init(apr_pool_t *p, int servers);

/** Returns the name of the header that @a conf reads. */
const char *cfaop_visitor_header_name(const cfaop_server_conf *conf);

/* ---- the setters (src/directives.c) ----------------------------------------------------------------------------- */

/** A setter is given the words of its line. It returns NULL, or a mistake that ends httpd. Configuration phase. */
typedef const char *(*cfaop_setter)(cmd_parms *cmd, void *dummy, int count, char *const words[]);

/** What the table of directives says of one, for cfaop_directives_split(). */
typedef struct {
    cfaop_setter set;
    void (*needs)(apr_pool_t *p); /**< registers the hooks that only this directive needs; NULL: none */
} cfaop_directive;

/**
 * The function of each RAW_ARGS line, whose info is a cfaop_directive: splits the words and calls the setter. httpd's own splitting would leave
 * out the words after the 64th in silence, and its complaint about a wrong number of them would end a running server.
 */
const char *cfaop_directives_split(cmd_parms *cmd, void *dummy, const char *args);

/** The words of CFOriginPull, for the help of the table. */
#define CFAOP_ALLOWED_MODES "On, Optional, LogOnly or Off"

/** The setters, one for each directive. */
const char *cfaop_directives_mode(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_ca_files(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_crl_files(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_depth(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_pins(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_exemptions(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_remote_ip(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_refuse(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_expiry_days(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_peer_limit(cmd_parms *cmd, void *dummy, int count, char *const words[]);

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
 * Returns the path of the SSLSessionTicketKeyFile in force for @a s, as written, from the tree's pool; NULL: there is
 * none.
 */
const char *cfaop_tree_ticket_key_file(const cfaop_tree *tree, const server_rec *s);

/** Says whether the tree lets @a s use session tickets: no "SSLSessionTickets off" is in force for it. */
int cfaop_tree_has_tickets(const cfaop_tree *tree, const server_rec *s);

/**
 * Returns the files (of const char *, absolute paths) of mod_ssl's SSLCertificateFile for @a s, inherited ones as mod_ssl merges them:
 * the first of its own replaces the first inherited one, and so on. What names no file, as a "pkcs11:" URI, is left out. From @a p.
 */
apr_array_header_t *cfaop_tree_certificate_files(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s);

/** Returns the SSLCipherSuite of @a s for TLS before 1.3, as written, inherited or not; NULL: none. */
const char *cfaop_tree_cipher_suite(const cfaop_tree *tree, const server_rec *s);

/** Returns the local path that @a s sets with "ErrorDocument @a code /path", inherited or not; NULL: it sets none. */
const char *cfaop_tree_local_error_document(const cfaop_tree *tree, const server_rec *s, const char *code);

#endif
