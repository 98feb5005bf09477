/*
 * Addresses and listening sockets, as the server and the public calls need
 * them: every error comes with one sentence that says what to do about it.
 */
#ifndef IO_NET_H
#define IO_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "rota/address.h"
#include "rota/export.h"
#include "rota/net.h"

enum {
    NET_BACKLOG = 4096, /* connections that wait for accept, unless asked */
    NET_PORT_MOST = 65535,
    NET_HOST = 256,      /* bytes of a host name (RFC 1035, 2.3.4) */
    NET_NAME = 128,      /* bytes of a name: "unix:" and the longest path */
    NET_ADDRESSES = 8,   /* of one host that are tried */
    NET_ERROR_TEXT = 320 /* bytes that hold any of the sentences */
};

/*
 * Finds the addresses of a host: "127.0.0.1", "::1", "[::1]", "localhost", a
 * name; NULL, "" and "*" stand for all of this machine (to listen). Writes at
 * most `most` to `out`. Returns how many; -EINVAL: the port is none, or the
 * name cannot be one; -ENOENT: no such host; -EAGAIN: the name server did not
 * answer; -ENOMEM; what the system says. `err` gets the sentence.
 * Suspends: for a name, in a task (getaddrinfo on a pool thread); outside of
 * one it blocks. Cancel: nothing is lost.
 */
int net_resolve(const char *host, int port, rota_address *out, int most,
                char *err, size_t err_size) ROTA_INTERNAL(net_resolve);

/*
 * What a host is known to be without a name server: a number, "localhost", all
 * of this machine (see net_resolve); in a simulation any name. How many
 * addresses; 0: it is a name; -EINVAL: it can be none. net_literal: numbers
 * only, one address.
 */
int net_known(const char *host, int port, rota_address *out, int most)
    ROTA_INTERNAL(net_known);
int net_literal(const char *host, int port, rota_address *out);

/* Copies a host without the brackets of "[::1]": 0 or -EINVAL. */
int net_copy_host(char out[NET_HOST], const char *host);

/*
 * Opens a non-blocking CLOEXEC socket that listens at host (as net_resolve;
 * a name's first address that works) and port (0: any free one). SO_REUSEADDR
 * is always set; "::" and "*" take IPv4 too. Options may be NULL. Returns the
 * descriptor, or a negative errno with the sentence in `err`: -EADDRINUSE,
 * -EACCES, -EADDRNOTAVAIL, and those of net_resolve. Suspends: as net_resolve.
 */
int net_listen(const char *host, int port, const rota_listen_options *options,
               char *err, size_t err_size) ROTA_INTERNAL(net_listen);

/*
 * The same at the path of a Unix socket. A socket that nobody listens at any
 * more is replaced; one in use, or any other file, is -EADDRINUSE.
 * Suspends: no.
 */
int net_listen_unix(const char *path, const rota_listen_options *options,
                    char *err, size_t err_size) ROTA_INTERNAL(net_listen_unix);

/*
 * As rota_accept, of a listener that net_unblock has made non-blocking (0, or a
 * negative errno): between the word that a connection is there and taking it,
 * another process may have taken it, and to block would stop the loop.
 */
int net_accept(int listener, struct sockaddr *addr, socklen_t *len);
int net_unblock(int listener);

/* Fills a Unix socket's address: 0, -EINVAL, -ENAMETOOLONG. */
int net_unix_address(const char *path, rota_address *out);

/* Records the sentence for whoever reads the task's outcome; gives `rc`. */
int net_told(int rc, const char *err);

/* An address as text: "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:".
 * rota_address_format for one that is not known to be whole. */
void net_format(const struct sockaddr *addr, socklen_t len, char name[NET_NAME])
    ROTA_INTERNAL(net_format);

/* The name of a socket's own end, and of the other: 0 or a negative errno. */
int net_local_name(int fd, char name[NET_NAME]) ROTA_INTERNAL(net_local_name);
int net_peer_name(int fd, char name[NET_NAME]) ROTA_INTERNAL(net_peer_name);

#endif
