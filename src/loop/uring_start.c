/*
 * How an op becomes entries of the ring. Its user data is the op's address and,
 * in the upper sixteen bits, its generation. An entry for which there is no
 * room leaves its op marked as due; the descriptor's slot is queued, and the
 * next turn tries again.
 */
#include <poll.h>

#include "loop/epoll.h"
#include "loop/uring_op.h"

static uint64_t mark_of(const struct op *op)
{
    return (uint64_t)op->generation << URING_ADDRESS_BITS | (uintptr_t)op;
}

/* Of the cancel of an op: its descriptor instead of its address, since it may
 * be gone when the cancel completes. */
static uint64_t mark_of_cancel(const struct op *op)
{
    return (uint64_t)op->generation << URING_ADDRESS_BITS |
           (uint64_t)op->fd << MARK_BITS | MARK_CANCEL;
}

struct io_uring_sqe *uring_take_sqe(struct uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (!sqe && io_uring_submit(&u->ring) > 0)
        sqe = io_uring_get_sqe(&u->ring);
    return sqe;
}

static void prepare(struct io_uring_sqe *sqe, const struct op *op)
{
    switch (op->kind) {
    case OP_ACCEPT:
        io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL,
                                       SOCK_NONBLOCK | SOCK_CLOEXEC);
        break;
    case OP_STREAM:
        io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = 0;
        break;
    case OP_RECVMSG: io_uring_prep_recvmsg(sqe, op->fd, op->data, 0); break;
    case OP_SENDMSG:
        io_uring_prep_sendmsg(sqe, op->fd, op->data, MSG_NOSIGNAL);
        break;
    default:
        /* Not MSG_WAITALL: with it the kernel keeps a reset to itself when
         * part of the data went out before. */
        io_uring_prep_send(sqe, op->fd, (char *)op->data + op->sent,
                           (unsigned)(op->size - op->sent), MSG_NOSIGNAL);
        break;
    }
}

void uring_op_start_later(struct uring *u, struct op *op)
{
    op->private |= START_DUE;
    fds_queue(&u->fds, fds_find(&u->fds, op->fd));
}

void uring_op_start(struct uring *u, struct op *op)
{
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    if (!sqe) {
        uring_op_start_later(u, op);
        return;
    }
    op->private &= (uint8_t) ~(START_DUE | FED);
    prepare(sqe, op);
    io_uring_sqe_set_data64(sqe, mark_of(op));
}

void uring_op_cancel(struct uring *u, struct op *op)
{
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    if (!sqe) {
        op->private |= CANCEL_DUE;
        fds_queue(&u->fds, fds_find(&u->fds, op->fd));
        return;
    }
    op->private &= (uint8_t)~CANCEL_DUE;
    io_uring_prep_cancel64(sqe, mark_of(op), 0);
    io_uring_sqe_set_data64(sqe, mark_of_cancel(op));
    if (u->skip_success)
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void uring_cancel_missed(struct uring *u, uint64_t mark)
{
    int fd = (int)(uring_address(mark) >> MARK_BITS);
    struct fd_slot *slot = fds_find(&u->fds, fd);
    struct op *ops[] = { slot->in, slot->out };
    for (int i = 0; i < 2; i++)
        if (ops[i] && ops[i]->private & CANCELLED &&
            mark_of_cancel(ops[i]) == mark) {
            uring_op_cancel(u, ops[i]);
            return;
        }
}

static void start_due(struct uring *u, struct op *op)
{
    if (op && op->private & START_DUE)
        uring_op_start(u, op);
    if (op && op->private & CANCEL_DUE)
        uring_op_cancel(u, op);
}

void uring_watch_ready(struct uring *u)
{
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    u->ready_due = !sqe;
    if (!sqe)
        return;
    int fd = epoll_descriptor(u->ready);
    if (u->parts & URING_MULTISHOT_POLL)
        io_uring_prep_poll_multishot(sqe, fd, POLLIN);
    else
        io_uring_prep_poll_add(sqe, fd, POLLIN);
    io_uring_sqe_set_data64(sqe, MARK_READY);
}

void uring_start_due(struct uring *u)
{
    if (u->ready_due)
        uring_watch_ready(u);
    struct fd_queue batch = fds_take(&u->fds);
    struct fd_slot *slot;
    while ((slot = fds_pop(&batch))) {
        start_due(u, slot->in);
        if (slot->out != slot->in)
            start_due(u, slot->out);
    }
}
