/*
 * The simulated world below a loop: its clock, its network, the order of what
 * is ready, and what came of all that. It stands where a backend's state
 * stands. Whatever it decides by chance, it draws from the loop's numbers.
 */
#ifndef LOOP_SIM_H
#define LOOP_SIM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/list.h"
#include "loop/file_op.h"
#include "loop/timer.h"
#include "rota/export.h"
#include "rota/sim.h"

struct file_op;
struct loop;
struct sim_socket;

/* What a simulated loop is made from. */
struct sim_setup {
    uint64_t seed;
    const rota_sim_options *options;
};

union sim_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

struct sim {
    struct loop *loop;
    rota_time now;
    uint64_t seed;
    uint64_t trace; /* of all that was scheduled */

    /* The network: see sim_net.h. */
    rota_sim_net net;          /* how it behaves */
    struct timers events;      /* what will happen there */
    struct list sockets;       /* all */
    struct list touched;       /* those to be served */
    struct sim_socket **table; /* by descriptor */
    size_t size;               /* of the table */
    uint16_t next_port;
    struct list letters; /* datagrams on their way */
    struct list cuts;    /* hosts that nothing reaches */
    bool cut_all;
    char *scratch; /* of OP_STREAM */

    struct list files; /* ops on them under way */
};

/* Makes `l`, which is being set up, a simulated one: 0 or -ENOMEM. */
int sim_begin(struct loop *l, const struct sim_setup *setup);

/* The world of a loop (NULL: none); NULL: the real one. */
struct sim *sim_of(const struct loop *l);

/* Adds something that has happened to the trace. */
void sim_note(struct sim *s, uint64_t what);

/* Puts what is ready into the order in which it will run; how many that are. */
unsigned sim_arrange(struct loop *l);

/* Does the world do something that it does once in `n` times (0: never)? */
bool sim_once_in(struct sim *s, uint64_t n);

/* Does it, of two ways it might go, take the strange one? With seed 0 never. */
bool sim_whim(struct sim *s);

/* Copies an address: false when it is none. */
bool sim_take_address(union sim_address *out, const void *addr, size_t len);

/* Cuts a host off from all others, or all from each other (NULL): 0 or
 * -ENOMEM; and ends that. */
int sim_cut(struct sim *s, const union sim_address *host);
void sim_heal(struct sim *s, const union sim_address *host);

/* Files (sim_file.c), as backend.h says; the end of all ops, to be told to
 * nobody. */
bool sim_file_due(struct loop *l, void *state, enum file_kind kind);
int sim_file_submit(void *state, struct file_op *op);
void sim_file_cancel(void *state, struct file_op *op);
size_t sim_file_ops(void *state);
void sim_file_end_all(struct sim *s);

/* Resets the connection of a descriptor: 0, -EBADF, -ENOTCONN. */
int sim_reset_fd(struct sim *s, int fd);

#endif
