/*
 * How an op becomes entries of the ring. Its user data is the op's address and,
 * in the upper sixteen bits, its generation. An entry for which there is no
 * room leaves its op marked as due; the descriptor's slot is queued, and the
 * next turn tries again.
 */
#include <poll.h>

#include "loop/message.h"
#include "loop/plain.h"
#include "loop/sock.h"
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

bool uring_op_is_poll(const struct op *op)
{
    return op->private & POLLING || op->kind == OP_POLL;
}

/* What its poll waits for. */
static short polled_events(const struct op *op)
{
    if (op->kind == OP_POLL)
        return op->events;
    return op_sends(op) ? POLLOUT : POLLIN | POLLRDHUP;
}

static void prepare_poll(const struct uring *u, struct io_uring_sqe *sqe,
                         const struct op *op)
{
    unsigned short events = (unsigned short)polled_events(op);
    if (events & POLLPRI)
        events |= POLLIN; /* by itself it wakes no poll of a ring's */
    if (op->private & WATCHING && u->parts & URING_MULTISHOT_POLL)
        io_uring_prep_poll_multishot(sqe, op->fd, events);
    else
        io_uring_prep_poll_add(sqe, op->fd, events);
}

static void prepare_accept(struct uring *u, struct io_uring_sqe *sqe,
                           const struct op *op)
{
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (u->parts & URING_MULTISHOT_ACCEPT)
        io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, flags);
    else
        io_uring_prep_accept(sqe, op->fd, NULL, NULL, flags);
}

static void prepare(struct uring *u, struct io_uring_sqe *sqe, struct op *op)
{
    const char *rest = op->sent ? (char *)op->data + op->sent : op->data;
    unsigned left = (unsigned)(op->size - op->sent);
    if (uring_op_is_poll(op)) {
        prepare_poll(u, sqe, op);
        return;
    }
    switch (op->kind) {
    case OP_ACCEPT: prepare_accept(u, sqe, op); break;
    case OP_STREAM:
        io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = 0;
        break;
    case OP_RECV: io_uring_prep_recv(sqe, op->fd, op->data, left, 0); break;
    case OP_SEND:
        /* Not MSG_WAITALL: with it the kernel keeps a reset to itself when
         * part of the data went out before. */
        io_uring_prep_send(sqe, op->fd, rest, left, MSG_NOSIGNAL);
        break;
    /* Offset -1: read(2) and write(2), at the file's own position. */
    case OP_READ:
        io_uring_prep_read(sqe, op->fd, op->data, left, (uint64_t)-1);
        break;
    case OP_WRITE:
        io_uring_prep_write(sqe, op->fd, rest, left, (uint64_t)-1);
        break;
    case OP_READV:
        io_uring_prep_readv(sqe, op->fd, op->data, (unsigned)op->size,
                            (uint64_t)-1);
        break;
    case OP_WRITEV:
        io_uring_prep_writev(sqe, op->fd, op->data, (unsigned)op->size,
                             (uint64_t)-1);
        break;
    case OP_CONNECT:
        io_uring_prep_connect(sqe, op->fd, op->data, (socklen_t)op->size);
        break;
    case OP_RECVMSG: io_uring_prep_recvmsg(sqe, op->fd, op->data, 0); break;
    case OP_SENDMSG:
        io_uring_prep_sendmsg(sqe, op->fd, op->data, MSG_NOSIGNAL);
        break;
    /* These are polls; batches have no form of their own, and are tried when
     * that is over. */
    case OP_POLL:
    case OP_RECVMMSG:
    case OP_SENDMMSG: break;
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
    prepare(u, sqe, op);
    io_uring_sqe_set_data64(sqe, mark_of(op));
}

/* Whether what the kernel says has happened has to be looked at: it goes by
 * the reason for waking up, which with urgent data is any data. */
static bool is_doubtful(const struct op *op)
{
    return op->kind == OP_POLL && op->events & POLLPRI;
}

bool uring_op_is_done_here(struct uring *u, const struct op *op)
{
    return message_is_batch(op) ||
           (plain_is(op) &&
            plain_would_block_thread(fds_find(&u->fds, op->fd), op));
}

int uring_op_try(struct uring *u, struct op *op)
{
    return plain_is(op) ? plain_try(fds_find(&u->fds, op->fd), op)
                        : message_try(op);
}

/* Streams wait for readiness, then receive, where there is no ring of buffers
 * or these would be filled ahead. */
void uring_op_start_anew(struct uring *u, struct op *op)
{
    op->private &= (uint8_t) ~(POLLING | WATCHING | FOUND);
    if (op->kind == OP_STREAM ? op->in_step || !u->buffers
                              : uring_op_is_done_here(u, op))
        op->private |= POLLING;
    if (is_doubtful(op))
        op->private |= WATCHING;
    uring_op_start(u, op);
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
        if (ops[i] && ops[i]->private & (CANCELLED | FOUND) &&
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

void uring_watch_wake(struct uring *u)
{
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    u->wake_due = !sqe;
    if (!sqe)
        return;
    if (u->parts & URING_MULTISHOT_POLL)
        io_uring_prep_poll_multishot(sqe, u->wake_fd, POLLIN);
    else
        io_uring_prep_poll_add(sqe, u->wake_fd, POLLIN);
    io_uring_sqe_set_data64(sqe, MARK_WAKE);
}

void uring_start_due(struct uring *u)
{
    if (u->wake_due)
        uring_watch_wake(u);
    struct fd_queue batch = fds_take(&u->fds);
    struct fd_slot *slot;
    while ((slot = fds_pop(&batch))) {
        start_due(u, slot->in);
        if (slot->out != slot->in)
            start_due(u, slot->out);
    }
}

short uring_op_wanted(const struct op *op, int events)
{
    if (is_doubtful(op) && (events = sock_poll(op->fd, op->events)) < 0)
        events = POLLERR;
    return (short)(events & (polled_events(op) | POLLERR | POLLHUP));
}
