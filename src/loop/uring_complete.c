/*
 * What completions mean. What the kernel does by halves is completed here,
 * unseen by the op's owner: short sends go on, a multishot that ended without a
 * reason is armed again, and so is one that found no buffer.
 */
#include <errno.h>

#include "loop/uring_op.h"
#include "loop/uring_wrote.h"

static void tell(struct op *op, int result)
{
    op->result = result;
    op->done(op);
}

static void finish(struct uring *u, struct op *op, int result)
{
    fds_disarm(&u->fds, fds_find(&u->fds, op->fd), op);
    tell(op, result);
}

/* One of several results: armed on, unless that was the last. */
static void tell_part(struct uring *u, struct op *op, int result, bool more)
{
    if (!more && op->private & CANCELLED) {
        finish(u, op, result);
        return;
    }
    if (!more)
        uring_op_start(u, op);
    tell(op, result);
}

static void sent(struct uring *u, struct op *op, int n)
{
    op->sent += (size_t)n;
    if (op->sent == op->size)
        finish(u, op, (int)op->size);
    else if (op->private & CANCELLED)
        finish(u, op, -ECANCELED);
    else if (n == 0)
        finish(u, op, -EIO);
    else
        uring_op_start(u, op);
}

/* Errors that say nothing to the op's owner: it is started again. */
static bool is_passing(const struct op *op, int error)
{
    switch (error) {
    case EINTR:
    case EAGAIN:
    /* Of its owner's cancel that is not: see kick_workers (backend_uring.c). */
    case ECANCELED: return true;
    case ENOBUFS: return op->kind == OP_STREAM;
    default: return op->kind == OP_ACCEPT && op_is_of_connection(-error);
    }
}

static void fail(struct uring *u, struct op *op, int rc)
{
    if (!is_passing(op, -rc)) {
        finish(u, op, rc);
    } else if (op->private & CANCELLED) {
        finish(u, op, -ECANCELED);
    } else if (rc == -ENOBUFS && op->private & FED) {
        /* Kernels (6.1) let one stream take all buffers while it has bytes:
         * those that got none come first. */
        uring_op_start_later(u, op);
    } else {
        uring_op_start(u, op);
    }
}

static void received(struct uring *u, struct op *op, int n, unsigned flags)
{
    unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
    if (n == 0) {
        finish(u, op, 0);
        return;
    }
    op->data = uring_buffer(u, id);
    op->private |= FED;
    tell_part(u, op, n, flags & IORING_CQE_F_MORE);
}

static void succeed(struct uring *u, struct op *op, int n, unsigned flags)
{
    switch (op->kind) {
    case OP_ACCEPT: tell_part(u, op, n, flags & IORING_CQE_F_MORE); break;
    case OP_STREAM: received(u, op, n, flags); break;
    case OP_SEND: sent(u, op, n); break;
    case OP_RECVMSG:
        uring_wrote_message(op->data, (size_t)n);
        __attribute__((fallthrough));
    default: finish(u, op, n); break;
    }
}

/* Something is ready; it is looked at when all is reaped, and then polled for
 * anew. */
static void readied(struct uring *u, int rc, unsigned flags)
{
    u->happened = true;
    u->ready_due = !(flags & IORING_CQE_F_MORE);
    if (rc == -EINVAL)
        u->parts &= ~(unsigned)URING_MULTISHOT_POLL; /* before 5.13 */
}

static void complete_op(struct uring *u, struct op *op,
                        const struct io_uring_cqe *cqe)
{
    if (cqe->res < 0)
        fail(u, op, cqe->res);
    else
        succeed(u, op, cqe->res, cqe->flags);
    /* From here the op may be gone. */
    if (cqe->flags & IORING_CQE_F_BUFFER)
        uring_buffer_return(u, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

static struct file_op *file_of(uint64_t mark)
{
    return (struct file_op *)(uintptr_t)(uring_address(mark) &
                                         ~(uint64_t)MARK_MASK);
}

void uring_complete(struct uring *u, const struct io_uring_cqe *cqe)
{
    uint64_t mark = cqe->user_data;
    switch (mark & MARK_MASK) {
    case MARK_READY: readied(u, cqe->res, cqe->flags); break;
    case MARK_CANCEL:
        if (cqe->res == -ENOENT)
            uring_cancel_missed(u, mark);
        break;
    case MARK_IGNORED: break;
    case MARK_FILE: uring_file_complete(u, file_of(mark), cqe->res); break;
    default:
        complete_op(u, (struct op *)(uintptr_t)uring_address(mark), cqe);
        break;
    }
}
