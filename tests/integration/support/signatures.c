/* Preloaded into a server: adds a byte to the file $TEST_VERIFICATIONS for each signature that it verifies. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/x509.h>

static void count(void)
{
    const char *name = getenv("TEST_VERIFICATIONS");
    int fd = name ? open(name, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    if (fd >= 0) {
        if (write(fd, "s", 1) < 0) {
            abort();
        }
        close(fd);
    }
}

int X509_verify(X509 *cert, EVP_PKEY *key)
{
    int (*real)(X509 *, EVP_PKEY *) = (int (*)(X509 *, EVP_PKEY *))dlsym(RTLD_NEXT, "X509_verify");

    count();
    return real ? real(cert, key) : -1;
}

int X509_CRL_verify(X509_CRL *crl, EVP_PKEY *key)
{
    int (*real)(X509_CRL *, EVP_PKEY *) = (int (*)(X509_CRL *, EVP_PKEY *))dlsym(RTLD_NEXT, "X509_CRL_verify");

    count();
    return real ? real(crl, key) : -1;
}
