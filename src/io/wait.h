/*
 * A call on a descriptor, from its begin to its end. While it lasts, the
 * descriptor is known to be in use: closing claims the calls on it, waits
 * until every one of them has ended, and only then gives the number back. So
 * no call can ever meet another file under its number, and no memory that a
 * caller passed in is touched once its call has returned.
 *
 *     struct io_call c;
 *     int rc = io_begin(&c, fd);
 *     if (rc < 0)
 *         return rc;
 *     c.op.kind = OP_RECV; ...
 *     rc = io_await(&c);
 *     return io_end(&c, rc);
 */
#ifndef IO_WAIT_H
#define IO_WAIT_H

#include "base/list.h"
#include "loop/op.h"
#include "task/fd_use.h"
#include "task/task.h"

struct io_call {
    struct op op; /* what to await: kind and arguments are the caller's */
    struct rota_task *task;
    struct clause clause;
    struct fd_use use;
    bool resumed; /* it has waited before: for an op, or for something else */
};

/* Begins a suspending call of the running task: 0, and io_end must follow;
 * -EPERM, -ECANCELED, -EBADF: the descriptor is being closed, or is none. */
int io_begin(struct io_call *c, int fd) ROTA_INTERNAL(io_begin);

/* The same for a call that writes by more than one op, between which nobody
 * else may: also -EBUSY. */
int io_begin_writing(struct io_call *c, int fd);

/*
 * Submits c->op and parks the task until its terminal completion. Returns its
 * result; -ECANCELED when the task was cancelled before there was any, -EBADF
 * when the descriptor was closed (c->op.sent tells of a send, each time); or
 * what op_submit says. May be called again: a cancellation that came since is
 * then seen before anything is awaited, and others get their turn. Whoever
 * sets c->op.done, for an op that repeats, fires the clause itself when that
 * has ended.
 */
int io_await(struct io_call *c);

/* Waits for `events` on the descriptor: those that hold, or as io_await. */
int io_await_events(struct io_call *c, short events)
    ROTA_INTERNAL(io_await_events);

/* The call is to end as soon as it can: what it awaits ends with -EBADF when
 * its descriptor is being closed, else with -ECANCELED. */
void io_leave(struct io_call *c);

/* Ends the call; returns `rc`, every now and then after a yield. */
int io_end(struct io_call *c, int rc) ROTA_INTERNAL(io_end);

/*
 * Claims all calls on `fd`, which then return -EBADF or what they have got,
 * waits for their ends, and closes it. Not ended by cancellation. Returns
 * close(2)'s result; -EBADF: none, or another task closes it.
 */
int io_close(struct rota_task *t, int fd) ROTA_INTERNAL(io_close);

/* Keeps SIGPIPE from this thread until the same number of releases; the last
 * one leaves no trace of a signal that a write raised meanwhile. */
void io_hold_sigpipe(void) ROTA_INTERNAL(io_hold_sigpipe);
void io_release_sigpipe(void) ROTA_INTERNAL(io_release_sigpipe);

#endif
