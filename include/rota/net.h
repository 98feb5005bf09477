/*
 * Listening, accepting and connecting. What comes out are descriptors of
 * non-blocking sockets; rota/stream.h makes streams of them.
 *
 *     int listener = rota_listen("127.0.0.1", 8000, NULL);
 *     for (;;) {
 *         int fd = rota_accept(listener, NULL, NULL);
 *         if (fd < 0)
 *             break;
 *         ...
 *     }
 *     rota_ignore(rota_close(listener));
 */
#ifndef ROTA_NET_H
#define ROTA_NET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "rota/export.h"
#include "rota/time.h"

typedef struct rota_listen_options {
    int backlog;     /* connections that may wait for accept; 0: 4096 */
    bool reuse_port; /* several sockets share the port, one per process */
    bool v6_only;    /* all of this machine is IPv6 only, so that another
                        socket can have the port for IPv4 */
} rota_listen_options;

/*
 * Opens a socket that listens at `host` and `port` (0: any free one). `host`
 * is an address ("127.0.0.1", "::1"), "localhost", a name, or NULL for all of
 * this machine, IPv4 and IPv6. Options may be NULL. Returns the descriptor,
 * to be closed with rota_close; or -EADDRINUSE, -EACCES (ports below 1024),
 * -EADDRNOTAVAIL (not this machine's), -EINVAL, -ENOENT (no such host), or
 * what the system says; the task's error text (rota_fail) says what to do.
 * Suspends: only to look up a name. Cancel: nothing is lost.
 */
ROTA_API int rota_listen(const char *host, int port,
                         const rota_listen_options *options) ROTA_MUST;

/* The same at the path of a Unix socket. A socket file nobody listens at is
 * replaced; the file stays when the socket is closed. Suspends: no. */
ROTA_API int rota_listen_unix(const char *path,
                              const rota_listen_options *options) ROTA_MUST;

/*
 * Takes the next connection of a listening socket, which is made non-blocking
 * if it was not. `addr` and `len` (may be NULL) get its address, as accept(2).
 * Returns a non-blocking CLOEXEC descriptor. A connection that broke while it
 * waited is passed over. -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: it is still
 * there; go on after a pause. -EBUSY: another task is accepting here; -EBADF:
 * it was closed, by rota_close, as a listener is to be once it was given here.
 * Suspends: yes. Cancel: no connection is lost.
 */
ROTA_API int rota_accept(int fd, struct sockaddr *addr,
                         socklen_t *len) ROTA_MUST;

/*
 * Connects a non-blocking socket. 0, or what connect(2) says: -ECONNREFUSED,
 * -ENETUNREACH, -ETIMEDOUT, ... A Unix socket whose listener is busy is tried
 * until it is not. Suspends: yes. Cancel: the socket is in no defined state;
 * close it.
 */
ROTA_API int rota_connect(int fd, const struct sockaddr *addr,
                          socklen_t len) ROTA_MUST;

/* TCP: what is written goes out at once and does not wait for more. Streams
 * have it on. 0; -EBADF, -ENOTSOCK, -EOPNOTSUPP: not TCP. Suspends: no. */
ROTA_API int rota_set_nodelay(int fd, bool on) ROTA_MUST;

/* 0 each: what the system has (two hours, 75 s, 9). */
typedef struct rota_keepalive {
    rota_dur idle;     /* of silence until the peer is asked for a sign */
    rota_dur interval; /* between two questions */
    int count;         /* questions without an answer: -ETIMEDOUT */
} rota_keepalive;

/* TCP: finds out that the peer is gone although nothing is sent. Times are
 * rounded up to seconds. NULL: off, as it is at first. 0; -EINVAL: negative,
 * or too long; -EBADF, -ENOTSOCK, -EOPNOTSUPP. Suspends: no. */
ROTA_API int rota_set_keepalive(int fd,
                                const rota_keepalive *keepalive) ROTA_MUST;

/* The bytes the system keeps for a socket, received and to be sent; 0: as it
 * is. Who sets none has buffers that follow the load. The system doubles
 * them, and caps them (net.core.rmem_max, wmem_max). 0; -EINVAL: negative;
 * -EBADF, -ENOTSOCK. Suspends: no. */
ROTA_API int rota_set_buffers(int fd, int receive, int send) ROTA_MUST;

#endif
