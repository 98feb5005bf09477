/*
 * What the tests of this room share: connected sockets, a stream on one end
 * and a plain descriptor on the other, and a clock of events.
 */
#ifndef PAIR_H
#define PAIR_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota.h"
#include "test.h"

struct pair {
    rota_stream *s; /* what is tested */
    int peer;       /* the other end, non-blocking */
};

static inline void write_fully(int fd, const char *data, size_t size)
{
    CHECK_INT(write(fd, data, size), (ssize_t)size);
}

/* Ends the stream's peer by a reset. */
static inline void reset(int fd)
{
    struct linger now = { .l_onoff = 1 };
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    CHECK_INT(close(fd), 0);
}

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    in.sin_port = htons((uint16_t)port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return in;
}

static inline int port_of(int fd)
{
    struct sockaddr_in in;
    socklen_t size = sizeof in;
    CHECK_INT(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    return ntohs(in.sin_port);
}

static inline struct pair tcp_pair(void)
{
    struct pair p;
    int listener = rota_listen("127.0.0.1", 0, NULL);
    CHECK(listener >= 0);
    CHECK_INT(rota_open_connection("127.0.0.1", port_of(listener), &p.s), 0);
    p.peer = rota_accept(listener, NULL, NULL);
    CHECK(p.peer >= 0);
    CHECK_INT(rota_close(listener), 0);
    return p;
}

static inline struct pair unix_pair(void)
{
    struct pair p;
    int fds[2];
    CHECK_INT(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
        0);
    CHECK_INT(rota_stream_new(fds[0], &p.s), 0);
    p.peer = fds[1];
    return p;
}

static inline void pair_close(struct pair *p)
{
    rota_stream_close(p->s);
    if (p->peer >= 0)
        CHECK_INT(rota_close(p->peer), 0);
}

/* Lets every other task run until it has parked, and what is on its way
 * arrive. */
static inline void settle(void)
{
    CHECK_INT(rota_wait_all_blocked(rota_ms(2)), 0);
}

static inline int open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Runs `fn` as main and checks that it leaves no descriptor behind. */
static inline void run_clean(rota_fn *fn)
{
    int before = open_files();
    CHECK_INT(rota_run(fn, NULL, NULL), 0);
    CHECK_INT(open_files(), before);
}

#endif
