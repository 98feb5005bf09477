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

typedef struct rota_listen_options {
    int backlog;     /* connections that may wait for accept; 0: 4096 */
    bool reuse_port; /* several sockets share the port, one per process */
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
 * it was closed. Suspends: yes. Cancel: no connection is lost.
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

#endif
