/*
 * Options of sockets.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "loop/loop.h"
#include "loop/sock.h"
#include "rota/net.h"

static int set(int fd, int level, int option, int value)
{
    return sock_set_int(loop_current(), fd, level, option, value);
}

int rota_set_nodelay(int fd, bool on)
{
    return set(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

/* The system counts seconds: up, so that it is never sooner. */
static int seconds(rota_dur d)
{
    enum { NS_PER_S = 1000000000 };
    int64_t s = d / NS_PER_S + (d % NS_PER_S != 0);
    return s < INT_MAX ? (int)s : INT_MAX;
}

int rota_set_keepalive(int fd, const rota_keepalive *k)
{
    if (!k)
        return set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    if (k->idle < 0 || k->interval < 0 || k->count < 0)
        return -EINVAL;
    int rc = 0;
    if (k->idle > 0)
        rc = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(k->idle));
    if (rc == 0 && k->interval > 0)
        rc = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(k->interval));
    if (rc == 0 && k->count > 0)
        rc = set(fd, IPPROTO_TCP, TCP_KEEPCNT, k->count);
    return rc < 0 ? rc : set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int rota_set_buffers(int fd, int receive, int send)
{
    if (receive < 0 || send < 0)
        return -EINVAL;
    int rc = receive > 0 ? set(fd, SOL_SOCKET, SO_RCVBUF, receive) : 0;
    if (rc == 0 && send > 0)
        rc = set(fd, SOL_SOCKET, SO_SNDBUF, send);
    return rc;
}
