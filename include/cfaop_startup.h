/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file cfaop_startup.h
 * From the configuration as written to what is in force, and what the administrator is told of it.
 */
#ifndef CFAOP_STARTUP_H
#define CFAOP_STARTUP_H

#include "cfaop_trust.h"

/* ---- startup (src/startup.c, src/neighbours.c, src/hook_order.c, src/dump.c) ---------------------------------- */

/**
 * check_config: loads and validates everything, so that "-t" finds each mistake. A mistake ends a first start; when a running
 * server rereads its configuration it does not, the virtual hosts that need the broken part answer 400 instead.
 */
int cfaop_startup_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

/**
 * Gives each guarded server from @a base on its session_key (src/session_key.c): derived from its
 * SSLSessionTicketKeyFile, so that restarts and other machines with the same file agree; else random, and the same
 * for as long as the parent process lives. For check_config, which runs as root. The keys live in @a p, the
 * configuration pool, or as long as the process. Returns findings (of cfaop_finding, from @a p): a file that cannot
 * be read, when the random key takes its place, and an httpd whose tickets can be forged. Never fails.
 */
apr_array_header_t *cfaop_session_keys_resolve(apr_pool_t *p, apr_pool_t *ptemp, server_rec *base);

/** post_config, after mod_ssl's: settles what each server demands, now that it is known which have TLS. Never fails. */
int cfaop_startup_post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base);

/**
 * Returns findings (of cfaop_finding, from @a p) about the modules that are loaded beside the guard; to be asked where
 * one of the servers from @a base on is guarded. Configuration phase (check_config: httpd has sorted the hooks for the
 * last time).
 */
apr_array_header_t *cfaop_neighbours_findings(apr_pool_t *p, const server_rec *base);

/** Adds a finding for each module and hook that runs before the guard's. Configuration phase (check_config). */
void cfaop_hook_order_look(apr_array_header_t *findings);

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

/** A question about a server; @a data is the asker's. */
typedef int (*cfaop_server_test)(const void *data, const server_rec *s);

/** Indexes the names of the virtual hosts after @a base. Configuration phase; the result is allocated from @a p. */
cfaop_twins *cfaop_twins_index(apr_pool_t *p, const server_rec *base);

/** Returns the other virtual hosts that answer to names of @a s (of cfaop_twin, each pair once). From the index's pool. */
apr_array_header_t *cfaop_twins_of(cfaop_twins *twins, const server_rec *s);

/** Returns a name of @a s that no other virtual host which passes @a test answers to, or NULL: there is one for each. */
const char *cfaop_twins_uncovered(cfaop_twins *twins, const server_rec *s, cfaop_server_test test, const void *data);

/* ---- ways round the guard (src/bypass.c) ---------------------------------------------------------------------- */

/** Notes for each server whether TLS, or plain HTTP, reaches its ports. Configuration phase (check_config). */
void cfaop_bypass_note_reach(apr_pool_t *ptemp, const cfaop_tree *tree, const server_rec *base);

/** Says whether the configuration shows that @a s has TLS and refuses clients without a certificate. */
int cfaop_bypass_is_guarded(const cfaop_tree *tree, const server_rec *s);

/**
 * Returns the virtual hosts (of cfaop_twin) that serve a name of @a guarded without the guard. From @a p and the pool of @a twins.
 * Configuration phase, after cfaop_bypass_note_reach().
 */
apr_array_header_t *cfaop_bypass_of(apr_pool_t *p, const cfaop_tree *tree, cfaop_twins *twins, const server_rec *guarded);

/** Adds a warning (cfaop_finding) for each guarded name that is served without the guard, too. As above. */
void cfaop_bypass_warn(apr_array_header_t *findings, apr_pool_t *ptemp, const cfaop_tree *tree, const server_rec *base);

/* ---- trust that cannot be meant (src/trust_warnings.c) ------------------------------------------------------- */

/**
 * Returns warnings (of cfaop_finding) of what the servers from @a base on, as far as @a is_wanted says so, trust and
 * cannot be meant to: a CA of their own server certificate, a CA that the whole system trusts, a certificate that can
 * verify no client. Configuration phase; the result is allocated from @a p, what only the call needs from @a ptemp.
 */
apr_array_header_t *cfaop_trust_warnings(apr_pool_t *p, apr_pool_t *ptemp, const server_rec *base,
                                         int (*is_wanted)(const server_rec *));

/** Logs these warnings for the guarded servers. Configuration phase. */
void cfaop_trust_warnings_log(apr_pool_t *ptemp, server_rec *base);

/* ---- the servers' own certificates (src/server_certificate.c) ------------------------------------------------- */

/** How a trusted certificate is related to a server's own. */
typedef enum {
    CFAOP_KINSHIP_NONE,
    CFAOP_KINSHIP_SELF,  /**< it is the server's own */
    CFAOP_KINSHIP_ISSUER /**< it has signed the server's own, or a CA above that */
} cfaop_kinship;

/**
 * Returns the first certificate of the PEM file at @a path and those in the file that lead up from it (of X509 *);
 * empty if there is none. They end with @a p. Configuration phase.
 */
apr_array_header_t *cfaop_server_certificate_read(apr_pool_t *p, const char *path);

/** Returns how @a cert is related to the first certificate of @a chain, from cfaop_server_certificate_read(). */
cfaop_kinship cfaop_server_certificate_kinship(const apr_array_header_t *chain, X509 *cert);

/* ---- the CAs of the machine (src/system_cas.c) and its security level (src/security_level.c) ------------------- */

/** The CAs that programs on this machine trust. */
typedef struct cfaop_system_cas cfaop_system_cas;

/** Reads them; they end with @a p. NULL if OpenSSL fails. Configuration phase. */
cfaop_system_cas *cfaop_system_cas_load(apr_pool_t *p);

/** Says whether @a cert itself is among @a cas. Configuration phase. */
int cfaop_system_cas_has(const cfaop_system_cas *cas, X509 *cert);

/** Returns the security level that OpenSSL begins with, or its configuration file's. Configuration phase. */
int cfaop_security_level_default(void);

/**
 * Returns the security level of the TLS of @a s: the policy's, or before mod_ssl has told it, what the configuration
 * shows: @@SECLEVEL in SSLCipherSuite, else @a fallback. Configuration phase.
 */
int cfaop_security_level_of(const cfaop_tree *tree, const server_rec *s, int fallback);

/** Says whether the key of @a cert is strong enough for @a level. */
int cfaop_security_level_allows(int level, const X509 *cert);

/**
 * Gives each guarded server, and each certificate that it trusts, its counters; @a is_needed: something is guarded. Configuration phase
 * (post_config), all servers settled; @a ptemp is for the call. What has no room shares the counters CFAOP_OTHER; without memory nothing is
 * counted. Both are said in the log; neither fails a start or a request. (src/attach_counters.c)
 */
void cfaop_attach_counters(server_rec *base, apr_pool_t *ptemp, int is_needed);

/** Returns what keeps mod_ssl's handshake hooks from being used, a literal, or NULL. Configuration phase. (src/mod_ssl.c) */
const char *cfaop_mod_ssl_mistake(void);

/** test_config hook: prints what each virtual host demands for "-t -D DUMP_CF_ORIGIN_PULL". */
void cfaop_dump(apr_pool_t *p, server_rec *base);

/** Returns the name and port of @a s as people write it, "www.example.org:443". From @a p. */
const char *cfaop_server_label(apr_pool_t *p, const server_rec *s);

/** Returns where @a s stands in the configuration, "file:line", or "main server". From @a p. */
const char *cfaop_server_place(apr_pool_t *p, const server_rec *s);

#endif
