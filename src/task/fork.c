/*
 * fork. A child has copies of the loops of its parent and shares what they
 * stand on: an epoll set, an io_uring, event counters. Whatever it did with
 * those would happen to the parent. So in the child no loop is left: the
 * forking thread forgets that it has one, so every call finds itself outside
 * of a task, where it looks whether the process is such a child (misuse).
 * The calls that work pay nothing for it.
 *
 * Nothing is closed or asked of a descriptor, until rota_after_fork_child
 * closes what the child holds of the loops. io_uring's memory is not
 * inherited at all (MADV_DONTFORK).
 */
#include "task/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/misuse.h"
#include "task/root.h"
#include "task/runtime.h"
#include "task/thread.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int watch_error;

/* In the child. Their memory stays: the caller may stand on it. */
static struct runtime *parents;
static struct runtime *served; /* by the thread that forked; NULL: none */
static bool was_loop;          /* it was its loop, not one of its threads */

/* The backend of a loop in the child. Its turn must come from a task or a
 * callback that forked and then returned as if nothing had happened. */

static void panic(struct loop *l, void *state)
{
    (void)l, (void)state;
    fputs("rota: panic: a child made by fork went on in its parent's loop; it "
          "must exec, _exit, or call rota_after_fork_child and not return\n",
          stderr);
    abort();
}

static int wait_for_nothing(struct loop *l, void *state, rota_time until)
{
    (void)until;
    panic(l, state);
    return -ESTALE;
}

static int submit_nothing(struct loop *l, void *state, struct op *op)
{
    (void)l, (void)state, (void)op;
    return -ESTALE;
}

static int forget_nothing(struct loop *l, void *state, int fd)
{
    (void)l, (void)state, (void)fd;
    return -ESTALE;
}

static bool is_busy(void *state)
{
    (void)state;
    return true;
}

static const struct backend backend_inherited = {
    .name = "inherited",
    .fini = panic,
    .submit = submit_nothing,
    .cancel = submit_nothing,
    .forget = forget_nothing,
    .wait = wait_for_nothing,
    .busy = is_busy,
};

static void disinherit(struct runtime *rt)
{
    rt->inherited = rt->loop.backend;
    rt->loop.backend = &backend_inherited;
    loop_forget_ready(&rt->loop);
    atomic_store(&rt->loop.inbox.least, POST_INSIDE); /* for who holds it */
}

static void in_child(void)
{
    root_unlock();
    struct runtime *first = root_disown();
    if (!first)
        return; /* no loop, or a child's child */
    parents = first;
    served = thread_runtime();
    was_loop = served && !thread_is_worker();
    for (struct runtime *rt = first; rt; rt = rt->next)
        disinherit(rt);
    coro_detach();
    atomic_store(&misuse_stale, true);
}

static void watch(void)
{
    watch_error = -pthread_atfork(root_lock, root_unlock, in_child);
}

int fork_watch(void)
{
    pthread_once(&once, watch);
    return watch_error;
}

/* Closes what this process holds of a loop of its parent. */
static void let_go(struct runtime *rt)
{
    sigint_give_back(rt);
    if (rt->inherited->forked)
        rt->inherited->forked(rt->loop.backend_state);
    close(rt->loop.inbox.wake_fd);
}

int rota_after_fork_child(void)
{
    if (!atomic_load(&misuse_stale))
        return 0;
    if (was_loop)
        runtime_call_enders(served, true);
    if (served)
        pthread_sigmask(SIG_SETMASK, &served->mask, NULL);
    for (struct runtime *rt = parents; rt; rt = rt->next)
        let_go(rt);
    served = NULL;
    clock_follow(NULL); /* the parent may have been a simulation */
    atomic_store(&misuse_stale, false);
    return 0;
}
