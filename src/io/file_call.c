/*
 * The three ways a call on files is made: at once, by the backend (a ring, a
 * simulation), on a thread.
 */
#include "io/file_call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/misuse.h"
#include "io/file_now.h"
#include "loop/backend.h"
#include "rota/scope.h"
#include "rota/thread.h"
#include "rota/time.h"
#include "task/runtime.h"

enum {
    PART_MOST = 1 << 20, /* a thread looks for a cancellation after */
};

/* One read(2) or write(2) of the rest. */
static ssize_t transfer(const struct file_op *op)
{
    size_t left = op->size - op->moved;
    size_t n = left < PART_MOST ? left : PART_MOST;
    char *data = op->data + op->moved;
    off_t at = op->offset + (off_t)op->moved;
    if (op->kind == FILE_READ)
        return op->offset < 0 ? read(op->fd, data, n)
                              : pread(op->fd, data, n, at);
    return op->offset < 0 ? write(op->fd, data, n)
                          : pwrite(op->fd, data, n, at);
}

/* Something that has no position: a FIFO, a terminal, a socket. */
static bool is_stream(const struct file_op *op)
{
    return lseek(op->fd, 0, SEEK_CUR) < 0 && errno == ESPIPE;
}

static bool is_ready(const struct file_op *op)
{
    struct pollfd p = { op->fd, op->kind == FILE_READ ? POLLIN : POLLOUT, 0 };
    return poll(&p, 1, 0) > 0;
}

/* Moves what goes now, though the descriptor may be a blocking one: a pipe
 * that is ready for writing has room for PIPE_BUF bytes. */
