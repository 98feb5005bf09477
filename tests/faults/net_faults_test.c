/*
 * Datagrams and names, with every call failing once.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>

#include "faults.h"
#include "rota.h"
#include "test.h"

/* A pair of sockets, the second connected to the first; 0 or an error. */
static int open_pair(int fds[2])
{
    rota_udp_options o = { .packet_info = true, .reuse_port = true };
    rota_address a;
    fds[0] = rota_udp_bind("127.0.0.1", 0, &o);
    if (fds[0] < 0)
        return fds[0];
    int rc = rota_getsockname(fds[0], &a);
    if (rc == 0)
        rc = rota_udp_connect("127.0.0.1", ntohs(a.v4.sin_port), NULL);
    fds[1] = rc;
    if (rc < 0)
        rota_close(fds[0]);
    return rc < 0 ? rc : 0;
}

static int send_back(int fd)
{
    char data[8];
    rota_address from;
    ssize_t n = rota_recvfrom(fd, data, sizeof data, &from);
    if (n > 0)
        n = rota_sendto(fd, data, (size_t)n, &from);
    return (int)n;
}

static int send_one(int fd, int peer)
{
    char data[8];
    ssize_t n = rota_sendto(fd, "once", 4, NULL);
    if (n > 0)
        n = send_back(peer);
    if (n > 0)
        n = rota_recvfrom(fd, data, sizeof data, NULL);
    return (int)n;
}

enum { SEGMENT = 100, BYTES = 5000 };

/* As many bytes in segments as need the heap, when they go one by one. */
static int send_segments(int fd, int peer)
{
    static char data[BYTES], room[BYTES];
    size_t got = 0;
    rota_datagram d = { .data = data, .size = BYTES, .segment = SEGMENT };
    int rc = rota_sendmmsg(fd, &d, 1);
    while (rc > 0 && got < BYTES) {
        d = (rota_datagram){ .data = room, .size = BYTES };
        rc = rota_recvmmsg(peer, &d, 1);
        got += d.len;
    }
    return rc < 0 ? rc : (int)got;
}

static int use_udp(void *arg)
{
    (void)arg;
    int fds[2];
    int rc = open_pair(fds);
    if (rc < 0)
        return rc;
    rc = send_one(fds[1], fds[0]);
    if (rc == 4)
        rc = send_segments(fds[1], fds[0]);
    rota_close(fds[0]);
    rota_close(fds[1]);
    return rc;
}

static int run_use_udp(void)
{
    return rota_run(use_udp, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("datagrams", run_use_udp, BYTES)

static int use_group(void *arg)
{
    (void)arg;
    int fd = rota_udp_bind("0.0.0.0", 0, NULL);
    if (fd < 0)
        return fd;
    int rc = rota_udp_join(fd, "239.1.2.3", "lo");
    if (rc == 0)
        rc = rota_udp_leave(fd, "239.1.2.3", "lo");
    rota_close(fd);
    return rc;
}

static int run_use_group(void)
{
    return rota_run(use_group, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("a multicast group joined and left", run_use_group, 0)

static int find(const char *host)
{
    rota_address a;
    return rota_getaddrinfo(host, 80, AF_INET, &a, 1);
}

static ROTA_ASYNC(find_later, (const char *, host))
{
    return find(host);
}

static int use_names(void *arg)
{
    (void)arg;
    rota_address a;
    char name[64];
    rota_task *t = rota_create_task(find_later, "one.test");
    int rc = find("one.test");
    int other = t ? rota_await(t) : -ENOMEM;
    if (rc > 0)
        rc = other;
    if (rc > 0)
        rc = find("one.test");
    if (rc > 0)
        rc = find("two.test");
    if (rc > 0)
        rc = rota_getaddrinfo("127.0.0.1", 80, AF_INET, &a, 1);
    if (rc > 0)
        rc = rota_getnameinfo(&a, name, sizeof name);
    return rc;
}

static int run_use_names(void)
{
    return rota_run(use_names, NULL, NULL);
}

/* PITFALLS 55, 56, 63 */
FAULT_TEST("names", run_use_names, 9, { -ENOMEM })
