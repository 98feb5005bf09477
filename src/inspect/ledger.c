/*
 * What a loop has not given back when it ends. All of it is counted where it
 * lies anyway; debug mode adds the names, the handles of tasks that are over,
 * and the descriptors, which are those of /proc/self/fd that were not there
 * when the loop began.
 */
#include "inspect/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect/debug.h"
#include "rota/log.h"
#include "task/runtime.h"
#include "task/task.h"

enum { LISTED_MOST = 20 }; /* of a kind, by name */

static _Thread_local rota_ledger last;

/* Calls fn for each open descriptor until it says no. */
static void each_fd(bool (*fn)(int fd, void *arg), void *arg)
{
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        int fd = atoi(e->d_name);
        if (e->d_name[0] != '.' && fd != dirfd(d) && !fn(fd, arg))
            break;
    }
    closedir(d);
}

static bool note_fd(int fd, void *arg)
{
    struct debug *d = arg;
    int *more = realloc(d->fds, (d->fd_count + 1) * sizeof *more);
    if (!more)
        return false;
    d->fds = more;
    d->fds[d->fd_count++] = fd;
    return true;
}

void ledger_fds_begin(struct debug *d)
{
    each_fd(note_fd, d);
}

static bool was_open(const struct debug *d, int fd)
{
    for (size_t i = 0; i < d->fd_count; i++)
        if (d->fds[i] == fd)
            return true;
    return false;
}

struct fd_count {
    const struct debug *debug;
    size_t count;
    bool log;
};

static void log_fd(int fd)
{
    char path[32], what[PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, what, sizeof what - 1);
    what[n > 0 ? n : 0] = '\0';
    rota_log(ROTA_LOG_WARNING, "leak: descriptor %d (%s)", fd, what);
}

static bool count_fd(int fd, void *arg)
{
    struct fd_count *c = arg;
    if (was_open(c->debug, fd))
        return true;
    if (c->count++ < LISTED_MOST && c->log)
        log_fd(fd);
    return true;
}

size_t ledger_fds(const struct debug *d, bool log)
{
    struct fd_count c = { d, 0, log };
    each_fd(count_fd, &c);
    return c.count;
}

static void count_op(const struct op *op, void *arg)
{
    (void)op;
    ++*(size_t *)arg;
}

static void each_op(struct loop *l, void (*fn)(const struct op *, void *),
                    void *arg)
{
    if (l->backend->each_op)
        l->backend->each_op(l->backend_state, fn, arg);
}

static size_t file_ops(struct loop *l)
{
    return l->backend->file_ops ? l->backend->file_ops(l->backend_state) : 0;
}

static size_t count(const struct list *head)
{
    size_t n = 0;
    list_each (it, head)
        n++;
    return n;
}

void ledger_take(struct runtime *rt, rota_ledger *l)
{
    *l = (rota_ledger){
        .tasks = rt->tasks,
        .handles = rt->debug ? count(&rt->debug->ended) : 0,
        .stacks = rt->loop.stacks.live,
        .timers = rt->loop.timers.count,
    };
    l->ops = file_ops(&rt->loop);
    each_op(&rt->loop, count_op, &l->ops);
}

static void log_op(const struct op *op, void *arg)
{
    (void)arg;
    static const char *const names[] = {
        [OP_ACCEPT] = "accept",    [OP_STREAM] = "receive",
        [OP_RECV] = "receive",     [OP_SEND] = "send",
        [OP_READ] = "read",        [OP_WRITE] = "write",
        [OP_CONNECT] = "connect",  [OP_POLL] = "wait",
        [OP_RECVMSG] = "receive",  [OP_SENDMSG] = "send",
        [OP_RECVMMSG] = "receive", [OP_SENDMMSG] = "send",
        [OP_READV] = "read",       [OP_WRITEV] = "write",
    };
    rota_log(ROTA_LOG_WARNING, "leak: operation %s on descriptor %d",
             names[op->kind], op->fd);
}

static void log_handles(const struct debug *d)
{
    int listed = 0;
    list_each (it, &d->ended) {
        struct rota_task *t = container_of(it, struct rota_task, in_runtime);
        if (listed++ < LISTED_MOST)
            rota_log(ROTA_LOG_WARNING,
                     "leak: handle of task %s (spawned at %s)", t->co.coro.name,
                     t->co.coro.site ? t->co.coro.site : "?");
    }
}

void ledger_report(struct runtime *rt, const rota_ledger *l)
{
    log_handles(rt->debug);
    if (l->timers > 0)
        rota_log(ROTA_LOG_WARNING, "leak: %zu timers", l->timers);
    if (l->stacks > 0)
        rota_log(ROTA_LOG_WARNING, "leak: %zu stacks", l->stacks);
    if (file_ops(&rt->loop) > 0)
        rota_log(ROTA_LOG_WARNING, "leak: %zu operations on files",
                 file_ops(&rt->loop));
    each_op(&rt->loop, log_op, NULL);
}

void ledger_set_last(const rota_ledger *l)
{
    last = *l;
}

void rota_ledger_get(rota_ledger *out)
{
    struct runtime *rt = runtime_current();
    if (!rt) {
        *out = last;
        return;
    }
    ledger_take(rt, out);
    if (rt->debug)
        out->fds = ledger_fds(rt->debug, false);
}
