/*
 * Preloaded into a server: keeps how many certificates are in the memory of all its processes in the file
 * $TEST_CERTIFICATES, which begins as a number of 8 bytes. OpenSSL tells of each that is made and freed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/ssl.h>

typedef int new_index(int, long, void *, CRYPTO_EX_new *, CRYPTO_EX_dup *, CRYPTO_EX_free *);
typedef int set_cipher_list(SSL_CTX *, const char *);

static long long *number;

static void on_new(void *parent, void *data, CRYPTO_EX_DATA *slots, int index, long argl, void *argp)
{
    __sync_fetch_and_add(number, 1);
}

static void on_free(void *parent, void *data, CRYPTO_EX_DATA *slots, int index, long argl, void *argp)
{
    __sync_fetch_and_sub(number, 1);
}

static void watch(const char *name)
{
    new_index *get_new_index = (new_index *)dlsym(RTLD_NEXT, "CRYPTO_get_ex_new_index");
    int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;

    number = mmap(NULL, sizeof(*number), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (number == MAP_FAILED || !get_new_index
        || get_new_index(CRYPTO_EX_INDEX_X509, 0, NULL, on_new, NULL, on_free) < 0) {
        abort();
    }
    close(fd);
}

/* mod_ssl calls it for each virtual host. There is no libcrypto before mod_ssl is loaded. */
int SSL_CTX_set_cipher_list(SSL_CTX *ctx, const char *list)
{
    set_cipher_list *real = (set_cipher_list *)dlsym(RTLD_NEXT, "SSL_CTX_set_cipher_list");

    if (!number) {
        watch(getenv("TEST_CERTIFICATES"));
    }
    return real ? real(ctx, list) : 0;
}
