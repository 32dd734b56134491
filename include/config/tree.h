/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tree.h
 * What the directives of other modules say, read from httpd's directive tree: the modules keep their configuration
 * private.
 */
#ifndef CFAOP_CONFIG_TREE_H
#define CFAOP_CONFIG_TREE_H

#include "httpd.h"
#include "apr_pools.h"
#include "apr_tables.h"
#include "http_config.h"

/** An index over httpd's directive tree. */
typedef struct cfaop_tree cfaop_tree;

/* All functions: configuration phase. */

/** Returns an index for the servers from @a base on, from @a p. */
cfaop_tree *cfaop_tree_index(apr_pool_t *p, const server_rec *base);

/**
 * Says whether the tree shows that @a s can have TLS: SSLEngine not off, or a certificate and a port that
 * speaks https ("Listen ... https", port 443).
 * When in doubt it says yes: mod_ssl decides, and post_config looks again.
 */
int cfaop_tree_shows_tls(const cfaop_tree *tree, const server_rec *s);

/**
 * Says whether it is in doubt that @a s, of which cfaop_tree_shows_tls() says so, has TLS: a module has made it, or the
 * Listen line that speaks https is for another address.
 */
int cfaop_tree_doubts_tls(const cfaop_tree *tree, const server_rec *s);

/** Says whether it is in doubt because of the Listen line. Configuration phase. */
int cfaop_tree_doubts_listener(const cfaop_tree *tree, const server_rec *s);

/**
 * Returns the main server's own directives (of const ap_directive_t *) of that name, in lower case, sections too
 * ("<location"); NULL: none.
 */
const apr_array_header_t *cfaop_tree_inherited(const cfaop_tree *tree, const char *name);

/**
 * Returns the first argument of the last directive of that name, in lower case, of @a s, or that it inherits, without
 * quotes, from the tree's pool; NULL: there is none.
 */
const char *cfaop_tree_last(const cfaop_tree *tree, const server_rec *s, const char *name);

/**
 * Returns the first directive of @a s; of the main server that is the first of the whole tree. NULL if there is none,
 * or if @a s does not stand in the tree.
 */
const ap_directive_t *cfaop_tree_directives(const cfaop_tree *tree, const server_rec *s);

/** Says whether a directive of that name stands in @a s itself, and in none of its sections. */
int cfaop_tree_has_own(const cfaop_tree *tree, const server_rec *s, const char *name);

/** Says something about a directive. */
typedef int (*cfaop_tree_test)(const ap_directive_t *node);

/**
 * Says whether a directive in a section of @a s, at any depth, passes the test; sections count, too, if they stand in
 * others. A virtual host also has the sections of the main server, which are not looked at.
 */
int cfaop_tree_in_sections(const cfaop_tree *tree, const server_rec *s, cfaop_tree_test test);

/**
 * Says whether a section of @a s for directories, files or URLs has an SSLVerifyClient that asks for certificates. A
 * virtual host also has the sections of the main server, which are not looked at. .htaccess files are not known.
 */
int cfaop_tree_directories_ask(const cfaop_tree *tree, const server_rec *s);

/** Says whether an SSLEngine that is not off is in force for @a s: the administrator expects TLS there. */
int cfaop_tree_wants_tls(const cfaop_tree *tree, const server_rec *s);

/** Returns the SSLSessionTicketKeyFile in force for @a s, from the tree's pool; NULL if there is none. */
const char *cfaop_tree_ticket_key_file(const cfaop_tree *tree, const server_rec *s);

/** Says whether session tickets are on for @a s: no "SSLSessionTickets off" is in force. */
int cfaop_tree_has_tickets(const cfaop_tree *tree, const server_rec *s);

/**
 * Returns the files (of const char *, absolute paths) of the SSLCertificateFile lines in force for @a s, from @a p. As
 * in mod_ssl, the first line of a virtual host replaces the first inherited one, and so on. A "pkcs11:" URI is left
 * out.
 */
apr_array_header_t *cfaop_tree_certificate_files(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s);

/** Returns the path of mod_ssl's SSLCertificateChainFile for @a s, inherited or not; NULL: none. From @a p. */
const char *cfaop_tree_chain_file(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s);

/** Returns the SSLCipherSuite of @a s for TLS before 1.3, as written, inherited or not; NULL: none. */
const char *cfaop_tree_cipher_suite(const cfaop_tree *tree, const server_rec *s);

/** Returns the local path of the "ErrorDocument @a code /path" in force for @a s; NULL if there is none. */
const char *cfaop_tree_local_error_document(const cfaop_tree *tree, const server_rec *s, const char *code);

#endif
