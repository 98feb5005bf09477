/*
 * Timers for users: a timer of the loop with a function, in a list of its
 * runtime, so that those still waiting when it ends can be let go.
 */
#include "task/later.h"

#include <errno.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "rota/timer.h"
#include "task/context.h"
#include "task/runtime.h"

struct rota_timer {
    struct timer timer;
    struct list link;        /* of its runtime */
    struct runtime *runtime; /* NULL: that has ended */
    rota_cb *fn;
    void *arg;
    struct context *context;
    bool held; /* somebody has a handle, and frees it */
};

static void fire(struct timer *timer)
{
    struct rota_timer t = *container_of(timer, struct rota_timer, timer);
    struct rota_timer *mine = container_of(timer, struct rota_timer, timer);
    list_remove(&mine->link);
    mine->context = NULL;
    if (!t.held)
        free(mine);
    context_call(t.runtime, t.context, t.fn, t.arg);
}

int rota_call_at(rota_time when, rota_cb *fn, void *arg, rota_timer **out)
{
    struct runtime *rt = runtime_current();
    if (!rt)
        return misuse(-EPERM, "a timer set outside of a running loop");
    if (rt->ending)
        return -ESHUTDOWN;
    struct rota_timer *t = malloc(sizeof *t);
    if (!t)
        return -ENOMEM;
    *t = (struct rota_timer){ .timer.fire = fire,
                              .runtime = rt,
                              .fn = fn,
                              .arg = arg,
                              .held = out != NULL };
    if (timer_arm(&rt->loop.timers, &t->timer, when) < 0) {
        free(t);
        return -ENOMEM;
    }
    t->context = context_capture();
    list_push(&rt->later, &t->link);
    if (out)
        *out = t;
    return 0;
}

int rota_call_later(rota_dur d, rota_cb *fn, void *arg, rota_timer **out)
{
    return rota_call_at(rota_time_add(rota_now(), d), fn, arg, out);
}

int rota_timer_cancel(rota_timer *t)
{
    if (!t)
        return 0;
    bool waiting = !list_empty(&t->link);
    if (waiting && t->runtime != runtime_current())
        return misuse(-EXDEV,
                      "a timer cancelled on another thread than its loop's");
    if (waiting)
        timer_cancel(&t->runtime->loop.timers, &t->timer);
    list_remove(&t->link);
    context_unref(t->context);
    free(t);
    return waiting;
}

void later_close(struct runtime *rt)
{
    struct list *link;
    while ((link = list_pop(&rt->later)) != NULL) {
        struct rota_timer *t = container_of(link, struct rota_timer, link);
        timer_cancel(&rt->loop.timers, &t->timer);
        context_unref(t->context);
        t->context = NULL;
        t->runtime = NULL;
        if (!t->held)
            free(t);
    }
}
