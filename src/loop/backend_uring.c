/*
 * The io_uring backend: one io_uring_enter per wait hands over all that was
 * submitted (uring_start.c) and waits; what came is completed
 * (uring_complete.c). What waits for readiness is left to epoll, whose
 * descriptor the ring polls: while nothing is ready there, that costs nothing.
 * While nothing is under way on the ring, it is epoll itself that is waited in.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/backend.h"
#include "loop/epoll.h"
#include "loop/loop.h"
#include "loop/message.h"
#include "loop/uring_op.h"

/* Only what is there now: what done() adds is for the next turn. Each entry is
 * copied and given back before done() runs, which may submit early. */
static void reap(struct uring *u)
{
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

/* What was left to epoll, when something is ready there. */
static void complete_ready(struct loop *l, struct uring *u)
{
    if (!u->asked && !u->happened && !epoll_has_due(u->ready))
        return;
    if (!u->asked)
        u->failed = backend_epoll.wait(l, u->ready, 0);
    u->happened = u->asked = false;
    if (u->failed == 0)
        backend_epoll.complete(l, u->ready);
}

static void uring_reap(struct loop *l, void *state)
{
    struct uring *u = state;
    reap(u);
    complete_ready(l, u);
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
    bool due = u->fds.queue.first || u->ready_due || epoll_has_due(u->ready);
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

/* Has the ring itself something under way? */
static bool is_under_way(const struct uring *u)
{
    return u->fds.armed > 0 || u->file_count > 0;
}

static int uring_wait(struct loop *l, void *state, rota_time until)
{
    struct uring *u = state;
    if (u->failed < 0)
        return u->failed;
    if (!is_under_way(u)) {
        u->asked = true;
        return u->failed = backend_epoll.wait(l, u->ready, until);
    }
    uring_start_due(u);
    u->entered++;
    int rc = enter(u, until);
    if (rc == -EINTR && !list_empty(&u->files))
        kick_workers(u);
    switch (rc < 0 ? -rc : 0) {
    case 0:
    case EINTR:
    case ETIME:
    /* The kernel is short of memory, or of room for completions: these come
     * first. */
    case EAGAIN:
    case EBUSY: return 0;
    default: return rc;
    }
}

/*
 * What the ring does itself: what it does for less (bench/io, bench/http), and
 * what this kernel's can repeat. Bytes of a stream that are received one after
 * the other, into one buffer for all or into their owner's, cost less by
 * readiness. A send goes the way in which the descriptor's bytes come.
 */
static bool is_of_ring(const struct uring *u, const struct op *op)
{
    const struct fd_slot *slot;
    switch (op->kind) {
    case OP_ACCEPT: return u->parts & URING_MULTISHOT_ACCEPT;
    case OP_RECVMSG:
    case OP_SENDMSG: return true;
    case OP_STREAM: return u->buffers && !op->in_step;
    case OP_SEND: slot = fds_find(&u->fds, op->fd); return slot && slot->in;
    default: return false;
    }
}

static int uring_submit(struct loop *l, void *state, struct op *op)
{
    struct uring *u = state;
    bool of_ring = is_of_ring(u, op);
    if (fds_is_taken(of_ring ? epoll_fds(u->ready) : &u->fds, op))
        return -EBUSY;
    if (!of_ring)
        return backend_epoll.submit(l, u->ready, op);
    struct fd_slot *slot = fds_slot(&u->fds, op->fd);
    if (!slot)
        return -ENOMEM;
    int rc = fds_arm(&u->fds, slot, op);
    if (rc < 0)
        return rc;
    /* A datagram is mostly there, or has room: a system call costs less than
     * the way through the ring, which is for those that wait. */
    if (message_is(op) && (rc = message_try(op)) != -EAGAIN) {
        fds_disarm(&u->fds, slot, op);
        op->result = rc;
        return 1;
    }
    uring_op_start(u, op);
    return 0;
}

static int uring_cancel(struct loop *l, void *state, struct op *op)
{
    struct uring *u = state;
    if (!fds_has(&u->fds, op))
        return backend_epoll.cancel(l, u->ready, op);
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
    struct uring *u = state;
    int rc = backend_epoll.forget(l, u->ready, fd);
    return rc < 0 ? rc : fds_forget(&u->fds, fd);
}

static int uring_receive(void *state, int fd, void *data, size_t size)
{
    struct uring *u = state;
    return backend_epoll.receive(u->ready, fd, data, size);
}

static bool uring_busy(void *state)
{
    struct uring *u = state;
    return is_under_way(u) || backend_epoll.busy(u->ready);
}

static int uring_init(struct loop *l, void **state, int wake_fd)
{
    struct uring *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    int rc = backend_epoll.init(l, &u->ready, wake_fd);
    if (rc < 0)
        goto no_epoll;
    rc = uring_setup(u);
    if (rc < 0)
        goto no_ring;
    fds_init(&u->fds);
    list_init(&u->files);
    u->ready_due = true;
    *state = u;
    return 0;
no_ring:
    backend_epoll.fini(l, u->ready);
no_epoll:
    free(u);
    return rc;
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
    if (!is_under_way(u))
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
    while (is_under_way(u) && uring_wait(l, u, ROTA_FOREVER) >= 0)
        reap(u);
}

static void uring_fini(struct loop *l, void *state)
{
    struct uring *u = state;
    end_all(l, u);
    uring_teardown(u);
    backend_epoll.fini(l, u->ready);
    fds_fini(&u->fds);
    free(u);
}

static void uring_each_op(void *state,
                          void (*fn)(const struct op *op, void *arg), void *arg)
{
    const struct uring *u = state;
    fds_each_op(&u->fds, fn, arg);
    backend_epoll.each_op(u->ready, fn, arg);
}

/* The mappings of the ring are not inherited. */
static void uring_forked(void *state)
{
    struct uring *u = state;
    close(u->ring.ring_fd);
    backend_epoll.forked(u->ready);
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
    .file_due = uring_file_due,
    .receive = uring_receive,
    .forget = uring_forget,
    .wait = uring_wait,
    .complete = uring_reap,
    .busy = uring_busy,
    .each_op = uring_each_op,
    .file_ops = uring_file_ops,
};
