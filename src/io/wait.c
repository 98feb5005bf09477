/*
 * Calls on descriptors. They are found by their descriptor when it is closed:
 * a small table of lists, one table for each thread, since a descriptor's
 * ops are a loop's.
 */
#include "io/wait.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "task/runtime.h"

enum { BUCKETS = 64 };

struct io_thread {
    struct list calls[BUCKETS]; /* by descriptor */
    struct list closings;
    unsigned pipe_writers; /* for whom SIGPIPE is blocked */
    bool sigpipe_was_free; /* neither blocked nor pending before them */
    bool ready;
    struct runtime_ender ender;
};

/* A close in progress; on the closing task's stack. */
struct io_closing {
    struct list link;
    int fd;
    unsigned left; /* calls that have not ended */
    struct clause clause;
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

/* What is left are calls of tasks that were abandoned, or, in a child made by
 * fork, of the parent's. */
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
    for (int i = 0; i < BUCKETS; i++)
        list_init(&self->calls[i]);
    list_init(&self->closings);
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

static struct list *calls_on(int fd)
{
    return &io_thread()->calls[(unsigned)fd % BUCKETS];
}

static bool is_closing(int fd)
{
    list_each (it, &io_thread()->closings)
        if (container_of(it, struct io_closing, link)->fd == fd)
            return true;
    return false;
}

int io_begin(struct io_call *c, int fd)
{
    *c = (struct io_call){ .op.fd = fd };
    int rc = wait_begin(&c->task);
    if (rc < 0)
        return rc;
    if (fd < 0 || is_closing(fd))
        return -EBADF;
    list_push(calls_on(fd), &c->link);
    return 0;
}

static void completed(struct op *op)
{
    struct io_call *c = container_of(op, struct io_call, op);
    bool closed = c->closing && op->result == -ECANCELED;
    clause_fire(&c->clause, closed ? -EBADF : op->result);
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
    [OP_CONNECT] = { "connect", take_back, NULL },
    [OP_POLL] = { "wait for descriptor", take_back, NULL },
};

int io_await(struct io_call *c)
{
    if (c->closing)
        return -EBADF;
    c->op.done = completed;
    int rc = op_submit(task_loop(c->task), &c->op);
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
    list_remove(&c->link);
    if (c->closing && --c->closing->left == 0)
        clause_fire(&c->closing->clause, 0);
    return wait_done(c->task, rc);
}

/* Claims a call for the closing task: it ends as soon as it can. */
static void claim(struct io_closing *closing, struct io_call *c)
{
    c->closing = closing;
    closing->left++;
    if (c->op.armed && op_cancel(task_loop(c->task), &c->op) == 1)
        clause_fire(&c->clause, -EBADF);
}

static const struct wait_kind close_wait = { "close", NULL, NULL };

int io_close(struct rota_task *t, int fd)
{
    if (fd < 0 || is_closing(fd))
        return -EBADF;
    struct io_closing closing = { .fd = fd };
    clause_init(&closing.clause, &close_wait, NULL);
    list_push(&io_thread()->closings, &closing.link);
    list_each (it, calls_on(fd)) {
        struct io_call *c = container_of(it, struct io_call, link);
        if (c->op.fd == fd)
            claim(&closing, c);
    }
    if (closing.left > 0)
        wait_park_shielded(t, &closing.clause, 1);
    list_remove(&closing.link);
    return op_close(task_loop(t), fd);
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
