/*
 * What is done with sockets besides operations: making, naming, closing them;
 * none of it waits. It goes through a table, because in a simulation the
 * network is simulated. All return >= 0 or a negative errno; `l` may be NULL,
 * which stands for the real world.
 */
#ifndef LOOP_SOCK_H
#define LOOP_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "rota/export.h"

struct loop;

/* One world's calls, as the system's of the same names. */
struct sock_calls {
    /* A stream socket, non-blocking and CLOEXEC. */
    int (*open)(struct loop *l, int family);
    /* The same for datagrams. */
    int (*open_datagram)(struct loop *l, int family);
    int (*bind)(struct loop *l, int fd, const struct sockaddr *addr,
                socklen_t len);
    int (*listen)(struct loop *l, int fd, int backlog);
    /* Makes a descriptor non-blocking that was inherited otherwise. */
    int (*unblock)(struct loop *l, int fd);
    /* Non-blocking and CLOEXEC too; -EAGAIN: nobody waits. */
    int (*accept)(struct loop *l, int fd, struct sockaddr *addr,
                  socklen_t *len);
    /* What goes at once, at most INT_MAX bytes; -EAGAIN: none. Sending raises
     * no SIGPIPE. */
    int (*receive)(struct loop *l, int fd, void *data, size_t size);
    int (*send)(struct loop *l, int fd, const void *data, size_t size);
    int (*shutdown)(struct loop *l, int fd, int how);
    int (*set)(struct loop *l, int fd, int level, int option, const void *value,
               socklen_t size);
    int (*family)(struct loop *l, int fd); /* AF_... */
    int (*name)(struct loop *l, int fd, bool peer, struct sockaddr *addr,
                socklen_t *len);
    /* How many bytes the peer has confirmed so far; -EOPNOTSUPP: this kind of
     * socket does not tell. */
    int64_t (*confirmed)(struct loop *l, int fd);
    /* Which of `events` hold now, POLLERR and POLLHUP too; 0: none. */
    int (*poll)(struct loop *l, int fd, short events);
    int (*close)(struct loop *l, int fd);
};

/* The world of a loop. */
const struct sock_calls *sock_calls(const struct loop *l)
    ROTA_INTERNAL(sock_calls);

/* True when the network of `l` is a simulated one, with names, addresses and
 * paths of its own. */
bool sock_simulated(const struct loop *l) ROTA_INTERNAL(sock_simulated);

/* Which of `events` hold now of a descriptor of the system's: as `poll`. */
int sock_poll(int fd, short events);

/* An option whose value is an int. */
static inline int sock_set_int(struct loop *l, int fd, int level, int option,
                               int value)
{
    return sock_calls(l)->set(l, fd, level, option, &value, sizeof value);
}

#endif
