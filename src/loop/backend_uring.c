/*
 * The io_uring backend. Every op becomes a submission whose user data is the
 * op's address and, in the upper sixteen bits, its generation; one
 * io_uring_enter per poll hands over all that was submitted and waits.
 *
 * What the kernel does by halves is completed here, unseen by the op's owner:
 * short sends go on, a multishot that ended without a reason is armed again,
 * so is one that found no buffer, and what a non-blocking file refuses with
 * EAGAIN waits in a poll first. A submission for which there is no room keeps
 * its op marked as due; the descriptor's slot is queued, and the next poll
 * tries again.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/backend.h"
#include "loop/fds.h"
#include "loop/loop.h"
#include "loop/message.h"
#include "loop/plain.h"
#include "loop/sock.h"
#include "loop/uring.h"
#include "loop/uring_wrote.h"

/* In op->private. */
enum {
    CANCELLED = 1,  /* its end was asked for */
    CANCEL_DUE = 2, /* ... but the asking is not submitted yet */
    START_DUE = 4,  /* not submitted yet */
    POLLING = 8,    /* what is submitted is a poll; the call comes after */
    WATCHING = 16,  /* ... a poll that repeats; see poll_fired */
    FOUND = 32,     /* ... which is being ended: op->result was waited for */
    FED = 64,       /* this stream has got buffers since it was submitted */
};

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

static uint64_t address_of(uint64_t mark)
{
    return mark & ((1ULL << URING_ADDRESS_BITS) - 1);
}

struct io_uring_sqe *uring_take_sqe(struct uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (!sqe && io_uring_submit(&u->ring) > 0)
        sqe = io_uring_get_sqe(&u->ring);
    return sqe;
}

