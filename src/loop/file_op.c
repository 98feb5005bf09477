/*
 * File operations, passed on to a backend that knows them.
 */
#include "loop/file_op.h"

#include <errno.h>

#include "loop/backend.h"
#include "loop/loop.h"

int file_op_submit(struct loop *l, struct file_op *op)
{
    const struct backend *b = l->backend;
    op->result = 0;
    op->cancelled = false;
    return b->file_submit ? b->file_submit(l->backend_state, op) : -EOPNOTSUPP;
}

bool file_op_is_due(struct loop *l, enum file_kind kind)
{
    const struct backend *b = l->backend;
    return b->file_due && b->file_due(l, l->backend_state, kind);
}

void file_op_cancel(struct loop *l, struct file_op *op)
{
    if (op->armed && !op->cancelled)
        l->backend->file_cancel(l->backend_state, op);
}
