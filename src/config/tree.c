/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file tree.c
 * What the directives of other modules say, read from httpd's directive tree: the modules keep their configuration
 * private.
 */
#include "config/tree.h"

#include "apr_hash.h"
#include "apr_strings.h"
#include "ap_listen.h"
#include "http_core.h"

struct cfaop_tree {
    apr_pool_t *pool;
    apr_hash_t *nodes;     /* server_rec * -> the node of its <VirtualHost> */
    apr_hash_t *inherited; /* name in lower case -> array of the main server's directives of that name */
};

/* Adds node to the list under key in lists. */
static void add_node(apr_hash_t *lists, const char *key, const ap_directive_t *node)
{
    apr_array_header_t *list = apr_hash_get(lists, key, APR_HASH_KEY_STRING);

    if (!list) {
        list = apr_array_make(apr_hash_pool_get(lists), 1, sizeof(node));
        apr_hash_set(lists, key, APR_HASH_KEY_STRING, list);
    }
    APR_ARRAY_PUSH(list, const ap_directive_t *) = node;
}

static const char *place(apr_pool_t *p, const char *file, unsigned line)
{
    return apr_psprintf(p, "%s:%u", file, line);
}

/* "file:line" -> the <VirtualHost> nodes there, in order. A file that is included twice has two nodes at each line. */
static apr_hash_t *nodes_by_place(apr_pool_t *p)
{
    apr_hash_t *places = apr_hash_make(p);
    const ap_directive_t *node;

    for (node = ap_conftree; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "<VirtualHost")) {
            add_node(places, place(p, node->filename, (unsigned)node->line_num), node);
        }
    }
    return places;
}

/*
 * The directives that virtual hosts inherit, by name. An index, because thousands of virtual hosts look for them and
 * thousands of <VirtualHost> sections stand between them.
 */
static apr_hash_t *inherited_by_name(apr_pool_t *p)
{
    apr_hash_t *names = apr_hash_make(p);
    const ap_directive_t *node;

    for (node = ap_conftree; node; node = node->next) {
        if (ap_cstr_casecmp(node->directive, "<VirtualHost") != 0) {
            char *name = apr_pstrdup(p, node->directive);
            ap_str_tolower(name);
            add_node(names, name, node);
        }
    }
    return names;
}

/* httpd chains the virtual hosts in reverse, so each takes the last node of its place that is left. */
cfaop_tree *cfaop_tree_index(apr_pool_t *p, const server_rec *base)
{
    cfaop_tree *tree = apr_palloc(p, sizeof(*tree));
    apr_hash_t *places = nodes_by_place(p);
    const server_rec *s;

    tree->pool = p;
    tree->nodes = apr_hash_make(p);
    tree->inherited = inherited_by_name(p);
    for (s = base->next; s; s = s->next) {
        apr_array_header_t *list =
            s->defn_name ? apr_hash_get(places, place(p, s->defn_name, s->defn_line_number), APR_HASH_KEY_STRING)
                         : NULL;
        const ap_directive_t **node = list ? apr_array_pop(list) : NULL;
        if (node) {
            const server_rec **key = apr_palloc(p, sizeof(*key));
            *key = s;
            apr_hash_set(tree->nodes, key, sizeof(*key), *node);
        }
    }
    return tree;
}

/* A module may have made a virtual host: then nothing is known of its directives. */
static int stands_in_tree(const cfaop_tree *tree, const server_rec *s)
{
    return !s->is_virtual || apr_hash_get(tree->nodes, &s, sizeof(s));
}

const ap_directive_t *cfaop_tree_directives(const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *node;

    if (!s->is_virtual) {
        return ap_conftree;
    }
    node = apr_hash_get(tree->nodes, &s, sizeof(s));
    return node ? node->first_child : NULL;
}

/* Returns the last directive of that name from node on; NULL if there is none. */
static const ap_directive_t *last_of(const ap_directive_t *node, const char *name)
{
    const ap_directive_t *last = NULL;

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, name)) {
            last = node;
        }
    }
    return last;
}

/* Returns the first argument of node as httpd hands it to the module, without quotes; NULL if there is no node. */
static const char *first_word(const cfaop_tree *tree, const ap_directive_t *node)
{
    const char *args = node ? node->args : NULL;

    return args ? ap_getword_conf(tree->pool, &args) : NULL;
}

const apr_array_header_t *cfaop_tree_inherited(const cfaop_tree *tree, const char *name)
{
    return apr_hash_get(tree->inherited, name, APR_HASH_KEY_STRING);
}

