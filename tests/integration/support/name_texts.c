/*
 * Preloaded into a server: adds a byte to the file $TEST_VERIFICATIONS for each name in a certificate that the module
 * makes a text of.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

int X509_NAME_print_ex(BIO *out, const X509_NAME *name, int indent, unsigned long flags)
{
    int (*real)(BIO *, const X509_NAME *, int, unsigned long) =
        (int (*)(BIO *, const X509_NAME *, int, unsigned long))dlsym(RTLD_NEXT, "X509_NAME_print_ex");
    const char *file = getenv("TEST_VERIFICATIONS");
    Dl_info caller;
    int counts = file && dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "mod_cfaop");
    int fd = counts ? open(file, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    if (fd >= 0) {
        if (write(fd, "n", 1) < 0) {
            abort();
        }
        close(fd);
    }
    return real ? real(out, name, indent, flags) : -1;
}
