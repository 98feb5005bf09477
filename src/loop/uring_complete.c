/*
 * What completions mean. What the kernel does by halves is completed here,
 * unseen by the op's owner: short sends go on, a multishot that ended without a
 * reason is armed again, so is one that found no buffer, and what a
 * non-blocking file refuses with EAGAIN waits in a poll first.
 */
#include <errno.h>
#include <unistd.h>

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
        uring_op_start_anew(u, op);
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

/* The poll before a call has fired. */
static void polled(struct uring *u, struct op *op)
{
    op->private &= (uint8_t)~POLLING;
    if (op->private & CANCELLED) {
        finish(u, op, -ECANCELED);
        return;
    }
    if (uring_op_is_done_here(u, op)) {
        int rc = uring_op_try(u, op);
        if (rc == -EAGAIN)
            uring_op_start_anew(u, op);
        else
            finish(u, op, rc);
        return;
    }
    if (op->kind != OP_STREAM || (u->buffers && !op->in_step)) {
        uring_op_start(u, op);
        return;
    }
    ssize_t n = recv(op->fd, u->scratch, URING_SCRATCH_SIZE, MSG_DONTWAIT);
    op->data = u->scratch;
    if (n > 0)
        tell_part(u, op, (int)n, false);
    else if (n == 0)
        finish(u, op, 0);
    else if (errno == EAGAIN || errno == EINTR)
        uring_op_start_anew(u, op);
    else
        finish(u, op, -errno);
}

/* What was waited for has come. */
static void found(struct uring *u, struct op *op)
{
    op->private &= (uint8_t) ~(WATCHING | FOUND | CANCEL_DUE);
    if (op->kind == OP_POLL)
        finish(u, op, op->result);
    else
        polled(u, op);
}

/*
 * A ring's poll is told of a peer that writes no more, whether or not that was
 * asked for, and would be, at once, for ever: who waits for room to write to it
 * would be kept busy. A poll that repeats tells of what is new only, so such a
 * one goes on until it is what was waited for; and then it has to be ended
 * before the op is its owner's again.
 */
static void poll_fired(struct uring *u, struct op *op, int events, bool more)
{
    if (!(op->private & FOUND))
        op->result = uring_op_wanted(op, events);
    if (op->result && more && !(op->private & (FOUND | CANCELLED)))
        uring_op_cancel(u, op);
    if (op->result)
        op->private |= FOUND;
    if (more)
        return;
    if (op->private & FOUND) {
        found(u, op);
    } else if (op->private & CANCELLED) {
        finish(u, op, -ECANCELED);
    } else {
        op->private |= WATCHING;
        uring_op_start(u, op);
    }
}

/* Errors that say nothing to the op's owner: it is started again. */
static bool is_passing(const struct op *op, int error)
{
    switch (error) {
    case EINTR: return true;
    /* Of its owner's cancel that is not: see kick_workers (backend_uring.c). */
    case ECANCELED: return true;
    case EAGAIN: return op->kind != OP_CONNECT;
    case ENOBUFS: return op->kind == OP_STREAM;
    default: return op->kind == OP_ACCEPT && op_is_of_connection(-error);
    }
}

static void fail(struct uring *u, struct op *op, int rc)
{
    bool passing = is_passing(op, -rc);
    if (op->private & FOUND) {
        found(u, op);
    } else if (!passing) {
        finish(u, op, rc);
    } else if (op->private & CANCELLED) {
        finish(u, op, -ECANCELED);
    } else if (rc == -ENOBUFS && op->private & FED) {
        /* Kernels (6.1) let one stream take all buffers while it has bytes:
         * those that got none come first. */
        uring_op_start_later(u, op);
    } else {
        op->private &= (uint8_t)~POLLING;
        if (rc == -EAGAIN)
            op->private |= POLLING;
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
    case OP_SEND:
    case OP_WRITE: sent(u, op, n); break;
    case OP_RECVMSG:
        uring_wrote_message(op->data, (size_t)n);
        finish(u, op, n);
        break;
    case OP_READV:
        uring_wrote_vectors(op->data, op->size, (size_t)n);
        finish(u, op, n);
        break;
    case OP_RECV:
    case OP_READ:
        uring_wrote(op->data, (size_t)n);
        __attribute__((fallthrough));
    default: finish(u, op, n); break;
    }
}

static void woken(struct uring *u, int rc, unsigned flags)
{
    if (flags & IORING_CQE_F_MORE)
        return;
    if (rc == -EINVAL)
        u->parts &= ~(unsigned)URING_MULTISHOT_POLL; /* before 5.13 */
    /* It is watched anew and would report at once what it reported now. */
    uint64_t count;
    ssize_t n = read(u->wake_fd, &count, sizeof count);
    (void)n; /* EAGAIN: empty already */
    uring_watch_wake(u);
}

static void complete_op(struct uring *u, struct op *op,
                        const struct io_uring_cqe *cqe)
{
    if (cqe->res < 0)
        fail(u, op, cqe->res);
    else if (uring_op_is_poll(op))
        poll_fired(u, op, cqe->res, cqe->flags & IORING_CQE_F_MORE);
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
    case MARK_WAKE: woken(u, cqe->res, cqe->flags); break;
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
