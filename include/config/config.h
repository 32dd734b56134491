/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file config.h
 * The configuration of a server: what the directives say, and what startup makes of it.
 */
#ifndef CFAOP_CONFIG_CONFIG_H
#define CFAOP_CONFIG_CONFIG_H

#include "pure/verdict.h"
#include "base/module.h"

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"
#include "http_config.h"

/** The word that names the compiled-in CA in CFOriginPullCACertificateFile. */
#define CFAOP_BUILTIN "builtin"

/** The length of the key that the judgements in TLS sessions are authenticated with. */
#define CFAOP_SESSION_KEY_LEN 32

/** The highest CFOriginPullVerifyDepth, and the default, which is nginx's. */
#define CFAOP_DEPTH_MAX     10
#define CFAOP_DEPTH_DEFAULT 1

/** The highest CFOriginPullExpiryWarning, and the default. */
#define CFAOP_EXPIRY_DAYS_MAX     3650
#define CFAOP_EXPIRY_DAYS_DEFAULT 30

/** One file of a list directive. */
typedef struct {
    const char *path;  /**< absolute, or CFAOP_BUILTIN */
    const char *where; /**< "file:line" of the directive, for messages */
} cfaop_source;

/**
 * What the directives say about verifying certificates. src/trust is given nothing else of them, so a directive that
 * changes trust has its field here. Each field is a part in src/trust/parts.c.
 */
typedef struct {
    apr_array_header_t *ca_sources;  /**< CFOriginPullCACertificateFile, of cfaop_source; NULL: not said, builtin */
    apr_array_header_t *crl_sources; /**< CFOriginPullCARevocationFile, of cfaop_source; NULL: not said, none */
    int depth;                       /**< CFOriginPullVerifyDepth; -1: not said */
    apr_array_header_t *pins;        /**< CFOriginPullPin, of cfaop_pin; NULL: not said, none */
} cfaop_verify_conf;

typedef struct cfaop_trust cfaop_trust;                   /* trust/trust.h */
typedef struct cfaop_policy cfaop_policy;                 /* trust/policy.h */
typedef struct cfaop_vhost_counters cfaop_vhost_counters; /* stats/counters.h */
typedef struct cfaop_request cfaop_request;               /* request/state.h */

/** How requests are refused: CFOriginPullRefuse. */
typedef enum {
    CFAOP_REFUSE_UNSET = -1, /**< not said here: inherited; 400 if the main server does not say it either */
    CFAOP_REFUSE_400,        /**< with a page */
    CFAOP_REFUSE_CLOSE,      /**< the connection ends without an answer */
    CFAOP_REFUSE_ALERT       /**< the handshake fails; requests on a connection whose handshake did not: as CLOSE */
} cfaop_refuse;

/** Whether verified clients of TLS 1.3 get session tickets: CFOriginPullSessionTickets. */
typedef enum {
    CFAOP_TICKETS_UNSET = -1, /**< not said here: inherited; AUTO if the main server does not say it either */
    CFAOP_TICKETS_AUTO,       /**< where they cost less than they save, with the OpenSSL that runs */
    CFAOP_TICKETS_ON,
    CFAOP_TICKETS_OFF
} cfaop_tickets;

/** CFOriginPullPeerLimit: how large a client's certificate may be. */
typedef struct {
    int bytes; /**< of the handshake's Certificate message, with the chain; 0: not said */
    int names; /**< in each of subjectAltName, subject and issuer */
} cfaop_peer_limit;

