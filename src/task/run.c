/*
 * rota_run: from nothing to a running loop and back to nothing.
 */
#include "rota/run.h"

#include <errno.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "rota/log.h"
#include "task/debug.h"
#include "task/root.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/thread.h"

static const rota_dur drain_report_every = 5 * 1000000000LL;

struct runtime *runtime_current(void)
{
    return (struct runtime *)loop_current();
}

static const char *current_name(void)
{
    struct rota_task *t = task_current();
    return t ? t->name : NULL;
}

static void report_members(const struct group *g)
{
    list_each (it, &g->members) {
        struct rota_task *t = container_of(it, struct rota_task, in_group);
        rota_log(ROTA_LOG_WARNING,
                 "  %s (spawned at %s)%s%s, told %u times to end", t->name,
                 t->site ? t->site : "?", t->awaits ? " awaits " : "",
                 t->awaits ? t->awaits->name : "", t->deliveries);
    }
}

/* Says what still lives when the shutdown takes long. */
static void report_alive(struct runtime *rt)
{
    rota_log(ROTA_LOG_WARNING, "shutdown waits for %zu tasks",
             rt->background.live);
    report_members(&rt->background);
}

/* Nothing is ready, and no timer, no I/O and no thread can change that. */
static void report_deadlock(struct loop *l)
{
    struct runtime *rt = (struct runtime *)l;
    if (l->outside > 0 || rt->deadlock_told)
        return;
    rt->deadlock_told = true;
    rota_log(ROTA_LOG_ERROR,
             "deadlock: all %zu tasks wait, and nothing can wake them; those "
             "of no group:",
             rt->tasks);
    report_members(rt->main->group);
    report_members(&rt->background);
}

struct drain_report {
    struct timer timer;
    struct runtime *runtime;
};

static void report_late(struct timer *timer)
{
    struct drain_report *r = container_of(timer, struct drain_report, timer);
    report_alive(r->runtime);
    rota_ignore(timer_arm(&r->runtime->loop.timers, timer,
                          rota_now() + drain_report_every));
}

/* Cancels what main has left behind, and runs the loop until it is gone. */
static void drain(struct runtime *rt)
{
    struct drain_report report = { { .fire = report_late }, rt };
    rota_ignore(timer_arm(&rt->loop.timers, &report.timer,
                          rota_now() + drain_report_every));
    scope_cancel(&rt->background.scope, "shutdown");
    while (rt->tasks > 0)
        loop_turn(&rt->loop);
    rt->ending = true;
    while (rt->tasks > 0 || loop_has_ready(&rt->loop))
        loop_turn(&rt->loop); /* what was accepted runs */
    timer_cancel(&rt->loop.timers, &report.timer);
}

static int run_main(struct runtime *rt, rota_fn *fn, void *arg)
{
    struct group main_group;
    group_open(&main_group, NULL, 0);
    rota_task_options o = { .name = "main",
                            .stack_size = rt->options.stack_size };
    struct task_spec spec = { fn, arg, 0, &o, "main", NULL };
    rt->main = task_new(rt, &main_group, &spec);
    if (!rt->main)
        return -ENOMEM;
    while (rt->main->done.state == ROTA_PENDING)
        loop_turn(&rt->loop);
    int rc = rt->main->done.rc;
    rt->main->done.observed = true;
    drain(rt);
    rota_task_unref(rt->main);
    return rc;
}

int runtime_run(rota_fn *fn, void *arg, const rota_run_options *options,
                const struct sim_setup *simulated)
{
    if (coro_thread())
        return -EBUSY;
    misuse_task_name = current_name;
    struct runtime *rt = aligned_alloc(_Alignof(struct runtime), sizeof *rt);
    if (!rt)
        return -ENOMEM;
    *rt = (struct runtime){ .options =
                                options ? *options : (rota_run_options){ 0 } };
    int rc = debug_open(rt);
    if (rc < 0)
        goto no_debug;
    rc = simulated ? loop_init_simulated(&rt->loop, simulated)
                       : loop_init(&rt->loop);
    if (rc < 0)
        goto no_loop;
    rt->loop.stuck = report_deadlock;
    list_init(&rt->all);
    group_open(&rt->background, NULL, ROTA_GROUP_ISOLATE);
    root_add(rt);
    rc = run_main(rt, fn, arg);
    root_remove(rt);
    debug_close(rt);
    for (size_t i = 0; i < sizeof rt->pools / sizeof *rt->pools; i++)
        pool_free(rt->pools[i]);
    loop_fini(&rt->loop);
no_loop:
    debug_fini(rt);
no_debug:
    free(rt);
    return rc;
}

int rota_run(rota_fn *fn, void *arg, const rota_run_options *options)
{
    return runtime_run(fn, arg, options, NULL);
}

const char *rota_backend_name(void)
{
    struct loop *l = loop_current();
    return l ? l->backend->name : NULL;
}

struct soon {
    struct ready ready;
    rota_cb *fn;
    void *arg;
};

static void run_soon(struct ready *r)
{
    struct soon *s = container_of(r, struct soon, ready);
    s->fn(s->arg);
    free(s);
}

int rota_call_soon(rota_cb *fn, void *arg)
{
    struct runtime *rt = runtime_current();
    if (!rt)
        return misuse(-EPERM, "rota_call_soon outside of a running loop");
    if (rt->ending)
        return -ESHUTDOWN;
    struct soon *s = malloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct soon){ { .run = run_soon }, fn, arg };
    loop_ready(&rt->loop, &s->ready);
    return 0;
}
