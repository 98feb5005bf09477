/*
 * read(2) and write(2) of OP_READ, OP_WRITE, OP_READV and OP_WRITEV, on what
 * may have been inherited in blocking mode. That mode is shared with other
 * processes and thus not ours to change: sockets are told with each call not
 * to wait, the others are asked before.
 */
#ifndef LOOP_PLAIN_H
#define LOOP_PLAIN_H

#include <stdbool.h>

#include "loop/fds.h"

static inline bool plain_is(const struct op *op)
{
    return op->kind == OP_READ || op->kind == OP_WRITE ||
           op->kind == OP_READV || op->kind == OP_WRITEV;
}

/* Does of the op what can be done now: its result, or a negative errno, of
 * which -EAGAIN says that it must wait (`sent` counts what is done of it).
 * `slot` is its descriptor's. */
int plain_try(struct fd_slot *slot, struct op *op);

/* True for what io_uring would leave to a thread of the kernel's that blocks
 * for it: a pipe in blocking mode, before Linux 6.5. */
bool plain_would_block_thread(struct fd_slot *slot, const struct op *op);

#endif
