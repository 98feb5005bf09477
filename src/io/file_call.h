/*
 * A call on files, from its begin to its end: what can be had without waiting
 * is taken at once, the rest, and what costs less among others, is left to the
 * ring, and where there is none, or it declines, to a pool thread. The results
 * are the same.
 *
 *     struct file_call c = { .op = { .kind = FILE_MKDIR, .path = path } };
 *     return file_call(&c);
 */
#ifndef IO_FILE_CALL_H
#define IO_FILE_CALL_H

#include "loop/file_op.h"
#include "rota/task.h"
#include "task/fd_use.h"
#include "task/task.h"

struct file_call {
    struct file_op op; /* the caller's: kind and arguments */
    struct rota_task *task;
    struct clause clause;
    struct fd_use use; /* of a call on a descriptor */
};

/*
 * Makes the call of the running task, or on a pool thread of that. Returns
 * op.result, as file_op.h says; -ECANCELED (op.moved tells of reads and
 * writes), -EBADF: the descriptor is being closed; -EPERM outside of tasks;
 * -EAGAIN, -ENOMEM: no thread could be had.
 */
int file_call(struct file_call *c);

/* The same for FILE_CLOSE, which cancellation does not end: users of the
 * descriptor are waited for. */
int file_call_close(struct file_call *c);

/* Does work made of several calls: on a thread as one job, unless there is a
 * ring, which is cheaper. `fn` may suspend, or block. */
int file_work(rota_fn *fn, void *arg);

/* Makes plain system calls until it is done or fails; blocks. */
int file_call_here(struct file_op *op);

#endif
