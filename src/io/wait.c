/*
 * A call on a descriptor, and the guard against the signal of a broken pipe.
 */
#include "io/wait.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "task/runtime.h"

/* Of a thread. */
struct io_thread {
    unsigned pipe_writers; /* for whom SIGPIPE is blocked */
    bool sigpipe_was_free; /* neither blocked nor pending before them */
    bool ready;
    struct runtime_ender ender;
};

static sigset_t only_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

/* Unblocks it, without the one that is pending. */
static void free_sigpipe(void)
{
    sigset_t set = only_sigpipe();
    struct timespec at_once = { 0 };
    while (sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR)
        ;
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* What is left are writers that were abandoned, or, in a child made by fork,
 * the parent's. */
static void forget(struct runtime_ender *e, bool forked)
{
    struct io_thread *self = container_of(e, struct io_thread, ender);
    self->ready = false;
    if (!forked && self->pipe_writers > 0 && self->sigpipe_was_free)
        free_sigpipe();
    self->pipe_writers = 0;
}

static void io_thread_init(struct io_thread *self)
{
    self->ender.fn = forget;
    runtime_at_end(runtime_current(), &self->ender);
    self->ready = true;
}

/* Not inlined: the address of a thread's own memory must not be kept over a
 * switch. */
__attribute__((noinline)) static struct io_thread *io_thread(void)
{
    static _Thread_local struct io_thread self;
    if (!self.ready)
        io_thread_init(&self);
    return &self;
}

static int reason(const struct io_call *c)
{
    return c->use.closing ? -EBADF : -ECANCELED;
}

void io_leave(struct io_call *c)
{
    if (c->op.armed && op_cancel(task_loop(c->task), &c->op) == 1)
        clause_fire(&c->clause, reason(c));
}

/* It is claimed by who closes the descriptor. */
static void leave(struct fd_use *u)
{
    io_leave(container_of(u, struct io_call, use));
}

int io_begin(struct io_call *c, int fd)
{
    *c = (struct io_call){ .op.fd = fd };
    int rc = wait_begin(&c->task);
    return rc < 0 ? rc : fd_use_begin(&c->use, fd, leave);
}

int io_begin_writing(struct io_call *c, int fd)
{
    int rc = io_begin(c, fd);
    if (rc == 0 && (rc = fd_use_write(&c->use)) < 0)
        io_end(c, rc);
    return rc;
}

static void completed(struct op *op)
{
    struct io_call *c = container_of(op, struct io_call, op);
    bool left = op->result == -ECANCELED;
    clause_fire(&c->clause, left ? reason(c) : op->result);
}

/* The task is cancelled. What is done already stays done: then, and while
 * the kernel has not let go of the memory, the completion is waited for. */
static bool take_back(struct clause *clause)
{
    struct io_call *c = container_of(clause, struct io_call, clause);
    return op_cancel(task_loop(c->task), &c->op) == 1;
}

static const struct wait_kind io_waits[] = {
    [OP_ACCEPT] = { "accept", take_back, NULL },
    [OP_STREAM] = { "receive", take_back, NULL },
    [OP_RECV] = { "receive", take_back, NULL },
    [OP_SEND] = { "send", take_back, NULL },
    [OP_READ] = { "read", take_back, NULL },
    [OP_WRITE] = { "write", take_back, NULL },
    [OP_READV] = { "read", take_back, NULL },
    [OP_WRITEV] = { "write", take_back, NULL },
    [OP_CONNECT] = { "connect", take_back, NULL },
    [OP_POLL] = { "wait for descriptor", take_back, NULL },
    [OP_RECVMSG] = { "receive", take_back, NULL },
    [OP_SENDMSG] = { "send", take_back, NULL },
    [OP_RECVMMSG] = { "receive", take_back, NULL },
    [OP_SENDMMSG] = { "send", take_back, NULL },
};

/* When a task is about to run already, as its op has ended, a cancellation
 * does not wake it: it is met here instead of in a wait that may never end. */
static int resume(struct io_call *c)
{
    rota_ignore(wait_done(c->task, 0));
    return wait_begin_as(c->task);
}

int io_await(struct io_call *c)
{
    int rc = c->resumed ? resume(c) : 0;
    c->resumed = true;
    if (rc < 0)
        return rc;
    if (c->use.closing)
        return -EBADF;
    if (!c->op.done)
        c->op.done = completed;
    rc = op_submit(task_loop(c->task), &c->op);
    if (rc < 0)
        return rc;
    if (rc == 1)
        return c->op.result;
    clause_init(&c->clause, &io_waits[c->op.kind], &c->op);
    return wait_park(c->task, &c->clause, 1);
}

int io_await_events(struct io_call *c, short events)
{
    c->op.kind = OP_POLL;
    c->op.events = events;
    return io_await(c);
}

int io_end(struct io_call *c, int rc)
{
    fd_use_end(&c->use);
    return wait_done(c->task, rc);
}

int io_close(struct rota_task *t, int fd)
{
    return fd_use_close(t, fd);
}

void io_hold_sigpipe(void)
{
    struct io_thread *io = io_thread();
    if (io->pipe_writers++ > 0)
        return;
    sigset_t set = only_sigpipe(), before, pending;
    pthread_sigmask(SIG_BLOCK, &set, &before);
    sigpending(&pending);
    io->sigpipe_was_free =
        !sigismember(&before, SIGPIPE) && !sigismember(&pending, SIGPIPE);
}

void io_release_sigpipe(void)
{
    struct io_thread *io = io_thread();
    if (--io->pipe_writers > 0 || !io->sigpipe_was_free)
        return;
    free_sigpipe();
}
