/*
 * The simulated network. A socket is a record; a connection is two of them,
 * each the other's peer. What one sends lies on the wire into the other, in
 * pieces with the moment at which each arrives, never before the one ahead of
 * it. Everything that happens later is an event on the world's own timers, so
 * the clock knows where to jump.
 *
 *     sim_socket.c   descriptors, addresses, listening: what never waits
 *     sim_wire.c     connecting, sending, arriving, cutting, resetting
 *     sim_datagram.c datagrams, which need no connection and may get lost
 *     sim_op.c       the loop's operations, served from what has arrived
 */
#ifndef LOOP_SIM_NET_H
#define LOOP_SIM_NET_H

#include <stdbool.h>

#include "base/buf.h"
#include "loop/op.h"
#include "loop/sim.h"
#include "loop/sock.h"

enum {
    SIM_FIRST = 1 << 28,     /* the first simulated descriptor; the kernel's
                                are far below (fs.nr_open is 2^20) */
    SIM_SCRATCH = 64 * 1024, /* bytes received at once by OP_STREAM */
};

enum sim_state {
    SIM_NEW,
    SIM_LISTENING,
    SIM_CONNECTING,
    SIM_CONNECTED, /* once; what became of it, the flags tell */
};

struct sim_socket {
    struct sim *sim;
    struct list link; /* among all of the world */
    int fd;           /* -1: not accepted yet, or closed */
    enum sim_state state;
    union sim_address local, remote;
    unsigned pins; /* it must stand a little longer */
    bool doomed;   /* it goes when nothing pins it */
    bool closed;   /* by its owner */
    bool abortive; /* SO_LINGER of 0: closing resets */
    bool shared;   /* SO_REUSEPORT */
    bool bound;    /* its name was asked for, or given */

    struct op *in, *out; /* armed */
    struct list touched; /* in the world's list of those to be served */

    /* Listening. */
    struct list backlog; /* arrived, not accepted */
    struct list waiting; /* in that of a listener */
    int waiters, most;
    bool deaf; /* shut down: refuses */

    /* Connecting. */
    struct timer attempt; /* it reaches the listener, or the answer us */
    unsigned tries;
    int refusal; /* the answer on its way back; 0: none */

    /* Connected. */
    struct sim_socket *peer;
    struct buf arrived; /* and not read */
    int error;          /* told once; positive */
    bool ended;         /* all the peer has sent has arrived */
    bool shut;          /* we read no more */
    bool finished;      /* we send no more */
    bool dead;          /* was reset */

    /* The wire into it. */
    struct list wire;     /* pieces, the next to arrive first */
    size_t flying;        /* bytes on it */
    struct timer arrival; /* of the first piece */
    bool held;            /* that is due, but the hosts are cut off */

    /* Datagrams. Connected is one that has a `remote`; it has no peer. */
    bool datagram;
    bool tells_local; /* IP_PKTINFO, IPV6_RECVPKTINFO */
    bool broadcast;   /* SO_BROADCAST */
    struct list letters;
    size_t unread; /* their bytes */
    struct list groups;
};

void sim_net_init(struct sim *s);
void sim_net_fini(struct sim *s);

/* The socket of a descriptor; NULL: none of this world. */
struct sim_socket *sim_socket(struct sim *s, int fd);

/* A socket without a descriptor; NULL: no memory. */
struct sim_socket *sim_socket_new(struct sim *s);
/* Frees it, as soon as nothing pins it. */
void sim_socket_free(struct sim_socket *k);

/* Who listens at an address, NULL: nobody. With SO_REUSEPORT any of them. */
struct sim_socket *sim_listener_at(struct sim *s, const union sim_address *a);

/* Would a socket bound to `a` get what is sent to `b`? */
bool sim_covers(const union sim_address *a, const union sim_address *b);
bool sim_is_any(const union sim_address *a);
socklen_t sim_length(const union sim_address *a);

/* Does another socket hold the name of this one? */
bool sim_in_use(const struct sim_socket *k);

/* This machine, where nothing was said. */
union sim_address sim_loopback(sa_family_t family);

/* The moment at which what is sent now arrives. */
rota_time sim_later(struct sim *s);

/* Is one of the hosts cut off from the other? */
bool sim_cut_off(struct sim *s, const union sim_address *a,
                 const union sim_address *b);

/* The same host, or the same path. */
bool sim_same_host(const union sim_address *a, const union sim_address *b);

/* Gives a socket that is to connect, or to listen at port 0, a name: as bound
 * to `host` (its port does not matter) and a port that is free. */
void sim_name(struct sim_socket *k, const union sim_address *host);

extern const struct sock_calls sim_sock_calls;

/* Something changed that an operation may wait for: it is looked at in the
 * next turn. */
void sim_touch(struct sim_socket *k);

/* Begins to connect: 0, it is on its way; or a negative errno. */
int sim_connect(struct sim_socket *k, const union sim_address *to);

/* Bytes the peer has room for. */
size_t sim_room(const struct sim_socket *k);

/* Puts bytes onto the wire to the peer: 0, -ENOMEM, or -ECONNRESET: by the
 * world's whim the connection is over. */
int sim_send(struct sim_socket *k, const void *data, size_t size);

/* Says that no more will be sent. */
void sim_finish(struct sim_socket *k);

/* The connection ends at once here, and over there when that has arrived. */
void sim_reset(struct sim_socket *k);

/* Datagrams. Connecting gives the peer's address, and is done at once; what is
 * sent and received is laid out as for sendmsg(2) and recvmsg(2): bytes,
 * -EAGAIN, or an error. */
int sim_datagram_connect(struct sim_socket *k, const union sim_address *to);
int sim_datagram_send(struct sim_socket *k, struct msghdr *m);
int sim_datagram_receive(struct sim_socket *k, struct msghdr *m);
int sim_datagram_set(struct sim_socket *k, int level, int option,
                     const void *value, socklen_t size);
void sim_datagram_fini(struct sim_socket *k);
void sim_letters_fini(struct sim *s);

/* The owner closes it. */
void sim_hang_up(struct sim_socket *k);

/* What poll(2) would say of it. */
int sim_events(const struct sim_socket *k, short asked);

/* The loop's side: see backend.h. */
int sim_submit(struct loop *l, void *state, struct op *op);
int sim_cancel(struct loop *l, void *state, struct op *op);
int sim_forget(struct loop *l, void *state, int fd);

/* What goes at once: bytes, -EAGAIN, or an error. */
int sim_receive_now(struct sim_socket *k, void *data, size_t size);
int sim_send_now(struct sim_socket *k, const void *data, size_t size);

/* Serves what was touched. */
void sim_serve(struct sim *s);
void sim_each_op(void *state, void (*fn)(const struct op *op, void *arg),
                 void *arg);

#endif
