/* Preloaded into a server: no shared memory as large as the module's counters; httpd's own is smaller. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#define TOO_LARGE 600000

int apr_shm_create(void **shm, size_t size, const char *file, void *pool)
{
    int (*real)(void **, size_t, const char *, void *)
        = (int (*)(void **, size_t, const char *, void *))dlsym(RTLD_NEXT, "apr_shm_create");

    return size >= TOO_LARGE ? ENOMEM : real(shm, size, file, pool);
}
