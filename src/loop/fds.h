/*
 * What a backend knows of each descriptor: which op is armed on it, for
 * receiving and for sending, and what its last events said. A table indexed
 * by the descriptor, grown by chunks, so that a slot never moves.
 */
#ifndef LOOP_FDS_H
#define LOOP_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/op.h"

struct fd_slot {
    struct op *in;        /* armed: receives, accepts, reads */
    struct op *out;       /* armed: sends, writes, connects */
    struct fd_slot *next; /* in the backend's queue */
    uint32_t generation;  /* of the descriptor's number: events carry it */
    bool queued;

    /* Of the epoll backend. All false is a descriptor never seen. */
    bool registered : 1;
    bool room : 1;        /* ... for the edges of room to send, too */
    bool always : 1;      /* epoll refused it: a file, never waits */
    bool in_blocked : 1;  /* was empty, and no edge came since */
    bool out_blocked : 1; /* was full, and no edge came since */
    bool eager : 1;       /* a short read does not mean it is empty */
    bool type_known : 1;  /* `eager` takes the socket's type into account */

    /* Of those read and written plainly (loop/plain.h). */
    bool mode_known : 1; /* the next three are valid */
    bool socket : 1;     /* ... that was inherited without O_NONBLOCK */
    bool in_blocks : 1;  /* anything that was but a socket, to be read */
    bool out_blocks : 1; /* the same, to be written */
};

enum { FDS_CHUNK = 128 }; /* slots */

struct fd_queue {
    struct fd_slot *first;
    struct fd_slot **last;
};

struct fds {
    struct fd_slot **chunks;
    size_t count;          /* of chunks */
    size_t armed;          /* ops */
    struct fd_queue queue; /* to be looked at in the next turn */
};

void fds_init(struct fds *t);
void fds_fini(struct fds *t);

/* The slot of a descriptor (>= 0) that has one, else NULL. */
static inline struct fd_slot *fds_find(const struct fds *t, int fd)
{
    size_t chunk = (unsigned)fd / FDS_CHUNK;
    if (chunk >= t->count || !t->chunks[chunk])
        return NULL;
    return &t->chunks[chunk][(unsigned)fd % FDS_CHUNK];
}

/* Makes one for a descriptor that has none; NULL: no memory. */
struct fd_slot *fds_make(struct fds *t, int fd);

/* The slot of `fd`, made when there is none; NULL without memory. */
static inline struct fd_slot *fds_slot(struct fds *t, int fd)
{
    struct fd_slot *slot = fds_find(t, fd);
    return slot ? slot : fds_make(t, fd);
}

/* Makes `op` the op of its direction: 0 or -EBUSY. */
int fds_arm(struct fds *t, struct fd_slot *slot, struct op *op);
void fds_disarm(struct fds *t, struct fd_slot *slot, struct op *op);

/* Is `op` armed here? Is another one of its direction? */
bool fds_has(const struct fds *t, const struct op *op);
bool fds_is_taken(const struct fds *t, const struct op *op);

/* Forgets what was known of a number that is about to be closed: 0, or -EBUSY
 * when an op is armed on it. */
int fds_forget(struct fds *t, int fd);

/* All descriptors that have a slot are below this. */
int fds_end(const struct fds *t);

/* Calls fn(op, arg) for each armed op. */
void fds_each_op(const struct fds *t,
                 void (*fn)(const struct op *op, void *arg), void *arg);

/* Queues a slot; harmless when it is queued. */
void fds_queue(struct fds *t, struct fd_slot *slot);

/* Takes the whole queue, and then one slot after the other from it: what is
 * queued meanwhile is for the next time. */
struct fd_queue fds_take(struct fds *t);
struct fd_slot *fds_pop(struct fd_queue *batch);

#endif
