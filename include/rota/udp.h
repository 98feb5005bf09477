/*
 * Datagrams. A socket is a plain descriptor, bound or connected here, read
 * and written one datagram at a time or many in one call, and closed with
 * rota_close.
 *
 *     int fd = rota_udp_bind(NULL, 5353, NULL);
 *     char data[2048];
 *     rota_address from;
 *     ssize_t n = rota_recvfrom(fd, data, sizeof data, &from);
 *     if (n >= 0)
 *         n = rota_sendto(fd, data, (size_t)n, &from);
 *     rota_ignore(rota_close(fd));
 *
 * One task may receive while another sends; a second one that receives, or
 * sends, is told -EBUSY. A connected socket learns that nobody listens at the
 * other end: the next call that receives or sends returns -ECONNREFUSED, once,
 * and the socket works on (that call has sent nothing). Other datagram sockets
 * that are made by socket(2), such as Unix ones, are received from and sent to
 * by the same calls.
 *
 * Those that suspend are a task's; a pool thread reaches them through
 * rota_from_thread_run.
 */
#ifndef ROTA_UDP_H
#define ROTA_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rota/address.h"
#include "rota/export.h"

typedef struct rota_udp_options {
    bool reuse_port;    /* several sockets share the port, each gets a part */
    bool reuse_address; /* several share it, each gets all of a multicast */
    bool broadcast;     /* sending to broadcast addresses is allowed */
    bool packet_info;   /* rota_recvmmsg tells the address a datagram was
                           sent to */
    bool gro;           /* rota_recvmmsg may get several datagrams of one
                           sender as one, see `segment`; where the kernel can */
    bool dont_fragment; /* a datagram above the path's MTU is -EMSGSIZE */
    int receive_buffer; /* bytes the kernel keeps for us, and for the net; */
    int send_buffer;    /* 0: as the system has it; it may give less */
    int ttl;            /* hops of what is sent, 1 to 255; 0: the system's */

    int multicast_ttl;               /* the same of multicasts; 0: 1 hop */
    bool multicast_no_loop;          /* this machine does not get its own */
    const char *multicast_interface; /* they leave by; NULL: the system's */
} rota_udp_options;

/*
 * Opens a socket that receives at `host` and `port` (0: any free one). `host`
 * is an address, "localhost", a name, or NULL for all of this machine, IPv4
 * and IPv6 (IPv4 peers are then ::ffff:a.b.c.d). Options may be NULL. Returns
 * the descriptor; -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL, -ENODEV (no
 * such interface), those of a name (rota/dns.h), what the system says.
 * Suspends: only to look up a name. Cancel: nothing stays open.
 */
ROTA_API int rota_udp_bind(const char *host, int port,
                           const rota_udp_options *options) ROTA_MUST;

/*
 * Opens a socket that sends to `host` and `port` (NULL: this machine), and
 * receives from there only. Nothing is sent yet: that somebody listens is not
 * known. Returns the descriptor; -ENETUNREACH and the errors of rota_udp_bind.
 * Suspends: yes. Cancel: nothing stays open.
 */
ROTA_API int rota_udp_connect(const char *host, int port,
                              const rota_udp_options *options) ROTA_MUST;

/*
 * Joins a multicast group ("239.1.2.3", "ff02::fb") on an interface ("eth0";
 * NULL: the system's choice): what is sent to it and the socket's port is
 * received from now on. Leaves it. 0; -EINVAL: no group; -ENODEV: no such
 * interface; -EADDRINUSE: joined already; -EADDRNOTAVAIL: not joined; what
 * setsockopt(2) says. Suspends: no.
 */
ROTA_API int rota_udp_join(int fd, const char *group,
                           const char *interface) ROTA_MUST;
ROTA_API int rota_udp_leave(int fd, const char *group,
                            const char *interface) ROTA_MUST;

/*
 * Receives one datagram: its length, which may be 0. `from` (may be NULL) is
 * set to its sender. -EMSGSIZE: it was longer than `size`; `data` and `from`
 * are set, the rest of it is gone. -EBUSY: another task receives here;
 * -EBADF: the descriptor was closed, even meanwhile; -ECONNREFUSED; what
 * recvmsg(2) says. Suspends: yes. Cancel: no datagram is lost: it is returned
 * or still there. Not for sockets with `gro`.
 */
ROTA_API ssize_t rota_recvfrom(int fd, void *data, size_t size,
                               rota_address *from) ROTA_MUST;

/*
 * Sends one datagram, of 0 bytes even: `size`. `to` is NULL on a connected
 * socket. -EMSGSIZE: too long; -EDESTADDRREQ, -ENETUNREACH, -EPERM;
 * -EBUSY: another task sends here; -EBADF; -ECONNREFUSED; what sendmsg(2)
 * says. Suspends: while the kernel has no room. Cancel: nothing was sent.
 */
ROTA_API ssize_t rota_sendto(int fd, const void *data, size_t size,
                             const rota_address *to) ROTA_MUST;

/* One of a batch. The fields have the same meaning both ways, so what was
 * received can be sent back as it is. */
typedef struct rota_datagram {
    void *data;
    size_t size;        /* room to receive, bytes to send; not changed */
    size_t len;         /* set: bytes received, bytes sent */
    bool cut;           /* received: it was longer than the room */
    size_t segment;     /* `data` is several datagrams of so many bytes, the
                           last one may be shorter; 0: it is one */
    rota_address peer;  /* from or to; to a connected socket's: len 0 */
    rota_address local; /* received with packet_info: the address (port 0) it
                           was sent to. To be sent: the address to send from;
                           len 0: the system's choice */
} rota_datagram;

/* Most datagrams of one rota_recvmmsg; more are left for the next. */
#define ROTA_RECV_MOST 64

/*
 * Receives what is there, at least one and at most `count` datagrams, into
 * `data` and `size` of each; sets the other fields. Returns how many. With
 * the option `gro` `segment` may be set: give rooms of 64 KiB. -EINVAL: count
 * is 0; the errors of rota_recvfrom but -EMSGSIZE: see `cut`. Suspends: yes.
 * Cancel: no datagram is lost.
 */
ROTA_API int rota_recvmmsg(int fd, rota_datagram *datagrams,
                           unsigned count) ROTA_MUST;

/*
 * Sends all `count` of them. Returns `count`; or fewer: these were sent, then
 * it was cut short by a cancellation, a close or an error, which the next call
 * returns (`len` of the first one left tells what was sent of its segments).
 * Segments go out in few calls where the kernel can cut them itself, else one
 * by one; what arrives is the same. The errors of rota_sendto; -ENOMEM.
 * Suspends: while the kernel has no room. Cancel: the count says what was sent.
 */
ROTA_API int rota_sendmmsg(int fd, rota_datagram *datagrams,
                           unsigned count) ROTA_MUST;

#endif