/** The configuration of one server (main server or virtual host). Written in the configuration phase only. */
typedef struct {
    /* as written by the administrator, merged */
    cfaop_mode mode;                /**< CFOriginPull */
    int mode_is_own;                /**< CFOriginPull stands in this server, not only in the main server */
    const char *mode_where;         /**< "file:line" of that CFOriginPull; NULL if there is none */
    cfaop_verify_conf verify;       /**< what certificates are verified by */
    const char *ca_where;           /**< "file:line" of the last CFOriginPullCACertificateFile; NULL: there is none */
    apr_array_header_t *exemptions; /**< CFOriginPullExempt, of cfaop_exemption; NULL: not said, none */
    int remote_ip;                  /**< CFOriginPullRemoteIP: 0 or 1; -1: not said */
    const char *remote_ip_header;   /**< the header that CFOriginPullRemoteIP names; NULL: not said */
    int remote_ip_with_port;        /**< in that header, a port follows the address */
    cfaop_refuse refuse;            /**< CFOriginPullRefuse */
    const char *refuse_where;       /**< "file:line" of that CFOriginPullRefuse; NULL if there is none */
    cfaop_peer_limit peer_limit;    /**< CFOriginPullPeerLimit; bytes is 0: not said */
    cfaop_tickets tickets;          /**< CFOriginPullSessionTickets */
    int expiry_days;                /**< CFOriginPullExpiryWarning; -1: not said */
    const char *expiry_error;       /**< a bad CFOriginPullExpiryWarning that a running server met; NULL: none */
    const char *setting_is_own;     /**< "file:line" of the first directive here that is for the guard; NULL: none */
    const char *setter_error;       /**< a bad value of another directive that a running server met; NULL: none */

    /* resolved from it at startup */
    int index;                        /**< number of this server, 0 to the count of servers - 1 */
    const cfaop_trust *trust;         /**< what certificates are verified against; NULL: cannot be used, see broken */
    const char *broken;               /**< why trust cannot be used; NULL: it can */
    const unsigned char *session_key; /**< CFAOP_SESSION_KEY_LEN bytes, for judgements in sessions; NULL: none */
    const cfaop_policy *policy;       /**< trust at the security level of this server's TLS; set in mod_ssl's hook */
    int is_doubled;                   /**< mode is On, but only repeats for plain HTTP the On of TLS virtual hosts */
    int is_reached_by_tls;            /**< the configuration shows TLS on a port of this server */
    int is_reached_by_plain_http;     /**< the configuration shows a port of this server without TLS */
    int has_tls;                      /**< mod_ssl has initialised TLS for this server */
    int directories_ask;              /**< a directory of this server, inherited or not, has an SSLVerifyClient */
    int own_directories_ask;          /**< one that stands in this server has */
    int some_directory_asks;          /**< directories_ask of any server; the same for all servers */
    int mod_ssl_verifies;             /**< SSLVerifyClient is set for this server */
    int speaks_tls_13;                /**< SSLProtocol allows TLS 1.3 */
    cfaop_demand demand;              /**< what requests are judged by; final after post_config */
    const cfaop_request *usual;       /**< what is kept for each usual request (judge.h); NULL: none is usual */
    cfaop_vhost_counters *counters;   /**< set when the server starts; NULL: not guarded, or not counted */
} cfaop_server_conf;

/* ---- for httpd: configuration phase ---- */

/** Creates the configuration of a server with nothing said. From @a p, the configuration pool. */
void *cfaop_config_create(apr_pool_t *p, server_rec *s);

/** Merges a virtual host's configuration @a add over the main server's @a base into a new one, from @a p. */
void *cfaop_config_merge(apr_pool_t *p, void *base, void *add);

/**
 * Says whether httpd is rereading its configuration while it runs. Then a setter's error would end the whole server.
 */
int cfaop_config_is_reread(void);

/** Says whether this is the first of httpd's two passes at a start. What is logged then is logged once more. */
int cfaop_config_is_first_pass(void);

/* ---- any phase; any thread ---- */

/** Returns the configuration of @a s. Never NULL. In line, since each hook calls it. */
static inline cfaop_server_conf *cfaop_config_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &cfaop_module);
}

/** Reads a word of CFOriginPull into @a mode. Returns 0, and writes nothing, if @a word is not one. */
int cfaop_config_parse_mode(const char *word, cfaop_mode *mode);

/** Returns the word of CFOriginPull for @a mode, a literal. */
const char *cfaop_config_mode_name(cfaop_mode mode);

/** Says whether @a conf asks clients for a certificate: its mode is not Off. */
int cfaop_config_asks(const cfaop_server_conf *conf);

/** Says the same of the configuration of @a s. */
int cfaop_config_server_asks(const server_rec *s);

/**
 * Says whether @a s has an On of its own. That of a virtual host which repeats the On of TLS virtual hosts for plain
 * HTTP is none: panels write the same lines into both.
 */
int cfaop_config_has_own_on(const server_rec *s);

/** Returns how many days before its end @a conf warns of what it trusts; 0: never. */
int cfaop_config_expiry_days_of(const cfaop_server_conf *conf);

/**
 * Says whether requests to @a s are judged, by its final demand (post_config and later). A server without TLS of its
 * own is guarded if the TLS of another server can reach it.
 */
int cfaop_config_is_guarded(const server_rec *s);

#endif
