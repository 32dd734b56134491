/*
 * Preloaded into a server: adds a byte to the file $TEST_TABLE_UNSETS for each call of apr_table_unset() by the
 * module.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void apr_table_unset(void *table, const char *key)
{
    void (*real)(void *, const char *) = (void (*)(void *, const char *))dlsym(RTLD_NEXT, "apr_table_unset");
    const char *name = getenv("TEST_TABLE_UNSETS");
    Dl_info caller;
    int counts = name && dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "mod_cfaop");
    int fd = counts ? open(name, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    if (fd >= 0) {
        if (write(fd, "u", 1) < 0) {
            abort();
        }
        close(fd);
    }
    real(table, key);
}
