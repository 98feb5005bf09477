/*
 * Datagrams by their struct msghdr, one and in batches: the system calls that
 * both real backends make for OP_RECVMSG, OP_SENDMSG, OP_RECVMMSG and
 * OP_SENDMMSG.
 */
#ifndef LOOP_MESSAGE_H
#define LOOP_MESSAGE_H

#include <stdbool.h>

#include "loop/op.h"

static inline bool message_is(const struct op *op)
{
    return op->kind == OP_RECVMSG || op->kind == OP_SENDMSG ||
           op->kind == OP_RECVMMSG || op->kind == OP_SENDMMSG;
}

/* Does of the op what can be done now: its result, or a negative errno, of
 * which -EAGAIN says that it must wait (`sent` counts what is done of it). */
int message_try(struct op *op);

#endif