static int stream_now(struct file_op *op)
{
    size_t size = op->size;
    if (op->offset >= 0)
        return -ESPIPE; /* a ring would not mind */
    while (op->moved < size) {
        if (!is_ready(op))
            return -EAGAIN;
        if (op->kind == FILE_WRITE && size - op->moved > PIPE_BUF)
            op->size = op->moved + PIPE_BUF;
        ssize_t n = transfer(op);
        op->size = size;
        if (n > 0)
            op->moved += (size_t)n;
        else if (n == 0)
            return 0;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int transfer_all(struct file_op *op)
{
    if (is_stream(op))
        return stream_now(op);
    while (op->moved < op->size) {
        ssize_t n = transfer(op);
        if (n > 0)
            op->moved += (size_t)n;
        else if (n == 0)
            return op->kind == FILE_READ ? 0 : -EIO;
        else if (errno != EINTR)
            return -errno;
        if (rota_thread_cancelled())
            break;
    }
    return 0;
}

static int call_once(struct file_op *op)
{
    switch (op->kind) {
    case FILE_OPEN: return open(op->path, op->flags, op->mode);
    case FILE_SYNC: return op->flags ? fdatasync(op->fd) : fsync(op->fd);
    case FILE_TRUNCATE: return ftruncate(op->fd, op->offset);
    case FILE_STAT:
        return statx(op->path ? AT_FDCWD : op->fd, op->path ? op->path : "",
                     op->path ? op->flags : AT_EMPTY_PATH, STATX_BASIC_STATS,
                     op->stat);
    case FILE_CLOSE: return close(op->fd);
    case FILE_RENAME: return rename(op->path, op->to);
    case FILE_UNLINK: return unlinkat(AT_FDCWD, op->path, op->flags);
    case FILE_MKDIR: return mkdir(op->path, op->mode);
    case FILE_SYMLINK: return symlink(op->path, op->to);
    case FILE_CHMOD: return chmod(op->path, op->mode);
    default: return -1;
    }
}

int file_call_here(struct file_op *op)
{
    if (op->kind == FILE_READ || op->kind == FILE_WRITE)
        return transfer_all(op);
    int rc = call_once(op);
    /* Once interrupted, a close has closed all the same: close(2). */
    if (op->kind == FILE_CLOSE)
        return rc < 0 && errno != EINTR ? -errno : 0;
    while (rc < 0 && errno == EINTR)
        rc = call_once(op);
    return rc < 0 ? -errno : rc;
}

static int run_here(void *op)
{
    return file_call_here(op);
}

static void completed(struct file_op *op)
{
    struct file_call *c = container_of(op, struct file_call, op);
    clause_fire(&c->clause, op->result);
}

/* The memory and the outcome are the kernel's until it has told. */
static bool take_back(struct clause *clause)
{
    struct file_call *c = container_of(clause, struct file_call, clause);
    file_op_cancel(task_loop(c->task), &c->op);
    return false;
}

static void leave(struct fd_use *u)
{
    struct file_call *c = container_of(u, struct file_call, use);
    file_op_cancel(task_loop(c->task), &c->op);
}

static const struct wait_kind file_wait = { "file", take_back, NULL };

static bool at_once(struct file_call *c)
{
    return !file_op_is_due(task_loop(c->task), c->op.kind) && file_now(&c->op);
}

static bool declined(int rc)
{
    return rc == -EOPNOTSUPP || rc == -EAGAIN;
}

static int submit(struct file_call *c)
{
    c->op.done = completed;
    c->op.here = file_call_here;
    return file_op_submit(task_loop(c->task), &c->op);
}

static int by_backend(struct file_call *c)
{
    int rc = submit(c);
    if (rc < 0)
        return rc;
    clause_init(&c->clause, &file_wait, NULL);
    rc = wait_park(c->task, &c->clause, 1);
    return rc == -ECANCELED && c->use.closing ? -EBADF : rc;
}

static int run(struct file_call *c)
{
    bool moves = c->op.kind == FILE_READ || c->op.kind == FILE_WRITE;
    if (at_once(c))
        return c->op.result;
    if (moves && is_stream(&c->op))
        return stream_now(&c->op);
    int rc = by_backend(c);
    if (declined(rc))
        rc = thread_run(POOL_FILE, run_here, &c->op);
    return rc;
}

int file_call(struct file_call *c)
{
    if (thread_is_worker())
        return file_call_here(&c->op);
    int rc = wait_begin(&c->task);
    if (rc < 0)
        return rc;
    if (c->op.path)
        return wait_done(c->task, run(c));
    rc = fd_use_begin(&c->use, c->op.fd, leave);
    if (rc == 0) {
        rc = run(c);
        fd_use_end(&c->use);
    }
    return wait_done(c->task, rc);
}

static int close_job(void *arg)
{
    struct file_op *op = arg;
    int rc = file_call_here(op);
    op->fd = -1;
    return rc;
}

static int close_on_thread(struct file_op *op)
{
    int rc = 0;
    ROTA_SHIELD (ROTA_FOREVER) {
        rc = thread_run(POOL_FILE, close_job, op);
    }
    /* No thread could be had: a short wait is better than a leak. */
    return op->fd < 0 ? rc : file_call_here(op);
}

int file_call_close(struct file_call *c)
{
    if (thread_is_worker())
        return file_call_here(&c->op);
    c->task = task_current();
    if (!c->task)
        return misuse(-EPERM, "rota_file_close outside of a task");
    struct loop *l = task_loop(c->task);
    struct fd_closing closing;
    int rc = fd_use_drain(c->task, c->op.fd, &closing);
    if (rc < 0)
        return rc;
    /* Before it is closed: from that moment the number may be another's. */
    fd_closed(&closing);
    rc = op_forget(l, c->op.fd);
    if (rc == 0 && at_once(c))
        return c->op.result;
    file_now_forget(c->op.fd);
    if (rc == 0)
        rc = submit(c);
    if (rc == 0) {
        clause_init(&c->clause, &file_wait, NULL);
        rc = wait_park_shielded(c->task, &c->clause, 1);
    } else if (declined(rc)) {
        rc = close_on_thread(&c->op);
    }
    return rc;
}

int file_work(rota_fn *fn, void *arg)
{
    struct loop *l = loop_current();
    bool ring = l && l->backend->file_submit;
    return ring && !thread_is_worker() ? fn(arg)
                                       : thread_run(POOL_FILE, fn, arg);
}
