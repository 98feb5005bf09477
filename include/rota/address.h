/*
 * Addresses of sockets: IPv4, IPv6, Unix. They come from whoever sent a
 * datagram (rota/udp.h) and from names (rota/dns.h), and can be filled in by
 * hand: the members are the system's own structs.
 */
#ifndef ROTA_ADDRESS_H
#define ROTA_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "rota/export.h"

/* `any.sa_family` tells which member holds. */
typedef struct rota_address {
    socklen_t len; /* bytes of the member; 0: there is no address */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    };
} rota_address;

/* Bytes of the longest text, with its NUL. */
#define ROTA_ADDRESS_TEXT 128

/*
 * Writes an address as text: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80",
 * "unix:/run/x", "unix:@abstract"; "?" for what is none. Suspends: no.
 */
ROTA_API void rota_address_format(const rota_address *address,
                                  char text[ROTA_ADDRESS_TEXT]);

/* The address a socket is bound to: 0; -EBADF, -ENOTSOCK. Suspends: no. */
ROTA_API int rota_getsockname(int fd, rota_address *address) ROTA_MUST;

/* The address of the other end of a connected socket: also -ENOTCONN. */
ROTA_API int rota_getpeername(int fd, rota_address *address) ROTA_MUST;

#endif
