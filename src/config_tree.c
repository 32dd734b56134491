/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file config_tree.c
 * What other modules' directives say, read from httpd's directive tree: their own configuration is private to them.
 */
#include "cfaop.h"

#include "apr_hash.h"
#include "apr_strings.h"
#include "http_core.h"

struct cfaop_tree {
    apr_pool_t *pool;
    apr_hash_t *hosts; /* "file:line" of a <VirtualHost> -> its node */
};

static const char *place(apr_pool_t *p, const char *file, int line)
{
    return apr_psprintf(p, "%s:%d", file, line);
}

cfaop_tree *cfaop_tree_index(apr_pool_t *p)
{
    cfaop_tree *tree = apr_palloc(p, sizeof(*tree));
    const ap_directive_t *node;

    tree->pool = p;
    tree->hosts = apr_hash_make(p);
    for (node = ap_conftree; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "<VirtualHost")) {
            apr_hash_set(tree->hosts, place(p, node->filename, node->line_num), APR_HASH_KEY_STRING, node);
        }
    }
    return tree;
}

const ap_directive_t *cfaop_tree_directives(const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *node;

    if (!s->is_virtual) {
        return ap_conftree;
    }
    if (!s->defn_name) {
        return NULL;
    }
    node = apr_hash_get(tree->hosts, place(tree->pool, s->defn_name, (int)s->defn_line_number), APR_HASH_KEY_STRING);
    return node ? node->first_child : NULL;
}

/* The arguments of the last directive of that name from node on; NULL: there is none. */
static const char *last_of(const ap_directive_t *node, const char *name)
{
    const char *args = NULL;

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, name)) {
            args = node->args;
        }
    }
    return args;
}

/* The same for a virtual host that may inherit the main server's. */
static const char *last_inherited(const ap_directive_t *own, const char *name)
{
    const char *args = last_of(own, name);

    return args ? args : last_of(ap_conftree, name);
}

int cfaop_tree_shows_tls(const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *own = cfaop_tree_directives(tree, s);
    const char *engine;

    if (!own) {
        return 1; /* an empty virtual host, or one made by a module: not to be judged from here */
    }
    engine = last_inherited(own, "SSLEngine");
    if (engine) {
        return ap_cstr_casecmp(engine, "off") != 0;
    }
    return last_inherited(own, "SSLCertificateFile") != NULL;
}

/* ---- ErrorDocument ---- */

/* The last ErrorDocument for code among the directives from node on, as written; NULL: none. */
static const char *error_document(apr_pool_t *p, const ap_directive_t *node, const char *code)
{
    const char *document = NULL;

    for (; node; node = node->next) {
        const char *args = node->args;
        if (!ap_cstr_casecmp(node->directive, "ErrorDocument") && !strcmp(ap_getword_conf(p, &args), code)) {
            document = ap_getword_conf(p, &args);
        }
    }
    return document;
}

const char *cfaop_tree_local_error_document(const cfaop_tree *tree, const server_rec *s, const char *code)
{
    const char *document = error_document(tree->pool, cfaop_tree_directives(tree, s), code);

    if (!document) {
        document = error_document(tree->pool, ap_conftree, code);
    }
    return document && *document == '/' ? document : NULL;
}