static bool is_poll(const struct op *op)
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
    if (is_poll(op)) {
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

/* It is started with the next poll, after those that are now. */
static void start_later(struct uring *u, struct op *op)
{
    op->private |= START_DUE;
    fds_queue(&u->fds, fds_find(&u->fds, op->fd));
}

/* Submits an op, or its next part; without room it is left due. */
static void start(struct uring *u, struct op *op)
{
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    if (!sqe) {
        start_later(u, op);
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

/* Whether it is polled for, and then done by a call from here. */
static bool is_done_here(struct uring *u, const struct op *op)
{
    return message_is_batch(op) ||
           (plain_is(op) &&
            plain_would_block_thread(fds_find(&u->fds, op->fd), op));
}

static int try_here(struct uring *u, struct op *op)
{
    return plain_is(op) ? plain_try(fds_find(&u->fds, op->fd), op)
                        : message_try(op);
}

/* Streams wait for readiness, then receive, where there is no ring of buffers
 * or these would be filled ahead. */
static void start_anew(struct uring *u, struct op *op)
{
    op->private &= (uint8_t) ~(POLLING | WATCHING | FOUND);
    if (op->kind == OP_STREAM ? op->in_step || !u->buffers
                              : is_done_here(u, op))
        op->private |= POLLING;
    if (is_doubtful(op))
        op->private |= WATCHING;
    start(u, op);
}

static void start_cancel(struct uring *u, struct op *op)
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

static void start_due(struct uring *u, struct op *op)
{
    if (op && op->private & START_DUE)
        start(u, op);
    if (op && op->private & CANCEL_DUE)
        start_cancel(u, op);
}

static void watch_wake(struct uring *u)
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

static void submit_due(struct uring *u)
{
    if (u->wake_due)
        watch_wake(u);
    struct fd_queue batch = fds_take(&u->fds);
    struct fd_slot *slot;
    while ((slot = fds_pop(&batch))) {
        start_due(u, slot->in);
        if (slot->out != slot->in)
            start_due(u, slot->out);
    }
}

static void tell(struct uring *u, struct op *op, int result)
{
    op->result = result;
    u->completed++;
    op->done(op);
}

static void finish(struct uring *u, struct op *op, int result)
{
    fds_disarm(&u->fds, fds_find(&u->fds, op->fd), op);
    tell(u, op, result);
}

/* One of several results: armed on, unless that was the last. */
static void tell_part(struct uring *u, struct op *op, int result, bool more)
{
    if (!more && op->private & CANCELLED) {
        finish(u, op, result);
        return;
    }
    if (!more)
        start_anew(u, op);
    tell(u, op, result);
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
        start(u, op);
}

/* The poll before a call has fired. */
static void polled(struct uring *u, struct op *op)
{
    op->private &= (uint8_t)~POLLING;
    if (op->private & CANCELLED) {
        finish(u, op, -ECANCELED);
        return;
    }
    if (is_done_here(u, op)) {
        int rc = try_here(u, op);
        if (rc == -EAGAIN)
            start_anew(u, op);
        else
            finish(u, op, rc);
        return;
    }
    if (op->kind != OP_STREAM || (u->buffers && !op->in_step)) {
        start(u, op);
        return;
    }
    ssize_t n = recv(op->fd, u->scratch, URING_SCRATCH_SIZE, MSG_DONTWAIT);
    op->data = u->scratch;
    if (n > 0)
        tell_part(u, op, (int)n, false);
    else if (n == 0)
        finish(u, op, 0);
    else if (errno == EAGAIN || errno == EINTR)
        start_anew(u, op);
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

/* Those of `events` that were asked for. */
static short wanted(const struct op *op, int events)
{
    if (is_doubtful(op) && (events = sock_poll(op->fd, op->events)) < 0)
        events = POLLERR;
    return (short)(events & (polled_events(op) | POLLERR | POLLHUP));
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
        op->result = wanted(op, events);
    if (op->result && more && !(op->private & (FOUND | CANCELLED)))
        start_cancel(u, op);
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
        start(u, op);
    }
}

/* Errors that say nothing to the op's owner: it is started again. */
static bool is_passing(const struct op *op, int error)
{
    switch (error) {
    case EINTR: return true;
    /* Of its owner's cancel that is not: see kick_workers. */
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
        start_later(u, op);
    } else {
        op->private &= (uint8_t)~POLLING;
        if (rc == -EAGAIN)
            op->private |= POLLING;
        start(u, op);
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
    watch_wake(u);
}

/*
 * A cancel found nothing. Mostly the op has ended; but one that is just being
 * woken to go on is not to be found for a moment, goes on, and waits again.
 */
static void cancel_missed(struct uring *u, uint64_t mark)
{
    int fd = (int)(address_of(mark) >> MARK_BITS);
    struct fd_slot *slot = fds_find(&u->fds, fd);
    struct op *ops[] = { slot->in, slot->out };
    for (int i = 0; i < 2; i++)
        if (ops[i] && ops[i]->private & (CANCELLED | FOUND) &&
            mark_of_cancel(ops[i]) == mark) {
            start_cancel(u, ops[i]);
            return;
        }
}

static void complete_op(struct uring *u, struct op *op,
                        const struct io_uring_cqe *cqe)
{
    if (cqe->res < 0)
        fail(u, op, cqe->res);
    else if (is_poll(op))
        poll_fired(u, op, cqe->res, cqe->flags & IORING_CQE_F_MORE);
    else
        succeed(u, op, cqe->res, cqe->flags);
    /* From here the op may be gone. */
    if (cqe->flags & IORING_CQE_F_BUFFER)
        uring_buffer_return(u, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

static struct file_op *file_of(uint64_t mark)
{
    return (struct file_op *)(uintptr_t)(address_of(mark) &
                                         ~(uint64_t)MARK_MASK);
}

static void complete(struct uring *u, const struct io_uring_cqe *cqe)
{
    uint64_t mark = cqe->user_data;
    switch (mark & MARK_MASK) {
    case MARK_WAKE: woken(u, cqe->res, cqe->flags); break;
    case MARK_CANCEL:
        if (cqe->res == -ENOENT)
            cancel_missed(u, mark);
        break;
    case MARK_IGNORED: break;
    case MARK_FILE: uring_file_complete(u, file_of(mark), cqe->res); break;
    default:
        complete_op(u, (struct op *)(uintptr_t)address_of(mark), cqe);
        break;
    }
}

/* Only what is there now: what done() adds is for the next poll. Each entry is
 * copied and given back before done() runs, which may submit early. */
static int reap(struct uring *u)
{
    u->completed = 0;
    unsigned ready = io_uring_cq_ready(&u->ring);
    for (unsigned i = 0; i < ready; i++) {
        struct io_uring_cqe *cqe;
        if (io_uring_peek_cqe(&u->ring, &cqe) < 0)
            break;
        struct io_uring_cqe copy = { .user_data = cqe->user_data,
                                     .res = cqe->res,
                                     .flags = cqe->flags };
        io_uring_cq_advance(&u->ring, 1);
        complete(u, &copy);
    }
    return u->completed;
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

static int uring_poll(struct loop *l, void *state, rota_time until)
{
    (void)l;
    struct uring *u = state;
    submit_due(u);
    int rc = enter(u, until);
    if (rc == -EINTR && !list_empty(&u->files))
        kick_workers(u);
    switch (rc < 0 ? -rc : 0) {
    case 0:
    case EINTR:
    case ETIME:
    case EAGAIN: /* the kernel is short of memory, or ... */
    case EBUSY:  /* ... of room for completions: these come first */
        return reap(u);
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
    if ((message_is(op) || is_done_here(u, op)) &&
        (rc = try_here(u, op)) != -EAGAIN) {
        fds_disarm(&u->fds, slot, op);
        op->result = rc;
        return 1;
    }
    start_anew(u, op);
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
    start_cancel(u, op);
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
    watch_wake(u);
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
    while (uring_busy(u) && uring_poll(l, u, ROTA_FOREVER) >= 0)
        ;
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
    .poll = uring_poll,
    .busy = uring_busy,
    .each_op = uring_each_op,
    .file_ops = uring_file_ops,
};
