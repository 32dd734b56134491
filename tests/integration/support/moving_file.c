/*
 * Preloaded into a server: the file $TEST_MOVING changes under its hands, once. If there is $TEST_MOVING.next, this
 * takes its place when the file is being opened; if there is $TEST_MOVING.cut, the file is cut in half, and if there is
 * $TEST_MOVING.grow, it is made longer by itself, when it is being read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int moving = -1;

/* Is there such a file beside it? Its name is made. */
static int is_due(const char *what, char name[512])
{
    const char *path = getenv("TEST_MOVING");

    snprintf(name, 512, "%s.%s", path ? path : "", what);
    return path && !access(name, F_OK);
}

static int open_it(const char *function, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, mode_t) = (int (*)(const char *, int, mode_t))dlsym(RTLD_NEXT, function);
    const char *ours = getenv("TEST_MOVING");
    char next[512];
    int fd;

    if (ours && !strcmp(ours, path) && is_due("next", next)) {
        rename(next, path);
    }
    fd = real(path, flags, mode);
    if (ours && !strcmp(ours, path)) {
        moving = fd;
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    mode_t mode;

    va_start(more, flags);
    mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_it("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    mode_t mode;

    va_start(more, flags);
    mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_it("open64", path, flags, mode);
}

static void double_file(const char *path)
{
    char text[65536];
    int fd = open(path, O_RDWR | O_APPEND);
    ssize_t length = pread(fd, text, sizeof(text), 0);

    if (length <= 0 || write(fd, text, (size_t)length) != length) {
        abort();
    }
    close(fd);
}

ssize_t read(int fd, void *data, size_t length)
{
    ssize_t (*real)(int, void *, size_t) = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    struct stat now;
    char name[512];

    if (fd >= 0 && fd == moving) {
        moving = -1;
        if (is_due("cut", name) && !unlink(name) && !fstat(fd, &now)
            && truncate(getenv("TEST_MOVING"), now.st_size / 2)) {
            abort();
        }
        if (is_due("grow", name) && !unlink(name)) {
            double_file(getenv("TEST_MOVING"));
        }
    }
    return real(fd, data, length);
}