/* The first argument of the main server's last directive of that name, without quotes; NULL: there is none. */
static const char *last_inherited(const cfaop_tree *tree, const char *name)
{
    const apr_array_header_t *inherited = cfaop_tree_inherited(tree, name);

    return inherited ? first_word(tree, APR_ARRAY_IDX(inherited, inherited->nelts - 1, const ap_directive_t *)) : NULL;
}

int cfaop_tree_has_own(const cfaop_tree *tree, const server_rec *s, const char *name)
{
    return last_of(cfaop_tree_directives(tree, s), name) != NULL;
}

const char *cfaop_tree_last(const cfaop_tree *tree, const server_rec *s, const char *name)
{
    const ap_directive_t *own = s->is_virtual ? last_of(cfaop_tree_directives(tree, s), name) : NULL;

    return own ? first_word(tree, own) : last_inherited(tree, name);
}

/*
 * Without SSLEngine, mod_ssl looks at the protocol of the server. It is that of "Protocol", else of a Listen line for
 * one of its addresses, which httpd finds out only when it opens them. The main server has no such address.
 */
static int speaks_https(const server_rec *s)
{
    const char *protocol = ap_get_server_protocol((server_rec *)s);
    const ap_listen_rec *l;
    const server_addr_rec *addr;

    if (protocol || !s->is_virtual) {
        return protocol && !strcmp(protocol, "https");
    }
    for (l = ap_listeners; l; l = l->next) {
        for (addr = s->addrs; addr && l->protocol && !strcmp(l->protocol, "https"); addr = addr->next) {
            if (!addr->host_port || addr->host_port == l->bind_addr->port) {
                return 1;
            }
        }
    }
    return 0;
}

int cfaop_tree_shows_tls(const cfaop_tree *tree, const server_rec *s)
{
    const char *engine;

    if (!stands_in_tree(tree, s)) {
        return 1; /* in doubt */
    }
    engine = cfaop_tree_last(tree, s, "sslengine");
    if (engine) {
        return ap_cstr_casecmp(engine, "off") != 0;
    }
    return cfaop_tree_last(tree, s, "sslcertificatefile") != NULL && speaks_https(s);
}

/* Does a Listen line of the very address and port of s say https? httpd takes the protocol of no other line. */
static int has_https_listener(const server_rec *s)
{
    const ap_listen_rec *l;
    const server_addr_rec *addr;

    for (l = ap_listeners; l; l = l->next) {
        for (addr = s->addrs; addr && l->protocol && !strcmp(l->protocol, "https"); addr = addr->next) {
            if (addr->host_port == l->bind_addr->port && apr_sockaddr_equal(addr->host_addr, l->bind_addr)) {
                return 1;
            }
        }
    }
    return 0;
}

int cfaop_tree_doubts_listener(const cfaop_tree *tree, const server_rec *s)
{
    return stands_in_tree(tree, s) && s->is_virtual && cfaop_tree_shows_tls(tree, s)
        && !cfaop_tree_last(tree, s, "sslengine") && !ap_get_server_protocol((server_rec *)s) && !has_https_listener(s);
}

int cfaop_tree_doubts_tls(const cfaop_tree *tree, const server_rec *s)
{
    return !stands_in_tree(tree, s) || cfaop_tree_doubts_listener(tree, s);
}

int cfaop_tree_wants_tls(const cfaop_tree *tree, const server_rec *s)
{
    const char *engine = cfaop_tree_last(tree, s, "sslengine");

    return engine && ap_cstr_casecmp(engine, "off") != 0;
}

const char *cfaop_tree_ticket_key_file(const cfaop_tree *tree, const server_rec *s)
{
    return cfaop_tree_last(tree, s, "sslsessionticketkeyfile");
}

int cfaop_tree_has_tickets(const cfaop_tree *tree, const server_rec *s)
{
    const char *tickets = cfaop_tree_last(tree, s, "sslsessiontickets");

    return !tickets || ap_cstr_casecmp(tickets, "off") != 0;
}

/* ---- mod_ssl's certificates and ciphers ---- */

static void add_file(apr_pool_t *p, apr_array_header_t *files, const ap_directive_t *node)
{
    const char *args = node->args, *word = ap_getword_conf(p, &args);
    const char *path = ap_strcasestr(word, "pkcs11:") == word ? NULL : ap_server_root_relative(p, word);

    if (path) {
        APR_ARRAY_PUSH(files, const char *) = path;
    }
}

