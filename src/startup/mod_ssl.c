/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file mod_ssl.c
 * Whether mod_ssl's handshake hooks can be used: mod_ssl is loaded, and runs with the same OpenSSL library.
 */
#include "startup/mod_ssl.h"

#include "httpd.h"
#include "apr_dso.h"
#include "http_config.h"

#include <openssl/ssl.h>

/* Does mod_ssl call the OpenSSL library that this module calls? An SSL of another library would corrupt memory. */
static int is_same_openssl(const module *mod_ssl)
{
    apr_dso_handle_sym_t symbol = NULL;

    if (!mod_ssl->dynamic_load_handle) {
        return 1; /* linked into httpd, whose OpenSSL this module uses, too */
    }
    return apr_dso_sym(&symbol, mod_ssl->dynamic_load_handle, "SSL_CTX_new") == APR_SUCCESS
        && symbol == (apr_dso_handle_sym_t)SSL_CTX_new;
}

const char *cfaop_mod_ssl_mistake(void)
{
    const module *mod_ssl = ap_find_linked_module("mod_ssl.c");

    if (!mod_ssl) {
        return "CFAOP101: CFOriginPull needs mod_ssl, which is not loaded: load it (LoadModule ssl_module ..., on "
               "Debian: a2enmod ssl)";
    }
    if (!is_same_openssl(mod_ssl)) {
        return "CFAOP102: mod_ssl runs with another OpenSSL library than mod_cfaop: build mod_cfaop against the "
               "library that mod_ssl was built with";
    }
    return NULL;
}
