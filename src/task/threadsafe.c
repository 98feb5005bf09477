/*
 * What a thread that has no loop may ask of one: a callback, or a task whose
 * end it blocks for.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "task/context.h"
#include "task/guest.h"
#include "task/runtime.h"
#include "task/task.h"

enum { NS_PER_S = 1000000000 };

struct call {
    struct post post;
    rota_cb *fn;
    void *arg;
    struct context *context;
};

static void run_call(struct post *p)
{
    struct call *c = container_of(p, struct call, post);
    context_call(runtime_current(), c->context, c->fn, c->arg);
    free(c);
}

int rota_call_soon_threadsafe(rota_loop *loop, rota_cb *fn, void *arg)
{
    struct call *c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    *c = (struct call){ { .run = run_call }, fn, arg, context_capture() };
    int rc = loop_try_post(&loops_runtime(loop)->loop, &c->post, POST_CALL);
    if (rc < 0) {
        context_unref(c->context);
        free(c);
    }
    return rc;
}

struct rota_tfuture {
    rota_task *task;    /* a handle of ours */
    struct watch watch; /* on its end; the loop's */
    atomic_uint refs;   /* the caller's, and the watch's */

    pthread_mutex_t lock; /* guards `over` */
    pthread_cond_t ended;
    bool over;
};

static void drop(rota_tfuture *f)
{
    if (atomic_fetch_sub(&f->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->ended);
    free(f);
}

/* On the loop. */
static void over(struct watch *w)
{
    rota_tfuture *f = container_of(w, struct rota_tfuture, watch);
    pthread_mutex_lock(&f->lock);
    f->over = true;
    pthread_cond_broadcast(&f->ended);
    pthread_mutex_unlock(&f->lock);
    drop(f);
}

void guest_abandon(struct rota_task *t)
{
    list_each_safe (it, &t->done.watches) {
        struct watch *w = container_of(it, struct watch, link);
        if (w->fire != over)
            continue;
        list_remove(it);
        over(w);
    }
}

rota_tfuture *rota_run_coroutine_threadsafe_at(rota_loop *loop, rota_fn *fn,
                                               void *arg, const char *name,
                                               const char *site)
{
    rota_tfuture *f = malloc(sizeof *f);
    if (!f)
        return NULL;
    *f = (rota_tfuture){ .watch.fire = over };
    atomic_init(&f->refs, 2);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->ended, NULL);
    struct task_spec spec = { fn, arg, 0, NULL, name, site };
    f->task = guest_new(loops_runtime(loop), &spec, POST_GUEST, &f->watch);
    if (f->task)
        return f;
    atomic_store(&f->refs, 1);
    drop(f);
    return NULL;
}

/* Blocks: 0 or ETIMEDOUT. */
static int wait_until(rota_tfuture *f, rota_time until)
{
    struct timespec end = { until / NS_PER_S, until % NS_PER_S };
    int rc = 0;
    pthread_mutex_lock(&f->lock);
    while (!f->over && rc == 0)
        rc = until == ROTA_FOREVER
                 ? pthread_cond_wait(&f->ended, &f->lock)
                 : pthread_cond_clockwait(&f->ended, &f->lock, CLOCK_MONOTONIC,
                                          &end);
    rc = f->over ? 0 : ETIMEDOUT;
    pthread_mutex_unlock(&f->lock);
    return rc;
}

int rota_tfuture_wait(rota_tfuture *f, rota_dur timeout, rota_outcome *out)
{
    if (!rota_task_done(f->task) && !far_is(f->task))
        return misuse(-EDEADLK, "a loop's thread blocks for task %s of its own",
                      f->task->co.coro.name);
    rota_dur d = timeout > 0 ? timeout : 0;
    if (wait_until(f, rota_time_add(rota_now(), d)) != 0)
        return -ETIMEDOUT;
    if (!rota_task_done(f->task))
        return -ESHUTDOWN;
    return rota_future_outcome(&f->task->done, out);
}

int rota_tfuture_wait_cancel(rota_tfuture *f, rota_dur timeout,
                             rota_outcome *out)
{
    int rc = rota_tfuture_wait(f, timeout, out);
    if (rc != -ETIMEDOUT)
        return rc;
    rota_tfuture_cancel(f);
    return rota_tfuture_wait(f, ROTA_FOREVER, out);
}

int rota_tfuture_cancel(rota_tfuture *f)
{
    return rota_task_cancel(f->task, "cancelled by its handle");
}

void rota_tfuture_unref(rota_tfuture *f)
{
    if (!f)
        return;
    rota_task_unref(f->task);
    drop(f);
}
