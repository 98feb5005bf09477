/*
 * The system's socket calls, and the choice between them and the simulated
 * ones.
 */
#include "loop/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "loop/backend.h"
#include "loop/loop.h"

static int checked(int rc)
{
    return rc < 0 ? -errno : rc;
}

static int system_open(struct loop *l, int family)
{
    (void)l;
    return checked(
        socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static int system_open_datagram(struct loop *l, int family)
{
    (void)l;
    return checked(
        socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static int system_bind(struct loop *l, int fd, const struct sockaddr *addr,
                       socklen_t len)
{
    (void)l;
    return checked(bind(fd, addr, len));
}

static int system_listen(struct loop *l, int fd, int backlog)
{
    (void)l;
    return checked(listen(fd, backlog));
}

static int system_unblock(struct loop *l, int fd)
{
    (void)l;
    int mode = fcntl(fd, F_GETFL);
    if (mode < 0 || mode & O_NONBLOCK)
        return checked(mode);
    return checked(fcntl(fd, F_SETFL, mode | O_NONBLOCK));
}

static int system_accept(struct loop *l, int fd, struct sockaddr *addr,
                         socklen_t *len)
{
    (void)l;
    return checked(accept4(fd, addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

static int system_receive(struct loop *l, int fd, void *data, size_t size)
{
    (void)l;
    ssize_t n;
    do
        n = recv(fd, data, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return checked((int)n);
}

static int system_send(struct loop *l, int fd, const void *data, size_t size)
{
    (void)l;
    ssize_t n;
    do
        n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return checked((int)n);
}

static int system_shutdown(struct loop *l, int fd, int how)
{
    (void)l;
    return checked(shutdown(fd, how));
}

static int system_set(struct loop *l, int fd, int level, int option,
                      const void *value, socklen_t size)
{
    (void)l;
    return checked(setsockopt(fd, level, option, value, size));
}

static int system_family(struct loop *l, int fd)
{
    (void)l;
    int family;
    socklen_t size = sizeof family;
    int rc = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return rc < 0 ? -errno : family;
}

static int system_name(struct loop *l, int fd, bool peer, struct sockaddr *addr,
                       socklen_t *len)
{
    (void)l;
    return checked(peer ? getpeername(fd, addr, len)
                        : getsockname(fd, addr, len));
}

static int64_t system_confirmed(struct loop *l, int fd)
{
    (void)l;
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;
    int rc = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return rc < 0 ? -errno : (int64_t)info.tcpi_bytes_acked;
}

int sock_poll(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };
    int rc;
    do
        rc = poll(&p, 1, 0);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return -errno;
    return p.revents & POLLNVAL ? -EBADF : p.revents;
}

static int system_poll(struct loop *l, int fd, short events)
{
    (void)l;
    return sock_poll(fd, events);
}

static int system_close(struct loop *l, int fd)
{
    (void)l;
    /* On Linux the descriptor is gone even when a signal interrupts. */
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

static const struct sock_calls system_calls = {
    .open = system_open,
    .open_datagram = system_open_datagram,
    .bind = system_bind,
    .listen = system_listen,
    .unblock = system_unblock,
    .accept = system_accept,
    .receive = system_receive,
    .send = system_send,
    .shutdown = system_shutdown,
    .set = system_set,
    .family = system_family,
    .name = system_name,
    .confirmed = system_confirmed,
    .poll = system_poll,
    .close = system_close,
};

bool sock_simulated(const struct loop *l)
{
    return l && l->backend->sockets;
}

const struct sock_calls *sock_calls(const struct loop *l)
{
    return sock_simulated(l) ? l->backend->sockets : &system_calls;
}
