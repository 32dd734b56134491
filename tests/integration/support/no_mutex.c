/*
 * Preloaded into a server: the module gets no mutex, as where memory is short; httpd and its other modules get
 * theirs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int apr_thread_mutex_create(void **mutex, unsigned int flags, void *pool)
{
    int (*real)(void **, unsigned int, void *)
        = (int (*)(void **, unsigned int, void *))dlsym(RTLD_NEXT, "apr_thread_mutex_create");
    Dl_info caller;

    if (dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "mod_cfaop")) {
        return ENOMEM;
    }
    return real(mutex, flags, pool);
}
