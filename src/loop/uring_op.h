/*
 * Ops on descriptors on a ring: how one becomes entries (uring_start.c) and
 * what completions mean (uring_complete.c).
 */
#ifndef LOOP_URING_OP_H
#define LOOP_URING_OP_H

#include "loop/op.h"
#include "loop/uring.h"

/* In op->private. */
enum {
    CANCELLED = 1,  /* its end was asked for */
    CANCEL_DUE = 2, /* ... but the asking is not submitted yet */
    START_DUE = 4,  /* not submitted yet */
    FED = 8,        /* this stream has got buffers since it was submitted */
};

/* Submits an op's first entry, or its next; the same with the next turn, after
 * those that are now. Without room it is left due. */
void uring_op_start(struct uring *u, struct op *op);
void uring_op_start_later(struct uring *u, struct op *op);

/* Asks for the end of what is submitted. */
void uring_op_cancel(struct uring *u, struct op *op);

/*
 * A cancel, by its user data, found nothing. Mostly the op has ended; but one
 * that is just being woken to go on is not to be found for a moment, goes on,
 * and waits again.
 */
void uring_cancel_missed(struct uring *u, uint64_t mark);

/* Submits the poll of those that wait for readiness. */
void uring_watch_ready(struct uring *u);

/* Submits what there was no room for. */
void uring_start_due(struct uring *u);

/* Tells what an entry came to. */
void uring_complete(struct uring *u, const struct io_uring_cqe *cqe);

#endif
