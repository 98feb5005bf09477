/*
 * The io_uring backend: one io_uring_enter per wait hands over all that was
 * submitted (uring_start.c) and waits; what came is completed
 * (uring_complete.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/backend.h"
#include "loop/loop.h"
#include "loop/message.h"
#include "loop/uring_op.h"

/* Only what is there now: what done() adds is for the next turn. Each entry is
 * copied and given back before done() runs, which may submit early. */
static void uring_reap(struct loop *l, void *state)
{
    (void)l;
    struct uring *u = state;
    unsigned ready = io_uring_cq_ready(&u->ring);
    for (unsigned i = 0; i < ready; i++) {
        struct io_uring_cqe *cqe;
        if (io_uring_peek_cqe(&u->ring, &cqe) < 0)
            break;
        struct io_uring_cqe copy = { .user_data = cqe->user_data,
                                     .res = cqe->res,
                                     .flags = cqe->flags };
        io_uring_cq_advance(&u->ring, 1);
        uring_complete(u, &copy);
    }
}

/* Whether entering the kernel without waiting would bring anything. */
static bool has_work(struct uring *u)
{
    if (io_uring_sq_ready(&u->ring) > 0 ||
        !(u->parts & (URING_DEFER | URING_COOP)))
        return true;
    unsigned flags = __atomic_load_n(u->ring.sq.kflags, __ATOMIC_RELAXED);
    return flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static int enter(struct uring *u, rota_time until)
{
    enum { NS_PER_S = 1000000000 };
    bool due = u->fds.queue.first || u->wake_due;
    if (due || io_uring_cq_ready(&u->ring) > 0)
        until = 0;
    if (until == ROTA_FOREVER)
        return io_uring_submit_and_wait(&u->ring, 1);
    rota_dur left = until > 0 ? until - rota_now() : 0;
    if (left > 0) {
        struct io_uring_cqe *cqe;
        struct __kernel_timespec t = { left / NS_PER_S, left % NS_PER_S };
        return io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &t, NULL);
    }
    return has_work(u) ? io_uring_submit_and_get_events(&u->ring) : 0;
}

/*
 * Kernels (6.1) give up on a new thread for files when signals come in the way
 * of making it: what was left to it is cancelled, or waits until there is more
 * to do. So there is more.
 */
static void kick_workers(struct uring *u)
{
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    if (!sqe)
        return;
    io_uring_prep_nop(sqe);
    sqe->flags |= IOSQE_ASYNC;
    io_uring_sqe_set_data64(sqe, MARK_IGNORED);
}

static int uring_wait(struct loop *l, void *state, rota_time until)
{
    (void)l;
    struct uring *u = state;
    uring_start_due(u);
    int rc = enter(u, until);
    if (rc == -EINTR && !list_empty(&u->files))
        kick_workers(u);
    switch (rc < 0 ? -rc : 0) {
    case 0:
    case EINTR:
    case ETIME:
    case EAGAIN: /* the kernel is short of memory, or ... */
    case EBUSY: /* ... of room for completions: these come first */ return 0;
    default: return rc;
    }
}

static int uring_submit(struct loop *l, void *state, struct op *op)
{
    (void)l;
    struct uring *u = state;
    struct fd_slot *slot = fds_slot(&u->fds, op->fd);
    if (!slot)
        return -ENOMEM;
    int rc = fds_arm(&u->fds, slot, op);
    if (rc < 0)
        return rc;
    /* A datagram is mostly there, or has room: a system call costs less than
     * the way through the ring, which is for those that wait. */
    if ((message_is(op) || uring_op_is_done_here(u, op)) &&
        (rc = uring_op_try(u, op)) != -EAGAIN) {
        fds_disarm(&u->fds, slot, op);
        op->result = rc;
        return 1;
    }
    uring_op_start_anew(u, op);
    return 0;
}

static int uring_cancel(struct loop *l, void *state, struct op *op)
{
    (void)l;
    struct uring *u = state;
    if (op->private & CANCELLED)
        return 0;
    if (op->private & START_DUE) {
        fds_disarm(&u->fds, fds_find(&u->fds, op->fd), op);
        op->result = -ECANCELED;
        return 1;
    }
    op->private |= CANCELLED;
    uring_op_cancel(u, op);
    return 0;
}

static int uring_forget(struct loop *l, void *state, int fd)
{
    (void)l;
    struct uring *u = state;
    return fds_forget(&u->fds, fd);
}

static bool uring_busy(void *state)
{
    struct uring *u = state;
    return u->fds.armed > 0 || !list_empty(&u->files);
}

static int uring_init(struct loop *l, void **state, int wake_fd)
{
    (void)l;
    struct uring *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    int rc = uring_setup(u);
    if (rc < 0) {
        free(u);
        return rc;
    }
    fds_init(&u->fds);
    list_init(&u->files);
    u->wake_fd = wake_fd;
    uring_watch_wake(u);
    *state = u;
    return 0;
}

static void discard(struct op *op)
{
    if (op->kind == OP_ACCEPT && op->result >= 0)
        close(op->result);
}

/* A ring that is closed lets go of its requests some time later, and until
 * then the kernel writes to their memory: they are ended first. */
static void end_op(struct loop *l, struct uring *u, struct op *op)
{
    if (!op)
        return;
    op->done = discard;
    uring_cancel(l, u, op);
}

static void end_all(struct loop *l, struct uring *u)
{
    if (!uring_busy(u))
        return;
    uring_file_end_all(u);
    for (int fd = 0; fd < fds_end(&u->fds); fd++) {
        struct fd_slot *slot = fds_find(&u->fds, fd);
        if (slot) {
            end_op(l, u, slot->in);
            end_op(l, u, slot->out);
        }
    }
    /* A ring that fails starts nothing any more. */
    while (uring_busy(u) && uring_wait(l, u, ROTA_FOREVER) >= 0)
        uring_reap(l, u);
}

static void uring_fini(struct loop *l, void *state)
{
    struct uring *u = state;
    end_all(l, u);
    uring_teardown(u);
    fds_fini(&u->fds);
    free(u);
}

static void uring_each_op(void *state,
                          void (*fn)(const struct op *op, void *arg), void *arg)
{
    const struct uring *u = state;
    fds_each_op(&u->fds, fn, arg);
}

/* The mappings of the ring are not inherited. */
static void uring_forked(void *state)
{
    struct uring *u = state;
    close(u->ring.ring_fd);
}

const struct backend backend_uring = {
    .name = "uring",
    .init = uring_init,
    .fini = uring_fini,
    .forked = uring_forked,
    .submit = uring_submit,
    .cancel = uring_cancel,
    .file_submit = uring_file_submit,
    .file_cancel = uring_file_cancel,
    .forget = uring_forget,
    .wait = uring_wait,
    .complete = uring_reap,
    .busy = uring_busy,
    .each_op = uring_each_op,
    .file_ops = uring_file_ops,
};