apr_array_header_t *cfaop_tree_certificate_files(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    const apr_array_header_t *inherited = cfaop_tree_inherited(tree, "sslcertificatefile");
    const ap_directive_t *node = s->is_virtual ? cfaop_tree_directives(tree, s) : NULL;
    apr_array_header_t *files = apr_array_make(p, 2, sizeof(const char *));
    int count = 0;

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "SSLCertificateFile")) {
            add_file(p, files, node);
            ++count;
        }
    }
    for (; inherited && count < inherited->nelts; ++count) {
        add_file(p, files, APR_ARRAY_IDX(inherited, count, const ap_directive_t *));
    }
    return files;
}

const char *cfaop_tree_chain_file(apr_pool_t *p, const cfaop_tree *tree, const server_rec *s)
{
    const char *path = cfaop_tree_last(tree, s, "sslcertificatechainfile");

    return path ? ap_server_root_relative(p, path) : NULL;
}

static int is_for_tls_13(const cfaop_tree *tree, const ap_directive_t *node)
{
    return !ap_cstr_casecmp(first_word(tree, node), "TLSv1.3");
}

const char *cfaop_tree_cipher_suite(const cfaop_tree *tree, const server_rec *s)
{
    const apr_array_header_t *inherited = cfaop_tree_inherited(tree, "sslciphersuite");
    const ap_directive_t *node = s->is_virtual ? cfaop_tree_directives(tree, s) : NULL;
    const char *args = NULL;
    int i;

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "SSLCipherSuite") && !is_for_tls_13(tree, node)) {
            args = node->args;
        }
    }
    for (i = inherited ? inherited->nelts : 0; i > 0 && !args; --i) {
        node = APR_ARRAY_IDX(inherited, i - 1, const ap_directive_t *);
        args = is_for_tls_13(tree, node) ? NULL : node->args;
    }
    return args;
}

/* ---- ErrorDocument ---- */

#define ERROR_DOCUMENT "errordocument"

/* Returns what an ErrorDocument says for code; NULL if it is for another code. */
static const char *document_for(apr_pool_t *p, const ap_directive_t *node, const char *code)
{
    const char *args = node->args;

    return strcmp(ap_getword_conf(p, &args), code) ? NULL : ap_getword_conf(p, &args);
}

/* Returns what the last ErrorDocument for code from node on says; NULL if there is none. */
static const char *own_document(apr_pool_t *p, const ap_directive_t *node, const char *code)
{
    const char *document = NULL;

    for (; node; node = node->next) {
        const char *found = ap_cstr_casecmp(node->directive, ERROR_DOCUMENT) ? NULL : document_for(p, node, code);
        document = found ? found : document;
    }
    return document;
}

static const char *inherited_document(const cfaop_tree *tree, const char *code)
{
    const apr_array_header_t *list = cfaop_tree_inherited(tree, ERROR_DOCUMENT);
    const char *document = NULL;
    int i;

    for (i = list ? list->nelts : 0; i > 0 && !document; --i) {
        document = document_for(tree->pool, APR_ARRAY_IDX(list, i - 1, const ap_directive_t *), code);
    }
    return document;
}

const char *cfaop_tree_local_error_document(const cfaop_tree *tree, const server_rec *s, const char *code)
{
    const char *document = s->is_virtual ? own_document(tree->pool, cfaop_tree_directives(tree, s), code) : NULL;

    if (!document) {
        document = inherited_document(tree, code);
    }
    return document && *document == '/' ? document : NULL;
}

/* ---- inside of sections ---- */

static int one_passes(const ap_directive_t *node, cfaop_tree_test test)
{
    for (; node; node = node->next) {
        if (test(node) || one_passes(node->first_child, test)) {
            return 1;
        }
    }
    return 0;
}

int cfaop_tree_in_sections(const cfaop_tree *tree, const server_rec *s, cfaop_tree_test test)
{
    const ap_directive_t *node;

    for (node = cfaop_tree_directives(tree, s); node; node = node->next) {
        if (ap_cstr_casecmp(node->directive, "<VirtualHost") != 0 && one_passes(node->first_child, test)) {
            return 1;
        }
    }
    return 0;
}

static int asks(const ap_directive_t *node)
{
    return !ap_cstr_casecmp(node->directive, "SSLVerifyClient") && ap_cstr_casecmp(node->args, "none") != 0;
}

int cfaop_tree_directories_ask(const cfaop_tree *tree, const server_rec *s)
{
    return cfaop_tree_in_sections(tree, s, asks);
}
