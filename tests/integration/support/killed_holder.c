/*
 * Preloaded into a server: if there is the file $TEST_KILL, the process that takes it away is killed where the module
 * would let go of a mutex.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int apr_thread_mutex_unlock(void *mutex)
{
    int (*real)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "apr_thread_mutex_unlock");
    const char *name = getenv("TEST_KILL");
    Dl_info caller;

    if (name && dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "mod_cfaop")
        && !unlink(name)) {
        kill(getpid(), SIGKILL);
        pause();
    }
    return real(mutex);
}
