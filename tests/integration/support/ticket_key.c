/*
 * Preloaded into a server: gives mod_ssl's parameter for the HMAC key of tickets memory of its own. httpd up to 2.4.71
 * leaves in it a pointer to a function's stack, so what tickets are authenticated with is left to chance. With
 * TEST_TICKET_HMAC=zeros the key is all zeros, as it was seen on Debian 12; else it is the one of the file, as httpd's
 * trunk has it. OpenSSL 1.1.1 has no such parameters: mod_ssl copies the key of the file, and this library is empty.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#include <openssl/params.h>

#define KEY_LEN 16

static int is_mod_ssl(const void *address)
{
    Dl_info info;

    return dladdr(address, &info) && info.dli_fname && strstr(info.dli_fname, "mod_ssl.so");
}

OSSL_PARAM OSSL_PARAM_construct_octet_string(const char *key, void *buf, size_t bsize)
{
    OSSL_PARAM (*real)(const char *, void *, size_t) =
        (OSSL_PARAM(*)(const char *, void *, size_t))dlsym(RTLD_NEXT, "OSSL_PARAM_construct_octet_string");
    const char *wanted = getenv("TEST_TICKET_HMAC");
    void *copy;

    if (bsize == KEY_LEN && !strcmp(key, "key") && is_mod_ssl(__builtin_return_address(0))) {
        copy = calloc(1, KEY_LEN);
        if (!copy) {
            abort();
        }
        buf = wanted && !strcmp(wanted, "zeros") ? copy : memcpy(copy, buf, KEY_LEN);
    }
    return real(key, buf, bsize);
}
#endif
