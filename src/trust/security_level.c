/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file security_level.c
 * OpenSSL's security level of a server's TLS, also at "apachectl -t", where mod_ssl has not set it up; and whether a
 * key is strong enough for a level.
 */
#include "trust/security_level.h"

#include "config/config.h"
#include "config/tree.h"
#include "trust/policy.h"

#include "apr_lib.h"
#include "apr_strings.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define LEVEL_WORD "@SECLEVEL="

int cfaop_security_level_default(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int level = ctx ? SSL_CTX_get_security_level(ctx) : 1;

    SSL_CTX_free(ctx);
    ERR_clear_error();
    return level;
}

int cfaop_security_level_of(const cfaop_tree *tree, const server_rec *s, int fallback)
{
    const cfaop_policy *policy = cfaop_config_of(s)->policy;
    const char *ciphers = policy ? NULL : cfaop_tree_cipher_suite(tree, s);
    const char *word = ciphers ? ap_strcasestr(ciphers, LEVEL_WORD) : NULL;

    if (policy) {
        return policy->level;
    }
    return word && apr_isdigit(word[strlen(LEVEL_WORD)]) ? word[strlen(LEVEL_WORD)] - '0' : fallback;
}

int cfaop_security_level_allows(int level, const X509 *cert)
{
    static const int bits[] = {0, 80, 112, 128, 192, 256}; /* see SSL_CTX_set_security_level(3) */
    int last = (int)(sizeof(bits) / sizeof(bits[0])) - 1;
    EVP_PKEY *key = X509_get0_pubkey(cert);

    return key && EVP_PKEY_security_bits(key) >= bits[level < 0 ? 0 : level > last ? last : level];
}
