/*
 * Preloaded into a server: a process that only sleeps wakes three hundred times as early. APR sleeps by select(),
 * without any descriptor.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/select.h>

#define FACTOR 300

int select(int count, fd_set *readable, fd_set *writable, fd_set *special, struct timeval *limit)
{
    int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *)
        = (int (*)(int, fd_set *, fd_set *, fd_set *, struct timeval *))dlsym(RTLD_NEXT, "select");

    if (count == 0 && limit) {
        long long whole = (long long)limit->tv_sec * 1000000 + limit->tv_usec;
        limit->tv_sec = (time_t)(whole / FACTOR / 1000000);
        limit->tv_usec = (suseconds_t)(whole / FACTOR % 1000000);
    }
    return real(count, readable, writable, special, limit);
}
