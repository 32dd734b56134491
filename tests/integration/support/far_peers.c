/*
 * Preloaded into a server: to it, clients from 127.0.0.9 come from 198.51.100.9, and clients from 127.0.0.10 come from
 * 192.0.2.77, the address of an interface that the machine seems to have.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

static void move(struct sockaddr *peer)
{
    static const char *const moved[][2] = {{"127.0.0.9", "198.51.100.9"}, {"127.0.0.10", "192.0.2.77"}};
    struct sockaddr_in *v4 = (struct sockaddr_in *)peer;
    size_t i;

    for (i = 0; peer && peer->sa_family == AF_INET && i < sizeof(moved) / sizeof(moved[0]); ++i) {
        if (v4->sin_addr.s_addr == inet_addr(moved[i][0])) {
            v4->sin_addr.s_addr = inet_addr(moved[i][1]);
            return;
        }
    }
}

int accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags)
{
    int (*real)(int, struct sockaddr *, socklen_t *, int)
        = (int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
    int accepted = real(fd, peer, length, flags);

    if (accepted >= 0) {
        move(peer);
    }
    return accepted;
}

int accept(int fd, struct sockaddr *peer, socklen_t *length)
{
    return accept4(fd, peer, length, 0);
}

/* One interface has no address, as some have not; one is of IPv6; the last is the one above. */
int getifaddrs(struct ifaddrs **interfaces)
{
    static struct sockaddr_in6 v6;
    static struct sockaddr_in v4;
    static struct ifaddrs list[3];

    memset(&v6, 0, sizeof(v6));
    memset(&v4, 0, sizeof(v4));
    memset(list, 0, sizeof(list));
    v6.sin6_family = AF_INET6;
    inet_pton(AF_INET6, "2001:db8::77", &v6.sin6_addr);
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = inet_addr("192.0.2.77");
    list[0].ifa_next = &list[1];
    list[1].ifa_next = &list[2];
    list[1].ifa_addr = (struct sockaddr *)&v6;
    list[2].ifa_addr = (struct sockaddr *)&v4;
    *interfaces = list;
    return 0;
}

void freeifaddrs(struct ifaddrs *interfaces)
{
    (void)interfaces;
}
