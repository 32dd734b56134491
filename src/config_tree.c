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

/* The first directive of s; in the main server that is the first of the tree. NULL if s cannot be found in it. */
static const ap_directive_t *directives_of(const cfaop_tree *tree, const server_rec *s)
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
    const ap_directive_t *own = directives_of(tree, s);
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

/* ---- redirects ---- */

static const char *second_last_word(apr_pool_t *p, const char *args)
{
    const char *word, *last = "", *before = "";

    while (*args && *(word = ap_getword_conf(p, &args))) {
        before = last;
        last = word;
    }
    return before;
}

static int matches_all(const char *pattern)
{
    static const char *const all[] = {"^", "^/", "^/?", ".*", "^.*", "^.*$", "(.*)", "^(.*)$", "^(.*)", "^/(.*)", "^/(.*)$",
                                      "^/?(.*)", "^/?(.*)$", "/(.*)"};
    apr_size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); ++i) {
        if (!strcmp(pattern, all[i])) {
            return 1;
        }
    }
    return 0;
}

/* RewriteRule PATTERN TARGET [..R..] for everything */
static int rewrites_all(apr_pool_t *p, const char *args)
{
    const char *pattern = ap_getword_conf(p, &args), *flags;

    (void)ap_getword_conf(p, &args);
    flags = ap_getword_conf(p, &args);
    return matches_all(pattern)
        && (strstr(flags, "[R]") || strstr(flags, "[R=") || strstr(flags, "[R,") || strstr(flags, ",R]")
            || strstr(flags, ",R=") || strstr(flags, ",R,") || strstr(flags, "redirect"));
}

/* A RewriteCond on anything but the scheme or the name makes an exception, of an ACME challenge for instance. */
static int is_harmless_condition(apr_pool_t *p, const char *args)
{
    const char *subject = ap_getword_conf(p, &args);

    return !strcmp(subject, "%{HTTPS}") || !strcmp(subject, "%{SERVER_NAME}") || !strcmp(subject, "%{HTTP_HOST}")
        || !strcmp(subject, "%{SERVER_PORT}") || !strcmp(subject, "%{REQUEST_SCHEME}");
}

/* Redirect [status] PATH TARGET, in each of its spellings, for everything */
static int redirects_all(apr_pool_t *p, const ap_directive_t *node)
{
    if (!ap_cstr_casecmp(node->directive, "RedirectMatch")) {
        return matches_all(second_last_word(p, node->args));
    }
    return (!ap_cstr_casecmp(node->directive, "Redirect") || !ap_cstr_casecmp(node->directive, "RedirectPermanent")
            || !ap_cstr_casecmp(node->directive, "RedirectTemp"))
        && !strcmp(second_last_word(p, node->args), "/");
}

int cfaop_tree_only_redirects(const cfaop_tree *tree, const server_rec *s)
{
    const ap_directive_t *node;
    int harmless = 1;

    for (node = directives_of(tree, s); node; node = node->next) {
        if (redirects_all(tree->pool, node)) {
            return 1;
        }
        if (!ap_cstr_casecmp(node->directive, "RewriteCond")) {
            harmless = harmless && is_harmless_condition(tree->pool, node->args);
        }
        else if (!ap_cstr_casecmp(node->directive, "RewriteRule")) {
            if (harmless && rewrites_all(tree->pool, node->args)) {
                return 1;
            }
            harmless = 1;
        }
    }
    return 0;
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
    const char *document = error_document(tree->pool, directives_of(tree, s), code);

    if (!document) {
        document = error_document(tree->pool, ap_conftree, code);
    }
    return document && *document == '/' ? document : NULL;
}
